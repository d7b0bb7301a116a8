"""A test set that can be looked at once per replicate, by construction.

The images live in a closure. The only way to them is `judge`, which first writes down what
validation chose, then shows the images to one function and returns what it answered. No second look
is possible, but for one case: where a run died between its look and its record, a new process may
repeat that very look, with the choice that was written down and no other.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganjax.data.atomic import write_json_atomically
from ganjax.data.dataset import Dataset
from ganjax.errors import SealedTestError

Predict = Callable[[np.ndarray], np.ndarray]


class Judgement(NamedTuple):
    """What one look at the test set gave: int32 labels `[n]`, and what `predict` returned."""

    labels: np.ndarray
    predictions: np.ndarray


class SealedTest:
    """A test set under seal.

    Args:
      dataset: the test images.
      ledger: file where each look is written down before it happens; it survives the process. None
        keeps the ledger in memory.
    """

    __slots__ = ("__judge", "class_names", "counts", "fingerprint", "size")

    def __init__(self, dataset: Dataset, ledger: Path | None = None):
        self.size = len(dataset)
        self.class_names = dataset.class_names
        self.counts = tuple(int(count) for count in dataset.counts())
        self.fingerprint = _fingerprint(dataset)
        self.__judge = _sealed(dataset, ledger, self.fingerprint)

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return f"SealedTest({self.size} images, {len(self.class_names)} classes)"

    def __reduce__(self):
        raise SealedTestError("a sealed test set cannot be copied or stored")

    def judge(self, replicate: int, choice: Mapping[str, Any], predict: Predict) -> Judgement:
        """Open the seal for one replicate, once.

        Args:
          replicate: its number.
          choice: what validation chose, as JSON values; written to the ledger before any image is
            shown.
          predict: uint8 images `[n, h, w, c]` to predictions whose last axis is `n`; called once.

        Returns:
          The labels and the predictions.

        Raises:
          SealedTestError: this replicate was judged before. After a crash, a new process may
            repeat a look that the ledger knows, with exactly the choice that it holds.
        """
        return self.__judge(int(replicate), choice, predict)


def _sealed(dataset: Dataset, ledger: Path | None, fingerprint: str):
    """Return `judge` over a private copy of the images."""
    images, labels = dataset.images.copy(), dataset.labels.copy()
    judged: set[int] = set()
    remembered = _read(ledger, fingerprint)

    def judge(replicate: int, choice: Mapping[str, Any], predict: Predict) -> Judgement:
        if replicate in judged:
            raise SealedTestError(f"the test set was already opened for replicate {replicate}")
        # another object may have judged since: what the file says counts, not what it said once
        looks = remembered if ledger is None else _read(ledger, fingerprint)
        wanted = json.loads(json.dumps(choice))
        known = looks.get(str(replicate))
        if known is not None and known != wanted:
            raise SealedTestError(
                f"the test set was already opened for replicate {replicate}, for another choice: "
                f"{known}, not {wanted}"
            )
        judged.add(replicate)
        looks[str(replicate)] = wanted
        if ledger is not None:
            write_json_atomically(ledger, {"fingerprint": fingerprint, "looks": looks})
        shown = images.copy()
        shown.setflags(write=False)
        predictions = np.array(predict(shown))
        if predictions.shape[-1:] != labels.shape:
            raise SealedTestError(
                f"predict returned shape {predictions.shape}; its last axis must be {len(labels)}"
            )
        return Judgement(labels.copy(), predictions)

    return judge


def _read(ledger: Path | None, fingerprint: str) -> dict[str, Any]:
    if ledger is None or not Path(ledger).exists():
        return {}
    try:
        stored = json.loads(Path(ledger).read_text())
        written, looks = stored["fingerprint"], dict(stored["looks"])
    except (ValueError, KeyError, TypeError):
        raise SealedTestError(
            f"{ledger} cannot be read, so nobody knows what was judged: give a new --out"
        ) from None
    if written != fingerprint:
        raise SealedTestError(
            f"{ledger} belongs to another test set: the source has changed since the study began; "
            "give a new --out"
        )
    return looks


def _fingerprint(dataset: Dataset) -> str:
    digest = hashlib.sha256(repr((dataset.images.shape, dataset.class_names)).encode())
    digest.update(np.ascontiguousarray(dataset.images).tobytes())
    digest.update(np.ascontiguousarray(dataset.labels).tobytes())
    return digest.hexdigest()
