"""The images of a training, yet to be read: those that tell their class, and those that do not."""

from typing import NamedTuple

import jax
import numpy as np

from ganjax.config import TrainConfig
from ganjax.data import loader, opened, sources, splits
from ganjax.data.reading import tell
from ganjax.progress import Progress


class TrainImages(NamedTuple):
    """What a training learns from, yet to be read, padded to the networks' size.

    Attributes:
      labelled: images of known classes.
      unlabelled: others, their labels all -1; None where none were asked for.
    """

    labelled: sources.Unread
    unlabelled: sources.Unread | None


def find_images(
    config: TrainConfig, given: sources.Source | None, cache: bool, progress: Progress
) -> TrainImages:
    """Find the images of a training, and say what was done to them.

    Args:
      config: what decides which they are.
      given: in place of those of `config.source`.
      cache: keep decoded images for the next run.
      progress: where to tell how far it is.

    Raises:
      UserError: the source cannot be used, or has fewer images than were asked for.
    """
    images = _unread(config, given, cache, progress)
    tell(images, progress)
    return parted(config, loader.unread_at_network_size(images))


def parted(config: TrainConfig, images: sources.Unread) -> TrainImages:
    """Part a source's images as a training's configuration says.

    What is held out to choose by is a part of the labelled ones, so never among the others.

    Args:
      config: which are labelled, and how many others there are.
      images: of `ganjax.data.sources.unread`, with those that have no label if `config.unlabelled`.

    Raises:
      UserError: there are fewer than were asked for.
    """
    few, seed, imbalance = config.per_class, config.seed, config.imbalance
    if config.unlabelled is not None:
        found = splits.part_labelled(
            images, few, unlabelled=config.unlabelled, seed=seed, imbalance=imbalance
        )
        return TrainImages(*found)
    if few is not None:
        images = splits.some_per_class(images, few, seed=seed, imbalance=imbalance)
    return TrainImages(images, None)


def one_of(images: TrainImages) -> sources.Dataset:
    """Read the first labelled image alone, to know the images by."""
    return images.labelled.take(np.zeros(1, np.int64))


def _unread(
    config: TrainConfig, given: sources.Source | None, cache: bool, progress: Progress
) -> sources.Unread:
    """Find the images: one process decodes all into the cache, of several each what it reads."""
    if given is not None:
        wanted = given if config.unlabelled is not None else given._replace(unlabelled=None)
        fitted = opened.fitted(sources.checked(wanted), config.reading)
        return opened.as_unread(fitted, config.reading)
    with progress.stage("read the images", 0, "images") as tick:
        return sources.unread(
            config.source,
            data_dir=config.data_dir,
            reading=config.reading,
            cache=cache,
            in_part=jax.process_count() > 1,
            unlabelled=config.unlabelled is not None,
            tell=lambda done, total: tick(done),
            say=progress.say,
        )
