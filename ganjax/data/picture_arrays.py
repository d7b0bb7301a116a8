"""Images that a network is to see, from arrays: of an .npz file, or in memory."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ganjax.data.arrays import CLASS_NAMES, KEYS
from ganjax.data.labels import read_values
from ganjax.data.listing import UNLABELLED
from ganjax.data.npz import ArrayArchive
from ganjax.data.pictures import Framed, Framing, Pictures, take_pixels, translated
from ganjax.data.pixels import in_layout, scale_of, to_bytes
from ganjax.errors import UserError, quoted


def in_npz(
    path: Path, source: str, framing: Framing, class_names: Sequence[str], split: str | None
) -> Pictures:
    """Find the images of an .npz file, whose labels may be missing.

    Args: as of `find_pictures`.
    """
    archive = ArrayArchive(path)
    pairs = {
        (part, images): labels
        for keys in KEYS
        for part, (images, labels) in keys.items()
        if images in archive
    }
    if not pairs:
        wanted = ", ".join(images for keys in KEYS for images, _ in keys.values())
        raise UserError(
            f"{quoted(source)} has none of the arrays of images that are read ({wanted}); there: "
            f"{quoted(', '.join(archive.names)) or 'none'}"
        )
    given = [str(own) for own in archive.read(CLASS_NAMES)] if CLASS_NAMES in archive else None
    pictures = []
    for (part, images), labels in pairs.items():
        if split not in (None, part):
            continue
        pixels, bad = _pixels(archive, images)
        names = _label_names(archive, labels, len(pixels), given)
        files = [f"{images}[{row}]" for row in range(len(pixels))]
        pictures.append(in_arrays(source, pixels, files, bad, names, framing, class_names))
    if not pictures:
        there = ", ".join(dict.fromkeys(part for part, _ in pairs))
        raise UserError(f"--split {split}: {quoted(source)} has {there}: give one of these")
    return _joined(pictures)


def _pixels(archive: ArrayArchive, name: str) -> tuple[np.ndarray, list[int]]:
    """Return an array of images as uint8 `[n, height, width, channels]`, and its bad rows."""
    try:
        images = in_layout(archive.read(name), name)
        pixels, finite = to_bytes(images, scale_of([images], name))
    except UserError as error:
        raise UserError(f"npz:{quoted(archive.path)}: {error}") from None
    return pixels, np.flatnonzero(~finite).tolist()


def _label_names(
    archive: ArrayArchive, name: str, count: int, given: Sequence[str] | None
) -> list[str | None]:
    """Name the class of each row; None where that is not told."""
    if name not in archive:
        return [None] * count
    values = read_values(archive.read(name), name)
    if len(values.values) != count:
        raise UserError(
            f"npz:{quoted(archive.path)}: {name} has {len(values.values):,} labels for {count:,} "
            "images: one label per image is needed"
        )
    found: list[str | None] = [str(value) for value in values.values]
    if given is not None and values.values.dtype.kind != "U":
        found = [given[v] if v < len(given) else None for v in values.values.tolist()]
    return [None if row in values.wrong else own for row, own in enumerate(found)]


def in_arrays(
    name: str,
    images: np.ndarray,
    files: Sequence[str],
    bad: Sequence[int],
    label_names: Sequence[str | None],
    framing: Framing,
    class_names: Sequence[str],
) -> Pictures:
    """Take images from memory.

    Args:
      name: of their source.
      images: uint8 `[n, height, width, channels]`.
      files: what each is called.
      bad: rows whose pixels were not finite.
      label_names: the class of each; None where that is not told.
      framing: what they become.
      class_names: the classifier's.
    """
    there = sorted({own for own in label_names if own is not None})
    own, notes = translated(there, class_names, name)
    labels = {name: int(label) for name, label in zip(there, own, strict=True)}
    return Pictures(
        name=name,
        files=files,
        labels=np.array([UNLABELLED if n is None else labels[n] for n in label_names], np.int32),
        take=partial(take_pixels, images, frozenset(bad), framing),
        notes=notes,
    )


def _joined(parts: Sequence[Pictures]) -> Pictures:
    """Put several arrays of a file after one another."""
    ends = np.cumsum([len(own) for own in parts]).tolist()

    def take(start: int, stop: int) -> list[Framed]:
        found: list[Framed] = []
        for own, end in zip(parts, ends, strict=True):
            first = end - len(own)
            if start < end and stop > first:
                found += own.take(max(start - first, 0), min(stop, end) - first)
        return found

    return Pictures(
        name=parts[0].name,
        files=[file for own in parts for file in own.files],
        labels=np.concatenate([own.labels for own in parts]),
        take=take,
        notes=tuple(dict.fromkeys(note for own in parts for note in own.notes)),
    )
