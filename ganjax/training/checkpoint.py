"""Checkpoints of a whole training state, verified and written in the background.

FOLDER/STEP/state/          the arrays, written by Orbax
FOLDER/STEP/record.json     what was recorded on the way, and whether this is an anchor
FOLDER/STEP/manifest.json   the SHA-256 of all of it, written last

A checkpoint is written under another name and then renamed, so that one that has its name is whole;
what is damaged later is found by its manifest, and the one before it is used. This is the only
importer of Orbax.
"""

import errno
import json
import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from jax.sharding import SingleDeviceSharding

from ganjax.data import manifest
from ganjax.data.atomic import write_bytes_atomically
from ganjax.errors import UserError
from ganjax.training import distributed

State = TypeVar("State")

SAVING, REMOVED = ".saving-", ".removed-"
MARGIN = 1.1
"""Room that a checkpoint needs, as a multiple of its arrays' bytes."""

FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


class DiskFull(OSError):
    """A checkpoint could not be written for want of room; those before it are whole."""


class NoCheckpoint(FileNotFoundError):
    """There is no checkpoint that can be used."""


class Restored(NamedTuple, Generic[State]):
    """What a checkpoint held.

    Attributes:
      step: of the state.
      state: placed as asked.
      record: what was saved beside it.
      passed_over: newer checkpoints that are damaged, each with what is wrong with it.
    """

    step: int
    state: State
    record: dict[str, Any]
    passed_over: list[str]


