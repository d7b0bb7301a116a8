"""What an evaluation found, as JSON values: means over images, each with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ganjax.metrics.image import mean_interval, recovered
from ganjax.restoration.originals import Originals

DEGRADED = "degraded"
SCHEMA = 1

Told = dict[str, float | None]
"""An interval: `mean`, `low` and `high`; the ends are None for a single image."""


@dataclass
class Measures:
    """Of each image how near one version of it is to the original.

    Attributes:
      psnr: float64 `[n]`, in dB.
      ssim: float64 `[n]`.
      distance: float64 `[n]`, of features.
      right: bool `[n]`, whether the classifier names it rightly.
    """

    psnr: np.ndarray
    ssim: np.ndarray
    distance: np.ndarray
    right: np.ndarray

    @classmethod
    def empty(cls, count: int) -> "Measures":
        """Return room for so many images."""
        return cls(np.zeros(count), np.zeros(count), np.zeros(count), np.zeros(count, bool))


class Measured(NamedTuple):
    """All that was measured.

    Attributes:
      methods: of each method by name.
      clean: bool `[n]`, whether the classifier names the originals rightly; None without labels.
    """

    methods: dict[str, Measures]
    clean: np.ndarray | None


def name_of(weight: float) -> str:
    """Name the restorer of an adversarial weight."""
    return f"adversarial weight {weight:g}" if weight else "restored"


def summarise(
    measured: Measured,
    originals: Originals,
    weights: Mapping[str, float],
    seconds: Mapping[str, Sequence[float]],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return means over images with their intervals, as schema 1 of the report has them.

    Args:
      measured: image by image.
      originals: the images.
      weights: the adversarial weight of each restorer by its name.
      seconds: what methods took per image, call by call.
      notes: what a person should know, a line each.
    """
    shapes = {image.shape for image in originals.images}
    height, width, _ = next(iter(shapes)) if len(shapes) == 1 else (None, None, None)
    clean = measured.clean
    before = measured.methods[DEGRADED]
    methods = []
    for name, own in measured.methods.items():
        kind = DEGRADED if name == DEGRADED else "restored" if name in weights else "classical"
        took = seconds.get(name)
        gains: tuple[Told | None, Told | None] = (None, None)
        if kind != DEGRADED:
            gains = (interval(own.psnr - before.psnr), interval(own.ssim - before.ssim))
        back = None
        if clean is not None and kind != DEGRADED and len(clean) > 1:
            back = recovered(clean, before.right, own.right)
        methods.append(
            {
                "name": name,
                "kind": kind,
                "weight": weights.get(name),
                "psnr": interval(own.psnr),
                "ssim": interval(own.ssim),
                "feature_distance": interval(own.distance),
                "psnr_gain": gains[0],
                "ssim_gain": gains[1],
                "accuracy": None if clean is None else interval(own.right),
                "recovered": None if back is None else back._asdict(),
                "seconds": float(np.median(took)) if took else None,
            }
        )
    _add_beyond(methods, measured)
    return {
        "schema": SCHEMA,
        "images": len(originals.images),
        "height": height,
        "width": width,
        "channels": originals.images[0].shape[-1],
        "methods": methods,
        "clean_accuracy": None if clean is None else interval(clean),
        "notes": list(notes),
    }


def interval(values: np.ndarray) -> Told:
    """Return a mean over images and its 95 % interval."""
    found = mean_interval(np.asarray(values, np.float64))
    ends = [None if np.isnan(end) else end for end in found]
    return dict(zip(("mean", "low", "high"), ends, strict=True))


def _add_beyond(methods: list[dict[str, Any]], measured: Measured) -> None:
    """Add to each restorer what it gains over the best classical method, image by image."""
    classical = [own["name"] for own in methods if own["kind"] == "classical"]
    if not classical:
        return
    best = max(classical, key=lambda name: measured.methods[name].psnr.mean())
    for own in methods:
        if own["kind"] == "restored":
            gain = measured.methods[own["name"]].psnr - measured.methods[best].psnr
            own["over_classical"] = {"name": best, "psnr": interval(gain)}


def in_words(r: Mapping[str, Any]) -> list[str]:
    """Say what an evaluation found, a line for each method."""
    lines = [f"{r['images']:,} images of {r['source']}, {r['degradation_in_words']}"]
    for own in r["methods"]:
        line = f"{own['name']}: {_words(own['psnr'], 'dB', 2)}, SSIM {_words(own['ssim'], '', 3)}"
        if own.get("feature_distance"):
            line += f", feature distance {_words(own['feature_distance'], '', 3)}"
        if own.get("accuracy"):
            line += f", accuracy {100 * own['accuracy']['mean']:.1f}%"
        lines.append(line)
    if r.get("clean_accuracy"):
        lines.append(f"originals: accuracy {100 * r['clean_accuracy']['mean']:.1f}%")
    return [*lines, *r["notes"]]


def _words(told: Told, unit: str, digits: int) -> str:
    text = f"{told['mean']:.{digits}f}{unit and ' ' + unit}"
    if told["low"] is None:
        return text
    return f"{text} ({told['low']:.{digits}f} to {told['high']:.{digits}f})"
