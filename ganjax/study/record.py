"""What a finished replicate leaves in its folder."""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from ganjax.data.atomic import write_arrays_atomically, write_json_atomically
from ganjax.errors import UserError
from ganjax.study.arms import Entry


@dataclass(frozen=True)
class Record:
    """What a finished replicate leaves: all that the results are computed from.

    Attributes:
      entries: what validation chose for each arm of the competition.
      validation: accuracy of every candidate at its best update, `[candidates]`.
      curves: validation accuracy of every candidate at every evaluation.
      history: the GAN's losses.
      signs: what the looks at the GAN saw.
      kept: the update whose generator was kept.
      parameters: parameter counts.
      seconds: what each part cost.
      labels: of the test images, int32 `[n]`.
      predictions: int32 `[arms, seeds, n]`, arms in the order of `arms`.
      real: pictures of the draw, uint8 `[classes, k, h, w, c]`.
      generated: pictures of the GAN, likewise: of its samples that were kept.
      inspection: how samples were selected, and whether they are copies or carry T(x), as JSON
        values.
      calibration: how far the confidence of each arm's classifiers is from their accuracy on the
        test images, as of `finalists.Look`.
      joint: of each arm that was trained together with a GAN, what was tried and kept, how good
        that was on validation, and its `history` and `signs`, as JSON values.
      dropped: pictures of samples that were thrown away, uint8 `[k, h, w, c]`.
      dropped_labels: their classes, int32 `[k]`.
      dropped_copies: whether each was dropped as a copy, rather than as not selected, bool `[k]`.
      nearest: the training image nearest to each of these copies, uint8 `[copies, h, w, c]`;
        none where that is not known.
    """

    entries: dict[str, Entry]
    validation: list[float]
    curves: dict[str, list]
    history: dict[str, list[Any]]
    signs: dict[str, list[Any]]
    kept: int
    parameters: dict[str, int]
    seconds: dict[str, float]
    labels: np.ndarray
    predictions: np.ndarray
    real: np.ndarray
    generated: np.ndarray
    inspection: dict[str, Any] = field(
        default_factory=dict
    )  # records of earlier versions have none
    calibration: dict[str, dict[str, Any]] = field(default_factory=dict)
    joint: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: np.ndarray = field(default_factory=lambda: np.zeros((0, 1, 1, 1), np.uint8))
    dropped_labels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    dropped_copies: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    nearest: np.ndarray = field(default_factory=lambda: np.zeros((0, 1, 1, 1), np.uint8))

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms, in the order of the predictions."""
        return (*self.entries, *self.joint)

    def pictures(self) -> dict[str, np.ndarray]:
        """Return what a report shows of it, by name."""
        return {name: getattr(self, name) for name in _PICTURES}

    def save(self, folder: Path) -> None:
        """Write the record; it counts as finished when `record.json`, written last, is there."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        write_arrays_atomically(folder / "record.npz", **arrays)
        numbers = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in _ARRAYS
        }
        numbers["entries"] = {arm: entry._asdict() for arm, entry in self.entries.items()}
        write_json_atomically(folder / "record.json", numbers)

    @classmethod
    def load(cls, folder: Path) -> "Record | None":
        """Read a finished replicate's record; None where it is not finished."""
        if not (folder / "record.json").exists():
            return None
        numbers = json.loads((folder / "record.json").read_text())
        try:
            numbers["entries"] = {arm: Entry(**own) for arm, own in numbers["entries"].items()}
        except TypeError:
            raise UserError(
                f"{folder} is of a study of an earlier version, which chose otherwise: begin it "
                "again with a new --out"
            ) from None
        with np.load(folder / "record.npz", allow_pickle=False) as arrays:
            return cls(**numbers, **{name: arrays[name] for name in _ARRAYS if name in arrays})


_PICTURES = ("real", "generated", "dropped", "dropped_labels", "dropped_copies", "nearest")
_ARRAYS = ("labels", "predictions", *_PICTURES)