class Checkpoints:
    """The newest states of one training, in one folder.

    Args:
      folder: created when missing.
      keep: how many of the newest states stay; the newest anchor stays too.
      say: told of checkpoints that are damaged and passed over.
    """

    def __init__(
        self, folder: Path, *, keep: int = 2, say: Callable[[str], None] = lambda line: None
    ):
        self.folder, self.keep, self.say = Path(folder).absolute(), keep, say
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[None] | None = None

    def latest(self) -> int | None:
        """Return the newest step saved, or None; it is not verified."""
        return max(self._steps(), default=None)

    def save(self, step: int, state: Any, record: dict[str, Any], *, anchor: bool = False) -> None:
        """Save a state and what was recorded, whole or not at all.

        The state is copied before this returns, so that it may be donated; it is written in the
        background, except with several processes, which write together. All of them call this; what
        one of them meets while they write ends the run, as the others are in the middle of it.
        Checkpoints of later steps, which a training that went back has left, are removed.

        Args:
          step: of the state.
          state: arrays, on whatever devices.
          record: any JSON value; NaN and infinity are none.
          anchor: a training may go back to it; the newest anchor is kept.

        Raises:
          DiskFull: there is no room, or there was none for the checkpoint before.
          OSError: the checkpoint before could not be written for another reason.
        """
        self.wait()
        content = {"anchor": anchor, "arrays": _arrays(state), "record": record}
        text = json.dumps(content, allow_nan=False).encode()  # the caller goes on to change it
        self._check_room(state, len(text))
        if jax.process_count() > 1:
            self._write(step, state, text)
            return
        # On a CPU, what device_get returns may be the very memory that is donated next
        held = jax.tree.map(lambda leaf: np.array(leaf, copy=True), jax.device_get(state))
        self._pending = self._writer.submit(self._write, step, held, text)

    def check(self) -> None:
        """Raise what writing in the background met, if it met something by now."""
        if self._pending is not None and self._pending.done():
            self.wait()

    def wait(self) -> None:
        """Wait until nothing is being written, and raise what that met.

        Raises:
          DiskFull: there was no room.
          OSError: something else of the disk's.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def restore(self, *, like: State, anchor: bool = False) -> Restored[State]:
        """Return the newest checkpoint that verifies.

        Args:
          like: arrays or their shapes. The state has their structure and dtypes and is placed as
            they are: on other devices than it was saved from, if need be. Shapes alone are placed
            on the default device.
          anchor: only those that were saved as anchors.

        Raises:
          NoCheckpoint: there is none, or each is damaged; the message says how.
          UserError: a state of another shape was saved.
        """
        self.wait()
        passed_over: list[str] = []
        for step in sorted(self._steps(), reverse=True):
            wrong = manifest.problems(self.folder / str(step))
            if wrong:
                more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
                passed_over.append(f"checkpoint {step} is damaged ({wrong[0]}{more})")
                self.say(f"{passed_over[-1]}: passed over")
                continue
            content = json.loads((self.folder / str(step) / "record.json").read_text())
            if content["anchor"] or not anchor:
                self._check_shape(step, content["arrays"], _arrays(like))
                state = self._read(step, like)
                return Restored(step, state, content["record"], passed_over)
        reasons = f" that is whole: {'; '.join(passed_over)}" if passed_over else ""
        raise NoCheckpoint(f"no checkpoint in {self.folder}{reasons}")

    def survey(self) -> dict[int, list[str]]:
        """Verify every checkpoint: what is wrong with each, by step."""
        return {s: manifest.problems(self.folder / str(s)) for s in sorted(self._steps())}

    def close(self) -> None:
        """Finish what is being written; raise nothing, so that what stopped the run is seen."""
        self._writer.shutdown(wait=True)

    def _steps(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        return [
            int(path.name)
            for path in self.folder.iterdir()
            if path.name.isdecimal() and path.is_dir()
        ]

    def _check_room(self, state: Any, more: int) -> None:
        needed = MARGIN * sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + manifest.CHUNK
        needed += more
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if distributed.agreed(free < needed):
            raise DiskFull(
                f"a checkpoint needs {needed / 1e6:,.0f} MB, but {self.folder} has "
                f"{free / 1e6:,.0f} MB left; {self._last_words()}"
            )

    def _last_words(self) -> str:
        latest = self.latest()
        return "there is none yet" if latest is None else f"that of update {latest:,} is whole"

    def _write(self, step: int, state: Any, text: bytes) -> None:
        """Write a checkpoint beside its place, then move it there."""
        first = distributed.is_first()
        partial, place = self.folder / f"{SAVING}{step}", self.folder / str(step)
        try:
            if first:
                self._remove_leftovers()
            _meet(f"begin {step}")
            with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
                checkpointer.save(partial / "state", args=ocp.args.StandardSave(state))
            if first:
                write_bytes_atomically(partial / "record.json", text)
                manifest.write(partial)
                self._remove(place)  # one of the same step that was passed over, or went back
                os.rename(partial, place)
                manifest.flush_names(self.folder)
                self._prune(step)
        except Exception as error:
            if first:
                shutil.rmtree(partial, ignore_errors=True)
            number = _system_error(error)
            if number is None:
                raise
            raise self._refused(step, number) from error
        _meet(f"end {step}")

    def _refused(self, step: int, number: int) -> OSError:
        alone = jax.process_count() == 1  # otherwise the others wait: none may go on without
        return (DiskFull if number in FULL and alone else OSError)(
            f"the checkpoint of update {step:,} could not be written to {self.folder} "
            f"({os.strerror(number)}); {self._last_words()}"
        )

    def _prune(self, newest: int) -> None:
        """Remove all but the newest checkpoints and the newest anchor.

        Those after the one just written are damaged, or of a course that was given up: if they
        counted among the newest, what is written now would be removed at once.
        """
        steps = sorted((step for step in self._steps() if step <= newest), reverse=True)
        anchor = next((step for step in steps if self._is_anchor(step)), None)
        for step in {*self._steps()} - {*steps[: self.keep], anchor}:
            self._remove(self.folder / str(step))

    def _is_anchor(self, step: int) -> bool:
        try:
            return json.loads((self.folder / str(step) / "record.json").read_text())["anchor"]
        except (OSError, ValueError, KeyError):
            return False

    def _remove(self, place: Path) -> None:
        """Remove a checkpoint: its name first, so that half of one is never found."""
        if place.exists():
            removed = self.folder / f"{REMOVED}{place.name}"
            shutil.rmtree(removed, ignore_errors=True)
            os.rename(place, removed)
            shutil.rmtree(removed, ignore_errors=True)

    def _remove_leftovers(self) -> None:
        """Remove what killed runs left: only the one run that holds the folder saves in it."""
        for path in self.folder.iterdir():
            if path.name.startswith((SAVING, REMOVED)):
                shutil.rmtree(path, ignore_errors=True)

    def _read(self, step: int, like: State) -> State:
        here = SingleDeviceSharding(jax.local_devices()[0])

        def placed(leaf: Any) -> jax.ShapeDtypeStruct:
            where = getattr(leaf, "sharding", None) or here
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where)

        abstract = jax.tree.map(placed, like)
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            return checkpointer.restore(
                self.folder / str(step) / "state", args=ocp.args.StandardRestore(abstract)
            )

    def _check_shape(self, step: int, found: dict[str, str], wanted: dict[str, str]) -> None:
        for name in {**wanted, **found}:
            if found.get(name) != wanted.get(name):
                raise UserError(
                    f"the checkpoint {self.folder / str(step)} holds a state of another shape "
                    f"({name}: {found.get(name)}, not {wanted.get(name)}): it was left by another "
                    "version of ganjax or by another configuration; give a new folder"
                )


def _arrays(state: Any) -> dict[str, str]:
    """Describe the arrays of a state by their paths, as `float32[64, 3]`."""
    return {
        jax.tree_util.keystr(path): f"{leaf.dtype}{list(leaf.shape)}"
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    }


def _meet(where: str) -> None:
    """Wait until all processes have come so far."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(f"checkpoint {where}")


def _system_error(error: Exception) -> int | None:
    """Return the system's number of an error, which Orbax gives in the error's text only."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"os_error_code='(\d+)'", str(error))
    return int(found[1]) if found else None
