"""A study's images: what draws are taken from, what is sealed, one small draw per replicate."""

from dataclasses import dataclass
from pathlib import Path

from ganjax.config import StudyConfig
from ganjax.data import loader, sources, splits
from ganjax.progress import Progress


@dataclass(frozen=True)
class Prepared:
    """A study's images, split, at the size that the networks work on.

    Attributes:
      pool: what draws are taken from.
      sealed: the test set.
      draws: one small training set per replicate.
    """

    pool: sources.Dataset
    sealed: splits.SealedTest
    draws: list[splits.Draw]


def prepare(config: StudyConfig, out: Path, progress: Progress) -> Prepared:
    """Load a source, seal its test part, and draw a small training set for each replicate."""
    with progress.stage("read the images", 0, "images") as tick:
        source = sources.load(
            config.source, data_dir=config.data_dir, tell=lambda done, total: tick(done)
        )
    source = loader.at_network_size(source)
    pool, sealed = splits.part(
        source,
        test_fraction=config.test_fraction,
        seed=config.seed,
        ledger=out / "sealed_test.json",
    )
    draws = [
        splits.draw(
            pool,
            per_class=config.per_class,
            replicate=replicate,
            replicates=config.replicates,
            validation_fraction=config.validation_fraction,
            seed=config.seed,
        )
        for replicate in range(config.replicates)
    ]
    return Prepared(pool, sealed, draws)
