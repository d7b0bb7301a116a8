"""Other latents than a generator was trained on: truncated, or expanded.

Truncated ones make images nearer to what is typical, less varied; expanded ones more varied images,
more of which miss their class: let a classifier select among them.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import jax
import jax.numpy as jnp
from jax import lax

from ganjax import recipe
from ganjax.errors import UserError
from ganjax.synthesis.description import Description
from ganjax.synthesis.trained import Trained
from ganjax.training import GAN, GANState
from ganjax.typing import Array, Key

MOST_DRAWS = 1000
"""Draws of a number before it is cut off at the bound: of N(0, 1), bounds above 0.01 never need as
many."""

REDRAWN = 2**32 - 1
"""What the key of further draws is folded in with: no image has that number."""


def truncated_latents(
    sample_latents: Callable[..., Array],
    key: Key,
    count: int,
    *,
    bound: float,
    first: int | Array = 0,
) -> Array:
    """Draw latents of which no number lies beyond a bound, by drawing those that do again.

    The truncation trick of Brock et al. 2018, arXiv 1809.11096. Latents whose numbers all lie
    within are what they are without it.

    Args:
      sample_latents: `(key, count, *, first) -> float [count, latent_size]`, of a generator.
      key: a typed key.
      count: how many.
      bound: the largest absolute value, above 0.
      first: the number of the first one; row i is that of number `first + i`, whatever the count.

    Returns:
      float32 `[count, latent_size]` in [-bound, bound].
    """
    again = jax.random.fold_in(key, REDRAWN)

    def redraw(carried: tuple[Array, Array]) -> tuple[Array, Array]:
        draw, latents = carried
        others = sample_latents(jax.random.fold_in(again, draw), count, first=first)
        return draw + 1, jnp.where(jnp.abs(latents) > bound, others, latents)

    def beyond(carried: tuple[Array, Array]) -> Array:
        draw, latents = carried
        return (draw < MOST_DRAWS) & jnp.any(jnp.abs(latents) > bound)

    start = (jnp.ones((), jnp.int32), sample_latents(key, count, first=first))
    return jnp.clip(lax.while_loop(beyond, redraw, start)[1], -bound, bound)


def truncated(gan: Trained, bound: float) -> Trained:
    """Return a trained GAN that draws its images from truncated latents.

    Args:
      gan: the GAN.
      bound: the largest absolute value of its latents, such as 0.7; above 0.

    Raises:
      UserError: the bound is not above 0.
    """
    if not bound > 0:
        raise UserError(f"--truncation must be above 0, such as 0.7, not {bound}")
    return replace(gan, gan=_truncated(gan.description, bound))


def expanded(gan: Trained, factor: float) -> Trained:
    """Return a trained GAN that draws its images from latents so many times as far from 0.

    The expansion trick of Lampis et al. 2023, arXiv 2305.10118.

    Args:
      gan: the GAN.
      factor: of every number of its latents, such as 1.5; above 0, and 1 changes nothing.

    Raises:
      UserError: the factor is not above 0, or not finite.
    """
    if not 0 < factor < float("inf"):
        raise UserError(f"--expansion must be above 0, such as 1.5, not {factor}")
    return replace(gan, gan=_expanded(gan.description, factor))


@cache
def _truncated(description: Description, bound: float) -> GAN:
    return _drawing(description, lambda sample: partial(truncated_latents, sample, bound=bound))


@cache
def _expanded(description: Description, factor: float) -> GAN:
    def times(sample: Callable[..., Array]) -> Callable[..., Array]:
        return lambda key, count, *, first=0: factor * sample(key, count, first=first)

    return _drawing(description, times)


def _drawing(description: Description, change: Callable[[Callable], Callable]) -> GAN:
    """Return a GAN's functions with a `sample` of other latents; cached, it is compiled once."""
    generator, _ = recipe.networks(
        description.config,
        size=description.size,
        channels=description.channels,
        classes=description.classes,
    )
    latents_of = change(generator.sample_latents)

    def sample(state: GANState, key: Key, labels: Array, first: int | Array = 0) -> Array:
        latents = latents_of(key, labels.shape[0], first=first)
        return generator.apply(state.ema_generator, latents, labels)[0]

    return description.gan()._replace(sample=sample)
