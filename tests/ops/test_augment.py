"""Every op against another library's, by the contract all ops share, and through its gradient."""

import inspect
from functools import cache, partial

import dm_pix
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage
from jax.test_util import check_grads
from scipy import ndimage

from ganjax.ops import augment

# An amount for one image and another for a second one, of every op.
AMOUNTS = {
    augment.horizontal_flip: (True, False),
    augment.vertical_flip: (True, False),
    augment.rotate: (20.0, -50.0),
    augment.translate: ((0.5, -1.25), (2.0, 0.75)),
    augment.crop: ((1, -2), (0, 3)),
    augment.resized_crop: ((0.0, 0.2, 0.5, 0.8), (0.3, 0.0, 0.7, 0.4)),
    augment.scale: (1.3, 0.8),
    augment.cutout: ((0.5, 2.0, 3.0), (0.5, 0.2, 3.9)),
    augment.brightness: (0.3, -1.5),
    augment.contrast: (1.4, 0.3),
    augment.saturation: (1.8, 0.0),
}
OPS = list(AMOUNTS)
RANDOM_OPS = [getattr(augment, "random_" + op.__name__) for op in OPS]
FLIPS = [augment.random_horizontal_flip, augment.random_vertical_flip]

KEY = jax.random.key(3)
SHAPE = (2, 7, 5, 3)
IMAGES = np.random.default_rng(0).uniform(-1, 1, SHAPE).astype(np.float32)

jitted = cache(jax.jit)  # one compilation of an op for all tests of a shape


def amounts(op):
    return jnp.array(AMOUNTS[op])


def each_plane(images, function):
    """`function(image, b, c)` on every height x width plane of a batch."""
    wanted = np.empty(images.shape)
    for b, c in np.ndindex(images.shape[0], images.shape[3]):
        wanted[b, :, :, c] = function(images[b, :, :, c].astype(np.float64), b)
    return wanted


# Parity with other libraries


@pytest.mark.parametrize("degrees", [15.0, -120.0, 90.0])
def test_rotate_is_that_of_scipy_and_skimage(degrees):
    got = jitted(augment.rotate)(IMAGES, degrees)
    scipy_rotate = partial(
        ndimage.rotate, angle=degrees, reshape=False, order=1, mode="grid-constant", cval=-1.0
    )
    np.testing.assert_allclose(got, each_plane(IMAGES, lambda x, _: scipy_rotate(x)), atol=5e-6)
    skimage_rotate = partial(
        skimage.transform.rotate, angle=degrees, order=1, mode="constant", cval=-1.0
    )
    np.testing.assert_allclose(got, each_plane(IMAGES, lambda x, _: skimage_rotate(x)), atol=5e-6)


def test_rotate_goes_counter_clockwise():
    images = np.arange(4.0, dtype=np.float32).reshape(1, 2, 2, 1)
    got = jitted(augment.rotate)(images, 90.0)
    np.testing.assert_allclose(got[0, :, :, 0], np.rot90(images[0, :, :, 0]), atol=1e-6)


@pytest.mark.parametrize("fill", [-1.0, 0.5])
def test_translate_is_the_shift_of_scipy(fill):
    moves = AMOUNTS[augment.translate]
    wanted = each_plane(
        IMAGES,
        lambda x, b: ndimage.shift(x, moves[b], order=1, mode="grid-constant", cval=fill),
    )
    got = jitted(augment.translate)(IMAGES, amounts(augment.translate), fill=fill)
    np.testing.assert_allclose(got, wanted, atol=2e-6)


def test_crop_is_a_window_of_the_padded_image():
    padded = np.pad(IMAGES, ((0, 0), (3, 3), (3, 3), (0, 0)), constant_values=-1)
    got = jitted(augment.crop)(IMAGES, amounts(augment.crop))
    for b, (top, left) in enumerate(AMOUNTS[augment.crop]):
        window = padded[b, 3 + top : 10 + top, 3 + left : 8 + left]
        np.testing.assert_array_equal(got[b], window)


@pytest.mark.parametrize("factor", [1.5, 0.6])
def test_scale_is_the_affine_transform_of_scipy(factor):
    middle = (np.array(SHAPE[1:3]) - 1) / 2
    zoom = partial(
        ndimage.affine_transform,
        matrix=np.eye(2) / factor,
        offset=middle - middle / factor,
        order=1,
        mode="grid-constant",
        cval=-1.0,
    )
    got = jitted(augment.scale)(IMAGES, factor)
    np.testing.assert_allclose(got, each_plane(IMAGES, lambda x, _: zoom(x)), atol=5e-6)


