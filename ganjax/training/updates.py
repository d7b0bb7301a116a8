"""What every adversarial training does with its gradients and averages after a step."""

from dataclasses import replace
from typing import TypeVar

import jax.numpy as jnp
import optax

from ganjax.training.state import GANState
from ganjax.typing import Array, Metrics, Params, Variables

State = TypeVar("State", bound=GANState)

AVERAGES_DECAY = 0.99
"""Per update, of the moving averages of logits (arXiv 2104.03310) and of gradients' norms."""


def descend(
    optimizer: optax.GradientTransformation, gradient: Params, state: optax.OptState, params: Params
) -> tuple[Params, optax.OptState]:
    """Return parameters after an optimizer's update, and its new state."""
    updates, state = optimizer.update(gradient, state, params)
    return optax.apply_updates(params, updates), state


def decay_at(step: Array, most: float) -> Array:
    """Return a moving average's decay at a step: (1 + step) / (10 + step), but at most `most`.

    So an average soon forgets where it began.
    """
    return jnp.minimum(most, (1.0 + step) / (10.0 + step))


def averaged(average: Params, params: Params, step: Array, most: float) -> Params:
    """Return a moving average of parameters after a step."""
    return optax.incremental_update(params, average, 1 - decay_at(step, most))


def averaged_variables(
    average: Variables, variables: Variables, step: Array, most: float
) -> Variables:
    """Return a moving average of a network's variables after a step.

    Statistics of batch normalisation are averaged as the parameters are: those that the network
    itself remembers are of its last ten batches, and of other parameters than the average ones.
    What else there is, as the vectors of spectral normalisation, is no quantity to average: it is
    the newest.
    """
    both = {name: variables[name] for name in ("params", "batch_stats") if name in variables}
    return {**variables, **averaged({name: average[name] for name in both}, both, step, most)}


def risen(step: Array, ramp: int) -> Array | float:
    """Return how much of a factor counts that rises from 0 to 1 over so many steps."""
    return jnp.minimum(1.0, step / ramp) if ramp else 1.0


def follow(average: Array, value: Array, step: Array) -> Array:
    """Return a moving average of a number, or of several, after a step."""
    rate = 1 - decay_at(step, AVERAGES_DECAY)
    return average + rate * (value.astype(jnp.float32) - average)


def follow_logits(state: State, metrics: Metrics) -> State:
    """Let a state's moving averages of the logits follow those of its step."""
    return replace(
        state,
        real_average=follow(state.real_average, metrics["real_logits"], state.step),
        fake_average=follow(state.fake_average, metrics["fake_logits"], state.step),
    )
