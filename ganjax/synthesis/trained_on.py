"""The real images that a generator was trained on, found again by its run's configuration."""

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_type_hints

import numpy as np

from ganjax.config import StudyConfig, TrainConfig
from ganjax.data import loader, sources, splits
from ganjax.data.sources import Dataset, Unread
from ganjax.errors import UserError, quoted
from ganjax.progress import Progress
from ganjax.synthesis.description import Description
from ganjax.synthesis.train_images import parted

Config = TypeVar("Config", TrainConfig, StudyConfig)


class Parts(NamedTuple):
    """The real images of a run, as the generator saw them: padded to the networks' size.

    Attributes:
      fit: those that it was trained on.
      held_out: others of the same draw, which it was not trained on; None where there are none.
      unlabelled: those that it saw without their labels; None where there are none.
    """

    fit: Dataset | Unread
    held_out: Dataset | Unread | None
    unlabelled: Dataset | Unread | None = None


def run_of(folder: Path) -> Path:
    """Return the run that a generator's folder belongs to: itself, or the study around it."""
    replicate = _replicate_of(folder)
    return Path(folder).resolve() if replicate is None else replicate.parent.parent


def _replicate_of(folder: Path) -> Path | None:
    """Return the replicate of a study that a generator is of: its folder, or the one around it."""
    folder = Path(folder).resolve()
    return next((own for own in (folder, folder.parent) if own.parent.name == "replicates"), None)


def recorded_counts(folder: Path) -> np.ndarray | None:
    """Return how many images of each class a generator was trained on, if that is on record.

    Older versions wrote no such record into `generator.json`.
    """
    counts = json.loads((folder / "generator.json").read_text()).get("counts")
    return None if counts is None else np.asarray(counts, np.int64)


def class_counts(folder: Path, progress: Progress) -> np.ndarray:
    """Return how many images of each class a generator was trained on: int `[classes]`.

    Where that is not on record they are counted again.

    Args:
      folder: of the generator.
      progress: where to tell how far the counting is.

    Raises:
      UserError: they are not on record, and the images are not where they were.
    """
    recorded = recorded_counts(folder)
    if recorded is not None:
        return recorded
    images = real_images(folder, progress)
    return np.bincount(images.labels, minlength=len(images.class_names))


def real_images(folder: Path, progress: Progress) -> Dataset | Unread:
    """Find the images again that a generator was trained on, without those held out: as `parts`."""
    return parts(folder, progress).fit


def parts(folder: Path, progress: Progress) -> Parts:
    """Find the images again that a generator was trained on, and those held out.

    Args:
      folder: of a training, or of a study's replicate.
      progress: where to tell how far their reading is.

    Raises:
      UserError: its run's configuration is missing, or the images are not where they were.
    """
    run = run_of(folder)
    try:
        found = json.loads((run / "config.json").read_text())
        replicate = _replicate_of(folder)
        if replicate is None:
            return _of_training(_configured(TrainConfig, found), progress)
        joint = replicate != Path(folder).resolve()
        config = _configured(StudyConfig, found)
        return _of_replicate(config, int(replicate.name), joint, progress)
    except (UserError, OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"the images that {quoted(folder)} was trained on cannot be found again: "
            f"{quoted(error)}"
        ) from None


def is_as_recorded(images: Dataset | Unread, folder: Path, description: Description) -> bool:
    """Say whether images that were found again are, by classes, size and number, those on record.

    Args:
      images: what `parts` found.
      folder: of the generator.
      description: of the generator.
    """
    names = tuple(images.class_names)
    shape = images.take(np.zeros(1, np.int64)).images.shape[1:]
    counts = np.bincount(images.labels, minlength=len(names))
    recorded = recorded_counts(folder)
    return (
        (description.classes is None or names == description.class_names)
        and shape == (description.size, description.size, description.channels)
        and (recorded is None or np.array_equal(np.trim_zeros(counts), np.trim_zeros(recorded)))
    )


def _of_training(config: TrainConfig, progress: Progress) -> Parts:
    with progress.stage("read the images", 0, "images") as tick:
        images = loader.unread_at_network_size(
            sources.unread(
                config.source,
                data_dir=config.data_dir,
                reading=config.reading,
                unlabelled=config.unlabelled is not None,
                tell=lambda done, total: tick(done),
            )
        )
    labelled, unlabelled = parted(config, images)
    if not config.validation_fraction:
        return Parts(labelled, None, unlabelled)
    fit, held_out = splits.hold_out(labelled, config.validation_fraction, seed=config.seed)
    if len(held_out) < 2:  # too few to choose by: all were trained on
        return Parts(labelled, None, unlabelled)
    return Parts(fit, held_out, unlabelled)


def _of_replicate(config: StudyConfig, number: int, joint: bool, progress: Progress) -> Parts:
    """Draw a replicate's images again; only its joint trainings saw those without labels."""
    unlabelled = config.unlabelled if joint else None
    with progress.stage("read the images", 0, "images") as tick:
        source = sources.load(
            config.source,
            data_dir=config.data_dir,
            reading=config.reading,
            unlabelled=config.unlabelled is not None,
            tell=lambda done, total: tick(done),
        )
    pool, _ = splits.part(
        loader.at_network_size(source), test_fraction=config.test_fraction, seed=config.seed
    )
    found = splits.draw(
        pool,
        per_class=config.per_class,
        replicate=number,
        replicates=config.replicates,
        validation_fraction=config.validation_fraction,
        seed=config.seed,
        imbalance=config.imbalance,
        unlabelled=unlabelled,
    )
    return Parts(found.fit, found.validation, found.unlabelled)


def _configured(kind: type[Config], found: dict[str, Any]) -> Config:
    """Return the configuration that `ganjax.config.to_json` wrote."""
    kinds = get_type_hints(kind)
    values = {own.name: found[own.name] for own in fields(kind) if own.name in found}
    return kind(
        **{
            name: _configured(kinds[name], value) if is_dataclass(kinds[name]) else value
            for name, value in values.items()
        }
    )
