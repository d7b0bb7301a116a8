"""`folder:PATH`: one folder per class, or such folders in train/, validation/ and test/."""

import json
import os
import stat
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ganjax.data.decode import MOST_BYTES, SUFFIXES
from ganjax.data.layout import arrange
from ganjax.data.listing import Entry, Listing
from ganjax.errors import UserError, quoted

DEEPEST = 8
"""Folders within folders that are looked into."""

MOST_FOLDERS = 100_000
MOST_MANIFEST_BYTES = 10_000_000


def list_folder(path: Path) -> Listing:
    """Find the images of a folder of class folders; none is opened.

    Links are followed, wherever they lead. A set that ganjax wrote gets its classes' true names
    back from its manifest.

    Args:
      path: the folder.

    Raises:
      UserError: it is missing, empty or flat, or cannot be read.
    """
    wanted = "give a folder with one folder per class"
    try:
        if not path.is_dir():
            path.stat()
            raise UserError(f"{quoted(path)} is a file: {wanted}")
        names = list(_names(path, "", (_identity(path),), Counter()))
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"folder:{quoted(path)} does not exist: {wanted}") from None
    except OSError as error:
        raise UserError(
            f"{quoted(error.filename or path)} cannot be read ({quoted(error.strerror)})"
        ) from None
    layout = arrange(names, str(path))
    entries = [
        Entry(split, label, name, partial(_read, path / name))
        for split, label, name in layout.images
    ]
    manifest = _manifest(path)
    class_names = _true_names(manifest, layout.class_names)
    notes = (*layout.problems, *_generated(manifest))
    # a name that is no text, as file systems take it, could be written into no report
    as_text = tuple(n.encode("utf-8", "backslashreplace").decode() for n in class_names)
    return Listing(f"folder:{path}", as_text, entries, [], notes)


def _names(
    folder: Path, prefix: str, above: tuple[tuple[int, int], ...], seen: Counter[str]
) -> Iterator[str]:
    """Name all files below a folder, and its empty folders with a slash at the end.

    A link that leads nowhere and a folder called like an image are named as files, so that they are
    found bad by their names; a link to a folder above is passed over.
    """
    empty = True
    seen["folders"] += 1
    if seen["folders"] > MOST_FOLDERS:  # so many come of links between a few
        raise UserError(
            f"{quoted(folder)} is folder {MOST_FOLDERS + 1:,} of the set, and no more are looked "
            "into: see whether links among its folders lead round"
        )
    with os.scandir(folder) as found:
        for item in found:
            empty = False
            name = prefix + item.name
            image = item.name.lower().endswith(SUFFIXES)
            if image or not _is_folder(item):
                yield name
            elif not item.name.startswith("."):
                identity = _identity(folder / item.name)
                if identity not in above and len(above) < DEEPEST:
                    yield from _names(folder / item.name, f"{name}/", (*above, identity), seen)
    if empty and prefix:
        yield prefix


def _is_folder(item: os.DirEntry) -> bool:
    try:
        return item.is_dir()
    except OSError:  # a link that leads round in a circle
        return False


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _read(path: Path, most: int = MOST_BYTES) -> bytes:
    found = path.stat()  # an OSError where a link leads nowhere or round in a circle
    if stat.S_ISDIR(found.st_mode):
        raise ValueError("is a folder")
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("is no regular file")  # to open a pipe could take for ever
    if found.st_size > most:
        raise ValueError(f"has {found.st_size:,} bytes, more than {most:,}")
    if not found.st_size:  # as some have that never end, below /proc
        return b""
    with path.open("rb") as file:
        return file.read(found.st_size)


def _manifest(path: Path) -> dict[str, Any]:
    """Return what ganjax wrote beside a set of its own; nothing for others."""
    try:
        found = json.loads(_read(path / "manifest.json", MOST_MANIFEST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _true_names(manifest: dict[str, Any], folders: tuple[str, ...]) -> tuple[str, ...]:
    """Return the classes' names from a manifest, or the folders' own."""
    try:
        names = dict(zip(manifest["folders"], manifest["classes"], strict=True))
        own = tuple(names[folder] for folder in folders)
    except (KeyError, TypeError, ValueError):
        return folders
    whole = all(isinstance(name, str) for name in own) and len(set(own)) == len(own)
    return own if whole else folders


def _generated(manifest: dict[str, Any]) -> list[str]:
    """Say where a set's images are not all real."""
    try:
        count = sum(int(of_class) for of_class in manifest["generated"].values())
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return []
    if not 0 < count < 2**31:  # nobody has written so many
        return []
    return [f"{count:,} of its images were generated: a test on them says nothing of real ones"]
