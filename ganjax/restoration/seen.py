"""What a classifier of the originals sees of images: for the feature loss, and to judge by."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from ganjax import models
from ganjax.config import Reading
from ganjax.data import sources, splits
from ganjax.data.hashes import pixel_hashes
from ganjax.data.loader import LARGEST, pad_to_power_of_two
from ganjax.errors import UserError, quoted
from ganjax.evaluate.features import LEARNING, Features, train_features
from ganjax.progress import Progress
from ganjax.synthesis.weights import WORDS, read_weights
from ganjax.typing import Array

VALIDATION = 0.1
"""Part of the labelled images that chooses when the classifier was best."""

JUDGE, TEACHER = 0, 1
"""Seeds of the classifier that judges restorers, and of the one whose features they learn by: what
a restorer was trained to please is no judge of it."""


def classes_of(source: str, data_dir: str | None, progress: Progress) -> tuple[str, ...]:
    """Return the names of a source's classes; none where it has no labels that can be read."""
    try:
        return sources.load(source, data_dir=data_dir, say=progress.say).train.class_names
    except UserError:  # any folder of images will do for a restorer
        return ()


def train_classifier(
    source: str,
    shape: tuple[int, ...],
    *,
    data_dir: str | None = None,
    place: Path | None = None,
    without: Sequence[np.ndarray] = (),
    seed: int = JUDGE,
    progress: Progress,
) -> Features:
    """Train a classifier on a source's originals, with the features before its last layer.

    Args:
      source: with labels, of images of one size.
      shape: height, width and channels of these.
      data_dir: where prepared TFDS sets are.
      place: folder that its weights are kept in; by default one of the cache.
      without: images that it must not learn from, uint8 `[height, width, channels]` each.
      seed: of its initial weights, its batches and what it holds out to choose by.
      progress: where to tell how far it is.

    Raises:
      UserError: it has no labels, or images of several sizes or of more than 128 pixels.
    """
    with progress.stage("read the labels", 0, "images") as tick:
        train = sources.load(
            source,
            data_dir=data_dir,
            reading=Reading(channels=shape[-1]),
            tell=lambda done, total: tick(done),
            say=progress.say,
        ).train
    if train.images.shape[1:] != shape:
        raise UserError(
            f"{quoted(source)} has images of several sizes: a classifier needs images of one size, "
            f"of at most {LARGEST} pixels a side"
        )
    if len(without):
        others = ~np.isin(pixel_hashes(train.images), pixel_hashes(np.stack(without)))
        train = train.take(np.flatnonzero(others))
    padded = replace(train, images=pad_to_power_of_two(train.images))
    fit, validation = splits.hold_out(padded, VALIDATION, seed=seed)
    learning = replace(LEARNING, seed=seed)
    return train_features(fit, validation, learning=learning, place=place, progress=progress)


def feature_function(folder: Path) -> Callable[[Array], Array]:
    """Return the features of a kept network of `ganjax.evaluate.features`.

    Args:
      folder: of its weights.

    Returns:
      Float32 images `[batch, height, width, channels]` in [-1, 1] to features `[batch, n]`,
      differentiable. Smaller images than it was trained on are padded with black, as those were.

    Raises:
      UserError: there is none, it is damaged, or images are too large for it.
    """
    variables = jax.tree.map(jnp.asarray, read_weights(folder)["classifier"])
    facts = json.loads((folder / WORDS).read_text())["facts"]
    shape, learning = facts["network"], facts["learning"]
    units = models.conv_features(
        size=shape["size"],
        channels=shape["channels"],
        width=learning["width"],
        features=learning["features"],
    )

    def features(images: Array) -> Array:
        missing = [shape["size"] - side for side in images.shape[1:3]]
        if min(missing) < 0:
            raise UserError(
                f"the feature loss sees images of up to {shape['size']} pixels a side, not "
                f"{images.shape[2]}x{images.shape[1]}"
            )
        sides = [(own // 2, own - own // 2) for own in missing]
        padded = jnp.pad(images, ((0, 0), *sides, (0, 0)), constant_values=-1.0)
        return units.apply(variables, padded)[0]

    return features
