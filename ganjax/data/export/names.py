"""Names that any file system, any reader of image folders and any spreadsheet takes as a name."""

import re
import unicodedata
from collections.abc import Sequence

from ganjax.errors import quoted

LONGEST_NAME, LONGEST_SLUG = 200, 100
"""In bytes of UTF-8; file systems take 255."""

DEVICES = {
    "con", "prn", "aux", "nul", "clock$", "conin$", "conout$",
    *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)),
}  # fmt: skip
"""What Windows takes for a device, whatever its suffix."""

SPLIT_WORDS = {
    "train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval",
    "evaluation",
}  # fmt: skip
"""Words in a folder's name that readers take for a split, not a class."""

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What makes a spreadsheet run a cell that begins with it."""


def folder_names(class_names: Sequence[str]) -> list[str]:
    """Name each class's folder so that any file system takes it, and labels survive.

    Folders are read in the order of their names. So they are called as the classes where all of
    those are safe and in that order, and otherwise `0007_slug`, all of them: the label, then what
    is safe of the name.

    Args:
      class_names: by label.

    Returns:
      As many names, sorted, no two of which differ in case or composition of letters only.
    """
    names = list(class_names)
    if (
        all(map(_is_safe, names))
        and names == sorted(names)
        and len({*map(_key, names)}) == len(names)
    ):
        return names
    width = max(4, len(str(len(names) - 1)))
    return [f"{label:0{width}d}{_slug(name)}" for label, name in enumerate(names)]


def cell(text: str) -> str:
    """Write somebody else's text for a cell of a table, so that a spreadsheet does not run it.

    What is not printable becomes its escape. Before text that a spreadsheet would run goes an
    apostrophe, and before text that begins with one too: so the first apostrophe of a cell is never
    part of it.
    """
    shown = quoted(text)
    inert = not shown.lstrip().startswith((*FORMULA, "'")) and not text.startswith(("\t", "\r"))
    return shown if inert else f"'{shown}"


def _is_safe(name: str) -> bool:
    return (
        all(c.isalnum() or c in "-_ ." for c in name)
        and name[:1].isalnum()
        and name[-1] not in " ."
        and name == unicodedata.normalize("NFC", name)
        and len(name.encode()) <= LONGEST_NAME
        and _key(name).partition(".")[0].rstrip() not in DEVICES
        and not _words(name) & SPLIT_WORDS
    )


def _key(name: str) -> str:
    """Return what is the same for names that some file system could not tell apart."""
    return unicodedata.normalize("NFKC", name).casefold()


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z]+", name.casefold()))


def _slug(name: str) -> str:
    """Return what is safe of a name after an underscore, or nothing."""
    kept = "".join(
        c if c.isalnum() or c in "-." else "_" for c in unicodedata.normalize("NFC", name)
    )
    kept = re.sub("_+", "_", kept).encode()[:LONGEST_SLUG].decode(errors="ignore").strip("-._")
    return f"_{kept}" if kept and not _words(kept) & SPLIT_WORDS else ""
