"""What a replicate's GAN makes, looked into: are they copies, and do they carry T(x)?

Both are asked of samples as they come from the generator, before any is dropped. Nothing of it
decides anything; the report tells it.
"""

from typing import Any

import jax
import numpy as np

from ganjax import recipe
from ganjax.config import GANConfig, StudyConfig
from ganjax.data.dataset import Dataset
from ganjax.data.splits import Draw
from ganjax.progress import Progress
from ganjax.study.pool import Pool
from ganjax.study.selection import THRESHOLDS, beside
from ganjax.synthesis.audit import audit
from ganjax.synthesis.leak import leaks, train_detector
from ganjax.synthesis.leak.detector import UPDATES
from ganjax.synthesis.leak.shares import FEWEST
from ganjax.synthesis.screening import as_trained, words
from ganjax.synthesis.sift import COPY
from ganjax.typing import Key

SHAM = "these images are no GAN's"


def inspect(
    config: StudyConfig,
    number: int,
    draw: Draw,
    pool: Pool,
    key: Key,
    progress: Progress,
    *,
    updates: int = UPDATES,
) -> dict[str, Any]:
    """Audit a replicate's samples for copies, and look for leaks of T(x) in the first one's.

    Args:
      config: of the study.
      number: of the replicate, from 0.
      draw: its training images, and those held out.
      pool: its images, with the GAN that made them.
      key: of the pool.
      progress: where to tell what was found.
      updates: of the leak detector.

    Returns:
      What `results.json` tells, as JSON values; see `ganjax.study.summary`.
    """
    told: dict[str, Any] = {"selection": pool.selection}
    if pool.gan is None:
        return {**told, "copies": {"not_audited": SHAM}, "leaks": {"not_looked_for": SHAM}}
    sample_key, detector_key = jax.random.split(jax.random.fold_in(beside(key), THRESHOLDS + 1))
    samples = as_trained(pool.gan, draw.fit.labels, sample_key)
    if pool.copies is None:
        told["copies"] = {"not_audited": f"there are only {len(draw.fit)} training images"}
    else:
        found = audit(pool.copies, samples)
        progress.say(words(found))
        told["copies"] = found.to_json()
    trained = pool.gan.description.config
    why = _no_detector(trained, config.leak_detector, number, draw.validation)
    if why:
        return {**told, "leaks": {"not_looked_for": why}}
    return {**told, "leaks": _leaks(trained, draw, samples, detector_key, progress, updates)}


def _no_detector(config: GANConfig, wanted: bool, number: int, held_out: Dataset) -> str:
    """Say why leaks are not looked for; nothing where they are."""
    if config.augment == "none" or not config.augment_strength:
        return "the discriminator saw no T(x)"
    if not wanted:
        return "the leak detector was off, as it is in the preset quick"
    if number > 0:
        return "only the first replicate's samples are looked into"
    if len(held_out) < FEWEST:
        return f"there are only {len(held_out)} validation images, and it takes {FEWEST}"
    return ""


def _leaks(
    config: GANConfig,
    draw: Draw,
    samples: np.ndarray,
    key: Key,
    progress: Progress,
    updates: int,
) -> dict[str, Any]:
    """Train a detector on the training images, and ask it of the samples."""
    assert config.augment_strength is not None  # what was left open is filled in when it trains
    train_key, ask_key = jax.random.split(key)
    detector = train_detector(
        recipe.transforms_of(config),
        draw.fit,
        train_key,
        strength=config.augment_strength,
        updates=updates,
        progress=progress,
    )
    found = leaks(detector, draw.validation, samples, ask_key)
    for leak in found:
        if leak.verdict == "leaks":
            progress.say(
                f"T(x) leaks: {leak.transform} is seen on {leak.share:.0%} of the samples "
                f"({leak.low:.0%} to {leak.high:.0%})"
            )
    return {
        "held_out": len(draw.validation),
        "looked_at": len(samples),
        "transforms": [leak.to_json() for leak in found],
    }


def nearest_to_copies(pool: Pool, fit: Dataset) -> np.ndarray:
    """Return the training image nearest to each dropped copy: uint8 `[copies, h, w, c]`.

    Each is mirrored where its mirror image is nearer. None, of no copy, where they were not
    compared with all training images.
    """
    images = pool.dropped.images[pool.dropped.reasons == COPY]
    if pool.copies is None or not len(images) or len(pool.copies.train) < len(fit):
        return fit.images[:0]
    found = pool.copies.closeness(images)
    nearest = fit.images[found.nearest]
    return np.where(found.mirrored[:, None, None, None], nearest[:, :, ::-1], nearest)
