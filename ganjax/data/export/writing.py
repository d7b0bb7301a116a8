"""A labelled set on disk, whole or not there: cut off at any place, the same call goes on with it.

Beside DIR lies `.DIR.partial` while DIR is written: what it is to be, a table of the images so far
with the SHA-256 of each, and what is to become DIR. All of it is moved into place at the end.
"""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ganjax import interruption
from ganjax.data.atomic import drop_unfinished, write_json_atomically
from ganjax.data.export import table
from ganjax.data.export.arrays import NAME as ARRAYS
from ganjax.data.export.arrays import write_npz
from ganjax.data.export.claim import (
    IDENTITY,
    check_working,
    identity_in,
    is_there,
    partial_folder,
)
from ganjax.data.export.contents import MAKER, Contents, Format, Make
from ganjax.data.export.stores import ClassFolders, PixelFile, Store
from ganjax.data.export.tfds_set import write_tfds
from ganjax.data.lock import hold
from ganjax.data.manifest import NAME as MANIFEST
from ganjax.data.manifest import flush_names, sha256
from ganjax.errors import UserError, quoted
from ganjax.progress import Progress, Silent

SCHEMA = 1

NOTE = (
    "generated images are no photographs: source and generated mark them here, and text chunks in "
    "each PNG. classes are the true names, folders the safe ones, by label. metadata.csv has the "
    "SHA-256 of each image's file, or of its pixels where all are in one file; an apostrophe that "
    "begins a cell of text there is no part of it, but keeps spreadsheets from running the cell."
)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_set(
    out: Path,
    contents: Contents,
    make: Make,
    *,
    form: Format = "folder",
    command: str = "",
    progress: Progress | None = None,
) -> bool:
    """Write a labelled set into a folder, or go on where the same call was cut off.

    The same contents are the same bytes, whatever happened on the way.

    Args:
      out: missing, an empty folder, or this very set.
      contents: what it is to hold.
      make: makes its images, from any number on; no more of them are in memory than it yields at a
        time, and a few that are being packed.
      form: "folder" (PNG files in class folders), "npz" or "tfds" (array_record).
      command: what is being run, for others that want the same folder.
      progress: where to tell how far it is.

    Returns:
      Whether anything was written: not where the set is there already.

    Raises:
      UserError: `out` holds something else, cannot be written, or is being written.
      OSError: the disk is full; with room, the same call goes on.
      Interrupted: a signal asked to stop; the same call goes on.
    """
    progress = progress or Silent()
    out = Path(out).resolve()
    identity = contents.identity(form)
    working = partial_folder(out)
    if is_there(out, contents, form):
        _remove(working, identity)
        return False
    with told(out):
        check_working(out, identity)
        working.mkdir(parents=True, exist_ok=True)
        with hold(working, command=command):
            check_working(out, identity)
            write_json_atomically(working / IDENTITY, identity)
            _fill(working, contents, make, form, progress)
            _move(working / "set", out)
        _remove(working, identity)
    return True


def _fill(working: Path, contents: Contents, make: Make, form: Format, progress: Progress) -> None:
    """Write all of a set below WORKING/set."""
    folder = working / "set"
    folder.mkdir(exist_ok=True)
    pixels = PixelFile(working / "pixels", contents)
    store: Store = ClassFolders(folder, contents) if form == "folder" else pixels
    total = len(contents)
    with interruption.deferred():
        with progress.stage("write", total, "images") as tick:
            _add_images(folder / table.NAME, store, contents, make, tick, progress.say)
        if form != "folder":
            with progress.stage("pack", total, "images") as tick:
                _pack(folder, contents, pixels, form, tick)
        drop_unfinished(folder / MANIFEST)  # it would be in the set for good
        manifest = _manifest(folder, contents, form)
        write_json_atomically(folder / MANIFEST, manifest)
        _flush(folder)


def _add_images(
    path: Path,
    store: Store,
    contents: Contents,
    make: Make,
    tick: Callable[[int], None],
    say: Callable[[str], None],
) -> None:
    """Add the images that are yet to come, and a row of the table for each."""

    def holds(number: int, digest: str) -> bool:
        _stop_if_asked()
        return number < len(contents) and store.holds(number, digest)

    done = table.take_up(path, store.first_column, contents, holds)
    store.begin(done)
    if done:
        say(f"going on after {done:,} of {len(contents):,} images")
        tick(done)
    with path.open("a", encoding="utf-8", newline="") as file:
        for images in make(done) if done < len(contents) else ():
            digests = store.add(done, images.pixels)
            places = [store.place(done + k) for k in range(len(digests))]
            file.write(table.lines(contents, done, images, places, digests))
            file.flush()  # a row is there only when its image is
            done += len(digests)
            tick(done)
            _stop_if_asked()
    if done != len(contents):
        raise ValueError(f"{done} images were made for {len(contents)} labels")


def _pack(
    folder: Path, contents: Contents, pixels: PixelFile, form: Format, tick: Callable[[int], None]
) -> None:
    """Make the wanted format of all pixels."""

    def done(count: int) -> None:
        tick(count)
        _stop_if_asked()

    for old in folder.iterdir():  # of a packing that was cut off
        if old.name != table.NAME:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    if form == "npz":
        write_npz(folder / ARRAYS, contents, pixels, done)
    else:
        write_tfds(folder, contents, pixels, done)


def _stop_if_asked() -> None:
    signal = interruption.requested()
    if signal is not None:
        raise interruption.Interrupted(signal)


def _manifest(folder: Path, contents: Contents, form: Format) -> dict[str, Any]:
    """Return what the manifest tells; PNG files have their SHA-256 in the table."""
    inner = folder.rglob("*") if form != "folder" else [folder / table.NAME]
    files = sorted(path for path in inner if path.is_file() and path.name != MANIFEST)
    return {
        "schema": SCHEMA,
        "made_by": MAKER,
        "note": NOTE,
        **contents.identity(form),
        "counts": np.bincount(contents.labels, minlength=len(contents.class_names)).tolist(),
        **contents.facts,
        **({"totals": table.totals(folder / table.NAME, contents)} if contents.totals else {}),
        "files": [
            {
                "file": path.relative_to(folder).as_posix(),
                "bytes": path.stat().st_size,
                "sha256": sha256(path),
            }
            for path in files
        ],
    }


def _flush(folder: Path) -> None:
    """Bring everything to the disk: at once, where the system can, as files are many and small."""
    if hasattr(os, "sync"):
        os.sync()
    flush_names(folder)


def _move(folder: Path, out: Path) -> None:
    if os.name == "nt" and out.exists():
        out.rmdir()
    os.replace(folder, out)
    flush_names(out.parent)


def _remove(working: Path, identity: dict[str, Any]) -> None:
    """Remove what is left of a set's writing; what another process began there meanwhile stays."""
    if identity_in(working / IDENTITY) != json.loads(json.dumps(identity)):
        return
    with suppress(OSError, UserError), hold(working):
        for name in ("pixels", IDENTITY):
            (working / name).unlink(missing_ok=True)
        shutil.rmtree(working / "set", ignore_errors=True)
    with suppress(OSError):
        working.rmdir()


@contextmanager
def told(out: Path) -> Iterator[None]:
    """Say what the system refuses as a person would."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in FULL:
            raise OSError(
                f"{quoted(out)} is not finished: {why}; make room, then the same command goes on"
            ) from error
        named = error.filename
        if isinstance(named, str) and not Path(named).is_relative_to(out.parent):
            raise  # of the images' source
        raise UserError(f"--out {quoted(out)} cannot be written ({why})") from error
