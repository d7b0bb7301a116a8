"""The power method against singular values by LAPACK."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.ops.spectral import spectral_norm

SHAPES = [(5, 3), (3, 5), (3, 3, 4, 6), (1, 1, 2, 7)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def kernel_of(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def start_of(shape, seed=1):
    return kernel_of(shape[-1:], seed)


def singular(kernel):
    """Left vectors, values and right vectors, in float64."""
    matrix = np.asarray(kernel, np.float64).reshape(-1, kernel.shape[-1])
    return np.linalg.svd(matrix, full_matrices=False)


@every_shape
def test_many_iterations_find_the_largest_singular_value(shape):
    kernel = kernel_of(shape)
    sigma, u = spectral_norm(kernel, start_of(shape), iterations=300)
    _, values, right = singular(kernel)
    np.testing.assert_allclose(sigma, values[0], rtol=1e-5)
    np.testing.assert_allclose(abs(u @ right[0]), 1.0, rtol=1e-5)


@every_shape
def test_one_iteration_after_another_is_many_at_once(shape):
    kernel, u = kernel_of(shape), start_of(shape)
    for _ in range(4):
        sigma, u = spectral_norm(kernel, u)
    at_once = spectral_norm(kernel, start_of(shape), iterations=4)
    chex.assert_trees_all_close((sigma, u), at_once, rtol=1e-5)


@every_shape
def test_an_estimate_is_never_above_the_true_value(shape):
    kernel = kernel_of(shape)
    largest = singular(kernel)[1][0]
    for seed in range(10):
        sigma, u = spectral_norm(kernel, start_of(shape, seed))
        assert 0 < sigma <= largest * (1 + 1e-6)
        np.testing.assert_allclose(jnp.linalg.norm(u), 1.0, rtol=1e-6)


def test_the_gradient_is_the_outer_product_of_the_singular_vectors():
    kernel = kernel_of((3, 3, 4, 6))
    _, u = spectral_norm(kernel, start_of((6,)), iterations=300)
    gradient = jax.grad(lambda kernel: spectral_norm(kernel, u)[0])(kernel)
    left, _, right = singular(kernel)
    expected = np.outer(left[:, 0], right[0]).reshape(kernel.shape)
    np.testing.assert_allclose(gradient, expected, atol=1e-4)


def test_no_gradient_flows_through_the_vector():
    kernel = kernel_of((4, 6))
    gradient = jax.grad(lambda u: jnp.sum(jnp.stack(spectral_norm(kernel, u)[:1])))(start_of((6,)))
    assert not gradient.any()
    through_next = jax.grad(lambda kernel: jnp.sum(spectral_norm(kernel, start_of((6,)))[1]))
    assert not through_next(kernel).any()


def test_a_batch_of_kernels_is_each_by_itself():
    kernels, starts = kernel_of((3, 2, 4, 6)), kernel_of((3, 6), 1)
    together = jax.vmap(spectral_norm)(kernels, starts)
    alone = [spectral_norm(*pair) for pair in zip(kernels, starts, strict=True)]
    chex.assert_trees_all_close(together, jax.tree.map(lambda *a: jnp.stack(a), *alone), rtol=1e-5)


def test_a_kernel_of_zeros_has_norm_zero_and_no_nan():
    sigma, u = spectral_norm(jnp.zeros((3, 4)), start_of((4,)))
    assert sigma == 0
    assert jnp.isfinite(u).all()


def test_in_bfloat16_the_estimate_is_float32():
    kernel = kernel_of((30, 20))
    sigma, u = spectral_norm(kernel.astype(jnp.bfloat16), start_of((20,)), iterations=50)
    assert {sigma.dtype, u.dtype} == {jnp.dtype(jnp.float32)}
    np.testing.assert_allclose(sigma, singular(kernel)[1][0], rtol=0.01)


def test_a_vector_of_another_length_is_refused():
    with pytest.raises(AssertionError):
        spectral_norm(jnp.zeros((3, 4)), jnp.ones(3))
