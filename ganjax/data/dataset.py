"""Images and their labels as the rest of the house knows them: in memory, or yet to be read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from ganjax.data.decode import Header
from ganjax.data.listing import SPLITS, UNLABELLED, Bad

Tell = Callable[[int, int], None]
"""Called with how many images have been read, and of how many."""


@dataclass(frozen=True)
class Dataset:
    """Labelled images in memory.

    Attributes:
      name: the source they came from.
      images: uint8 `[n, height, width, channels]`, 1 or 3 channels.
      labels: int32 `[n]`, indices into `class_names`; `UNLABELLED` where the class is not known.
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
        """Count the images of each class, without those of none: int `[classes]`."""
        return np.bincount(self.labels[self.labels >= 0], minlength=len(self.class_names))

    def take(self, indices: np.ndarray) -> "Dataset":
        """Return the images at some indices, in that order."""
        files = None if self.files is None else self.files[indices]
        return replace(self, images=self.images[indices], labels=self.labels[indices], files=files)

    only = take

    def without_labels(self) -> "Dataset":
        """Return the same images, none of which tells its class."""
        return replace(self, labels=np.full_like(self.labels, UNLABELLED))


@dataclass(frozen=True)
class Unread:
    """Labelled images that are yet to be read: each process of a run reads its own of them.

    Attributes:
      name: the source they come from.
      class_names: what the labels mean.
      rows: int64 `[n]`, which of the source's training images these are.
      labels_of: reads all labels of the source, int32.
      read: reads the images and labels at some rows of the source.
      bad: as of `Source`.
      notes: as of `Source`.
      files: as of `Dataset`, by row of the source.
    """

    name: str
    class_names: tuple[str, ...]
    rows: np.ndarray
    labels_of: Callable[[], np.ndarray]
    read: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    bad: tuple[Bad, ...] = ()
    notes: tuple[str, ...] = ()
    files: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> np.ndarray:
        """All labels: int32 `[n]`; may cost a reading of the whole source."""
        return self.labels_of()[self.rows]

    def take(self, indices: np.ndarray) -> Dataset:
        """Read the images at some indices, and no others."""
        images, labels = self.read(self.rows[indices])
        files = None if self.files is None else self.files[self.rows[indices]]
        return Dataset(self.name, images, labels, self.class_names, files)

    def only(self, indices: np.ndarray) -> "Unread":
        """Return those at some indices, unread as they are."""
        return replace(self, rows=self.rows[indices])

    def without_labels(self) -> "Unread":
        """Return the same images, unread as they are, none of which tells its class."""
        return replace(
            self, labels_of=partial(_hidden, self.labels_of), read=partial(_read_hidden, self.read)
        )


class Source(NamedTuple):
    """A source's images.

    Attributes:
      train: those to train on.
      test: the test split that it brings, if it brings one.
      validation: likewise.
      bad: what was left out, and why.
      notes: what was done to the images that a person should know, a line each.
      kinds: how many images were of each size and mode before; empty where they were arrays.
      unlabelled: images that it brings beside these, with labels of `UNLABELLED` only.
    """

    train: Dataset
    test: Dataset | None = None
    validation: Dataset | None = None
    bad: tuple[Bad, ...] = ()
    notes: tuple[str, ...] = ()
    kinds: Mapping[Header, int] = MappingProxyType({})
    unlabelled: Dataset | None = None

    def splits(self) -> dict[str, Dataset]:
        """Return the parts that there are, by name: train, validation, test, unlabelled."""
        parts = (self.train, self.validation, self.test, self.unlabelled)
        return {name: own for name, own in zip(SPLITS, parts, strict=True) if own is not None}


def joined(one: Dataset, *others: Dataset | None) -> Dataset:
    """Return the images of data sets, one after another, under the first one's name.

    Args:
      one: the first; the others have its classes and shape.
      others: None is passed over.
    """
    parts = [one, *(own for own in others if own is not None)]
    if len(parts) == 1:
        return one
    files = [own.files for own in parts if own.files is not None]
    return replace(
        one,
        images=np.concatenate([own.images for own in parts]),
        labels=np.concatenate([own.labels for own in parts]),
        files=np.concatenate(files) if len(files) == len(parts) else None,
    )


def _hidden(labels_of: Callable[[], np.ndarray]) -> np.ndarray:
    return np.full_like(labels_of(), UNLABELLED)


def _read_hidden(
    read: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    images, labels = read(rows)
    return images, np.full_like(labels, UNLABELLED)
