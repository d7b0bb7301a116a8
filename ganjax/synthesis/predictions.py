"""`ganjax classify`: a table of what a classifier says of images, and how far to believe it.

FILE.csv               a row per image: file, class, its probability, and that of each class
FILE.quarantine.json   files that are no image, each with its reason, where there are any
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from ganjax.data import quarantine
from ganjax.data.atomic import open_atomically, write_json_atomically
from ganjax.data.decode import Unreadable
from ganjax.data.export.names import cell
from ganjax.data.listing import UNLABELLED, Bad
from ganjax.data.pictures import Pictures
from ganjax.errors import UserError, quoted
from ganjax.metrics import expected_calibration_error
from ganjax.progress import Progress, Silent
from ganjax.synthesis.classifying import AT_A_TIME, Calibrated, in_batches

FIRST = ("file", "class", "probability")


@dataclass(frozen=True)
class Score:
    """How good the predictions are, where the images tell their classes.

    Attributes:
      images: how many do.
      accuracy: the part of these that is right.
      low: of its 95 % interval (Wilson's).
      high: likewise.
      error: the expected calibration error of the probabilities.
      error_before: what it was without the temperature.
    """

    images: int
    accuracy: float
    low: float
    high: float
    error: float
    error_before: float


@dataclass(frozen=True)
class Predicted:
    """What was written.

    Attributes:
      counts: how many images were taken for each class, int `[classes]`.
      bad: what is no image, and why.
      score: None where no image tells its class.
    """

    counts: np.ndarray
    bad: tuple[Bad, ...]
    score: Score | None


def write_predictions(
    classifier: Calibrated,
    pictures: Pictures,
    out: Path,
    *,
    on_bad: str = "skip",
    progress: Progress | None = None,
) -> Predicted:
    """Classify images and write the table, whole or not at all; one that is there is replaced.

    Args:
      classifier: who classifies.
      pictures: the images, read so many at a time.
      out: the table.
      on_bad: what is done about files that are no image: "skip" leaves them out and lists them
        beside the table, "fail" stops at the first.
      progress: where to tell how far it is.

    Raises:
      UserError: no image can be used, one cannot and `on_bad` is "fail", or `out` is a folder.
    """
    from scipy.special import softmax

    progress = progress or Silent()
    if out.is_dir():
        raise UserError(f"--out {quoted(out)} is a folder: give a file, such as predictions.csv")
    bad = list(pictures.bad)
    if bad and on_bad == "fail":
        raise _refusal(pictures.name, bad[0])
    counts = np.zeros(len(classifier.class_names), np.int64)
    logits, labels = [], []
    with (
        open_atomically(out) as file,
        progress.stage("classify", len(pictures), "images") as tick,
    ):
        file.write(_lines([header(classifier.class_names)]))
        for rows, found in _answers(classifier, pictures, bad, on_bad, tick):
            probabilities = softmax(found / classifier.temperature, axis=1)
            own = probabilities.argmax(axis=1)
            counts += np.bincount(own, minlength=len(counts))
            files = [pictures.files[row] for row in rows]
            file.write(_lines(_rows(files, probabilities, own, classifier.class_names)))
            told = pictures.labels[rows] != UNLABELLED
            logits.append(found[told])
            labels.append(pictures.labels[rows][told])
        if not counts.sum():
            raise UserError(
                f"{quoted(pictures.name)}: none of its {len(bad):,} files is an image that can be "
                f"used; the first: {quarantine.sentence(bad[0])}"
            )
    _list_bad(out, bad)
    score = _score(np.concatenate(logits), np.concatenate(labels), classifier.temperature)
    return Predicted(counts, tuple(bad), score)


def header(class_names: Sequence[str]) -> tuple[str, ...]:
    """Return the table's first row; a class that is called as a column of it is told apart."""
    names = (f"class {name}" if name in FIRST else cell(name) for name in class_names)
    return (*FIRST, *names)


def quarantine_file(out: Path) -> Path:
    """Return where the files are listed that are no image."""
    return out.with_name(f"{out.stem}.quarantine.json")


def _answers(
    classifier: Calibrated,
    pictures: Pictures,
    bad: list[Bad],
    on_bad: str,
    tick: Callable[[int], None],
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read and classify so many images at a time: rows int `[k]`, logits float32 `[k, classes]`."""
    see = in_batches(jax.jit(classifier.logits), axis=0)
    for start in range(0, len(pictures), AT_A_TIME):
        stop = min(start + AT_A_TIME, len(pictures))
        rows, images = [], []
        for row, image in enumerate(pictures.take(start, stop), start):
            if not isinstance(image, Unreadable):
                rows.append(row)
                images.append(image)
                continue
            bad.append(Bad("", int(pictures.labels[row]), pictures.files[row], str(image)))
            if on_bad == "fail":
                raise _refusal(pictures.name, bad[-1])
        if rows:
            yield np.array(rows), see(np.stack(images))
        tick(stop)


def _refusal(name: str, bad: Bad) -> UserError:
    return UserError(
        f"{quoted(name)}: {quarantine.sentence(bad)}: repair or remove it, or give --on-bad skip"
    )


def _rows(
    files: Sequence[str], probabilities: np.ndarray, own: np.ndarray, class_names: Sequence[str]
) -> Iterator[tuple[str, ...]]:
    for file, row, best in zip(files, probabilities, own, strict=True):
        numbers = [f"{p:.6g}" for p in row]
        yield cell(file), cell(class_names[best]), numbers[best], *numbers


def _lines(rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _list_bad(out: Path, bad: Sequence[Bad]) -> None:
    """List what was left out; a list of an earlier table goes."""
    if bad:
        write_json_atomically(quarantine_file(out), quarantine.to_json(bad))
    else:
        quarantine_file(out).unlink(missing_ok=True)


def _score(logits: np.ndarray, labels: np.ndarray, temperature: float) -> Score | None:
    if not len(labels):
        return None
    from scipy.special import softmax
    from scipy.stats import binomtest

    right = int((logits.argmax(axis=1) == labels).sum())
    interval = binomtest(right, len(labels)).proportion_ci(0.95, method="wilson")
    error, before = (
        expected_calibration_error(softmax(logits / t, axis=1), labels) for t in (temperature, 1.0)
    )
    return Score(
        len(labels), right / len(labels), float(interval.low), float(interval.high), error, before
    )
