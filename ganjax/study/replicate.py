"""One replicate: a fresh draw, a GAN trained on it alone, all candidates, choices, one look."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from time import perf_counter

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.config import StudyConfig
from ganjax.data.atomic import write_arrays_atomically, write_json_atomically
from ganjax.data.loader import Resident, to_device
from ganjax.data.splits import Draw, SealedTest
from ganjax.models import parameter_count
from ganjax.progress import Progress
from ganjax.study.arms import Candidate, Entry, choose
from ganjax.study.competition import Competition, Entrants, Images
from ganjax.synthesis import trained
from ganjax.typing import Key

PICTURES = 8
"""Images per class and kind that a replicate keeps for the report."""


@dataclass(frozen=True)
class Record:
    """What a finished replicate leaves: all that the results are computed from.

    Attributes:
      entries: what validation chose for each arm.
      validation: accuracy of every candidate at its best update, `[candidates]`.
      curves: validation accuracy of every candidate at every evaluation.
      history: the GAN's losses.
      parameters: parameter counts.
      seconds: what each part cost.
      labels: of the test images, int32 `[n]`.
      predictions: int32 `[arms, seeds, n]`, arms in the order of `entries`.
      real: pictures of the draw, uint8 `[classes, k, h, w, c]`.
      generated: pictures of the GAN, likewise.
    """

    entries: dict[str, Entry]
    validation: list[float]
    curves: dict[str, list]
    history: dict[str, list[float]]
    parameters: dict[str, int]
    seconds: dict[str, float]
    labels: np.ndarray
    predictions: np.ndarray
    real: np.ndarray
    generated: np.ndarray

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
        numbers["entries"] = {arm: Entry(**entry) for arm, entry in numbers["entries"].items()}
        with np.load(folder / "record.npz", allow_pickle=False) as arrays:
            return cls(**numbers, **{name: arrays[name] for name in _ARRAYS})


_ARRAYS = ("labels", "predictions", "real", "generated")


@dataclass(frozen=True)
class Contest:
    """What all replicates of a study share, compiled once.

    Attributes:
      config: the study's configuration.
      candidates: the ways to train.
      arms: which candidates each arm chooses from.
      description: of the GAN.
      competition: the classifiers' functions.
    """

    config: StudyConfig
    candidates: tuple[Candidate, ...]
    arms: dict[str, tuple[int, ...]]
    description: trained.Description
    competition: Competition


def run(
    contest: Contest,
    draw: Draw,
    sealed: SealedTest,
    replicate: int,
    folder: Path,
    progress: Progress,
) -> Record:
    """Run one replicate, from its draw to its one look at the test set.

    Args:
      contest: what replicates share.
      draw: the small training set and its validation part.
      sealed: the test set.
      replicate: its number.
      folder: where its GAN, checkpoints and record are kept.
      progress: where to tell how far it is.

    Returns:
      The record, already saved.
    """
    seconds: dict[str, float] = {}
    key = jax.random.fold_in(jax.random.key(contest.config.seed), replicate)
    gan_key, pool_key, classifier_key = jax.random.split(key, 3)

    with _timed(seconds, "gan"):
        gan = trained.train_in(folder, contest.description, draw.fit, gan_key, progress=progress)
        images, labels = gan.sample(pool_key, contest.config.pool, progress)
    with _timed(seconds, "classifiers"):
        pool = Resident(jnp.asarray(images), jnp.asarray(labels))
        entrants, curves = _compete(contest, draw, pool, classifier_key, progress)
    accuracy, loss, update = (
        np.asarray(x) for x in (entrants.accuracy, entrants.loss, entrants.update)
    )
    entries = {arm: choose(own, accuracy, loss, update) for arm, own in contest.arms.items()}
    with _timed(seconds, "test"):
        judgement = _judge(contest, entrants, entries, sealed, replicate)

    classes = len(draw.fit.class_names)
    record = Record(
        entries=entries,
        validation=accuracy.tolist(),
        curves=curves,
        history=gan.history,
        parameters={
            **gan.parameters(),
            "classifier": parameter_count(entrants.best)
            // (len(accuracy) * contest.config.classifier.seeds),
        },
        seconds=seconds,
        labels=judgement.labels,
        predictions=judgement.predictions,
        real=_pictures(draw.fit.images, draw.fit.labels, classes),
        generated=_pictures(images, labels, classes),
    )
    record.save(folder)
    return record


def _compete(
    contest: Contest, draw: Draw, pool: Resident, key: Key, progress: Progress
) -> tuple[Entrants, dict[str, list]]:
    config, competition = contest.config.classifier, contest.competition
    images = Images(to_device(draw.fit), pool, to_device(draw.validation))
    ratios, strengths = (jnp.asarray(column) for column in zip(*contest.candidates, strict=True))
    init_key, batch_key = jax.random.split(key)
    entrants = competition.init(init_key)
    steps = config.updates // config.evaluations
    curves: dict[str, list] = {"update": [], "accuracy": []}
    name = f"train {len(contest.candidates) * config.seeds} classifiers"
    with progress.stage(name, config.updates, "updates") as tick:
        for evaluation in range(1, config.evaluations + 1):
            entrants, accuracy = competition.advance(
                entrants, images, ratios, strengths, batch_key, steps=steps
            )
            curves["update"].append(evaluation * steps)
            curves["accuracy"].append([round(float(a), 6) for a in np.asarray(accuracy)])
            tick(evaluation * steps, f"best on validation {max(curves['accuracy'][-1]):.1%}")
    return entrants, curves


def _judge(
    contest: Contest,
    entrants: Entrants,
    entries: dict[str, Entry],
    sealed: SealedTest,
    replicate: int,
):
    """Open the sealed test set for the chosen classifiers, and for nothing else."""
    chosen = jnp.asarray([entry.candidate for entry in entries.values()])
    variables = jax.tree.map(lambda leaf: leaf[chosen], entrants.best)
    choice = {
        arm: {**contest.candidates[entry.candidate]._asdict(), "update": entry.update}
        for arm, entry in entries.items()
    }

    def predict(images: np.ndarray) -> np.ndarray:
        return np.asarray(contest.competition.predict(variables, jnp.asarray(images)))

    return sealed.judge(replicate, choice, predict)


def _pictures(images: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Arrange the first images of each class as uint8 `[classes, k, h, w, c]`, repeating if few."""
    rows = []
    for label in range(classes):
        own = images[labels == label]
        rows.append(own[np.arange(PICTURES) % len(own)])
    return np.stack(rows)


class _timed:
    """Add the seconds spent within to `seconds[name]`."""

    def __init__(self, seconds: dict[str, float], name: str):
        self.seconds, self.name = seconds, name

    def __enter__(self):
        self.start = perf_counter()

    def __exit__(self, *error):
        spent = perf_counter() - self.start
        self.seconds[self.name] = round(self.seconds.get(self.name, 0.0) + spent, 3)
