"""Penalties on a discriminator given as a callable; per-example values, for the caller to weigh."""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ganjax.typing import Array, Key


def gradient(discriminator: Callable[[Array], Array], images: Array) -> Array:
    """Each logit's gradient with respect to its own image: `grad_x d(x)`.

    One backward pass serves the batch: the gradient of the summed logits is each image's own
    gradient as long as a logit depends on its own image alone. Batch statistics break that.

    Args:
      discriminator: `images` to logits, float `[batch]`; logit i depends on image i alone.
      images: float `[batch, ...]`.

    Returns:
      Float32, shaped as `images`; differentiable again, with respect to what `discriminator`
      closes over.
    """

    def total(images: Array) -> Array:
        logits = discriminator(images)
        chex.assert_shape(logits, images.shape[:1])
        return jnp.sum(logits)

    return jax.grad(total)(images).astype(jnp.float32)


def r1(discriminator: Callable[[Array], Array], images: Array) -> Array:
    """The squared norm of the discriminator's gradient at real images: `||grad_x d(x)||^2`.

    The penalty of Mescheder et al. 2018, arXiv 1801.04406, is
    `gamma / 2 * E[r1]`; the caller multiplies and averages:

        penalty = gamma / 2 * jnp.mean(r1(lambda x: discriminator.apply(params, x, labels), real))

    The same at generated images is the penalty R2.

    Args:
      discriminator: `images` to logits, float `[batch]`; logit i depends on image i alone.
      images: float `[batch, ...]`.

    Returns:
      Float32 `[batch]`, at least 0; differentiable again, with respect to what `discriminator`
      closes over.
    """

    return _sum_of_squares(gradient(discriminator, images))


def gradient_penalty(
    key: Key,
    discriminator: Callable[[Array], Array],
    real: Array,
    fake: Array,
    *,
    first: ArrayLike = 0,
) -> Array:
    """How far the slope is from 1 between real and generated images: `(||grad_x d(x)|| - 1)^2`.

    Gulrajani et al. 2017, arXiv 1704.00028, equation 3, whose weight is 10; x lies at a uniform
    place on the line between a real and a generated image.

    Args:
      key: a typed key; image i draws from `fold_in(key, first + i)`.
      discriminator: `images` to logits, float `[batch]`; logit i depends on image i alone.
      real: float `[batch, ...]`.
      fake: float `[batch, ...]`.
      first: the number of the first image.

    Returns:
      Float32 `[batch]`, at least 0.
    """
    chex.assert_equal_shape((real, fake))

    def place(number: Array) -> Array:
        return jax.random.uniform(jax.random.fold_in(key, number))

    places = jax.vmap(place)(jnp.arange(real.shape[0]) + jnp.asarray(first))
    places = places.reshape(-1, *[1] * (real.ndim - 1)).astype(real.dtype)
    slopes = _sum_of_squares(gradient(discriminator, real + places * (fake - real)))
    # The root's gradient is infinite at 0, where a discriminator has died
    return jnp.square(jnp.sqrt(slopes + 1e-12) - 1)


def consistency(logits: Array, transformed_logits: Array) -> Array:
    """How much a transform changes the discriminator's mind: `(d(x) - d(T(x)))^2`.

    On real images it is consistency regularisation (Zhang et al. 2019, arXiv 1910.12027), on real
    and generated ones balanced (Zhao et al. 2020, arXiv 2002.04724); on images of latents z and
    z + dz, latent.

    Args:
      logits: float `[batch]`.
      transformed_logits: float `[batch]`, of the same images after T.

    Returns:
      Float `[batch]`, at least 0.
    """
    chex.assert_equal_shape((logits, transformed_logits))
    return jnp.square(logits - transformed_logits)


def lecam(
    real_logits: Array, fake_logits: Array, real_average: ArrayLike, fake_average: ArrayLike
) -> Array:
    """How far logits are from the other side's past: `(d(x) - a_F)^2 + (d(G(z)) - a_R)^2`.

    Tseng et al. 2021, arXiv 2104.03310, equation 5, for few training images.

    Args:
      real_logits: float `[batch]`.
      fake_logits: float `[batch]`.
      real_average: a_R, the moving average of the real images' logits.
      fake_average: a_F, that of the generated images'.

    Returns:
      Float `[batch]`, at least 0.
    """
    chex.assert_equal_shape((real_logits, fake_logits))
    return jnp.square(real_logits - fake_average) + jnp.square(fake_logits - real_average)


def _sum_of_squares(values: Array) -> Array:
    return jnp.sum(jnp.square(values), axis=tuple(range(1, values.ndim)))
