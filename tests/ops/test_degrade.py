"""Mixtures of degradations: another for each image, the same for a pair and in every batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.ops import degrade
from ganjax.ops.degrade import Degradation

KEY = jax.random.key(0)
IMAGES = jax.random.uniform(jax.random.key(1), (5, 13, 9, 3), minval=-1, maxval=1)
OPS = {
    degrade.gaussian_noise: (5.0, 55.0),
    degrade.poisson_noise: (10.0, 60.0),
    degrade.salt_and_pepper: (0.05, 0.2),
    degrade.gaussian_blur: (0.5, 3.0),
    degrade.motion_blur: (3.0, 9.0),
    degrade.downsampling: (2.0, 4.0),
    degrade.box: (0.1, 0.4),
    degrade.strokes: (0.1, 0.4),
    degrade.jpeg: (10.0, 40.0),
}
MIXTURE = (
    Degradation(degrade.gaussian_blur, 0.5, 3.0),
    Degradation(degrade.gaussian_noise, 5.0, 55.0),
    Degradation(degrade.box, 0.2, 0.2),
)
apply = jax.jit(degrade.apply, static_argnums=0)
holes = jax.jit(degrade.holes, static_argnums=(0, 2, 3))


@pytest.fixture(scope="module")
def by_every_op():
    """Degraded images and the gradient of their sum of squares, by op."""

    def each(images):
        found = {}
        for op, (low, high) in OPS.items():
            one = (Degradation(op, low, high),)

            def half_square(x, one=one):
                degraded = degrade.apply(one, KEY, x)
                return jnp.sum(jnp.square(degraded)) / 2, degraded

            slope, degraded = jax.grad(half_square, has_aux=True)(images)
            found[op.__name__] = (degraded, slope)
        return found

    return jax.jit(each)(IMAGES)


@pytest.fixture(scope="module")
def mixed():
    return apply(MIXTURE, KEY, IMAGES)


@pytest.mark.parametrize("name", [op.__name__ for op in OPS])
def test_every_op_degrades_images_of_odd_sides_and_has_a_gradient(by_every_op, name):
    degraded, slope = by_every_op[name]
    assert degraded.shape == IMAGES.shape
    assert degraded.dtype == IMAGES.dtype
    assert np.isfinite(degraded).all()
    assert (np.abs(degraded - IMAGES).max(axis=(1, 2, 3)) > 0.05).all()
    assert np.isfinite(slope).all()
    assert (np.abs(slope).max(axis=(1, 2, 3)) > 0).all()


@pytest.mark.parametrize("op", OPS)
def test_every_op_keeps_a_lower_precision(op):
    image = jax.ShapeDtypeStruct((13, 9, 3), jnp.bfloat16)
    degraded = jax.eval_shape(lambda x: op(KEY, x, OPS[op][0]), image)
    assert (degraded.shape, degraded.dtype) == (image.shape, image.dtype)


def test_no_degradation_is_the_identity():
    np.testing.assert_array_equal(degrade.apply((), KEY, IMAGES), IMAGES)


def test_an_image_is_degraded_the_same_in_every_batch_and_part_of_one(mixed):
    part = apply(MIXTURE, KEY, IMAGES[2:4], first=2)
    np.testing.assert_allclose(part, mixed[2:4], atol=1e-5)


def test_equal_images_are_degraded_each_its_own_way():
    equal = jnp.broadcast_to(IMAGES[:1], IMAGES.shape)
    noise = np.asarray(apply(MIXTURE, KEY, equal) - equal)
    assert len({one.tobytes() for one in noise}) == len(equal)


def test_a_pair_passes_the_same_transform(mixed):
    """What differs between the two is what the blur and the hole leave of their difference."""
    other = apply(MIXTURE, KEY, IMAGES + 0.25)
    hidden = np.asarray(holes(MIXTURE, KEY, len(IMAGES), IMAGES.shape[1:3]))
    difference = np.asarray(other - mixed)
    assert difference.min() > -1e-5
    assert difference.max() < 0.25 + 1e-5
    order_shown = 0
    for one, hole in zip(difference, hidden[..., 0], strict=True):
        untouched = one[~hole]
        order_shown += bool((untouched > 0.25 - 1e-5).all())  # the hole was cut after the blur
    assert 0 < order_shown < len(IMAGES)


def test_the_other_key_is_another_transform(mixed):
    assert not np.allclose(apply(MIXTURE, jax.random.key(7), IMAGES), mixed, atol=0.05)


def test_amounts_are_drawn_uniformly_from_their_range():
    noise = (Degradation(degrade.gaussian_noise, 10.0, 50.0),)
    flat = jnp.zeros((300, 24, 24, 1))
    sigma = np.std(apply(noise, KEY, flat), axis=(1, 2, 3)) * 127.5
    assert 9 < sigma.min() < 12
    assert 48 < sigma.max() < 53
    assert np.median(sigma) == pytest.approx(30, abs=4)


def halved(key, image, amount):
    return image / 2


def moved(key, image, amount):
    return image + amount


def squared(key, image, amount):
    return jnp.square(image)


def test_all_orders_are_as_common():
    ops = tuple(Degradation(op, 1.0, 1.0) for op in (halved, moved, squared))
    results = np.asarray(apply(ops, KEY, jnp.full((600, 1, 1, 1), 3.0))).ravel()
    h, m, s = (lambda x: x / 2), (lambda x: x + 1), (lambda x: x * x)
    orders = [(h, m, s), (h, s, m), (m, h, s), (m, s, h), (s, h, m), (s, m, h)]
    expected = [c(b(a(3.0))) for a, b, c in orders]
    assert len(set(expected)) == 6
    counts = [int((results == value).sum()) for value in expected]
    assert sum(counts) == 600
    assert min(counts) > 65  # of 100 each


def test_two_ops_of_a_kind_draw_apart():
    noise = Degradation(degrade.gaussian_noise, 25.0, 25.0)
    flat = jnp.zeros((4, 32, 32, 1))
    once, twice = (np.std(apply(n * (noise,), KEY, flat)) for n in (1, 2))
    assert twice / once == pytest.approx(2**0.5, abs=0.05)


def test_the_holes_are_those_that_were_cut():
    cuts = (Degradation(degrade.box, 0.1, 0.2), Degradation(degrade.strokes, 0.1, 0.1))
    images = jnp.full((4, 20, 24, 2), 0.5)
    cut = apply(cuts, KEY, images, first=3)
    hidden = holes(cuts, KEY, 4, (20, 24), first=3)
    np.testing.assert_array_equal(cut, np.where(hidden, 0.0, 0.5) * np.ones(2))


def test_noise_hides_nothing():
    noise = (Degradation(degrade.gaussian_noise, 25.0, 25.0),)
    assert not holes(noise, KEY, 2, (8, 8)).any()
