"""`npz:PATH` and plain arrays: images and labels that are decoded already.

train_images train_labels   val_images val_labels   test_images test_labels     as MedMNIST
x_train y_train             x_val y_val             x_test y_test               as Keras
images labels               one part; with class_names, what the labels mean

Beside any of these, unlabelled_images or x_unlabelled: images of no class.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganjax.config import Reading
from ganjax.data import opened
from ganjax.data.dataset import Dataset, Source, Tell
from ganjax.data.labels import Values, read_values, to_indices
from ganjax.data.listing import UNLABELLED, Bad
from ganjax.data.npz import EXAMPLE, ArrayArchive
from ganjax.data.pixels import Scale, in_layout, scale_of, to_bytes
from ganjax.data.sources import checked
from ganjax.errors import UserError, quoted

KEYS = (
    {
        "train": ("train_images", "train_labels"),
        "validation": ("val_images", "val_labels"),
        "test": ("test_images", "test_labels"),
    },
    {
        "train": ("x_train", "y_train"),
        "validation": ("x_val", "y_val"),
        "test": ("x_test", "y_test"),
    },
    {"train": ("images", "labels")},
)
OF_NO_CLASS = ("unlabelled_images", "x_unlabelled")
CLASS_NAMES = "class_names"
SHOWN = 10


class Part(NamedTuple):
    """One split of a set.

    Attributes:
      images: of any type and layout that is read.
      labels: likewise; None where the images are of no class.
      images_name: what the images are called, for messages and for the names of rows.
      labels_name: likewise.
    """

    images: np.ndarray
    labels: np.ndarray | None
    images_name: str
    labels_name: str = ""


def read_npz(
    path: Path, reading: Reading, tell: Tell, *, strict: bool = True, unlabelled: bool = False
) -> Source:
    """Read the arrays of an .npz file.

    Args:
      path: the file.
      reading: what size and channels they are brought to, and what is done about bad rows.
      tell: told how many images have been read.
      strict: raise where too many of its rows are bad; else these are but listed.
      unlabelled: read its images of no class too.

    Returns:
      The images. Each one's file is its row: `train_images[17]`.

    Raises:
      UserError: it is no .npz file, lacks arrays, holds pickled objects or numbers that are no
        pixels or labels, or too many of its rows are bad.
    """
    name = f"npz:{path}"
    archive = ArrayArchive(path)
    parts = {
        split: Part(archive.read(images), archive.read(labels), images, labels)
        for split, (images, labels) in _keys(archive, name).items()
    }
    of_no_class = [key for key in OF_NO_CLASS if key in archive]
    if of_no_class and unlabelled:
        parts["unlabelled"] = Part(archive.read(of_no_class[0]), None, of_no_class[0])
    class_names = archive.read(CLASS_NAMES) if CLASS_NAMES in archive else None
    found = _named_source(parts, class_names, name)
    if of_no_class and not unlabelled:
        found = found._replace(notes=(*found.notes, f"not read: {of_no_class[0]}"))
    total = sum(len(part.images) for part in parts.values())
    tell(total, total)
    return opened.fitted(found, reading, strict=strict)


def from_arrays(
    images: Any,
    labels: Any,
    *,
    class_names: Sequence[str] | None = None,
    name: str = "arrays",
    validation: tuple[Any, Any] | None = None,
    test: tuple[Any, Any] | None = None,
    unlabelled: Any = None,
    reading: Reading = Reading(),
) -> Source:
    """Make a source of plain arrays.

    Args:
      images: `[n, height, width]` or `[n, height, width, 1 or 3]`: uint8, other whole numbers from
        0 to 255, uint16, bool, or floating point from 0 to 1 or whole from 0 to 255.
      labels: whole numbers or text, `[n]`, `[n, 1]` or one-hot `[n, classes]`.
      class_names: what labels 0, 1, ... mean; by default each label's own name.
      name: of the source, in messages and reports.
      validation: images and labels of the validation part; without it, it is drawn when needed.
      test: likewise.
      unlabelled: images of no class, beside those with labels; for trainings that can learn from
        them.
      reading: what size and channels the images are brought to, and what is done about bad rows.

    Returns:
      The images, uint8, without those that are not finite or have no label: these are its `bad`.
      Labels are indices into the sorted classes that occur in `labels`.

    Raises:
      UserError: the arrays are no pixels or labels, or too many of their rows are bad.

    Example:
      >>> images, labels = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2
      >>> from_arrays(images, labels, class_names=["ant", "bee"]).train.counts()
      array([10, 10])
    """
    parts = {"train": _part(images, labels, "images", "labels", name)}
    for split, pair in (("validation", validation), ("test", test)):
        if pair is not None:
            parts[split] = _part(*pair, f"{split}_images", f"{split}_labels", name)
    if unlabelled is not None:
        parts["unlabelled"] = Part(_array(unlabelled, "unlabelled", name), None, "unlabelled")
    names = None if class_names is None else np.asarray(class_names)
    return checked(opened.fitted(_named_source(parts, names, name), reading))


def _part(images: Any, labels: Any, images_name: str, labels_name: str, name: str) -> Part:
    arrays = _array(images, images_name, name), _array(labels, labels_name, name)
    return Part(*arrays, images_name, labels_name)


def _array(given: Any, own: str, name: str) -> np.ndarray:
    """Return what was given as an array, be it lists or another library's."""
    try:
        return np.asarray(given)
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{quoted(name)}: {own} is no array ({quoted(error)}); images of several sizes can be "
            "read as files: give folder:PATH"
        ) from None


