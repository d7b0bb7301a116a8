"""A study's images: what draws are taken from, what is sealed, one small draw per replicate."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganjax.config import StudyConfig
from ganjax.data import quarantine, sources, splits
from ganjax.data.listing import Bad
from ganjax.data.reading import read
from ganjax.errors import UserError
from ganjax.progress import Progress


@dataclass(frozen=True)
class Prepared:
    """A study's images, split, at the size that the networks work on.

    Attributes:
      pool: what draws are taken from; without the images that the source brings unlabelled.
      sealed: the test set.
      draws: one small training set per replicate.
      bad: what was left out of the source, and why.
      notes: what was done to the images, a line each.
    """

    pool: sources.Dataset
    sealed: splits.SealedTest
    draws: list[splits.Draw]
    bad: tuple[Bad, ...]
    notes: tuple[str, ...]


def prepare(
    config: StudyConfig,
    images: sources.Source | None,
    out: Path | None,
    cache: bool,
    progress: Progress,
) -> Prepared:
    """Load a source, seal its test part, and draw a small training set for each replicate.

    Args:
      config: what decides the outcome.
      images: in place of those of `config.source`.
      out: the study's folder; what was left out of the source is listed there. None to write
        nothing.
      cache: keep decoded images for the next run.
      progress: where to tell how far it is.

    Raises:
      UserError: the source cannot be used, or its test images are among its training images, or
        the pool of generated images is smaller than the number of classes, or fewer images are left
        beside a draw than are to go without labels.
    """
    source = read(
        images or config.source,
        config.data_dir,
        config.reading,
        cache,
        progress,
        unlabelled=config.unlabelled is not None,
    )
    if out is not None:
        quarantine.write(out, source.bad)
    pool, sealed = splits.part(
        source,
        test_fraction=config.test_fraction,
        seed=config.seed,
        ledger=out and out / "sealed_test.json",
    )
    classes = len(pool.class_names)
    if config.pool < classes:
        raise UserError(
            f"--pool {config.pool} is less than one generated image for each of {classes} classes: "
            f"give --pool {classes} or more"
        )
    draws = [
        splits.draw(
            pool,
            per_class=config.per_class,
            replicate=replicate,
            replicates=config.replicates,
            validation_fraction=config.validation_fraction,
            seed=config.seed,
            imbalance=config.imbalance,
            unlabelled=config.unlabelled,
        )
        for replicate in range(config.replicates)
    ]
    if source.unlabelled is not None:
        pool = pool.take(np.flatnonzero(pool.labels >= 0))
    progress.say(_asked(draws[0].fit.counts() + draws[0].validation.counts(), pool.counts()))
    return Prepared(pool, sealed, draws, source.bad, source.notes)


def _asked(wanted: np.ndarray, there: np.ndarray) -> str:
    """Say how many images of a class the answer is about, and how many it could be about."""
    most, fewest = int(wanted.max()), int(wanted.min())
    many = f"{most:,}" if most == fewest else f"{most:,} to {fewest:,}"
    asked = f"each draw: {many} labelled images per class"
    if there.min() <= most:
        return asked
    return f"{asked}, of at least {there.min():,}: --per-class asks about more, or fewer"
