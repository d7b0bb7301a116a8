"""`ganjax evaluate`: from two names to figures."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganjax import environment
from ganjax.config import Reading
from ganjax.config.checks import check_seed
from ganjax.data.dataset import Dataset, Source
from ganjax.data.loader import at_network_size
from ganjax.errors import UserError, quoted
from ganjax.evaluate import draws, sides
from ganjax.evaluate.cas import CAS
from ganjax.evaluate.comparison import compare_sets, with_classes_of
from ganjax.evaluate.features import Features, load_features
from ganjax.evaluate.learning import Learning
from ganjax.evaluate.sealing import Real, leave_out, real_side, seal
from ganjax.evaluate.sides import Reader, Run
from ganjax.progress import Progress, Silent

SCHEMA = 1
TEST_FRACTION = 0.4


@dataclass(frozen=True)
class Evaluation:
    """What was found, with images to look at.

    Attributes:
      results: JSON values.
      judged: the images that were judged.
      real: real images that could be trained on.
    """

    results: dict[str, Any]
    judged: Dataset
    real: Dataset


class _Prepared(NamedTuple):
    """Both sides, before anything is measured.

    Attributes:
      judged: the images to judge.
      real: the real side.
      trained_on: images that the judged ones may be copies of; None for the real ones.
      facts: what is to be known of where the judged images are from.
      notes: what a person should know, a line each.
    """

    judged: Dataset
    real: Real
    trained_on: np.ndarray | None
    facts: dict[str, Any]
    notes: tuple[str, ...]


def evaluate(
    a: str,
    b: str,
    *,
    data_dir: str | None = None,
    reading: Reading = Reading(),
    features: Path | Features | Callable[[np.ndarray], Any] | None = None,
    count: int | None = None,
    test_fraction: float | None = None,
    seed: int = 0,
    seeds: int = 3,
    cas: Learning | None = CAS,
    cache: bool = True,
    command: str = "",
    progress: Progress | None = None,
) -> Evaluation:
    """Judge the images of A by those of B.

    The figures rest on B's test split, which is looked at once; where it has none, on a part of
    each class that is sealed, and that neither A's generator nor A itself has had.

    Args:
      a: a source, whose training images are judged; or the folder of a run, which generates them.
      b: the real side, likewise.
      data_dir: where prepared TFDS sets are.
      reading: what size and channels B's images are brought to, and with them A's.
      features: a kept network's folder, or as of `compare`.
      count: images of A; by default as many as B has to train on, or all of a source that has
        fewer.
      test_fraction: part of each class of B to seal, where it has no test split; by default 0.4,
        or that of A's study.
      seed: of every draw of images, and of what is generated.
      seeds: classifiers per side for the CAS.
      cas: how they are trained; None to leave the CAS out.
      cache: keep decoded images and the feature network in the cache folder, and take them from
        there.
      command: the command line to repeat it, for the record.
      progress: where to tell how far it is.

    Raises:
      UserError: a source or run that cannot be used, other classes or sizes, or too few images.
      Interrupted: a signal asked to stop.
    """
    progress = progress or Silent()
    check_seed(seed)
    _check(count, test_fraction, seeds)
    if isinstance(features, Path):
        features = load_features(features)
    reader = Reader(data_dir, reading, cache, progress)
    source, b_facts = _real(b, reader, seed)
    prepare = _judged_source if sides.is_source(a) else _judged_run
    prepared = prepare(a, source, reader, count, test_fraction, seed)
    found = compare_sets(
        prepared.judged,
        prepared.real,
        trained_on=prepared.trained_on,
        features=features,
        seed=seed,
        seeds=seeds,
        cas=cas,
        cache=cache,
        progress=progress,
    )
    results = {
        "schema": SCHEMA,
        "a": {"name": a, **prepared.facts},
        "b": {"name": b, **b_facts},
        "copies_of": f"the images that {a} was trained on"
        if prepared.trained_on is not None
        else f"the training images of {b}",
        **found,
        "notes": [*prepared.notes, *found["notes"]],
        "seed": seed,
        "reading": asdict(reading),
        "environment": environment.describe(),
        "command": command,
    }
    return Evaluation(results, prepared.judged, prepared.real.fit)


def _real(name: str, reader: Reader, seed: int) -> tuple[Source, dict[str, Any]]:
    """Return the real side's images, and what is to be known of them."""
    if sides.is_source(name):
        source = reader.read(name)
        return source, {"kind": "source", "notes": list(source.notes)}
    run = sides.find_run(name, reader.progress)
    return sides.as_source(run, seed, reader.progress), {"kind": "run", **run.facts}


def _judged_source(
    name: str,
    source: Source,
    reader: Reader,
    count: int | None,
    test_fraction: float | None,
    seed: int,
) -> _Prepared:
    real = at_network_size(source)
    found = source if name == source.train.name else reader.read(name, like=source)
    judged = with_classes_of(at_network_size(found).train, real.train.class_names)
    parted = seal(real, trained_on=None, test_fraction=test_fraction or TEST_FRACTION, seed=seed)
    judged, notes = leave_out(judged, parted)
    if count is not None:
        if count > len(judged):
            raise UserError(f"--count {count}: {quoted(name)} has only {len(judged):,} images")
        judged = judged.take(np.sort(draws.some(judged.labels, count, seed)))
    facts = {"kind": "source", "notes": list(found.notes)}
    return _Prepared(judged, real_side(parted, seed=seed), None, facts, (*parted.notes, *notes))


def _judged_run(
    name: str,
    source: Source,
    reader: Reader,
    count: int | None,
    test_fraction: float | None,
    seed: int,
) -> _Prepared:
    run, real = sides.find_run(name, reader.progress), at_network_size(source)
    sides.check_size(run, real.train)
    _check_classes(run, real.train)
    known = run.training_images(reader.progress)
    split = {"test_fraction": TEST_FRACTION, "seed": seed, **sides.split_of(run)}
    if test_fraction is not None:
        split["test_fraction"] = test_fraction
    parted = seal(real, trained_on=known, **split)
    side = real_side(parted, seed=seed)
    names = run.gan.description.class_names
    counts = side.fit.counts()
    own = counts[[side.fit.class_names.index(own) for own in names]] if names else counts.sum()
    wanted = draws.in_proportion(np.atleast_1d(own), count or len(side.fit))
    judged = run.generate(wanted, seed, reader.progress)
    if names:
        judged = with_classes_of(judged, side.fit.class_names)
    notes = parted.notes
    if known is None:
        unknown = (
            f"the images that {quoted(name)} was trained on cannot be found again: where they are "
            "among the real ones, the figures may rest on images that it has seen"
        )
        notes = (unknown, *notes)
    return _Prepared(judged, side, known, {"kind": "run", **run.facts}, notes)


def _check_classes(run: Run, real: Dataset) -> None:
    """Refuse a run of other classes before anything is generated."""
    names = run.gan.description.class_names
    nothing = Dataset(run.name, real.images[:0], np.zeros(0, np.int32), names)
    if names:
        with_classes_of(nothing, real.class_names)


def _check(count: int | None, test_fraction: float | None, seeds: int) -> None:
    if count is not None and count < 1:
        raise UserError(f"--count must be at least 1, not {count}")
    if test_fraction is not None and not 0 < test_fraction < 1:
        raise UserError(f"--test-fraction must be above 0 and below 1, not {test_fraction}")
    if seeds < 2:
        raise UserError(f"--seeds must be at least 2, not {seeds}: an interval needs several")
