"""What keeps a training sane: bad updates are left out, the best state stays, a lost one goes back.

The guard rides inside the compiled step, so that it needs no word between device and host. What
needs the host, going back to an earlier state, is decided here and done by `ganjax.training.loop`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.errors import UserError
from ganjax.typing import Array, Batch, Key, Metrics

State = TypeVar("State", bound=Any)

BAD_IN_A_ROW = 20
"""Updates left out in a row after which a training goes back."""

MOST_ROLL_BACKS = 3
"""Times that a training goes back before it gives up."""


class Diverged(UserError):
    """A training that came to numbers that are none, again and again."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Guarded(Generic[State]):
    """A training's state, with what its guard remembers.

    Attributes:
      state: the training's own, with a counter `step`.
      skipped: int32 scalar, updates left out so far.
      in_a_row: int32 scalar, those left out since the last that was done.
      best: what was kept of the state when it was best, as the variables that images are drawn
        from; None where nobody looks.
      quality: float32 scalar, the distance at which that was; infinite before the first look.
      best_step: int32 scalar, the step at which that was.
    """

    state: State
    skipped: Array
    in_a_row: Array
    best: Any
    quality: Array
    best_step: Array

    @property
    def step(self) -> Array:
        """Steps taken, those left out included: their random numbers are spent."""
        return self.state.step


def guard(state: State, best: Any = None) -> Guarded[State]:
    """Set a guard on a fresh state.

    Args:
      state: a training's state.
      best: what to keep of the best state, as it is now: arrays that are nobody else's, since the
        whole is donated to every compiled call.
    """
    zero = jnp.zeros((), jnp.int32)
    return Guarded(state, zero, zero + 0, best, jnp.asarray(jnp.inf, jnp.float32), zero + 0)


def skip_bad(step: Callable[..., tuple[State, Metrics]]) -> Callable[..., Any]:
    """Let a step leave out updates whose metrics are no finite numbers.

    A step that reports its losses and the norms of its gradients is so guarded against a bad
    batch, an overflow, and parameters that are lost already: the state stays as it was, but for the
    counter, so that the next step draws other images.

    Args:
      step: `(state, batch, key, **settings) -> (state, metrics)`.

    Returns:
      The same of a `Guarded` state. Its metrics count, as int32, the updates left out: `skipped`
      in all, and `skipped_in_a_row`.
    """

    def guarded_step(
        guarded: Guarded[State], batch: Batch, key: Key, **settings: Any
    ) -> tuple[Guarded[State], Metrics]:
        new, metrics = step(guarded.state, batch, key, **settings)
        good = jnp.stack([jnp.isfinite(value).all() for value in metrics.values()]).all()
        # One select beside the optimizer's own arithmetic: XLA fuses them, so it costs no pass
        state = jax.tree.map(
            lambda after, before: jnp.where(good, after, before), new, guarded.state
        )
        bad = 1 - good.astype(jnp.int32)
        skipped, in_a_row = guarded.skipped + bad, (guarded.in_a_row + 1) * bad
        guarded = replace(
            guarded,
            state=replace(state, step=new.step),
            skipped=skipped,
            in_a_row=in_a_row,
        )
        return guarded, {**metrics, "skipped": skipped, "skipped_in_a_row": in_a_row}

    return guarded_step


def keep_best(guarded: Guarded[State], candidate: Any, quality: Array) -> Guarded[State]:
    """Remember a candidate if none has been nearer to the held-out images.

    Args:
      guarded: the state.
      candidate: shaped as `guarded.best`.
      quality: float32 scalar, a distance; one that is no number is never the best.
    """
    better = quality < guarded.quality
    best = jax.tree.map(lambda new, old: jnp.where(better, new, old), candidate, guarded.best)
    return replace(
        guarded,
        best=best,
        quality=jnp.where(better, quality, guarded.quality),
        best_step=jnp.where(better, guarded.step, guarded.best_step),
    )


def has_lost(in_a_row: np.ndarray) -> np.ndarray:
    """Say which trainings are lost: bool, shaped as `in_a_row`."""
    return np.asarray(in_a_row) >= BAD_IN_A_ROW


def diverged(done: int, back_at: int | None) -> Diverged:
    """Say what was seen of a training that has gone back in vain, or has nowhere to go back to."""
    seen = f"{BAD_IN_A_ROW} updates in a row before update {done:,} came to no finite numbers"
    if back_at is not None:
        seen += (
            f", after {MOST_ROLL_BACKS} returns with other random numbers too; the state of update "
            f"{back_at:,} is kept"
        )
    return Diverged(
        f"the training diverged: {seen}. Give a lower --gan.learning-rate, a --gan.r1-weight "
        "above 0 or --gan.precision float32, in a new folder"
    )


def other_randomness(key: Key, roll_backs: np.ndarray) -> Key:
    """Return the keys that trainings go on with after going back; the same where none has.

    Args:
      key: a typed key, or one for each of several trainings, `[rows]`.
      roll_backs: int `[]` or `[rows]`.
    """
    if not np.any(roll_backs):
        return key
    turn = jax.random.fold_in if key.ndim == 0 else jax.vmap(jax.random.fold_in)
    return jnp.where(jnp.asarray(roll_backs) > 0, turn(key, jnp.asarray(roll_backs)), key)
