"""Which images of an evaluation are shown: ordinary, best and worst ones, and invented parts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ganjax.metrics.image import psnr
from ganjax.restoration.judging import Bench, Versions
from ganjax.restoration.results import DEGRADED, Measured

ROWS = 4
"""Images of each kind."""

CROP = 48
"""Side in pixels of a crop that shows a difference."""


class Shown(NamedTuple):
    """An image in all versions that are shown.

    Attributes:
      name: of the image.
      original: uint8 `[height, width, channels]`.
      degraded: likewise.
      restored: likewise, by method.
      psnr: in dB, by method.
    """

    name: str
    original: np.ndarray
    degraded: np.ndarray
    restored: dict[str, np.ndarray]
    psnr: dict[str, float]


class Crops(NamedTuple):
    """Where an adversarial restorer is farther from the original than the plain one.

    Attributes:
      name: of the image.
      original: uint8 `[side, side, channels]`.
      degraded: likewise.
      plain: likewise, restored without an adversary.
      adversarial: likewise, restored with the largest weight.
    """

    name: str
    original: np.ndarray
    degraded: np.ndarray
    plain: np.ndarray
    adversarial: np.ndarray


def shown(
    bench: Bench, measured: Measured, restorers: Sequence[str], files: Sequence[str]
) -> dict[str, list]:
    """Choose the images that are shown, by the PSNR of the one without an adversary.

    Args:
      bench: makes their versions again.
      measured: how near each is to its original.
      restorers: by name, that without an adversary first.
      files: what the images are called.

    Returns:
      Lists of `Shown`, with the best classical method: "typical" from the middle, "best" and
      "worst"; and of `Crops`: "invented", the largest differences first, where there is an
      adversary.
    """
    order = np.argsort(measured.methods[restorers[0]].psnr)
    middle = max(0, len(order) // 2 - ROWS // 2)
    chosen = {
        "typical": order[middle : middle + ROWS],
        "worst": order[:ROWS],
        "best": order[::-1][:ROWS],
    }
    names = [*restorers, *_best(list(bench.classical), measured)]
    found: dict[str, list] = {
        kind: [_image(bench.versions(np.array([row])), names, files) for row in rows]
        for kind, rows in chosen.items()
    }
    if len(restorers) > 1:
        plain, adversarial = (measured.methods[restorers[end]].psnr for end in (0, -1))
        lost = np.argsort(adversarial - plain)[:ROWS]
        found["invented"] = [
            _crops(bench.versions(np.array([row])), restorers, files) for row in lost
        ]
    return found


def _best(classical: Sequence[str], measured: Measured) -> list[str]:
    """Return the classical method of the highest mean PSNR, where there is any."""
    return sorted(classical, key=lambda name: -measured.methods[name].psnr.mean())[:1]


def _image(own: Versions, names: Sequence[str], files: Sequence[str]) -> Shown:
    made = {name: own.made[name][0] for name in (DEGRADED, *names)}
    original = own.originals[0]
    decibels = {name: float(psnr(image, original)[0]) for name, image in made.items()}
    return Shown(
        files[own.rows[0]],
        original,
        made[DEGRADED],
        {name: image for name, image in made.items() if name != DEGRADED},
        decibels,
    )


def _crops(own: Versions, restorers: Sequence[str], files: Sequence[str]) -> Crops:
    """Cut out where the adversarial image is farthest beyond the plain one from the original."""
    original = own.originals[0]
    versions = [own.made[name][0] for name in (DEGRADED, restorers[0], restorers[-1])]
    _, plain, adversarial = (_error(version, original) for version in versions)
    height, width = original.shape[:2]
    tall, wide = min(CROP, height), min(CROP, width)
    below = np.pad(adversarial - plain, ((1, 0), (1, 0))).cumsum(0).cumsum(1)  # whole numbers
    sums = below[tall:, wide:] - below[:-tall, wide:] - below[tall:, :-wide] + below[:-tall, :-wide]
    top, left = np.unravel_index(int(sums.argmax()), sums.shape)
    cut = (slice(top, top + tall), slice(left, left + wide))
    return Crops(files[own.rows[0]], original[cut], *(version[cut] for version in versions))


def _error(image: np.ndarray, original: np.ndarray) -> np.ndarray:
    return np.square(image.astype(np.float64) - original).sum(axis=-1)