def test_resized_crop_is_the_resize_of_skimage_inside_the_box():
    images = np.random.default_rng(1).uniform(-1, 1, (1, 8, 8, 2)).astype(np.float32)
    got = jitted(augment.resized_crop)(images, jnp.array([0.0, 0.5, 0.5, 0.5]))
    wanted = skimage.transform.resize(
        images[0, :4, 4:].astype(np.float64), (8, 8), order=1, mode="edge", anti_aliasing=False
    )
    # At the sides where the box ends inside the image, ours goes on to the pixels beyond.
    np.testing.assert_allclose(got[0, :-1, 1:], wanted[:-1, 1:], atol=2e-6)


def test_brightness_and_contrast_are_those_of_dm_pix():
    for op, theirs in [
        (augment.brightness, dm_pix.adjust_brightness),
        (augment.contrast, dm_pix.adjust_contrast),
    ]:
        got = jitted(op)(IMAGES, amounts(op))
        for b, amount in enumerate(AMOUNTS[op]):
            np.testing.assert_allclose(got[b], theirs(IMAGES[b], amount), atol=1e-6)


def test_saturation_blends_with_the_grey_of_skimage():
    grey = skimage.color.rgb2gray(IMAGES)[..., None]
    got = jitted(augment.saturation)(IMAGES, amounts(augment.saturation))
    for b, factor in enumerate(AMOUNTS[augment.saturation]):
        wanted = grey[b] + factor * (IMAGES[b] - grey[b])
        np.testing.assert_allclose(got[b], wanted, atol=1e-6)


def test_saturation_leaves_one_channel_alone():
    images = IMAGES[..., :1]
    np.testing.assert_array_equal(augment.saturation(images, 0.0), images)


def test_flips_are_those_of_dm_pix():
    for op, theirs in [
        (augment.horizontal_flip, dm_pix.flip_left_right),
        (augment.vertical_flip, dm_pix.flip_up_down),
    ]:
        got = jitted(op)(IMAGES, amounts(op))
        np.testing.assert_array_equal(got[0], theirs(IMAGES[0]))
        np.testing.assert_array_equal(got[1], IMAGES[1])


def test_cutout_covers_whole_pixels():
    images = np.ones((3, 8, 8, 1), np.float32)
    amount = jnp.array([[0.5, 3.5, 3.5], [0.5, 4.0, 0.0], [0.0, 4.0, 4.0]])
    wanted = images.copy()
    wanted[0, 2:6, 2:6] = -1
    wanted[1, 2:6, 0:2] = -1
    np.testing.assert_array_equal(augment.cutout(images, amount), wanted)


# The contract


def test_the_public_names_are_the_ops_and_their_random_twins():
    names = {op.__name__ for op in OPS}
    assert set(augment.__all__) == names | {"random_" + name for name in names}


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.__name__)
def test_signatures(op):
    deterministic = inspect.signature(op).parameters
    drawn = inspect.signature(getattr(augment, "random_" + op.__name__)).parameters
    assert list(deterministic)[:2] == ["images", "amount"]
    assert list(drawn)[:3] == ["key", "images", "limit"]
    assert [p for p in drawn if p not in ("key", "limit")] == [
        p for p in deterministic if p != "amount"
    ]
    for parameter in [*list(deterministic.values())[2:], *list(drawn.values())[2:]]:
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.default is not parameter.empty


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.__name__)
def test_one_amount_per_image_or_one_for_all(op):
    each = jitted(op)(IMAGES, amounts(op))
    assert each.shape == SHAPE
    assert each.dtype == jnp.float32
    for b in range(2):
        shared = jitted(op)(IMAGES, amounts(op)[b])
        np.testing.assert_allclose(shared[b], each[b], atol=1e-6)
    assert not np.array_equal(each[0], IMAGES[0])
    with pytest.raises(AssertionError):
        op(IMAGES, jnp.stack([amounts(op)[0]] * 3))


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.__name__)
def test_commutes_with_vmap(op):
    images, both = jnp.stack([IMAGES, -IMAGES]), jnp.stack([amounts(op), amounts(op)[::-1]])
    mapped = jax.jit(jax.vmap(op))(images, both)
    for i in range(2):
        np.testing.assert_allclose(mapped[i], jitted(op)(images[i], both[i]), atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 1, 1, 1), (3, 4, 9, 2), (1, 6, 3, 4)])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("op", RANDOM_OPS, ids=lambda op: op.__name__)
def test_any_size_and_dtype_is_kept(op, shape, dtype):
    out = jax.eval_shape(op, KEY, jax.ShapeDtypeStruct(shape, dtype))
    assert (out.shape, out.dtype) == (shape, dtype)


