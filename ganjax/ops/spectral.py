"""The largest singular value of a kernel, by power iteration."""

import chex
import jax.numpy as jnp
from jax import lax

from ganjax.typing import Array

_SMALLEST_NORM = 1e-12


def spectral_norm(kernel: Array, u: Array, *, iterations: int = 1) -> tuple[Array, Array]:
    """Estimate the largest singular value of a kernel read as a matrix `[inputs, outputs]`.

    A matrix divided by it stretches no input; of a convolution it is the customary stand-in for the
    true norm, which may be larger (arXiv 1802.05957, algorithm 1):

        v = W u / |W u|,   u = W^T v / |W^T v|,   sigma = v^T W u

    The vectors are constants to differentiation, so that the gradient of sigma is `v u^T`. The
    next estimate begins where this one ended: as parameters change little per update, one iteration
    keeps up with them.

    Args:
      kernel: float `[..., outputs]`; all axes but the last are inputs.
      u: float32 `[outputs]`, the vector that the last call returned; at first any that is not 0.
      iterations: steps of the power method, at least 1.

    Returns:
      sigma, float32 scalar, at most the true value but for rounding; and the new u, float32
      `[outputs]` of length 1.
    """
    chex.assert_shape(u, kernel.shape[-1:])
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(jnp.float32)
    constant = lax.stop_gradient(matrix)
    u = lax.stop_gradient(u)

    def left(u: Array) -> Array:
        return _unit(constant @ u)

    u = lax.fori_loop(1, iterations, lambda _, u: _unit(left(u) @ constant), u)
    v = left(u)
    u = _unit(v @ constant)
    return v @ matrix @ u, u


def _unit(vector: Array) -> Array:
    return vector * lax.rsqrt(jnp.maximum(jnp.sum(jnp.square(vector)), _SMALLEST_NORM**2))
