"""Replicates, one or several side by side: fresh draws, a GAN on each alone, choices, one look."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import jax
import numpy as np

from ganjax.config import StudyConfig, Upkeep
from ganjax.data.loader import Resident, to_device
from ganjax.data.splits import Draw, SealedTest
from ganjax.models import parameter_count
from ganjax.progress import Progress
from ganjax.study.arms import Candidate, choose
from ganjax.study.competition import Competition, Entrants, Images, Ways
from ganjax.study.finalists import choose_temperatures, finalists, keep, look
from ganjax.study.inspection import inspect, nearest_to_copies
from ganjax.study.joint_arms import Tried, best, finalist, train_arms
from ganjax.study.pool import Pool, Wanted, make_pools
from ganjax.study.record import Record
from ganjax.synthesis.classifiers import Described
from ganjax.synthesis.description import Description
from ganjax.synthesis.sift import COPY
from ganjax.training import side_by_side
from ganjax.training.loop import train
from ganjax.typing import Key

PICTURES = 8
"""Images per class and kind that a replicate keeps for the report."""

Curves = dict[str, list]


@dataclass(frozen=True)
class Contest:
    """What all replicates of a study share, compiled once.

    Attributes:
      config: the study's configuration.
      candidates: the ways to train.
      arms: which candidates each arm chooses from.
      description: of the GAN.
      competition: the classifiers' functions.
      joint: how each arm that is trained together with a GAN is trained, as JSON values.
    """

    config: StudyConfig
    candidates: tuple[Candidate, ...]
    arms: dict[str, tuple[int, ...]]
    description: Description
    competition: Competition
    joint: dict[str, dict[str, Any]]


class Replicate(NamedTuple):
    """One replicate that is to be run.

    Attributes:
      number: from 0.
      draw: the small training set and its validation part.
      folder: where its GAN and its record are kept.
    """

    number: int
    draw: Draw
    folder: Path


class Outcome(NamedTuple):
    """What the training of one replicate gave, before its look at the test set.

    Attributes:
      pool: its generated images, as host arrays, and what is known of their making.
      inspection: what was found of them.
      entrants: its classifiers, as host arrays.
      curves: their accuracies on validation.
      joint: what was trained together with a GAN, by arm, for each weight that was tried.
    """

    pool: Pool
    inspection: dict[str, Any]
    entrants: Entrants
    curves: Curves
    joint: dict[str, tuple[Tried, ...]]


def run(
    contest: Contest,
    replicates: Sequence[Replicate],
    sealed: SealedTest,
    shared: Path,
    upkeep: Upkeep,
    progress: Progress,
) -> list[Record]:
    """Run replicates side by side, from their draws to each one's look at the test set.

    What a replicate gives does not depend on which others run beside it.

    Args:
      contest: what replicates share.
      replicates: those to run; trained together, judged one after another.
      sealed: the test set.
      shared: folder for what they keep together while they train.
      upkeep: how often checkpoints are written, and what is done about trouble.
      progress: where to tell how far they are.

    Returns:
      Their records, already saved. The seconds of a training that they shared are divided equally
      among them, so that their sum is what passed.
    """
    seconds: dict[str, float] = {}
    root = jax.random.key(contest.config.seed)
    roots = [jax.random.fold_in(root, own.number) for own in replicates]
    keys = [jax.random.split(own, 3) for own in roots]
    gan_keys, pool_keys, classifier_keys = zip(*keys, strict=True)
    with _timed(seconds, "gan"):
        pools = make_pools(
            contest.config,
            [
                Wanted(own.folder, own.draw, *own_keys)
                for own, *own_keys in zip(replicates, gan_keys, pool_keys, strict=True)
            ],
            contest.description,
            shared=shared / "gans",
            upkeep=upkeep,
            progress=progress,
        )
    with _timed(seconds, "inspection"):
        inspections = [
            inspect(contest.config, own.number, own.draw, pool, pool_key, progress)
            for own, pool, pool_key in zip(replicates, pools, pool_keys, strict=True)
        ]
    with _timed(seconds, "classifiers"):
        entrants, curves = _compete(
            contest,
            replicates,
            [pool.images for pool in pools],
            classifier_keys,
            shared,
            upkeep,
            progress,
        )
    with _timed(seconds, "joint"):
        joint = [
            train_arms(
                contest.config, own.draw, own.folder, jax.random.fold_in(key, 3), upkeep, progress
            )
            for own, key in zip(replicates, roots, strict=True)
        ]
    share = {name: round(spent / len(replicates), 3) for name, spent in seconds.items()}
    outcomes = map(Outcome, pools, inspections, entrants, curves, joint)
    records = [
        _conclude(contest, own, outcome, sealed, dict(share))
        for own, outcome in zip(replicates, outcomes, strict=True)
    ]
    # Not before: until a record is there, the same classifiers must be found again
    shutil.rmtree(shared, ignore_errors=True)
    return records


def _compete(
    contest: Contest,
    replicates: Sequence[Replicate],
    pools: Sequence[Resident],
    keys: Sequence[Key],
    shared: Path,
    upkeep: Upkeep,
    progress: Progress,
) -> tuple[list[Entrants], list[Curves]]:
    """Train the classifiers of all replicates side by side, or go on where they stopped."""
    config, competition = contest.config.classifier, contest.competition
    group = side_by_side.group(len(replicates))
    ways = Ways(
        *(np.asarray(column, np.float32) for column in zip(*contest.candidates, strict=True))
    )
    init_keys, batch_keys = zip(*[jax.random.split(key) for key in keys], strict=True)
    # A pool is a host array: it goes straight to the device of its own row
    data = group.stack(
        [
            (Images(to_device(draw.fit), pool, to_device(draw.validation)), ways)
            for (_, draw, _), pool in zip(replicates, pools, strict=True)
        ]
    )
    advance = side_by_side.many_steps(competition.advance, group.mesh)
    name = f"train {len(replicates) * len(contest.candidates) * config.seeds} classifiers"
    with progress.stage(name, config.updates, "updates") as tick:
        found = train(
            advance,
            side_by_side.spread(competition.init, group.mesh)(group.stack(init_keys)),
            data,
            group.stack(batch_keys),
            updates=config.updates,
            steps_per_call=config.updates // config.evaluations,
            tick=tick,
            say=progress.say,
            note=lambda metrics: f"best on validation {metrics['accuracy'].max():.1%}",
            folder=shared / "classifiers" / "-".join(str(replicates[i].number) for i in group.rows),
            upkeep=upkeep,
        )
    curves = [
        {
            "update": found.history["update"],
            "accuracy": [
                [round(float(a), 6) for a in rows[i]] for rows in found.history["accuracy"]
            ],
        }
        for i in range(len(replicates))
    ]
    return group.unstack(found.state), curves


def _conclude(
    contest: Contest,
    replicate: Replicate,
    outcome: Outcome,
    sealed: SealedTest,
    seconds: dict[str, float],
) -> Record:
    """Choose on validation, keep what is chosen, look at the test set once, save the record."""
    entrants, draw = outcome.entrants, replicate.draw
    probability, accuracy, update = (
        np.asarray(x) for x in (entrants.probability, entrants.accuracy, entrants.update)
    )
    entries = {arm: choose(own, probability, accuracy, update) for arm, own in contest.arms.items()}
    chosen = finalists(contest.competition, contest.candidates, entrants.best, entries)
    chosen |= {arm: finalist(best(tried)) for arm, tried in outcome.joint.items()}
    with _timed(seconds, "test"):
        temperatures = choose_temperatures(chosen, draw.validation)
        keep(replicate.folder, _described(contest, draw), chosen, temperatures)
        seen = look(chosen, temperatures, sealed, replicate.number)
    classes = len(draw.fit.class_names)
    classifiers = len(accuracy) * contest.config.classifier.seeds
    record = Record(
        entries=entries,
        validation=accuracy.tolist(),
        curves=outcome.curves,
        history=outcome.pool.history,
        signs=outcome.pool.signs,
        kept=outcome.pool.kept,
        parameters={
            **outcome.pool.parameters,
            "classifier": parameter_count(entrants.best) // classifiers,
        },
        seconds=seconds,
        labels=seen.labels,
        predictions=seen.predictions,
        calibration=seen.calibration,
        joint={arm: _told(tried) for arm, tried in outcome.joint.items()},
        real=_pictures(draw.fit.images, draw.fit.labels, classes),
        generated=_pictures(
            np.asarray(outcome.pool.images.images),
            np.asarray(outcome.pool.images.labels),
            classes,
        ),
        inspection=outcome.inspection,
        dropped=outcome.pool.dropped.images,
        dropped_labels=outcome.pool.dropped.labels,
        dropped_copies=outcome.pool.dropped.reasons == COPY,
        nearest=nearest_to_copies(outcome.pool, draw.fit),
    )
    record.save(replicate.folder)
    return record


def _described(contest: Contest, draw: Draw) -> Described:
    """Say what is needed of this study to use its classifiers."""
    _, size, _, channels = draw.fit.images.shape
    asked = contest.config.reading.size
    return Described(
        config=contest.config.classifier,
        size=size,
        channels=channels,
        class_names=tuple(draw.fit.class_names),
        source=draw.fit.name,
        unpadded=(asked, asked) if asked else None,
    )


def _told(tried: tuple[Tried, ...]) -> dict[str, Any]:
    """Tell of an arm's joint trainings, as JSON values."""
    chosen = best(tried)
    return {
        "kept": dict(finalist(chosen).facts),
        "tried": [own.told() for own in tried],
        "history": chosen.trained.history,
        "signs": chosen.trained.signs,
        "parameters": chosen.trained.parameters(),
    }


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