@pytest.mark.parametrize("op", RANDOM_OPS, ids=lambda op: op.__name__)
def test_a_limit_of_zero_is_exactly_the_identity(op):
    images = IMAGES * 0.7  # so that most do not survive being shifted by the fill and back
    drawn = jax.jit(lambda key, images, limit: op(key, images, limit=limit))
    np.testing.assert_array_equal(drawn(KEY, images, 0.0), images)
    short = jnp.asarray(images, jnp.bfloat16)
    np.testing.assert_array_equal(drawn(KEY, short, 0.0), short)


@pytest.mark.parametrize("op", RANDOM_OPS, ids=lambda op: op.__name__)
def test_every_image_draws_its_own_numbers(op):
    images = jnp.broadcast_to(IMAGES[:1], (16, *SHAPE[1:]))
    out = np.asarray(jitted(op)(KEY, images)).reshape(16, -1)
    different = len(np.unique(out, axis=0))
    assert different == 2 if op in FLIPS else different >= 5  # crop has few places to go
    np.testing.assert_array_equal(out, np.asarray(jitted(op)(KEY, images)).reshape(16, -1))
    again = np.asarray(jitted(op)(jax.random.key(4), images)).reshape(16, -1)
    assert not np.array_equal(out, again)


@pytest.mark.parametrize("op", RANDOM_OPS, ids=lambda op: op.__name__)
def test_a_traced_limit_inside_vmap(op):
    keys, limits = jax.random.split(KEY, 2), jnp.array([0.0, 0.4])
    images = jnp.broadcast_to(IMAGES, (2, *SHAPE))
    out = jax.jit(jax.vmap(lambda k, x, limit: op(k, x, limit=limit)))(keys, images, limits)
    np.testing.assert_array_equal(out[0], IMAGES)
    alone = jax.jit(lambda k, x: op(k, x, limit=0.4))(keys[1], IMAGES)
    np.testing.assert_allclose(out[1], alone, atol=1e-6)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.__name__)
def test_gradients(op):
    check_grads(
        lambda x: jitted(op)(x, amounts(op)),
        (IMAGES,),
        order=1,
        modes=["rev"],
        atol=1e-2,
        rtol=1e-2,
    )


@pytest.mark.parametrize("op", RANDOM_OPS, ids=lambda op: op.__name__)
def test_gradients_of_random_ops(op):
    check_grads(
        lambda x: jitted(op)(KEY, x), (IMAGES,), order=1, modes=["rev"], atol=1e-2, rtol=1e-2
    )


def test_bright_images_still_teach():
    slope = jax.grad(lambda x: augment.brightness(x, 5.0).sum())(IMAGES)
    np.testing.assert_array_equal(slope, np.ones(SHAPE))


# What is drawn


def test_amounts_stay_within_their_limit():
    images = jnp.zeros((256, 8, 8, 1))
    added = augment.random_brightness(KEY, images, limit=0.3)[:, 0, 0, 0]
    assert 0.28 < added.max() <= 0.3
    assert -0.3 <= added.min() < -0.28

    point = images.at[:, 4, 4].set(1)
    cropped = np.asarray(jitted(augment.random_crop)(KEY, point, limit=0.25, fill=0))
    _, rows, columns, _ = np.nonzero(cropped)
    assert set(rows) == set(columns) == {2, 3, 4, 5, 6}

    covered = jitted(augment.random_cutout)(KEY, images, limit=0.5, fill=1.0).sum(axis=(1, 2, 3))
    assert covered.max() == 16

    where = jnp.arange(8.0)[None, :, None, None] + images
    moved = jitted(augment.random_translate)(KEY, where, limit=0.125)[:, 4, 4, 0] - 4
    assert 0.95 < jnp.abs(moved).max() <= 1.0 + 1e-5  # one of eight pixels


def test_the_limit_of_a_flip_is_its_probability():
    images = jnp.broadcast_to(jnp.arange(2.0)[None, None, :, None], (400, 2, 2, 1))
    flipped = augment.random_horizontal_flip(KEY, images)[:, 0, 0, 0].mean()
    assert 0.4 < flipped < 0.6
    assert augment.random_horizontal_flip(KEY, images, limit=1.0)[:, 0, 0, 0].all()


@pytest.mark.parametrize("op", [augment.brightness, augment.rotate, augment.horizontal_flip])
def test_images_of_the_wrong_kind_are_refused(op):
    with pytest.raises(AssertionError):
        op(IMAGES[0], 0.0)
    with pytest.raises(AssertionError):
        op((IMAGES * 255).astype(np.uint8), 0.0)
