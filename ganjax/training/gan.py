"""The step of a generative adversarial network, with transforms T(x) inside the discriminator."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ganjax.errors import UserError
from ganjax.models import Generator, Model
from ganjax.ops import losses, spread
from ganjax.ops import policy as policies
from ganjax.training.game import Rules, Turn, discriminator_loss, generator_loss
from ganjax.training.penalties import LatentConsistency, Penalty
from ganjax.training.state import GANState
from ganjax.training.updates import averaged_variables, descend, follow_logits
from ganjax.typing import Array, Batch, Key, Metrics, Params


class GAN(NamedTuple):
    """A GAN as pure functions.

    Attributes:
      init: `key -> GANState`.
      step: `(state, batch, key, *, axis_name=None) -> (state, metrics)`; both networks are updated
        once. With `axis_name`, under `pmap`, `batch` is this device's part of the batch, and the
        state and the metrics returned are those of the whole.
      sample: `(state, key, labels, first=0) -> images`, float32 in [-1, 1], by averaged
        parameters and batch statistics; image i is number `first + i` of the key, whatever the
        batch size.
      logits: `(state, images, labels) -> logits`, what the discriminator says of untransformed
        images in [-1, 1]; the higher, the more it takes them for real.
    """

    init: Callable[[Key], GANState]
    step: Callable[..., tuple[GANState, Metrics]]
    sample: Callable[..., Array]
    logits: Callable[..., Array]


class Adaptive(NamedTuple):
    """T(x) as often as the discriminator overfits (arXiv 2006.06676).

    The sign of overfitting is r = E sign(d(T(x)) - d(T(G(z)))), over pairs of one label: 0 where
    the discriminator cannot tell them apart, 1 where it always does. It rests on the order of
    logits alone, so it means the same under every loss; the paper's E sign(d(T(x))) does not.

    Attributes:
      target: r above which the probability of each transform rises, and below which it falls.
      images: real images seen in which it goes from 0 to 1 at most.
    """

    target: float = 0.6
    images: int = 50_000

    def next(self, probability: Array, overfit: Array, batch_size: int | Array) -> Array:
        """Return the probability after an update on a batch whose r was `overfit`."""
        step = jnp.sign(overfit - self.target) * (batch_size / self.images)
        return jnp.clip(probability + step, 0.0, 1.0)


def adam(
    learning_rate: float | optax.Schedule = 2e-4, *, beta1: float = 0.5, beta2: float = 0.999
) -> optax.GradientTransformation:
    """Adam as GANs use it: beta1 0.5, beta2 0.999 (arXiv 1511.06434); the rate may change."""
    return optax.adam(learning_rate, b1=beta1, b2=beta2)


def gan(
    generator: Generator,
    discriminator: Model,
    *,
    loss: losses.Loss = losses.non_saturating,
    augment: policies.Policy = (),
    augment_strength: float = 1.0,
    adaptive: Adaptive | None = None,
    penalties: Sequence[Penalty] = (),
    latent_consistency: LatentConsistency | None = None,
    generator_optimizer: optax.GradientTransformation | None = None,
    discriminator_optimizer: optax.GradientTransformation | None = None,
    ema_decay: float = 0.999,
) -> GAN:
    """Build the pure functions that train a GAN.

    One step shares one forward pass of the generator between both updates: the discriminator is
    updated on it first, then the generator against the updated discriminator. Real and generated
    images pass the same transforms T(x), with other random numbers for each image, in both updates
    (arXiv 2006.10738), so that the generator learns the images and not the transforms.

        discriminator:  mean loss_D(D(T(x), y), D(T(G(z, y)), y)) + sum of weight * mean penalty
        generator:      mean loss_G(D(T(G(z, y)), y))

    Generated images take the labels of the real ones beside them, so both sides of the
    discriminator see the same distribution of classes, however unbalanced.

    Args:
      generator: latents and labels to images.
      discriminator: images and labels to logits.
      loss: per-example losses on logits, one of `ganjax.losses`. `losses.three_terms` shows T(x) as
        real beside x, and does not apply it to generated images.
      augment: T(x), a policy of `ganjax.policy`; `()` for none.
      augment_strength: factor on the limits of `augment`.
      adaptive: let the probability of each transform follow the discriminator's overfitting; None
        to apply them always.
      penalties: of the discriminator, of `ganjax.training.penalties`. Those on gradients need one
        without batch normalisation.
      latent_consistency: let the discriminator ignore small changes of the latents, and the
        generator not (arXiv 2002.04724); one more pass of both.
      generator_optimizer: `adam()` by default: 2e-4, beta1 0.5.
      discriminator_optimizer: likewise.
      ema_decay: decay per step of the averaged generator that samples are drawn from, its batch
        statistics included; reached gradually as (1 + step) / (10 + step), so that a short training
        forgets its initial weights.

    Returns:
      The functions `init`, `step`, `sample` and `logits`.

    Raises:
      UserError: the loss of three terms without a T(x), or two penalties of one name.
    """
    _check(loss, augment, penalties)
    generator_optimizer = generator_optimizer or adam()
    discriminator_optimizer = discriminator_optimizer or adam()
    rules = Rules(loss, tuple(penalties), latent_consistency)

    def init(key: Key) -> GANState:
        generator_key, discriminator_key = jax.random.split(key)
        g, d = generator.init(generator_key), discriminator.init(discriminator_key)
        return GANState(
            step=jnp.zeros((), jnp.int32),
            generator=g,
            discriminator=d,
            ema_generator=jax.tree.map(jnp.array, g),  # a copy: both may be donated
            generator_optimizer=generator_optimizer.init(g["params"]),
            discriminator_optimizer=discriminator_optimizer.init(d["params"]),
            real_average=jnp.zeros(()),
            fake_average=jnp.zeros(()),
            probability=jnp.zeros(()),
        )

    def step(
        state: GANState, batch: Batch, key: Key, *, axis_name: str | None = None
    ) -> tuple[GANState, Metrics]:
        latents_key, real_key, fake_key, generator_key, penalty_key = jax.random.split(key, 5)
        images, labels = batch
        count = labels.shape[0]
        first = spread.first(count, axis_name)
        g, d = state.generator, state.discriminator
        apply_g, apply_d = generator.apply, discriminator.apply
        if axis_name:
            apply_g, apply_d = (partial(apply, axis_name=axis_name) for apply in (apply_g, apply_d))

        def generate(params: Params, latents: Array):
            return apply_g({**g, "params": params}, latents, labels, train=True)

        def discriminate(params: Params, images: Array):
            return apply_d({**d, "params": params}, images, labels, train=True)

        def transform(key: Key, images: Array) -> Array:
            probability = state.probability if adaptive else None
            return policies.apply(
                augment, key, images,
                strength=augment_strength, probability=probability, first=first,
            )  # fmt: skip

        latents = generator.sample_latents(latents_key, count, first=first)
        fake, pull_back, g_updates = jax.vjp(
            partial(generate, latents=latents), g["params"], has_aux=True
        )
        nearby, pull_back_nearby = None, None
        if latent_consistency:
            latents = latent_consistency.nearby(latents_key, latents, first=first)
            nearby, pull_back_nearby, _ = jax.vjp(
                partial(generate, latents=latents), g["params"], has_aux=True
            )
        turn = Turn(
            discriminate, transform, images, fake, nearby,
            real_key, fake_key, generator_key, penalty_key, first,
        )  # fmt: skip

        (_, (d_updates, metrics)), gradient = jax.value_and_grad(discriminator_loss, has_aux=True)(
            d["params"], rules, turn, state
        )
        gradient = spread.mean(gradient, axis_name)
        metrics["discriminator_gradient"] = optax.tree.norm(gradient)
        d_params, d_optimizer = descend(
            discriminator_optimizer, gradient, state.discriminator_optimizer, d["params"]
        )

        metrics["generator_loss"], wanted_change = jax.value_and_grad(
            generator_loss, argnums=(0, 1)
        )(fake, nearby, rules, turn, d_params)
        gradient = pull_back(wanted_change[0])[0]
        if pull_back_nearby:
            gradient = jax.tree.map(jnp.add, gradient, pull_back_nearby(wanted_change[1])[0])
        gradient = spread.mean(gradient, axis_name)
        metrics["generator_gradient"] = optax.tree.norm(gradient)
        g_params, g_optimizer = descend(
            generator_optimizer, gradient, state.generator_optimizer, g["params"]
        )

        metrics = spread.mean(metrics, axis_name)
        probability = state.probability
        if adaptive:
            probability = adaptive.next(
                probability, metrics["overfit"], count * spread.parts(axis_name)
            )
            metrics["probability"] = probability
        new_g = {**g, **g_updates, "params": g_params}
        state = replace(
            follow_logits(state, metrics),
            step=state.step + 1,
            generator=new_g,
            discriminator={**d, **d_updates, "params": d_params},
            ema_generator=averaged_variables(state.ema_generator, new_g, state.step, ema_decay),
            generator_optimizer=g_optimizer,
            discriminator_optimizer=d_optimizer,
            probability=probability,
        )
        return state, metrics

    def sample(state: GANState, key: Key, labels: Array, first: int | Array = 0) -> Array:
        latents = generator.sample_latents(key, labels.shape[0], first=first)
        return generator.apply(state.ema_generator, latents, labels)[0]

    def logits(state: GANState, images: Array, labels: Array) -> Array:
        return discriminator.apply(state.discriminator, images, labels)[0]

    return GAN(init, step, sample, logits)


def _check(loss: losses.Loss, augment: policies.Policy, penalties: Sequence[Penalty]) -> None:
    if loss.three_terms and not augment:
        raise UserError(
            "the loss of three terms needs a T(x): give augment, or the loss non_saturating"
        )
    names = [penalty.name for penalty in penalties]
    if len(set(names)) < len(names):
        raise UserError(f"penalties of one name: {', '.join(names)}; add up their weights")
