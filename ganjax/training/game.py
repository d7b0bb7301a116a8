"""What the two players of a GAN minimise, in one update."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from ganjax.ops import losses, regularizers
from ganjax.training.penalties import LatentConsistency, Penalty, Seen
from ganjax.training.state import GANState
from ganjax.typing import Array, Key, Metrics, Params, Variables


class Rules(NamedTuple):
    """What stays the same in every turn.

    Attributes:
      loss: per-example losses on logits.
      penalties: added to the discriminator's.
      latent_consistency: added to both, or None.
    """

    loss: losses.Loss
    penalties: tuple[Penalty, ...]
    latent_consistency: LatentConsistency | None


class Turn(NamedTuple):
    """What both players see in one update.

    Attributes:
      discriminate: `(params, images) -> (logits, updates)`, with the labels of the batch.
      transform: `(key, images) -> images`, T(x).
      real: real images.
      fake: generated ones of the same labels.
      nearby: generated ones of the same labels and nearby latents; None without latent consistency.
      real_key: of the transforms of real images.
      fake_key: of those of generated ones, when the discriminator is updated.
      generator_key: of the same, when the generator is.
      penalty_key: of what the penalties draw.
      first: the number of the first image in the whole batch.
    """

    discriminate: Callable[[Params, Array], tuple[Array, Variables]]
    transform: Callable[[Key, Array], Array]
    real: Array
    fake: Array
    nearby: Array | None
    real_key: Key
    fake_key: Key
    generator_key: Key
    penalty_key: Key
    first: int | Array


def discriminator_loss(
    params: Params, rules: Rules, turn: Turn, state: GANState
) -> tuple[Array, tuple[Variables, Metrics]]:
    """Return the discriminator's loss, its new statistics, and what it consists of.

    Args:
      params: of the discriminator.
      rules: the loss and the penalties.
      turn: the images.
      state: before this update, for its moving averages.
    """
    loss, see = rules.loss, _sight(rules, turn)
    real, fake = see(turn.real_key, turn.real), see(turn.fake_key, turn.fake)

    def discriminate(images: Array) -> Array:
        return turn.discriminate(params, images)[0]

    real_logits, updates = turn.discriminate(params, real)
    fake_logits = discriminate(fake)
    logits = [real_logits, fake_logits]
    if loss.three_terms:
        logits.append(discriminate(turn.transform(turn.real_key, turn.real)))
    value = jnp.mean(loss.discriminator(*logits))
    metrics = {
        "discriminator_loss": value,
        "real_logits": jnp.mean(real_logits),
        "fake_logits": jnp.mean(fake_logits),
        "overfit": jnp.mean(jnp.sign(real_logits - fake_logits)),
    }
    seen = Seen(
        discriminate, real, fake, real_logits, fake_logits,
        state.real_average, state.fake_average, turn.first,
    )  # fmt: skip
    for penalty in rules.penalties:
        metrics[penalty.name] = penalty.mean(turn.penalty_key, seen, state.step)
        value = value + penalty.weight * metrics[penalty.name]
    if turn.nearby is not None:
        assert rules.latent_consistency is not None
        nearby_logits = discriminate(see(turn.fake_key, turn.nearby))
        change = jnp.mean(regularizers.consistency(fake_logits, nearby_logits))
        metrics["latent_consistency"] = change
        value = value + rules.latent_consistency.discriminator * change
    return value, (updates, metrics)


def generator_loss(
    fake: Array, nearby: Array | None, rules: Rules, turn: Turn, params: Params
) -> Array:
    """Return the generator's loss on what it has made.

    Args:
      fake: generated images.
      nearby: those of nearby latents, or None.
      rules: the loss.
      turn: the random numbers, and the real images for a relativistic loss.
      params: of the discriminator, just updated.
    """
    see = _sight(rules, turn)
    logits = [turn.discriminate(params, see(turn.generator_key, fake))[0]]
    if rules.loss.relativistic:
        logits.append(turn.discriminate(params, see(turn.real_key, turn.real))[0])
    value = jnp.mean(rules.loss.generator(*logits))
    if nearby is not None:
        assert rules.latent_consistency is not None
        value = value - rules.latent_consistency.generator * jnp.mean(jnp.square(fake - nearby))
    return value


def _sight(rules: Rules, turn: Turn) -> Callable[[Key, Array], Array]:
    """Return what images pass before the discriminator: T(x), but nothing with three terms."""
    return (lambda key, images: images) if rules.loss.three_terms else turn.transform
