"""Arrays of any labels to indices into class names."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ganjax.errors import UserError, quoted

LARGEST = 2**31 - 1
SHOWN = 5


class Values(NamedTuple):
    """What an array of labels says, before it is known which of it are classes.

    Attributes:
      name: of the array, for messages.
      values: int64 or str `[n]`.
      wrong: why a row has no label, by row.
    """

    name: str
    values: np.ndarray
    wrong: dict[int, str]

    @property
    def known(self) -> np.ndarray:
        """The labels without those that are wrong."""
        return np.delete(self.values, list(self.wrong))


def read_values(labels: np.ndarray, name: str) -> Values:
    """Read labels.

    Args:
      labels: whole numbers, of any type, or text: `[n]`, `[n, 1]`, or a 1 among zeros in each row.
      name: of the array, for messages.

    Raises:
      UserError: they are of another type or shape, or several for each image.
    """
    if labels.dtype.kind == "O":
        labels = _without_objects(labels, name)
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels = _of_one_hot(labels, name)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise UserError(f"{name} has the shape {list(labels.shape)}: [n] is needed, one per image")
    kind = labels.dtype.kind
    if kind == "S":
        labels = np.char.decode(labels, "utf-8", "backslashreplace")
    if kind in "SUT":
        text = labels.astype(str)
        return Values(name, text, {int(i): "has no label" for i in np.flatnonzero(text == "")})
    if kind not in "biuf":
        raise UserError(f"{name} has the type {labels.dtype}: whole numbers or text are needed")
    return _read_numbers(labels, name)


def _read_numbers(labels: np.ndarray, name: str) -> Values:
    if labels.dtype.kind == "f":
        parts = labels[np.isfinite(labels) & (labels != np.round(labels))]
        if len(parts):
            raise UserError(f"{name} has the label {parts[0]:g}: whole numbers or text are needed")
    if labels.dtype.kind == "b":
        labels = labels.astype(np.int64)
    unusable = ~((labels >= 0) & (labels <= LARGEST))
    wrong = {int(i): f"has the label {labels[i]}" for i in np.flatnonzero(unusable)}
    return Values(name, np.where(unusable, 0, labels).astype(np.int64), wrong)


def _without_objects(labels: np.ndarray, name: str) -> np.ndarray:
    """Return what pandas and others keep as Python's own text and numbers as NumPy's."""
    for kind, own in ((str, str), ((int, np.integer), np.int64)):
        if all(isinstance(label, kind) for label in labels.flat):
            try:
                return labels.astype(own)
            except OverflowError:
                break
    raise UserError(f"{name} has labels of several types: whole numbers or text are needed")


def _of_one_hot(labels: np.ndarray, name: str) -> np.ndarray:
    """Return which column holds the 1 of each row."""
    numbers = labels.dtype.kind in "biuf"
    if not numbers or not (((labels == 0) | (labels == 1)).all() and (labels.sum(1) == 1).all()):
        raise UserError(
            f"{name} has {labels.shape[1]} labels per image: sets of several labels per image are "
            "not supported; give one, as [n] or as a row with one 1 among zeros"
        )
    return labels.argmax(axis=1)


def to_indices(
    splits: Mapping[str, Values], class_names: Sequence[str] | None
) -> tuple[dict[str, Values], tuple[str, ...]]:
    """Turn labels into indices into the names of the classes that occur in the training part.

    Args:
      splits: the labels of each split, with "train".
      class_names: what numbers mean; None where the labels name themselves.

    Returns:
      The labels of each split as indices, int64 `[n]`, and the classes' names; text sorted by code
      point, or as `class_names` has it, numbers by their value.

    Raises:
      UserError: a split has labels that the training part has not, or of another type.
    """
    train = splits["train"]
    for own in splits.values():
        if own.values.dtype.kind != train.values.dtype.kind:
            raise UserError(f"{own.name} has numbers and {train.name} text, or the reverse")
    if class_names is not None:
        splits = {split: _within(own, class_names) for split, own in splits.items()}
        train = splits["train"]
    classes = np.unique(train.known)
    if not len(classes):
        reason = next(iter(train.wrong.values()), "holds no label")
        raise UserError(f"{train.name}: {reason}; no image has a label, and each class needs a few")
    found = {}
    for split, own in splits.items():
        other = np.setdiff1d(own.known, classes)
        if len(other):
            names = [_name(value, class_names) for value in other[:SHOWN]]
            raise UserError(
                f"{own.name} has classes that {train.name} has not: {quoted(', '.join(names))}"
            )
        indices = np.minimum(np.searchsorted(classes, own.values), len(classes) - 1)
        found[split] = own._replace(values=indices)
    return found, tuple(_name(value, class_names) for value in classes)


def _within(own: Values, class_names: Sequence[str]) -> Values:
    """Return labels as indices into all class names; those that are beyond them are wrong."""
    values, wrong = own.values, dict(own.wrong)
    if values.dtype.kind == "U":
        index_of = {name: i for i, name in enumerate(class_names)}
        values = np.array([index_of.get(str(value), -1) for value in values], np.int64)
    for i in np.flatnonzero((values < 0) | (values >= len(class_names))):
        said = f"has the label {own.values[i]}, which is none of the {len(class_names)} classes"
        wrong.setdefault(int(i), said)
    return Values(own.name, values, wrong)


def _name(value: np.generic, class_names: Sequence[str] | None) -> str:
    return str(value) if class_names is None else class_names[int(value)]
