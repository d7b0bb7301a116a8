"""What a source holds before any image is decoded: named, labelled, encoded images."""

from collections.abc import Callable
from typing import NamedTuple

SPLITS = ("train", "validation", "test", "unlabelled")
"""What a source may have, in this order; images of the last are of no class."""

UNLABELLED = -1
"""The label of an image whose class nobody has told."""


class Entry(NamedTuple):
    """One encoded image.

    Attributes:
      split: one of `SPLITS`.
      label: index into the listing's `class_names`; `UNLABELLED` where it is of no class.
      file: its name, relative to the source and as found; `errors.quoted` makes it printable.
      read: returns the encoded bytes; what it raises (OSError, ValueError) makes the entry bad.
    """

    split: str
    label: int
    file: str
    read: Callable[[], bytes]


class Bad(NamedTuple):
    """One image that cannot be used.

    Attributes:
      split: as of `Entry`.
      label: as of `Entry`; -1 where it is not known.
      file: as of `Entry`.
      reason: one line, which names neither file nor source.
    """

    split: str
    label: int
    file: str
    reason: str


class Listing(NamedTuple):
    """All that a source holds.

    Attributes:
      name: of the source, as it was given.
      class_names: what the labels mean.
      entries: its images, split by split, and class by class by name or in the source's own
        order: the same on any machine.
      bad: what is known to be bad before anything is decoded.
      notes: what was passed over and perhaps should not be, a printable line each.
      identity: changes whenever an encoded byte does, where that is known without reading them all.
    """

    name: str
    class_names: tuple[str, ...]
    entries: list[Entry]
    bad: list[Bad]
    notes: tuple[str, ...] = ()
    identity: str | None = None
