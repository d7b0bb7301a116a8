"""One loop for every training: many steps per compiled call, data on the device, resumable."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import jax
import numpy as np
from jax import lax

from ganjax.progress import Tick
from ganjax.training import checkpoint, distributed
from ganjax.typing import Batch, Key, Metrics

State = TypeVar("State")
Step = Callable[[State, Batch, Key], tuple[State, Metrics]]
SampleBatch = Callable[[Key, Any], Batch]

SECONDS_BETWEEN_CHECKPOINTS = 60.0


def scan_steps(step: Step, sample_batch: SampleBatch) -> Callable[..., tuple[Any, Metrics]]:
    """Make many steps one function: draw a batch on the device, step, and again.

    Step n draws everything from `fold_in(key, n)`, n being the state's own counter, so a training
    cut at any step continues as if it had not been.

    Args:
      step: `(state, batch, key) -> (state, metrics)`.
      sample_batch: `(key, data) -> batch`.

    Returns:
      `(state, data, key, *, steps) -> (state, metrics)`, a pure function for `repeat` or
      `ganjax.training.sharding` to compile; each metric is the mean over the steps.
    """

    def call(state: Any, data: Any, key: Key, *, steps: int) -> tuple[Any, Metrics]:
        def body(state, _):
            batch_key, step_key = jax.random.split(jax.random.fold_in(key, state.step))
            return step(state, sample_batch(batch_key, data), step_key)

        state, metrics = lax.scan(body, state, None, length=steps)
        return state, jax.tree.map(lambda values: values.mean(axis=0), metrics)

    return call


def repeat(step: Step, sample_batch: SampleBatch) -> Callable[..., tuple[Any, Metrics]]:
    """Compile `scan_steps` for one device: the state is donated, `steps` is static."""
    return jax.jit(scan_steps(step, sample_batch), static_argnames="steps", donate_argnums=0)


def train(
    call: Callable[..., tuple[Any, Metrics]],
    state: State,
    data: Any,
    key: Key,
    *,
    updates: int,
    steps_per_call: int,
    tick: Tick = lambda done, note="": None,
    folder: Path | None = None,
) -> tuple[State, dict[str, list[float]]]:
    """Train until `updates` steps are done, from the newest checkpoint in `folder` if there is one.

    Args:
      call: what `repeat`, or its counterparts in `ganjax.training.sharding`, returned.
      state: the initial state, with a counter `step`; donated.
      data: what `sample_batch` draws from.
      key: the run's key.
      updates: steps in total.
      steps_per_call: steps in one compiled call.
      tick: told the steps done and the latest metrics.
      folder: where checkpoints of the whole state and history are kept; None for none.

    Returns:
      The final state, and the history: the step `update` and each metric's mean over every call.
    """
    history: dict[str, list[float]] = {"update": []}
    store = checkpoint.Checkpoints(folder) if folder else None
    done = 0
    if store and store.latest() is not None:
        done, state, history = store.restore(like=state)
    saved, pending = monotonic(), None
    while done < updates:
        steps = min(steps_per_call, updates - done)
        state, metrics = call(state, data, key, steps=steps)
        if pending:  # read only now: the device is already busy with the next call
            _record(history, *pending, tick)
        done += steps
        pending = (done, metrics)
        if store and (done == updates or _is_due(saved)):
            _record(history, *pending, tick)
            store.save(done, state, history)
            saved, pending = monotonic(), None
    if pending:
        _record(history, *pending, tick)
    if store:
        store.close()
    return state, history


def _is_due(saved: float) -> bool:
    """Say whether it is time for a checkpoint; by one clock, as all processes save together."""
    return distributed.agreed(monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS)


def _record(history: dict[str, list[float]], done: int, metrics: Metrics, tick: Tick) -> None:
    """Note metrics; those of trainings side by side, `[rows]`, as a list of their own."""
    values = {name: np.asarray(value) for name, value in metrics.items()}
    history["update"].append(done)
    for name, value in values.items():
        history.setdefault(name, []).append(value.tolist())
    losses = {name: value.mean() for name, value in values.items() if name.endswith("_loss")}
    tick(done, ", ".join(f"{name[:-5]} {value:.2f}" for name, value in losses.items()))
