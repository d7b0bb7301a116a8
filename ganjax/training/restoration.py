"""The step of a restorer: pixel loss, and against a discriminator of pairs if wanted."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax

from ganjax.models import Model, Restorer
from ganjax.ops import losses, pixel_losses, spread
from ganjax.training.gan import adam
from ganjax.training.state import RestorationState
from ganjax.training.updates import averaged, descend
from ganjax.typing import Array, Batch, Key, Metrics, Params, Variables


class Degrade(Protocol):
    """What spoils images: image i by the random numbers of `fold_in(key, first + i)` alone."""

    def __call__(self, key: Key, images: Array, *, first: int | Array) -> Array:
        """Return spoilt images of the same shape."""
        ...


class Restoration(NamedTuple):
    """A restorer's training as pure functions.

    Attributes:
      init: `key -> RestorationState`.
      step: `(state, batch, key, *, axis_name=None) -> (state, metrics)`; the batch's images are
        originals, its labels are not looked at. With `axis_name`, under `pmap`, it is this
        device's part of the batch, and the state and the metrics returned are those of the whole.
      restore: `(state, images) -> images`, of the averaged parameters; degraded images in,
        estimates of the originals out, nominally in [-1, 1] and not clipped.
    """

    init: Callable[[Key], RestorationState]
    step: Callable[..., tuple[RestorationState, Metrics]]
    restore: Callable[[RestorationState, Array], Array]


class Adversary(NamedTuple):
    """Who judges what a restorer makes, and how much that counts.

    Attributes:
      discriminator: pairs `[batch, height, width, 2 channels]`, the degraded image first, to logits
        `[batch, ...]`, one for each patch.
      weight: of the adversarial loss beside the pixel loss, above 0.
      loss: per-example losses on logits, one of `ganjax.losses`.
      optimizer: of the discriminator; None for `adam()`: 2e-4, beta1 0.5.
    """

    discriminator: Model
    weight: float
    loss: losses.Loss = losses.non_saturating
    optimizer: optax.GradientTransformation | None = None


class FeatureLoss(NamedTuple):
    """A distance between what a classifier sees of two images (arXiv 1603.08155).

    Attributes:
      features: images `[batch, height, width, channels]` to features `[batch, n]`.
      weight: of the mean squared difference beside the pixel loss, above 0.
    """

    features: Callable[[Array], Array]
    weight: float


def restoration(
    restorer: Restorer,
    degrade: Degrade,
    *,
    pixel_loss: Callable[[Array, Array], Array] = pixel_losses.charbonnier,
    adversary: Adversary | None = None,
    feature_loss: FeatureLoss | None = None,
    optimizer: optax.GradientTransformation | None = None,
    ema_decay: float = 0.999,
) -> Restoration:
    """Build the pure functions that train a restorer R.

    The degraded image y = degrade(x) takes the place of a generator's latents:

        restorer:       mean rho(R(y), x) + w mean loss_G(D(y, R(y))) + v mean |f(R(y)) - f(x)|^2
        discriminator:  mean loss_D(D(y, x), D(y, R(y)))

    The discriminator sees what the image was made from (arXiv 1611.07004), so that it can tell
    whether a texture is one that y speaks for. Adversarial training trades fidelity for looks
    (arXiv 1711.06077): without an adversary, this is the plain baseline. As in `gan`, one forward
    pass serves both updates, and the discriminator is updated first.

    Args:
      restorer: degraded images to estimates of the originals.
      degrade: what the restorer is to undo.
      pixel_loss: rho, one of `ganjax.ops.pixel_losses`.
      adversary: D and w; None for none.
      feature_loss: f and v; None for none.
      optimizer: of the restorer; Adam(1e-3) by default.
      ema_decay: decay per step of the averaged parameters, reached gradually.

    Returns:
      The functions `init`, `step` and `restore`.
    """
    optimizer = optimizer or optax.adam(1e-3)
    opponent = _opponent(adversary)

    def init(key: Key) -> RestorationState:
        restorer_key, discriminator_key = jax.random.split(key)
        r = restorer.init(restorer_key)
        d, d_optimizer = opponent.init(discriminator_key)
        return RestorationState(
            step=jnp.zeros((), jnp.int32),
            restorer=r,
            discriminator=d,
            ema_params=jax.tree.map(jnp.array, r["params"]),  # a copy: both may be donated
            restorer_optimizer=optimizer.init(r["params"]),
            discriminator_optimizer=d_optimizer,
        )

    def step(
        state: RestorationState, batch: Batch, key: Key, *, axis_name: str | None = None
    ) -> tuple[RestorationState, Metrics]:
        originals = batch.images
        degraded = degrade(key, originals, first=spread.first(originals.shape[0], axis_name))
        on_axis = {"axis_name": axis_name} if axis_name else {}
        params = state.restorer["params"]

        def forward(params: Params) -> tuple[Array, Variables]:
            return restorer.apply(
                {**state.restorer, "params": params}, degraded, train=True, **on_axis
            )

        restored, pull_back, r_updates = jax.vjp(forward, params, has_aux=True)
        d, d_optimizer, metrics = opponent.learn(state, degraded, originals, restored, axis_name)

        def loss(restored: Array) -> tuple[Array, Metrics]:
            terms = {"pixel_loss": jnp.mean(pixel_loss(restored, originals))}
            value = terms["pixel_loss"]
            if adversary:
                terms["adversarial_loss"] = opponent.loss(d, degraded, originals, restored, on_axis)
                value += adversary.weight * terms["adversarial_loss"]
            if feature_loss:
                change = feature_loss.features(restored) - feature_loss.features(originals)
                terms["feature_loss"] = jnp.mean(jnp.square(change))
                value += feature_loss.weight * terms["feature_loss"]
            return value, {"restorer_loss": value, **terms}

        wanted_change, terms = jax.grad(loss, has_aux=True)(restored)
        gradient = spread.mean(pull_back(wanted_change)[0], axis_name)
        new_params, r_optimizer = descend(optimizer, gradient, state.restorer_optimizer, params)
        metrics |= {**terms, "restorer_gradient": optax.tree.norm(gradient)}
        state = replace(
            state,
            step=state.step + 1,
            restorer={**state.restorer, **r_updates, "params": new_params},
            discriminator=d,
            ema_params=averaged(state.ema_params, new_params, state.step, ema_decay),
            restorer_optimizer=r_optimizer,
            discriminator_optimizer=d_optimizer,
        )
        return state, spread.mean(metrics, axis_name)

    def restore(state: RestorationState, images: Array) -> Array:
        return restorer.apply({**state.restorer, "params": state.ema_params}, images)[0]

    return Restoration(init, step, restore)


class _Opponent(NamedTuple):
    """What the discriminator does in a step; without one, nothing."""

    init: Callable[[Key], tuple[Variables, optax.OptState]]
    learn: Callable[..., tuple[Variables, optax.OptState, Metrics]]
    loss: Callable[..., Array]


def _opponent(adversary: Adversary | None) -> _Opponent:
    if adversary is None:
        return _Opponent(
            lambda key: ({}, ()),
            lambda state, *seen: (state.discriminator, state.discriminator_optimizer, {}),
            lambda *seen: jnp.zeros(()),
        )
    discriminator, rules = adversary.discriminator, adversary.loss
    optimizer = adversary.optimizer or adam()

    def init(key: Key) -> tuple[Variables, optax.OptState]:
        variables = discriminator.init(key)
        return variables, optimizer.init(variables["params"])

    def judge(d: Variables, degraded: Array, images: Array, on_axis: dict[str, Any]):
        pairs = jnp.concatenate([degraded, images], axis=-1)
        logits, updates = discriminator.apply(d, pairs, train=True, **on_axis)
        return logits.reshape(-1), updates  # each patch is an example

    def learn(
        state: RestorationState,
        degraded: Array,
        originals: Array,
        restored: Array,
        axis_name: str | None,
    ) -> tuple[Variables, optax.OptState, Metrics]:
        d, on_axis = state.discriminator, {"axis_name": axis_name} if axis_name else {}

        def loss(params: Params) -> tuple[Array, Variables]:
            look = partial(judge, {**d, "params": params}, degraded, on_axis=on_axis)
            real, updates = look(originals)
            fake, _ = look(restored)
            return jnp.mean(rules.discriminator(real, fake)), updates

        (value, updates), gradient = jax.value_and_grad(loss, has_aux=True)(d["params"])
        gradient = spread.mean(gradient, axis_name)
        params, state_after = descend(
            optimizer, gradient, state.discriminator_optimizer, d["params"]
        )
        norm = optax.tree.norm(gradient)
        metrics = {"discriminator_loss": value, "discriminator_gradient": norm}
        return {**d, **updates, "params": params}, state_after, metrics

    def loss(
        d: Variables, degraded: Array, originals: Array, restored: Array, on_axis: dict[str, Any]
    ) -> Array:
        fake, _ = judge(d, degraded, restored, on_axis)
        if not rules.relativistic:
            return jnp.mean(rules.generator(fake))
        real, _ = judge(d, degraded, originals, on_axis)
        return jnp.mean(rules.generator(fake, real))

    return _Opponent(init, learn, loss)
