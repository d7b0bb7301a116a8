"""`folder:PATH`: one folder per class, or such folders in train/, validation/ and test/."""

import json
import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ganjax.data.decode import MOST_BYTES, SUFFIXES
from ganjax.data.layout import arrange
from ganjax.data.listing import Entry, Listing
from ganjax.errors import UserError, quoted

DEEPEST = 8
"""Folders within folders that are looked into."""


def list_folder(path: Path) -> Listing:
    """Find the images of a folder of class folders; none is opened.

    Links are followed, wherever they lead. A set that ganjax wrote gets its classes' true names
    back from its manifest.

    Args:
      path: the folder.

    Raises:
      UserError: it is missing, empty or flat, or cannot be read.
    """
    if path.exists() and not path.is_dir():
        raise UserError(f"{quoted(path)} is a file: give a folder with one folder per class")
    if not path.is_dir():
        raise UserError(
            f"folder:{quoted(path)} does not exist: give a folder with one folder per class"
        )
    try:
        names = list(_names(path, "", (_identity(path),)))
    except OSError as error:
        raise UserError(f"{quoted(error.filename)} cannot be read ({error.strerror})") from None
    layout = arrange(names, str(path))
    entries = [
        Entry(split, label, name, partial(_read, path / name))
        for split, label, name in layout.images
    ]
    class_names = _true_names(path, layout.class_names)
    return Listing(f"folder:{path}", class_names, entries, [], layout.problems)


def _names(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """Name all files below a folder, and its empty folders with a slash at the end.

    A link that leads nowhere and a folder called like an image are named as files, so that they are
    found bad by their names; a link to a folder above is passed over.
    """
    empty = True
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
                    yield from _names(folder / item.name, f"{name}/", (*above, identity))
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


def _read(path: Path) -> bytes:
    found = path.stat()  # an OSError where a link leads nowhere or round in a circle
    if stat.S_ISDIR(found.st_mode):
        raise ValueError("is a folder")
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("is no regular file")  # to open a pipe could take for ever
    if found.st_size > MOST_BYTES:
        raise ValueError(f"has {found.st_size:,} bytes, more than {MOST_BYTES:,}")
    return path.read_bytes()


def _true_names(path: Path, folders: tuple[str, ...]) -> tuple[str, ...]:
    """Return the classes' names from a manifest of ganjax's, or the folders' own."""
    try:
        found = json.loads((path / "manifest.json").read_text())
        names = dict(zip(found["folders"], found["classes"], strict=True))
        own = tuple(str(names[folder]) for folder in folders)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return folders
    return own if len(set(own)) == len(own) else folders
