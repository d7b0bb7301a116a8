"""Replicates trained in rounds: as many at a time as were asked for, or as suits the machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

from ganjax.config import Upkeep
from ganjax.errors import UserError
from ganjax.progress import Progress
from ganjax.study.arms import WITH
from ganjax.study.control import has_control, train_controls
from ganjax.study.judging import Choices
from ganjax.study.record import Learnt, Record
from ganjax.study.replicate import Contest, Replicate, train_replicates
from ganjax.training.side_by_side import at_once, group


def learnt_of(replicate: Replicate) -> Learnt | None:
    """Return what there is of a replicate: its record, or what its training gave, or None."""
    return Record.load(replicate.folder) or Learnt.load(replicate.folder)


def train_all(
    contest: Contest,
    replicates: list[Replicate],
    shared: Path,
    size: int | None,
    upkeep: Upkeep,
    progress: Progress,
) -> list[Learnt]:
    """Train the replicates that are not, `size` at a time; return what all of them gave."""
    there = {own.number: learnt_of(own) for own in replicates}
    waiting = [own for own in replicates if there[own.number] is None]
    for now in _in_groups(waiting, size):
        numbers = ", ".join(str(own.number + 1) for own in now)
        beside = f", side by side on {group(len(now)).mesh.size} devices" if len(now) > 1 else ""
        progress.say(f"replicate {numbers} of {len(replicates)}{beside}")
        with _enough_memory(len(now)):
            train_replicates(contest, now, shared, upkeep, progress)
        there |= {own.number: learnt_of(own) for own in now}
    return [found for own in replicates if (found := there[own.number])]


def train_all_controls(
    contest: Contest,
    choices: Choices,
    replicates: list[Replicate],
    shared: Path,
    size: int | None,
    upkeep: Upkeep,
    progress: Progress,
) -> None:
    """Train the controls of the replicates that have none and are not judged, `size` at a time."""
    candidate = choices.candidates[WITH]
    waiting = [
        own for own in replicates if not (Record.load(own.folder) or has_control(own, candidate))
    ]
    if waiting:
        progress.say("the control: the same with noise in place of generated images")
    for now in _in_groups(waiting, size):
        with _enough_memory(len(now)):
            train_controls(contest, candidate, now, shared, upkeep, progress)


def _in_groups(waiting: list[Replicate], size: int | None) -> Iterator[list[Replicate]]:
    """Part replicates into groups of `size`, or of as many as should run side by side."""
    size = size or max(1, at_once(len(waiting)))  # none may be waiting, all for their look
    return (waiting[begin : begin + size] for begin in range(0, len(waiting), size))


@contextmanager
def _enough_memory(count: int) -> Iterator[None]:
    """Where the memory does not hold so many replicates side by side, say what to type."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if count == 1 or "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise UserError(
            f"{count} replicates side by side need more memory than there is: the same "
            f"command with --side-by-side {count // 2} goes on"
        ) from error
