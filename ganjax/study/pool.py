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
from ganjax.study.selection import select
from ganjax.synthesis import together
from ganjax.synthesis.closeness import Auditor
from ganjax.synthesis.description import Description
from ganjax.synthesis.sample import balanced_labels
from ganjax.synthesis.sift import Dropped
from ganjax.synthesis.trained import Trained
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
      selection: how the images were selected, as JSON values.
      dropped: some samples that were dropped.
      gan: whose samples they are; None for a sham.
      copies: what samples are compared with; None where they are not.
    """

    images: Resident
    history: dict[str, list[Any]]
    signs: dict[str, list[Any]]
    kept: int
    parameters: dict[str, int]
    selection: dict[str, Any]
    dropped: Dropped
    gan: Trained | None = None
    copies: Auditor | None = None


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

    Copies of training images are dropped, and what `config.select` does not select.

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
    return [_drawn(config, own, gan, progress) for own, gan in zip(wanted, gans, strict=True)]


def _drawn(config: StudyConfig, own: Wanted, gan: Trained, progress: Progress) -> Pool:
    """Draw a replicate's images from its GAN."""
    found = select(config, gan, own.draw, own.pool_key, progress)
    return Pool(
        found.images,
        gan.history,
        gan.signs,
        gan.update,
        gan.parameters(),
        found.told,
        found.dropped,
        gan,
        found.copies,
    )


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
    none = Dropped(images[:0], labels[:0], labels[:0].astype(np.int8))
    told = {"by": "none", "notes": ["nothing was selected or dropped: these images are no GAN's"]}
    return Pool(Resident(*found), nothing, dict(nothing), 0, parameters, told, none)
