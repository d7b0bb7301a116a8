"""What a replicate leaves in its folder: once it is trained, and once it has been judged.

NAME.json and NAME.npz hold the numbers and the arrays, NAME being "trained", then "record".
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ganjax.data.atomic import write_arrays_atomically, write_json_atomically
from ganjax.errors import UserError
from ganjax.study.arms import Entry


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What the training of a replicate gave: all that is known before the test set is opened.

    Attributes:
      validation: accuracy of every candidate at its best update, `[candidates]`.
      probability: of the right class on validation there, likewise: what chooses among them. Empty
        in records of earlier versions, which chose in each replicate alone.
      updates: that update, likewise.
      curves: validation accuracy of every candidate at every evaluation.
      history: the GAN's losses.
      signs: what the looks at the GAN saw.
      kept: the update whose generator was kept.
      parameters: parameter counts.
      seconds: what each part cost.
      real: pictures of the draw, uint8 `[classes, k, h, w, c]`.
      generated: pictures of the GAN, likewise: of its samples that were kept.
      inspection: how samples were selected, and whether they are copies or carry T(x), as JSON
        values.
      joint: of each arm that was trained together with a GAN, what was `tried`, as JSON values;
        once judged, of the one that was chosen also what was `kept`, its `history` and `signs`.
      dropped: pictures of samples that were thrown away, uint8 `[k, h, w, c]`.
      dropped_labels: their classes, int32 `[k]`.
      dropped_copies: whether each was dropped as a copy, rather than as not selected, bool `[k]`.
      nearest: the training image nearest to each of these copies, uint8 `[copies, h, w, c]`;
        none where that is not known.
    """

    name: ClassVar[str] = "trained"

    validation: list[float]
    probability: list[float] = field(default_factory=list)
    updates: list[int] = field(default_factory=list)
    curves: dict[str, list]
    history: dict[str, list[Any]]
    signs: dict[str, list[Any]]
    kept: int
    parameters: dict[str, int]
    seconds: dict[str, float]
    real: np.ndarray
    generated: np.ndarray
    inspection: dict[str, Any] = field(
        default_factory=dict
    )  # records of earlier versions have none
    joint: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: np.ndarray = field(default_factory=lambda: np.zeros((0, 1, 1, 1), np.uint8))
    dropped_labels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    dropped_copies: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    nearest: np.ndarray = field(default_factory=lambda: np.zeros((0, 1, 1, 1), np.uint8))

    def pictures(self) -> dict[str, np.ndarray]:
        """Return what a report shows of it, by name."""
        return {name: getattr(self, name) for name in _PICTURES}

    def save(self, folder: Path) -> None:
        """Write it into a replicate's folder; it is there when the JSON, written last, is there."""
        values = dict(vars(self))
        arrays = {name: values.pop(name) for name in _ARRAYS if name in values}
        write_arrays_atomically(folder / f"{self.name}.npz", **arrays)
        write_json_atomically(folder / f"{self.name}.json", self._numbers(values))

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read what was saved in a replicate's folder; None where it has not come so far."""
        if not (folder / f"{cls.name}.json").exists():
            return None
        numbers = json.loads((folder / f"{cls.name}.json").read_text())
        try:
            numbers = cls._from_numbers(numbers)
        except TypeError:
            raise UserError(
                f"{folder} is of a study of an earlier version, which chose otherwise: begin it "
                "again with a new --out"
            ) from None
        with np.load(folder / f"{cls.name}.npz", allow_pickle=False) as arrays:
            return cls(**numbers, **{name: arrays[name] for name in _ARRAYS if name in arrays})

    @classmethod
    def drop(cls, folder: Path) -> None:
        """Remove what was saved: it has become part of something else."""
        for suffix in (".json", ".npz"):
            (folder / f"{cls.name}{suffix}").unlink(missing_ok=True)

    def _numbers(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return values as JSON ones."""
        return values

    @classmethod
    def _from_numbers(cls, numbers: dict[str, Any]) -> dict[str, Any]:
        """Return values from JSON ones."""
        return numbers


@dataclass(frozen=True, kw_only=True)
class Record(Learnt):
    """What a judged replicate leaves: all that the results are computed from.

    Attributes:
      entries: what validation chose for each arm of the competition.
      labels: of the test images, int32 `[n]`.
      predictions: int32 `[arms, seeds, n]`, arms in the order of `arms`.
      calibration: how far the confidence of each arm's classifiers is from their accuracy on the
        test images, as of `finalists.Look`.
    """

    name: ClassVar[str] = "record"

    entries: dict[str, Entry]
    labels: np.ndarray
    predictions: np.ndarray
    calibration: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms, in the order of the predictions."""
        return (*self.entries, *self.joint)

    def _numbers(self, values: dict[str, Any]) -> dict[str, Any]:
        entries = {arm: entry._asdict() for arm, entry in self.entries.items()}
        return {**values, "entries": entries}

    @classmethod
    def _from_numbers(cls, numbers: dict[str, Any]) -> dict[str, Any]:
        entries = {arm: Entry(**own) for arm, own in numbers["entries"].items()}
        return {**numbers, "entries": entries}


_PICTURES = ("real", "generated", "dropped", "dropped_labels", "dropped_copies", "nearest")
_ARRAYS = ("labels", "predictions", *_PICTURES)
