"""Bilinear resampling against scipy, and its gradients against the dense linear map."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from ganjax.ops import resample

SHAPES = [(2, 7, 5, 3), (2, 1, 4, 1), (2, 6, 6, 2)]


def images_of(shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("fill", [0.0, -1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_separable_reads_like_scipy_with_a_padded_grid(shape, fill):
    images = images_of(shape)
    batch, height, width, channels = shape
    rng = np.random.default_rng(1)
    rows = rng.uniform(-2, height + 1, (batch, 4)).astype(np.float32)  # not even sorted
    columns = rng.uniform(-2, width + 1, (batch, 6)).astype(np.float32)
    got = jax.jit(resample.separable)(images, rows, columns, fill=fill)
    for b in range(batch):
        grid = np.meshgrid(rows[b], columns[b], indexing="ij")
        for c in range(channels):
            wanted = ndimage.map_coordinates(
                images[b, :, :, c], grid, order=1, mode="grid-constant", cval=fill
            )
            np.testing.assert_allclose(got[b, :, :, c], wanted, atol=2e-6)


@pytest.mark.parametrize("degrees", [0.0, 10.0, -37.0, 90.0, 200.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_rotated_is_the_affine_transform_of_scipy(shape, degrees):
    images = images_of(shape)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.array([[cosine, sine], [-sine, cosine]])
    middle = (np.array(shape[1:3]) - 1) / 2
    radians = jnp.full(shape[0], np.radians(degrees), jnp.float32)
    got = jax.jit(resample.rotated)(images, radians, fill=-1.0)
    for b, c in np.ndindex(shape[0], shape[3]):
        wanted = ndimage.affine_transform(
            images[b, :, :, c],
            matrix,
            middle - matrix @ middle,
            order=1,
            mode="grid-constant",
            cval=-1.0,
        )
        np.testing.assert_allclose(got[b, :, :, c], wanted, atol=5e-6)


@partial(jax.jit, static_argnums=0)
def matrices(shape, radians):
    """A rotation, its gradient and its gradient's gradient as matrices; row i is of pixel i."""
    basis = jnp.eye(np.prod(shape)).reshape(-1, *shape)

    def rotate(images):
        return resample.rotated(images, radians)

    def gradient(cotangents):
        return jax.vjp(rotate, basis[0])[1](cotangents)[0]

    def gradient_of_gradient(cotangents):
        return jax.vjp(gradient, basis[0])[1](cotangents)[0]

    maps = rotate, gradient, gradient_of_gradient
    return [jax.vmap(f)(basis).reshape(len(basis), -1) for f in maps]


@pytest.mark.parametrize("degrees", [0.0, 3.0, 45.0, -75.0, 90.0, 133.0])
@pytest.mark.parametrize("shape", [(1, 5, 7, 1), (1, 1, 3, 1)])
def test_the_gathered_gradient_of_a_rotation_is_the_transpose(shape, degrees):
    radians = jnp.full(1, np.radians(degrees), jnp.float32)
    forward, backward, forward_again = matrices(shape, radians)
    np.testing.assert_allclose(forward, backward.T, atol=2e-6)
    np.testing.assert_allclose(forward, forward_again, atol=2e-6)


def test_no_gradient_of_a_rotation_scatters():
    def loss(images):
        return jnp.sum(resample.rotated(images, jnp.full(2, 0.3)) ** 2)

    twice = jax.grad(lambda x: jnp.sum(jax.grad(loss)(x) ** 2))
    assert "scatter" not in str(jax.make_jaxpr(twice)(jnp.ones((2, 4, 4, 1))))


def test_whole_coordinates_and_no_turn_are_exact():
    images = images_of((2, 5, 6, 3)) * 0.3
    rows, columns = (jnp.broadcast_to(jnp.arange(float(n)), (2, n)) for n in (5, 6))
    separable, rotated = jax.jit(resample.separable), jax.jit(resample.rotated)
    np.testing.assert_array_equal(separable(images, rows, columns, fill=-1.0), images)
    np.testing.assert_array_equal(rotated(images, jnp.zeros(2), fill=-1.0), images)


def test_coordinates_of_the_wrong_shape_are_refused():
    images = images_of((2, 5, 6, 3))
    with pytest.raises(AssertionError):
        resample.separable(images, jnp.zeros((3, 5)), jnp.zeros((2, 6)))
    with pytest.raises(AssertionError):
        resample.rotated(images, jnp.zeros(3))
