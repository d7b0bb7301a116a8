"""Replicates, one or several side by side: fresh draws, a GAN on each alone, all candidates."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from ganjax.config import ClassifierConfig, StudyConfig, Upkeep
from ganjax.data.loader import Resident, to_device
from ganjax.data.splits import Draw
from ganjax.models import parameter_count
from ganjax.progress import Progress
from ganjax.study.arms import Candidate
from ganjax.study.competition import Competition, Entrants, Images, Ways
from ganjax.study.costs import Costs
from ganjax.study.finalists import leave_candidates
from ganjax.study.inspection import inspect, nearest_to_copies
from ganjax.study.joint_arms import train_arms
from ganjax.study.pool import Pool, Wanted, make_pools
from ganjax.study.record import Learnt
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
      competition: the functions of all candidates' classifiers.
      control: those of the one candidate that is trained with noise for generated images; None
        without such a control.
      joint: how each arm that is trained together with a GAN is trained, as JSON values.
    """

    config: StudyConfig
    candidates: tuple[Candidate, ...]
    arms: dict[str, tuple[int, ...]]
    description: Description
    competition: Competition
    control: Competition | None
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


def train_replicates(
    contest: Contest,
    replicates: Sequence[Replicate],
    shared: Path,
    upkeep: Upkeep,
    progress: Progress,
) -> None:
    """Train all of some replicates side by side, and write into their folders what came of it.

    Each folder then holds its `Learnt` and the classifiers of all candidates. What a replicate
    gives does not depend on which others run beside it. The seconds of a training that they shared,
    in all the runs that it took, are divided equally among them, so that their sum is what passed.

    Args:
      contest: what replicates share.
      replicates: those to train.
      shared: folder for what they keep together while they train.
      upkeep: how often checkpoints are written, and what is done about trouble.
      progress: where to tell how far they are.
    """
    costs = Costs(shared / f"seconds-{'-'.join(str(own.number) for own in replicates)}.json")
    keys = [keys_of(contest, own) for own in replicates]
    with costs.of("gan"):
        pools = make_pools(
            contest.config,
            [
                Wanted(own.folder, own.draw, key.gan, key.pool)
                for own, key in zip(replicates, keys, strict=True)
            ],
            contest.description,
            shared=shared / "gans",
            upkeep=upkeep,
            progress=progress,
        )
    with costs.of("inspection"):
        inspections = [
            inspect(contest.config, own.number, own.draw, pool, key.pool, progress)
            for own, pool, key in zip(replicates, pools, keys, strict=True)
        ]
    with costs.of("classifiers"):
        entrants, curves = compete(
            contest.competition,
            contest.candidates,
            contest.config.classifier,
            replicates,
            [pool.images for pool in pools],
            [key.classifiers for key in keys],
            shared=shared / "classifiers",
            upkeep=upkeep,
            progress=progress,
        )
    with costs.of("joint"):
        joint = [
            train_arms(contest.config, own.draw, own.folder, key.joint, upkeep, progress)
            for own, key in zip(replicates, keys, strict=True)
        ]
    share = costs.share(len(replicates))
    found = zip(replicates, pools, inspections, entrants, curves, joint, strict=True)
    for own, pool, inspection, classifiers, curve, told in found:
        _leave(contest, own, pool, inspection, classifiers, curve, told, dict(share))
    # Not before: until all are there, the same classifiers must be found again
    shutil.rmtree(shared, ignore_errors=True)


class Keys(NamedTuple):
    """The random numbers of a replicate: of its GAN, of its samples, of its arms."""

    gan: Key
    pool: Key
    classifiers: Key
    joint: Key


def keys_of(contest: Contest, replicate: Replicate) -> Keys:
    """Return the keys of a replicate, which follow from the study's seed and its number alone."""
    root = jax.random.fold_in(jax.random.key(contest.config.seed), replicate.number)
    gan, pool, classifiers = jax.random.split(root, 3)
    return Keys(gan, pool, classifiers, joint=jax.random.fold_in(root, 3))


def compete(
    competition: Competition,
    candidates: Sequence[Candidate],
    config: ClassifierConfig,
    replicates: Sequence[Replicate],
    pools: Sequence[Resident],
    keys: Sequence[Key],
    *,
    shared: Path,
    upkeep: Upkeep,
    progress: Progress,
) -> tuple[list[Entrants], list[Curves]]:
    """Train the classifiers of all replicates side by side, or go on where they stopped.

    Args:
      competition: the functions of as many candidates.
      candidates: the ways to train.
      config: how all are trained.
      replicates: whose draws they are trained on.
      pools: the images of each that take the place of real ones, host arrays.
      keys: of each replicate's classifiers.
      shared: folder for what they keep together while they train.
      upkeep: how often checkpoints are written, and what is done about trouble.
      progress: where to tell how far they are.

    Returns:
      For each replicate its classifiers, and their accuracy on validation at every evaluation.
    """
    group = side_by_side.group(len(replicates))
    ways = Ways(*(np.asarray(column, np.float32) for column in zip(*candidates, strict=True)))
    init_keys, batch_keys = zip(*[jax.random.split(key) for key in keys], strict=True)
    # A pool is a host array: it goes straight to the device of its own row
    data = group.stack(
        [
            (Images(to_device(draw.fit), pool, to_device(draw.validation)), ways)
            for (_, draw, _), pool in zip(replicates, pools, strict=True)
        ]
    )
    advance = side_by_side.many_steps(competition.advance, group.mesh)
    count = len(replicates) * len(candidates) * config.seeds
    name = f"train {count} classifier{'s' if count > 1 else ''}"
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
            folder=shared / "-".join(str(replicates[i].number) for i in group.rows),
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


def _leave(
    contest: Contest,
    replicate: Replicate,
    pool: Pool,
    inspection: dict[str, Any],
    entrants: Entrants,
    curves: Curves,
    joint: dict[str, list[dict[str, Any]]],
    seconds: dict[str, float],
) -> None:
    """Write what a replicate's training gave into its folder."""
    fit = replicate.draw.fit
    classes = len(fit.class_names)
    classifiers = len(contest.candidates) * contest.config.classifier.seeds
    leave_candidates(replicate.folder, entrants.best)
    Learnt(
        validation=np.asarray(entrants.accuracy).tolist(),
        probability=np.asarray(entrants.probability).tolist(),
        updates=np.asarray(entrants.update).tolist(),
        curves=curves,
        history=pool.history,
        signs=pool.signs,
        kept=pool.kept,
        parameters={
            **pool.parameters, "classifier": parameter_count(entrants.best) // classifiers
        },
        seconds=seconds,
        joint={arm: {"tried": tried} for arm, tried in joint.items()},
        real=_pictures(fit.images, fit.labels, classes),
        generated=_pictures(
            np.asarray(pool.images.images), np.asarray(pool.images.labels), classes
        ),
        inspection=inspection,
        dropped=pool.dropped.images,
        dropped_labels=pool.dropped.labels,
        dropped_copies=pool.dropped.reasons == COPY,
        nearest=nearest_to_copies(pool, fit),
    ).save(replicate.folder)  # fmt: skip


def _pictures(images: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Arrange the first images of each class as uint8 `[classes, k, h, w, c]`, repeating if few."""
    rows = []
    for label in range(classes):
        own = images[labels == label]
        rows.append(own[np.arange(PICTURES) % len(own)])
    return np.stack(rows)
