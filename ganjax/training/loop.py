"""One loop for every training: many steps per compiled call, data on the device or fed to it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Generic, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ganjax import interruption, watchdog
from ganjax.config import Upkeep
from ganjax.data.loader import Drawn, keys_of_step
from ganjax.progress import Tick
from ganjax.training import distributed, guard
from ganjax.training.checkpoint import Checkpoints, DiskFull, Restored
from ganjax.training.feed import Feed
from ganjax.typing import Array, Batch, Key, Metrics

State = TypeVar("State")
Step = Callable[[State, Batch, Key], tuple[State, Metrics]]
SampleBatch = Callable[[Key, Any], Batch]
Series = dict[str, list[Any]]
"""The counter `update`, and the values of each name at those updates."""


class Looks(NamedTuple):
    """How a training is looked at from time to time.

    Attributes:
      look: `state -> (state, signs)`, compiled; the state is donated.
      every: updates between looks, a multiple of the steps per call.
    """

    look: Callable[[Any], tuple[Any, dict[str, Array]]]
    every: int


@dataclass(frozen=True)
class Result(Generic[State]):
    """What a training leaves.

    Attributes:
      state: the final state.
      history: each metric's mean over every call; None where it was no finite number.
      signs: what the looks saw.
      roll_backs: how often it went back to an earlier state, an int, or one per row.
    """

    state: State
    history: Series
    signs: Series
    roll_backs: Any


def scan_steps(step: Step, sample_batch: SampleBatch) -> Callable[..., tuple[Any, Metrics]]:
    """Make many steps one function: draw a batch on the device, step, and again.

    Step n draws everything from `fold_in(key, n)`, n being the state's own counter, so a training
    cut at any step continues as if it had not been.

    Args:
      step: `(state, batch, key) -> (state, metrics)`.
      sample_batch: `(key, data) -> batch`.

    Returns:
      `(state, data, key, *, steps) -> (state, metrics)`, a pure function for `repeat` or
      `ganjax.training.sharding` to compile; each metric is the mean over the steps where it is
      finite, and integers, which are counts, are what they are at the end. Where the data is
      `Drawn`, each step takes its own part of it.
    """

    def call(state: Any, data: Any, key: Key, *, steps: int) -> tuple[Any, Metrics]:
        def body(state, drawn):
            batch_key, step_key = keys_of_step(key, state.step)
            batch = _apart(
                lambda: sample_batch(batch_key, data if drawn is None else drawn), state.step
            )
            return step(state, batch, step_key)

        each_step = data if isinstance(data, Drawn) else None
        state, metrics = lax.scan(body, state, each_step, length=steps)
        return state, jax.tree.map(_over_steps, metrics)

    return call


def _apart(draw: Callable[[], Any], step: Array) -> Any:
    """Draw a batch, with the computation of it kept out of the step's.

    So a step compiles to the same, and rounds the same, whether its images are drawn on the device
    or fed to it. The compiler for CPUs heeds no barrier, but cannot know that steps count from 0.
    """
    if jax.default_backend() != "cpu":
        return lax.optimization_barrier(draw())
    shapes = jax.eval_shape(draw)
    return lax.cond(step >= 0, draw, lambda: jax.tree.map(jnp.zeros_like, shapes))


def _over_steps(values: Array) -> Array:
    if jnp.issubdtype(values.dtype, jnp.integer):
        return values[-1]
    return jnp.mean(values, axis=0, where=jnp.isfinite(values))


def repeat(step: Step, sample_batch: SampleBatch) -> Callable[..., tuple[Any, Metrics]]:
    """Compile `scan_steps` for one device: the state is donated, `steps` is static."""
    return jax.jit(scan_steps(step, sample_batch), static_argnames="steps", donate_argnums=0)


def losses(metrics: dict[str, np.ndarray]) -> str:
    """Say the losses in a few words."""
    found = {name: value.mean() for name, value in metrics.items() if name.endswith("_loss")}
    return ", ".join(f"{name[:-5]} {value:.2f}" for name, value in found.items())


def train(
    call: Callable[..., tuple[Any, Metrics]],
    state: State,
    data: Any,
    key: Key,
    *,
    updates: int,
    steps_per_call: int,
    tick: Tick = lambda done, note="": None,
    say: Callable[[str], None] = lambda line: None,
    folder: Path | None = None,
    looks: Looks | None = None,
    note: Callable[[dict[str, np.ndarray]], str] = losses,
    anchor_every: int | None = None,
    upkeep: Upkeep = Upkeep(),
) -> Result[State]:
    """Train until `updates` steps are done, from the newest checkpoint in `folder` if there is one.

    A state guarded by `guard.skip_bad` whose updates are left out again and again goes back to the
    last anchor with other random numbers, if there is a folder that holds one.

    Args:
      call: what `repeat`, or its counterparts in `ganjax.training.sharding`, returned.
      state: the initial state, with a counter `step`; donated.
      data: what `sample_batch` draws from, or a `Feed` of what it would draw.
      key: the run's key.
      updates: steps in total.
      steps_per_call: steps in one compiled call.
      tick: told the steps done and the latest metrics.
      say: told what else a person should know.
      folder: where checkpoints of the whole state and what is recorded are kept; None for none.
      note: says metrics in a few words, for `tick`.
      looks: how to look at the state from time to time; None for not at all.
      anchor_every: updates between the states that a training may go back to, a multiple of
        `steps_per_call`; None for none.
      upkeep: how often checkpoints are written, and what is done about trouble.

    Returns:
      The final state, and what was recorded on the way.

    Raises:
      Interrupted: a signal asked to stop; the state is saved, and the same call goes on.
      Diverged: going back did not help.
      UserError: an image that is fed cannot be read.
      DiskFull: a checkpoint cannot be written; those before are whole.
    """
    store = Checkpoints(folder, keep=upkeep.keep, say=say) if folder else None
    course = _Course(
        state, key, store, lambda done, metrics: tick(done, note(metrics)), say, upkeep
    )
    feed = data if isinstance(data, Feed) else None
    try:
        with interruption.deferred():
            course.begin(anchored=anchor_every is not None)
            drawn_by = None
            while course.done < updates:
                if feed and course.key is not drawn_by:  # at first, and after going back
                    drawn_by = course.key
                    feed.begin(
                        drawn_by, done=course.done, updates=updates, steps_per_call=steps_per_call
                    )
                steps = min(steps_per_call, updates - course.done)
                where = f"updates {course.done + 1:,} to {course.done + steps:,}"
                with watchdog.limit(upkeep.step_timeout, where):
                    if not course.advance(call, data, steps):
                        continue
                    if looks and course.done % looks.every == 0:
                        course.look(looks.look)
                    anchor = anchor_every is not None and course.done % anchor_every == 0
                    course.keep_if_due(anchor=anchor, last=course.done == updates)
    finally:
        if feed:
            feed.close()
        if store:
            store.close()
    return course.result()


class _Course:
    """A training under way: its state, what is recorded of it, where it is kept."""

    def __init__(
        self,
        state: Any,
        key: Key,
        store: Checkpoints | None,
        tick: Callable[[int, dict[str, np.ndarray]], None],
        say: Callable[[str], None],
        upkeep: Upkeep,
    ):
        self.done = 0
        self.state = state
        self.run_key = self.key = key
        self.store, self.tick, self.say, self.upkeep = store, tick, say, upkeep
        self.history: Series = {"update": []}
        self.signs: Series = {"update": []}
        self.roll_backs = np.zeros(key.shape, int)
        self.pending: tuple[int, Metrics] | None = None
        self.healthy = True
        self.saved = monotonic()

    def begin(self, *, anchored: bool) -> None:
        """Take up the newest checkpoint; without one, keep the beginning to go back to."""
        if self.store and self.store.latest() is not None:
            found = self.store.restore(like=self.state)
            self._take_up(found, np.asarray(found.record["roll_backs"], int))
        elif self.store and anchored:
            self._save(anchor=True, needed=False)

    def advance(self, call: Callable[..., tuple[Any, Metrics]], data: Any, steps: int) -> bool:
        """Take some steps; say whether all is well, as far as one knows."""
        if isinstance(data, Feed):
            self.state, metrics = data.advance(call, self.state, self.key, steps)
        else:
            self.state, metrics = call(self.state, data, self.key, steps=steps)
        well = self._note()  # read only now: the device is already busy with the next call
        if well:
            self.done += steps
            self.pending = (self.done, metrics)
        return well

    def look(self, look: Callable[[Any], tuple[Any, dict[str, Array]]]) -> None:
        """Look at the state, and write down what is seen."""
        self.state, signs = look(self.state)
        _append(self.signs, self.done, signs)

    def keep_if_due(self, *, anchor: bool, last: bool) -> None:
        """Write a checkpoint where it is time for one, and heed a signal."""
        signal = distributed.agreed_signal()
        if self.store:
            self._unless_full(self.store.check, needed=last)
        due = last or signal or (self.store is not None and (anchor or self._is_time()))
        if not due or not self._note():
            return
        if self.store:
            needed = last or signal is not None
            self._save(anchor=anchor and self.healthy, needed=needed)
            if needed:
                self.store.wait()
        if signal:  # in all processes, since all have agreed on it
            raise interruption.Interrupted(signal)

    def result(self) -> Result:
        """Return what the training leaves."""
        return Result(self.state, self.history, self.signs, self.roll_backs.tolist())

    def _note(self) -> bool:
        """Write down the pending metrics; where they say that all is lost, go back."""
        if self.pending is None:
            return True
        (done, metrics), self.pending = self.pending, None
        values = _append(self.history, done, metrics)
        self.tick(done, values)
        in_a_row = values.get("skipped_in_a_row", np.zeros((), int))
        self.healthy = not in_a_row.any()
        lost = guard.has_lost(in_a_row)
        if lost.any():
            self._go_back(done, lost)
        return not lost.any()

    def _go_back(self, done: int, lost: np.ndarray) -> None:
        """Take up the last anchor again; those that are lost draw other random numbers from it."""
        roll_backs = self.roll_backs + lost
        if self.store is None:
            raise guard.diverged(done, None)
        found = self.store.restore(like=self.state, anchor=True)
        if roll_backs.max() > guard.MOST_ROLL_BACKS:
            raise guard.diverged(done, found.step)
        self.say(
            f"update {done:,}: {guard.BAD_IN_A_ROW} updates in a row came to no finite numbers; "
            f"back to update {found.step:,} with other random numbers"
        )
        self._take_up(found, roll_backs)

    def _take_up(self, found: Restored, roll_backs: np.ndarray) -> None:
        self.done, self.state, self.pending = found.step, found.state, None
        self.history, self.signs = found.record["history"], found.record["signs"]
        self.roll_backs = roll_backs
        self.key = guard.other_randomness(self.run_key, roll_backs)

    def _save(self, *, anchor: bool, needed: bool) -> None:
        """Write a checkpoint in the background; where the disk is full, as `upkeep` says."""
        assert self.store is not None
        record = {
            "history": self.history,
            "signs": self.signs,
            "roll_backs": self.roll_backs.tolist(),
        }
        save = partial(self.store.save, self.done, self.state, record, anchor=anchor)
        self._unless_full(save, needed=needed)
        self.saved = monotonic()

    def _unless_full(self, write: Callable[[], None], *, needed: bool) -> None:
        """Write; where the disk is full, stop or go on, as `upkeep` says."""
        try:
            write()
        except DiskFull as error:
            if needed or self.upkeep.on_disk_full == "stop":
                raise
            self.say(f"{error}; going on without")

    def _is_time(self) -> bool:
        """Say whether it is time for a checkpoint; by one clock, as all processes save together."""
        return distributed.agreed(monotonic() - self.saved > self.upkeep.checkpoint_seconds)


def _append(series: Series, update: int, found: dict[str, Array]) -> dict[str, np.ndarray]:
    """Add what was found at an update, `[]` or `[rows]` each; None for what is no finite number."""
    values = {name: np.asarray(value) for name, value in found.items()}
    series["update"].append(update)
    for name, value in values.items():
        plain = value.astype(object)
        plain[~np.isfinite(value)] = None
        series.setdefault(name, []).append(plain.tolist())
    return values
