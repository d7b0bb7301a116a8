"""The step of a generative adversarial network, with transforms T(x) inside the discriminator."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ganjax.models import Generator, Model
from ganjax.ops import losses, regularizers, spread
from ganjax.ops import policy as policies
from ganjax.training.state import GANState
from ganjax.typing import Array, Batch, Key, Metrics, Params, Variables


class GAN(NamedTuple):
    """A GAN as pure functions.

    Attributes:
      init: `key -> GANState`.
      step: `(state, batch, key, *, axis_name=None) -> (state, metrics)`; both networks are updated
        once. With `axis_name`, under `pmap`, `batch` is this device's part of the batch, and the
        state and the metrics returned are those of the whole.
      sample: `(state, key, labels, first=0) -> images`, float32 in [-1, 1], from the averaged
        parameters; image i is number `first + i` of the key, whatever the batch size.
      logits: `(state, images, labels) -> logits`, what the discriminator says of untransformed
        images in [-1, 1]; the higher, the more it takes them for real.
    """

    init: Callable[[Key], GANState]
    step: Callable[..., tuple[GANState, Metrics]]
    sample: Callable[..., Array]
    logits: Callable[..., Array]


def adam(learning_rate: float = 2e-4) -> optax.GradientTransformation:
    """Adam as GANs use it: beta1 0.5, beta2 0.999 (arXiv 1511.06434)."""
    return optax.adam(learning_rate, b1=0.5, b2=0.999)


def gan(
    generator: Generator,
    discriminator: Model,
    *,
    loss: losses.Loss = losses.non_saturating,
    augment: policies.Policy = (),
    augment_strength: float = 1.0,
    r1_weight: float = 0.0,
    generator_optimizer: optax.GradientTransformation | None = None,
    discriminator_optimizer: optax.GradientTransformation | None = None,
    ema_decay: float = 0.999,
) -> GAN:
    """Build the pure functions that train a GAN.

    One step shares one forward pass of the generator between both updates: the discriminator is
    updated on it first, then the generator against the updated discriminator. Real and generated
    images pass the same transforms T(x), with other random numbers for each image, in both updates
    (arXiv 2006.10738), so that the generator learns the images and not the transforms.

        discriminator:  mean loss_D(D(T(x), y), D(T(G(z, y)), y)) + gamma / 2 mean |dD/dT(x)|^2
        generator:      mean loss_G(D(T(G(z, y)), y))

    Generated images take the labels of the real ones beside them, so both sides of the
    discriminator see the same distribution of classes, however unbalanced.

    Args:
      generator: latents and labels to images.
      discriminator: images and labels to logits.
      loss: per-example losses on logits, one of `ganjax.losses`.
      augment: T(x), a policy of `ganjax.policy`; `()` for none.
      augment_strength: factor on the limits of `augment`.
      r1_weight: gamma of the R1 penalty on real images (arXiv 1801.04406); 0 leaves it out. Needs a
        discriminator without batch normalisation.
      generator_optimizer: `adam()` by default: 2e-4, beta1 0.5.
      discriminator_optimizer: likewise.
      ema_decay: decay per step of the averaged parameters used for sampling, reached gradually
        as (1 + step) / (10 + step), so that a short training forgets its initial weights.

    Returns:
      The functions `init`, `step`, `sample` and `logits`.
    """
    generator_optimizer = generator_optimizer or adam()
    discriminator_optimizer = discriminator_optimizer or adam()

    def init(key: Key) -> GANState:
        generator_key, discriminator_key = jax.random.split(key)
        g, d = generator.init(generator_key), discriminator.init(discriminator_key)
        return GANState(
            step=jnp.zeros((), jnp.int32),
            generator=g,
            discriminator=d,
            ema_params=jax.tree.map(jnp.array, g["params"]),  # a copy: both may be donated
            generator_optimizer=generator_optimizer.init(g["params"]),
            discriminator_optimizer=discriminator_optimizer.init(d["params"]),
        )

    def discriminator_loss(
        params: Params, d: Variables, apply: Callable, real: Array, fake: Array, labels: Array
    ):
        def discriminate(images: Array):
            return apply({**d, "params": params}, images, labels, train=True)

        real_logits, updates = discriminate(real)
        fake_logits, _ = discriminate(fake)
        value = jnp.mean(loss.discriminator(real_logits, fake_logits))
        metrics = {
            "discriminator_loss": value,
            "real_logits": jnp.mean(real_logits),
            "fake_logits": jnp.mean(fake_logits),
        }
        if r1_weight:
            penalty = regularizers.r1(lambda x: discriminate(x)[0], real)
            metrics["r1"] = jnp.mean(penalty)
            value = value + r1_weight / 2 * metrics["r1"]
        return value, ({**d, **updates}, metrics)

    def step(
        state: GANState, batch: Batch, key: Key, *, axis_name: str | None = None
    ) -> tuple[GANState, Metrics]:
        latents_key, real_key, fake_key, generator_key = jax.random.split(key, 4)
        images, labels = batch
        first = spread.first(labels.shape[0], axis_name)
        latents = generator.sample_latents(latents_key, labels.shape[0], first=first)
        g, d = state.generator, state.discriminator
        apply_g, apply_d = generator.apply, discriminator.apply
        if axis_name:
            apply_g, apply_d = (partial(apply, axis_name=axis_name) for apply in (apply_g, apply_d))

        def transform(key: Key, images: Array) -> Array:
            return policies.apply(augment, key, images, strength=augment_strength, first=first)

        def generate(params: Params):
            return apply_g({**g, "params": params}, latents, labels, train=True)

        fake, pull_back, updates = jax.vjp(generate, g["params"], has_aux=True)

        (_, (d, metrics)), gradient = jax.value_and_grad(discriminator_loss, has_aux=True)(
            d["params"], d, apply_d, transform(real_key, images), transform(fake_key, fake), labels
        )
        gradient = spread.mean(gradient, axis_name)
        metrics["discriminator_gradient"] = optax.tree.norm(gradient)
        d_params, d_optimizer = _update(
            discriminator_optimizer,
            gradient,
            state.discriminator_optimizer,
            d["params"],
        )

        def generator_loss(fake: Array) -> Array:
            variables = {**d, "params": d_params}
            logits, _ = apply_d(variables, transform(generator_key, fake), labels, train=True)
            return jnp.mean(loss.generator(logits))

        metrics["generator_loss"], wanted_change = jax.value_and_grad(generator_loss)(fake)
        gradient = spread.mean(pull_back(wanted_change)[0], axis_name)
        metrics["generator_gradient"] = optax.tree.norm(gradient)
        g_params, g_optimizer = _update(
            generator_optimizer,
            gradient,
            state.generator_optimizer,
            g["params"],
        )

        decay = jnp.minimum(ema_decay, (1.0 + state.step) / (10.0 + state.step))
        state = replace(
            state,
            step=state.step + 1,
            generator={**g, **updates, "params": g_params},
            discriminator={**d, "params": d_params},
            ema_params=optax.incremental_update(g_params, state.ema_params, 1 - decay),
            generator_optimizer=g_optimizer,
            discriminator_optimizer=d_optimizer,
        )
        return state, spread.mean(metrics, axis_name)

    def sample(state: GANState, key: Key, labels: Array, first: int | Array = 0) -> Array:
        latents = generator.sample_latents(key, labels.shape[0], first=first)
        variables = {**state.generator, "params": state.ema_params}
        return generator.apply(variables, latents, labels)[0]

    def logits(state: GANState, images: Array, labels: Array) -> Array:
        return discriminator.apply(state.discriminator, images, labels)[0]

    return GAN(init, step, sample, logits)


def _update(
    optimizer: optax.GradientTransformation, gradient: Params, state: optax.OptState, params: Params
) -> tuple[Params, optax.OptState]:
    updates, state = optimizer.update(gradient, state, params)
    return optax.apply_updates(params, updates), state
