"""Where labelled images come from: `digits`, `tfds:NAME`, `folder:PATH`, all as one `Dataset`."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganjax.config import Reading
from ganjax.data.listing import Bad
from ganjax.errors import UserError

Tell = Callable[[int, int], None]
"""Called with how many images have been read, and of how many."""

GRAMMAR = "digits, tfds:NAME or folder:PATH"


@dataclass(frozen=True)
class Dataset:
    """Labelled images in memory.

    Attributes:
      name: the source they came from.
      images: uint8 `[n, height, width, channels]`, 1 or 3 channels.
      labels: int32 `[n]`, indices into `class_names`.
      class_names: what the labels mean.
      files: where each image came from, relative to the source: str objects `[n]`, or None for
        sources without files of their own.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    files: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> np.ndarray:
        """Count the images of each class: int `[classes]`."""
        return np.bincount(self.labels, minlength=len(self.class_names))

    def take(self, indices: np.ndarray) -> "Dataset":
        """Return the images at some indices, in that order."""
        files = None if self.files is None else self.files[indices]
        return replace(self, images=self.images[indices], labels=self.labels[indices], files=files)

    only = take


@dataclass(frozen=True)
class Unread:
    """Labelled images that are yet to be read: each process of a run reads its own of them.

    Attributes:
      name: the source they come from.
      class_names: what the labels mean.
      rows: int64 `[n]`, which of the source's training images these are.
      labels_of: reads all labels of the source, int32.
      read: reads the images and labels at some rows of the source.
    """

    name: str
    class_names: tuple[str, ...]
    rows: np.ndarray
    labels_of: Callable[[], np.ndarray]
    read: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> np.ndarray:
        """All labels: int32 `[n]`; may cost a reading of the whole source."""
        return self.labels_of()[self.rows]

    def take(self, indices: np.ndarray) -> Dataset:
        """Read the images at some indices, and no others."""
        images, labels = self.read(self.rows[indices])
        return Dataset(self.name, images, labels, self.class_names)

    def only(self, indices: np.ndarray) -> "Unread":
        """Return those at some indices, unread as they are."""
        return replace(self, rows=self.rows[indices])


class Source(NamedTuple):
    """A source's images.

    Attributes:
      train: those to train on.
      test: the test split that it brings, if it brings one.
      validation: likewise.
      bad: what was left out, and why.
      notes: what was done to the images that a person should know, a line each.
    """

    train: Dataset
    test: Dataset | None = None
    validation: Dataset | None = None
    bad: tuple[Bad, ...] = ()
    notes: tuple[str, ...] = ()

    def splits(self) -> dict[str, Dataset]:
        """Return the splits that there are, by name: train, validation, test."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: own for name, own in named.items() if own is not None}


def load(
    source: str,
    *,
    data_dir: str | Path | None = None,
    reading: Reading = Reading(),
    cache: bool = True,
    tell: Tell | None = None,
) -> Source:
    """Read a source.

    Args:
      source: `digits` (scikit-learn's 1,797 scans of 8x8), `tfds:NAME` (prepared in `data_dir`) or
        `folder:PATH` (one folder per class, or train/ and test/ of such folders).
      data_dir: where TFDS keeps its prepared sets; only for `tfds:`.
      reading: what size and channels they are brought to, and what is done about bad ones.
      cache: keep decoded images in the cache folder, and take them from there.
      tell: told how many images have been read.

    Returns:
      The source's images.

    Raises:
      UserError: it is unknown, missing, empty or mixed in sizes; the message says what to do.
    """
    tell = tell or (lambda done, total: None)
    kind, _, rest = source.partition(":")
    if source == "digits":
        return _digits()
    if kind == "folder" and rest:
        from ganjax.data.folders import read_folder

        return checked(read_folder(Path(rest).expanduser(), tell))
    if kind == "tfds" and rest:
        from ganjax.data.prepared import read_prepared

        return checked(read_prepared(rest, data_dir, tell))
    raise UserError(f"unknown source {source!r}{_nearest(source)}: give {GRAMMAR}")


def unread(source: str, *, data_dir: str | Path | None = None, tell: Tell | None = None) -> Unread:
    """Find a source's training images without reading them.

    `folder:` lists its files and decodes those taken; `tfds:` reads single records, and all of them
    without their images where all labels are asked for; `digits`, a small file, is read whole.

    Args: as of `load`, whose result has the same images in the same order.

    Raises:
      UserError: as `load`; of unreadable images or several sizes, only when they are taken.
    """
    tell = tell or (lambda done, total: None)
    kind, _, rest = source.partition(":")
    if kind == "folder" and rest:
        from ganjax.data.folders import list_folder

        found = list_folder(Path(rest).expanduser(), tell)
    elif kind == "tfds" and rest:
        from ganjax.data.prepared import list_prepared

        found = list_prepared(rest, data_dir, tell)
    else:
        train = load(source).train
        rows = np.arange(len(train))
        return Unread(
            train.name,
            train.class_names,
            rows,
            lambda: train.labels,
            lambda wanted: (train.images[wanted], train.labels[wanted]),
        )
    if len(found.class_names) < 2:
        raise UserError(f"{found.name} has 1 class; a classifier needs at least 2")
    return found


def checked(source: Source) -> Source:
    """Return a source as it is, or raise `UserError` where no classifier could be trained on it."""
    classes = int((source.train.counts() > 0).sum())
    if classes < 2:
        raise UserError(
            f"{source.train.name} has {classes} class with images; a classifier needs at least 2: "
            "give a set with one folder (or label) per class"
        )
    for own in source.splits().values():
        if own.images.dtype != np.uint8:
            raise UserError(f"{own.name} has {own.images.dtype} pixels; 8 bits are needed")
        if own.images.shape[1:] != source.train.images.shape[1:]:
            raise UserError(
                f"{own.name} trains on images of {source.train.images.shape[1:]} and tests on "
                f"{own.images.shape[1:]}; images of one size and channel count are needed"
            )
    return source


def _digits() -> Source:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]  # grey levels 0..16
    names = tuple(str(name) for name in digits.target_names)
    return Source(Dataset("digits", images, digits.target.astype(np.int32), names), None)


def _nearest(source: str) -> str:
    if Path(source).expanduser().is_dir():
        return f" (did you mean folder:{source}?)"
    kind = source.partition(":")[0]
    near = difflib.get_close_matches(kind, ["digits", "tfds", "folder"], n=1)
    return f" (did you mean {near[0]}?)" if near and near[0] != kind else ""
