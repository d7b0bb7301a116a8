"""Statistics of a batch, global over every device that holds a part of it."""

import jax.numpy as jnp
from jax import lax

from ganjax.typing import Array


def moments(values: Array, *, axis_name: str | None = None) -> tuple[Array, Array]:
    """Return mean and variance of every channel, over the whole batch.

    Args:
      values: float `[..., channels]`.
      axis_name: the mapped axis over which the batch is spread under `pmap`; None where the array
        is the whole batch, as under `jit`, over a mesh too.

    Returns:
      float32 mean `[channels]` and biased variance `[channels]`.
    """
    values = values.astype(jnp.float32)
    axes = tuple(range(values.ndim - 1))
    mean, square = jnp.mean(values, axes), jnp.mean(jnp.square(values), axes)
    if axis_name is not None:
        mean, square = lax.pmean((mean, square), axis_name)
    return mean, jnp.maximum(square - jnp.square(mean), 0.0)


def normalize(
    values: Array, mean: Array, variance: Array, scale: Array, bias: Array, epsilon: float
) -> Array:
    """Return `scale (values - mean) / sqrt(variance + epsilon) + bias`, every channel by its own.

    Args:
      values: float `[..., channels]`.
      mean: `[channels]`.
      variance: `[channels]`.
      scale: `[channels]`.
      bias: `[channels]`.
      epsilon: keeps the root from zero.

    Returns:
      An array of the shape and dtype of `values`.
    """
    factor = scale * lax.rsqrt(variance + epsilon)
    shape = (1,) * (values.ndim - 1) + (-1,)
    shift = bias - mean * factor
    return (values * factor.reshape(shape) + shift.reshape(shape)).astype(values.dtype)