def _keys(archive: ArrayArchive, name: str) -> dict[str, tuple[str, str]]:
    """Return which arrays are the images and labels of each split that there is."""
    there = ", ".join(archive.names[:SHOWN]) + ", ..." * (len(archive.names) > SHOWN)
    for keys in KEYS:
        found = {split: pair for split, pair in keys.items() if any(key in archive for key in pair)}
        if "train" not in found:
            continue
        for key in (key for pair in found.values() for key in pair):
            if key not in archive:
                raise UserError(
                    f"{quoted(name)} has no array {key} (there: {quoted(there)}): images and "
                    "labels of a part belong together"
                )
        return found
    wanted = "; ".join(", ".join(pair) for pair in (keys["train"] for keys in KEYS))
    raise UserError(
        f"{quoted(name)} has none of the arrays that are read, which are {wanted} (there: "
        f"{quoted(there) or 'none'}): {EXAMPLE}"
    )


def _named_source(parts: dict[str, Part], class_names: np.ndarray | None, name: str) -> Source:
    try:
        return _source(parts, class_names, name)
    except UserError as error:
        raise UserError(f"{quoted(name)}: {error}") from None


def _source(parts: dict[str, Part], class_names: np.ndarray | None, name: str) -> Source:
    """Return arrays as pixels and indices, in the size that they have."""
    images = {split: in_layout(p.images, p.images_name) for split, p in parts.items()}
    values = _labels_of(parts, images)
    given = None if class_names is None else _checked_names(class_names)
    values, names = to_indices(values, given)
    scales = _scales(images, parts)
    notes = [scale.note for scale in scales.values() if scale.note]
    absent = [quoted(own) for own in given or () if own not in names]
    if absent:
        notes.append(f"classes without an image to train on are left out: {', '.join(absent)}")
    for split in parts.keys() - values.keys():
        values[split] = Values("", np.full(len(images[split]), UNLABELLED), {})
    found: dict[str, Dataset] = {}
    bad: list[Bad] = []
    for split, part in parts.items():
        pixels, finite = to_bytes(images[split], scales[images[split].dtype])
        bad += _bad_rows(split, part, values[split], finite)
        good = finite.copy()
        good[list(values[split].wrong)] = False
        files = np.array([f"{part.images_name}[{row}]" for row in range(len(good))], object)
        labels = values[split].values.astype(np.int32)
        whole = Dataset(name, pixels, labels, names, files)
        if good.any() or split == "train":
            found[split] = whole if good.all() else whole.take(np.flatnonzero(good))
    return Source(
        found["train"],
        found.get("test"),
        found.get("validation"),
        tuple(bad),
        tuple(notes),
        unlabelled=found.get("unlabelled"),
    )


def _labels_of(parts: dict[str, Part], images: dict[str, np.ndarray]) -> dict[str, Values]:
    """Read the labels of all parts that have some: one for each image."""
    found = {}
    for split, part in parts.items():
        if part.labels is None:
            continue
        found[split] = read_values(part.labels, part.labels_name)
        if len(images[split]) != len(found[split].values):
            raise UserError(
                f"{part.images_name} has {len(images[split]):,} images and {part.labels_name} "
                f"{len(found[split].values):,} labels: one label per image is needed"
            )
    return found


def _scales(images: dict[str, np.ndarray], parts: dict[str, Part]) -> dict[np.dtype, Scale]:
    """Find one rule for all arrays of each type."""
    splits: dict[np.dtype, list[str]] = {}
    for split, own in images.items():
        splits.setdefault(own.dtype, []).append(split)
    return {
        dtype: scale_of(
            [images[split] for split in own], ", ".join(parts[split].images_name for split in own)
        )
        for dtype, own in splits.items()
    }


def _bad_rows(split: str, part: Part, values: Values, finite: np.ndarray) -> list[Bad]:
    found = {
        row: Bad(split, -1, f"{part.labels_name}[{row}]", w) for row, w in values.wrong.items()
    }
    for row in np.flatnonzero(~finite):
        label = -1 if row in found else int(values.values[row])
        file, reason = (
            f"{part.images_name}[{row}]",
            "has pixels that are not finite (NaN, infinity)",
        )
        found.setdefault(int(row), Bad(split, label, file, reason))
    return [found[row] for row in sorted(found)]


def _checked_names(names: np.ndarray) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind not in "USOT":
        raise UserError(
            f"{CLASS_NAMES} is {names.dtype} {list(names.shape)}: a list of text is needed, one "
            "name per class"
        )
    bytes_too = (
        own.decode("utf-8", "backslashreplace") if isinstance(own, bytes) else own for own in names
    )
    found = tuple(str(own) for own in bytes_too)
    if len(set(found)) < len(found):
        raise UserError(f"{CLASS_NAMES} has a name twice: {quoted(max(found, key=found.count))}")
    return found
