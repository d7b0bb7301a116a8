"""A training fed from a stream: what its next steps draw goes to the device while it is busy."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.data.loader import Drawn
from ganjax.data.stream import Stream
from ganjax.typing import Array, Key, Metrics

PIECES = 2
"""Pieces of a call's data that are on a device at once: one in use, one on its way."""


def device_limit(gigabytes: float | None) -> int:
    """Return how many bytes of images each device may hold.

    Args:
      gigabytes: as given; None for a quarter of a device's memory, and of the machine's, shared by
        its devices, where they have none of their own.
    """
    if gigabytes is not None:
        return int(gigabytes * 1e9)
    devices = jax.local_devices()
    own = (devices[0].memory_stats() or {}).get("bytes_limit")
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (own or machine // len(devices)) // 4


def steps_at_once(steps_per_call: int, step_bytes: int, limit: int) -> int:
    """Return how many steps' images to put on a device together.

    Args:
      steps_per_call: steps of a compiled call.
      step_bytes: that one step draws on each device.
      limit: bytes that each device may hold.

    Returns:
      The most that fit and divide the call into equal pieces, so that one program does for all; 1
      where not even that fits.
    """
    fit = limit // (PIECES * step_bytes)
    divisors = [n for n in range(1, steps_per_call + 1) if steps_per_call % n == 0]
    return max((n for n in divisors if n <= fit), default=1)


class Feed:
    """The data of a training that streams, in place of a set on the device.

    Args:
      stream: reads what each step draws.
      place: puts what some steps draw on the devices.
      at_once: steps that are put there together.
    """

    def __init__(self, stream: Stream, place: Callable[[Sequence[Drawn]], Drawn], at_once: int):
        self.stream, self.place, self.at_once = stream, place, at_once
        self._steps: Any = None
        self._sizes: Iterator[int] = iter(())
        self._next: Drawn | None = None
        self._busy: Metrics | None = None

    def begin(self, key: Key, *, done: int, updates: int, steps_per_call: int) -> None:
        """Begin to read what is drawn by a key from a step on, in calls of so many steps."""
        self.close()
        self._sizes = _sizes(done, updates, steps_per_call, self.at_once)
        if done < updates:
            self._steps = self.stream.steps(key, done, updates)

    def advance(
        self, call: Callable[..., tuple[Any, Metrics]], state: Any, key: Key, steps: int
    ) -> tuple[Any, Metrics]:
        """Take some steps; what is on the device meanwhile is two pieces of their data.

        Args:
          call: `(state, data, key, *, steps) -> (state, metrics)`, compiled.
          state: donated.
          key: of the training.
          steps: of one call, as `begin` was told.

        Returns:
          What one call of all the steps would return, its means up to rounding where there were
          several pieces.
        """
        found: list[tuple[int, Metrics]] = []
        while (left := steps - sum(taken for taken, _ in found)) > 0:
            drawn, self._next = self._next or self._placed(), None
            assert drawn is not None
            assert len(drawn.labels) <= left
            state, metrics = call(state, drawn, key, steps=len(drawn.labels))
            found.append((len(drawn.labels), metrics))
            del drawn
            jax.block_until_ready(self._busy)  # the piece before is done with, and its room free
            self._busy = metrics
            self._next = self._placed()
        return state, _over_pieces(found)

    def close(self) -> None:
        """End the threads and processes that read."""
        if self._steps is not None:
            self._steps.close()
        self._steps = self._next = self._busy = None

    def _placed(self) -> Drawn | None:
        """Put the next piece on the devices; None where there is no more."""
        size = next(self._sizes, 0)
        return self.place(list(islice(self._steps, size))) if size else None


def place_on_one(steps: Sequence[Drawn]) -> Drawn:
    """Put what some steps draw, `[parts, batch / parts, ...]` each, on the default device."""
    return jax.tree.map(lambda *own: jax.device_put(np.stack(own)), *steps)


def _sizes(done: int, updates: int, steps_per_call: int, at_once: int) -> Iterator[int]:
    """Cut each of the calls that are left into pieces."""
    while done < updates:
        end = min(done + steps_per_call, updates)
        while done < end:
            size = min(at_once, end - done)
            yield size
            done += size


def _over_pieces(found: list[tuple[int, Metrics]]) -> Metrics:
    counts, metrics = zip(*found, strict=True)
    if len(metrics) == 1:
        return metrics[0]
    return _mean_metrics(np.array(counts, np.float32), metrics)


@jax.jit
def _mean_metrics(counts: Array, metrics: tuple[Metrics, ...]) -> Metrics:
    def over(*values: Array) -> Array:
        pieces = jnp.stack(values)
        if jnp.issubdtype(pieces.dtype, jnp.integer):
            return pieces[-1]
        finite = jnp.isfinite(pieces)
        return jnp.sum(jnp.where(finite, pieces, 0) * counts) / jnp.sum(finite * counts)

    return jax.tree.map(over, *metrics)
