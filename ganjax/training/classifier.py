"""The step of an ordinary classifier."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ganjax.models import Model
from ganjax.ops import policy as policies
from ganjax.ops import spread
from ganjax.training.state import ClassifierState
from ganjax.typing import Array, Batch, Key, Metrics


class Classifier(NamedTuple):
    """A classifier as pure functions.

    Attributes:
      init: `key -> ClassifierState`.
      step: `(state, batch, key, strength=1.0, *, axis_name=None) -> (state, metrics)`.
      logits: `(state, images) -> float32 [batch, classes]`.
    """

    init: Callable[[Key], ClassifierState]
    step: Callable[..., tuple[ClassifierState, Metrics]]
    logits: Callable[[ClassifierState, Array], Array]


def classifier(
    model: Model,
    *,
    augment: policies.Policy = (),
    optimizer: optax.GradientTransformation | None = None,
) -> Classifier:
    """Build the pure functions that train a classifier by cross-entropy.

    Args:
      model: images to logits `[batch, classes]`.
      augment: T(x), a policy of `ganjax.policy`, with other random numbers for each image.
      optimizer: Adam(1e-3) by default.

    Returns:
      The functions `init`, `step` and `logits`. The step's `strength` scales the limits of
      `augment`; it may be traced, so that one compiled program serves every strength. With
      `axis_name`, under `pmap`, its `batch` is this device's part of the batch, and the state and
      the metrics that it returns are those of the whole.
    """
    optimizer = optimizer or optax.adam(1e-3)

    def init(key: Key) -> ClassifierState:
        variables = model.init(key)
        return ClassifierState(
            jnp.zeros((), jnp.int32), variables, optimizer.init(variables["params"])
        )

    def step(
        state: ClassifierState,
        batch: Batch,
        key: Key,
        strength: float | Array = 1.0,
        *,
        axis_name: str | None = None,
    ) -> tuple[ClassifierState, Metrics]:
        first = spread.first(batch.labels.shape[0], axis_name)
        images = policies.apply(augment, key, batch.images, strength=strength, first=first)
        apply = partial(model.apply, axis_name=axis_name) if axis_name else model.apply

        def loss(params):
            variables = {**state.variables, "params": params}
            logits, updates = apply(variables, images, train=True)
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)
            return jnp.mean(losses), updates

        params = state.variables["params"]
        (value, updates), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        value, gradient = spread.mean((value, gradient), axis_name)
        change, optimizer_state = optimizer.update(gradient, state.optimizer, params)
        variables = {**state.variables, **updates, "params": optax.apply_updates(params, change)}
        state = replace(state, step=state.step + 1, variables=variables, optimizer=optimizer_state)
        return state, {"loss": value}

    def logits(state: ClassifierState, images: Array) -> Array:
        return model.apply(state.variables, images)[0]

    return Classifier(init, step, logits)
