"""The generated images that a replicate's classifiers may use: of its GAN, or a sham."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from ganjax.config import Sham, StudyConfig, Upkeep
from ganjax.data.loader import Resident
from ganjax.data.sources import Dataset
from ganjax.data.splits import Draw
from ganjax.progress import Progress
from ganjax.synthesis import together
from ganjax.synthesis.description import Description
from ganjax.synthesis.sample import balanced_labels
from ganjax.typing import Key


class Wanted(NamedTuple):
    """What a replicate's images are made from.

    Attributes:
      folder: where its GAN is kept.
      draw: its training images, and those that choose.
      gan_key: of the GAN's training.
      pool_key: of the images.
    """

    folder: Path
    draw: Draw
    gan_key: Key
    pool_key: Key


class Pool(NamedTuple):
    """Images to train classifiers on, and what is known of their making.

    Attributes:
      images: host arrays.
      history: of the GAN's training.
      signs: what the looks at it saw.
      kept: the update whose generator was kept.
      parameters: of both networks.
    """

    images: Resident
    history: dict[str, list[Any]]
    signs: dict[str, list[Any]]
    kept: int
    parameters: dict[str, int]


def make_pools(
    config: StudyConfig,
    wanted: Sequence[Wanted],
    description: Description,
    *,
    shared: Path,
    upkeep: Upkeep,
    progress: Progress,
) -> list[Pool]:
    """Make the images of replicates side by side: train a GAN for each, and draw from it.

    Args:
      config: of the study.
      wanted: one for each replicate.
      description: of the GANs.
      shared: folder for what they keep together while they train.
      upkeep: how often checkpoints are written, and what is done about trouble.
      progress: where to tell how far they are.
    """
    if config.sham != "none":
        return [sham(config.sham, own.draw.fit, config.pool, own.pool_key) for own in wanted]
    gans = together.train_together(
        [
            together.Assignment(own.folder, own.draw.fit, own.draw.validation, own.gan_key)
            for own in wanted
        ],
        description,
        shared=shared,
        upkeep=upkeep,
        progress=progress,
    )
    return [
        Pool(
            Resident(*gan.sample(own.pool_key, config.pool, progress)),
            gan.history,
            gan.signs,
            gan.update,
            gan.parameters(),
        )
        for own, gan in zip(wanted, gans, strict=True)
    ]


def sham(kind: Sham, fit: Dataset, count: int, key: Key) -> Pool:
    """Return images that cannot help, in place of generated ones: a check of the study itself.

    Args:
      kind: "copies", training images drawn again; "noise", uniform noise with any label.
      fit: the training images.
      count: how many; of all classes in turn.
      key: of the draw.
    """
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())
    labels = balanced_labels(count, len(fit.class_names))
    if kind == "noise":
        images = rng.integers(0, 256, (count, *fit.images.shape[1:]), np.uint8)
    else:
        rows = np.zeros(count, np.int64)
        for label in range(len(fit.class_names)):
            own = np.flatnonzero(labels == label)
            rows[own] = rng.choice(np.flatnonzero(fit.labels == label), len(own))
        images = fit.images[rows]
    nothing: dict[str, list[Any]] = {"update": []}
    parameters = {"generator": 0, "discriminator": 0}
    found: Any = (images, labels)  # host arrays, as a GAN's samples are
    return Pool(Resident(*found), nothing, dict(nothing), 0, parameters)
