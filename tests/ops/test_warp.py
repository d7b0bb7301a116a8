"""The one-resampling warp: against its single ops, against scipy, its gradient, its draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from ganjax.ops import augment, resample
from ganjax.ops.warp import random_warp, warp

KEY = jax.random.key(0)


def images(count=3, height=9, width=12, channels=2):
    return jax.random.uniform(KEY, (count, height, width, channels), minval=-1.0)


def test_each_part_alone_is_the_op_of_that_name():
    x = images()
    for amount, expected in {
        (30.0, 1.0, 1.0, 0.0, 0.0): augment.rotate(x, 30.0),
        (0.0, 1.3, 1.3, 0.0, 0.0): augment.scale(x, 1.3),
        (0.0, 1.0, 1.0, 1.5, -2.0): augment.translate(x, jnp.array([1.5, -2.0])),
        (0.0, 1.0, -1.0, 0.0, 0.0): augment.horizontal_flip(x, True),
        (0.0, -1.0, 1.0, 0.0, 0.0): augment.vertical_flip(x, True),
    }.items():
        np.testing.assert_allclose(warp(x, amount), expected, atol=2e-5)


def test_nothing_changes_nothing():
    x = images()
    assert np.array_equal(warp(x, (0.0, 1.0, 1.0, 0.0, 0.0)), x)
    assert np.array_equal(jax.jit(lambda x: random_warp(KEY, x, limit=0.0))(x), x)


def test_all_at_once_is_one_resampling_of_scipy():
    x = images(count=1, channels=1)
    degrees, rows, columns, down, right = 20.0, 1.2, 0.8, 1.0, -2.0
    found = warp(x, (degrees, rows, columns, down, right), fill=0.0)[0, :, :, 0]
    turn = np.deg2rad(degrees)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    matrix = matrix / np.array([rows, columns])
    middle = (np.array(x.shape[1:3]) - 1) / 2
    offset = middle - matrix @ (middle + np.array([down, right]))
    expected = ndimage.affine_transform(
        np.asarray(x[0, :, :, 0]), matrix, offset, order=1, mode="grid-constant"
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("zoom", [0.8, 1.0, 1.6, 2.4])
def test_the_gradient_is_the_transpose(zoom):
    """<warp(x), y> = <x, transpose(y)>, for enlargement up to the stated bound."""
    x, y = images(), images()[::-1]
    amount = jnp.array([[25.0, zoom, zoom, 1.0, -0.5], [-70, 1, zoom, 0, 2], [0, zoom, 1, 3, 0]])

    def linear(x):
        return warp(x, amount, fill=0.0, zoom=max(zoom, 1.0))

    _, back = jax.vjp(linear, x)
    np.testing.assert_allclose(jnp.vdot(linear(x), y), jnp.vdot(x, back(y)[0]), rtol=1e-4)
    dense = jax.jacobian(lambda x: resample._warp(x, *placed(amount), 9))(x[:, :5, :5, :1])
    again = jax.jacrev(lambda x: warp(x, amount, fill=0.0, zoom=max(zoom, 1.0)))(x[:, :5, :5, :1])
    np.testing.assert_allclose(dense, again, atol=1e-5)


def placed(amount):
    matrices = resample.rotation(jnp.deg2rad(amount[:, 0])) / amount[:, None, 1:3]
    return matrices, -jnp.einsum("bij,bj->bi", matrices, amount[:, 3:])


def test_second_derivatives_exist():
    def penalty(x):
        return jnp.sum(jax.grad(lambda x: jnp.sum(random_warp(KEY, x) ** 3))(x) ** 2)

    gradient = jax.grad(penalty)(images())
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0


def test_every_image_is_warped_otherwise_and_stays_recognisable():
    x = jnp.tile(images(count=1, height=16, width=16), (8, 1, 1, 1))
    warped = np.asarray(random_warp(KEY, x, limit=0.2))
    assert len(np.unique(warped.reshape(8, -1), axis=0)) == 8
    for each in warped:
        assert np.corrcoef(each.ravel(), np.asarray(x[0]).ravel())[0, 1] > 0.3


def test_nothing_is_mirrored_unless_asked():
    ramp = jnp.broadcast_to(jnp.linspace(-1, 1, 16)[None, None, :, None], (64, 16, 16, 1))
    rises = lambda x: np.asarray((x[:, 8, 10, 0] - x[:, 8, 5, 0]) > 0)  # noqa: E731
    assert rises(random_warp(KEY, ramp)).all()
    mirrored = rises(random_warp(KEY, ramp, flips=(0.0, 0.5)))
    assert 16 < mirrored.sum() < 48
    assert not rises(random_warp(KEY, ramp, flips=(0.0, 1.0))).any()


def test_a_crop_stays_inside_the_image():
    """Only cropping: no pixel of the result is read outside, so nothing of the fill is seen."""
    x = jnp.ones((64, 12, 12, 1))
    cropped = random_warp(KEY, x, degrees=0.0, shift=0.0, zoom=0.0, crop=0.4, fill=-1.0)
    assert np.asarray(cropped).min() > 0.999


@pytest.mark.parametrize("limit", [0.5, 1.0, 3.0])
def test_the_limit_may_be_traced_and_is_1_at_most(limit):
    x = images()
    traced = jax.jit(lambda limit: random_warp(KEY, x, limit=limit))(limit)
    np.testing.assert_allclose(traced, random_warp(KEY, x, limit=min(limit, 1.0)), atol=1e-5)
