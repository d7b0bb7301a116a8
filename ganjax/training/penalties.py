"""Penalties on a GAN's discriminator: what is added to its loss, by which weight, under which name.

training.gan(G, D, loss=losses.relativistic, penalties=(penalties.r1(1.0), penalties.r2(1.0)))
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ganjax.ops import policy as policies
from ganjax.ops import regularizers
from ganjax.typing import Array, Key


class Seen(NamedTuple):
    """What a penalty may look at: one update of the discriminator.

    Attributes:
      discriminate: images `[batch, ...]` to logits `[batch]`, with the labels of the batch.
      real: real images as the loss sees them, after T(x).
      fake: generated ones, likewise; constants, no gradient reaches the generator.
      real_logits: the discriminator's answers, `[batch]`.
      fake_logits: likewise.
      real_average: moving average of `real_logits` over past updates.
      fake_average: likewise.
      first: the number of the first image in the whole batch.
    """

    discriminate: Callable[[Array], Array]
    real: Array
    fake: Array
    real_logits: Array
    fake_logits: Array
    real_average: Array
    fake_average: Array
    first: int | Array


class Penalty(NamedTuple):
    """One term of the discriminator's loss: `weight * mean values`.

    Attributes:
      name: under which its mean stands in the metrics, without the weight.
      weight: its factor in the loss.
      values: `(key, Seen) -> float [batch]`.
      every: it is reckoned once in so many updates, and then counts as many times as much (lazy
        regularisation, arXiv 1912.04958); in the metrics too, so that their mean is its own.
    """

    name: str
    weight: float
    values: Callable[[Key, Seen], Array]
    every: int = 1

    def mean(self, key: Key, seen: Seen, step: Array) -> Array:
        """Return the mean over a batch at a step, in the turns between 0."""

        def value() -> Array:
            return jnp.mean(self.values(key, seen), dtype=jnp.float32)

        if self.every == 1:
            return value()
        none = jnp.zeros((), jnp.float32)
        return lax.cond(step % self.every == 0, lambda: self.every * value(), lambda: none)


def r1(gamma: float, *, every: int = 1) -> Penalty:
    """Zero-centred slope at real images: `gamma / 2 E |grad d(x)|^2` (arXiv 1801.04406)."""

    def values(key: Key, seen: Seen) -> Array:
        del key
        return regularizers.r1(seen.discriminate, seen.real)

    return Penalty("r1", gamma / 2, values, every)


def r2(gamma: float, *, every: int = 1) -> Penalty:
    """Zero-centred slope at generated images: `gamma / 2 E |grad d(G(z))|^2` (arXiv 1801.04406)."""

    def values(key: Key, seen: Seen) -> Array:
        del key
        return regularizers.r1(seen.discriminate, seen.fake)

    return Penalty("r2", gamma / 2, values, every)


def gradient(weight: float = 10.0) -> Penalty:
    """One-centred slope between real and generated images, WGAN-GP's (arXiv 1704.00028)."""

    def values(key: Key, seen: Seen) -> Array:
        return regularizers.gradient_penalty(
            key, seen.discriminate, seen.real, seen.fake, first=seen.first
        )

    return Penalty("gradient_penalty", weight, values)


def consistency(policy: policies.Policy, weight: float = 10.0) -> Penalty:
    """Balanced consistency: transforming an image must not change the logit (arXiv 2002.04724).

    Args:
      policy: T, applied to the images that the loss has seen.
      weight: of real and of generated images, as in the paper.
    """

    def values(key: Key, seen: Seen) -> Array:
        def changed(index: int, images: Array, logits: Array) -> Array:
            own_key = jax.random.fold_in(key, index)
            transformed = policies.apply(policy, own_key, images, first=seen.first)
            return regularizers.consistency(logits, seen.discriminate(transformed))

        return changed(0, seen.real, seen.real_logits) + changed(1, seen.fake, seen.fake_logits)

    return Penalty("consistency", weight, values)


def lecam(weight: float = 0.3) -> Penalty:
    """Logits stay near the other side's moving average, for few images (arXiv 2104.03310)."""

    def values(key: Key, seen: Seen) -> Array:
        del key
        return regularizers.lecam(
            seen.real_logits, seen.fake_logits, seen.real_average, seen.fake_average
        )

    return Penalty("lecam", weight, values)


class LatentConsistency(NamedTuple):
    """The discriminator ignores small changes of the latents, the generator must not (zCR).

        discriminator:  + discriminator * E (d(G(z)) - d(G(z + dz)))^2
        generator:      - generator * E |G(z) - G(z + dz)|^2, a mean over pixels

    Zhao et al. 2020, arXiv 2002.04724, algorithm 2.

    Attributes:
      discriminator: weight of its term.
      generator: weight of its term.
      noise: standard deviation of dz.
    """

    discriminator: float = 5.0
    generator: float = 0.5
    noise: float = 0.07

    def nearby(self, key: Key, latents: Array, *, first: int | Array = 0) -> Array:
        """Return `z + dz`, float `[batch, latent_size]`; row i draws from its own number."""

        def moved(number: Array, own: Array) -> Array:
            # One number further than z, which may come from the same key: else dz would be along z
            own_key = jax.random.fold_in(jax.random.fold_in(key, number), 1)
            return own + self.noise * jax.random.normal(own_key, own.shape)

        return jax.vmap(moved)(first + jnp.arange(latents.shape[0]), latents)
