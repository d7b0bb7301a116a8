"""Penalties on a discriminator given as a callable; per-example values, for the caller to weigh."""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

from ganjax.typing import Array


def r1(discriminator: Callable[[Array], Array], images: Array) -> Array:
    """The squared norm of the discriminator's gradient at real images: `||grad_x d(x)||^2`.

    The penalty of Mescheder et al. 2018, arXiv 1801.04406, is
    `gamma / 2 * E[r1]`; the caller multiplies and averages:

        penalty = gamma / 2 * jnp.mean(r1(lambda x: discriminator.apply(params, x, labels), real))

    One backward pass serves the batch: the gradient of the summed logits is each image's own
    gradient as long as a logit depends on its own image alone. Batch statistics break that.

    Args:
      discriminator: `images` to logits, float `[batch]`; logit i depends on image i alone.
      images: float `[batch, ...]`.

    Returns:
      Float32 `[batch]`, at least 0; differentiable again, with respect to what `discriminator`
      closes over.
    """

    def total(images: Array) -> Array:
        logits = discriminator(images)
        chex.assert_shape(logits, images.shape[:1])
        return jnp.sum(logits)

    gradients = jax.grad(total)(images).astype(jnp.float32)
    return jnp.sum(jnp.square(gradients), axis=tuple(range(1, images.ndim)))
