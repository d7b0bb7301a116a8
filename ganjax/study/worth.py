"""What a gain is worth: how many more real images would have brought as much.

Classifiers trained on a quarter, on half and on all of the real images, alike in everything else,
give a learning curve: accuracy = a + b log2(images). A gain g is what 2^(g / b) times as many real
images would bring, if the curve went on as it has come.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganjax.metrics import Interval, crossed_interval
from ganjax.study.arms import PARTS, part_name
from ganjax.study.record import Record
from ganjax.study.results import correctness, gain

MOST_TIMES = 100
"""Times the images there are, up to which the curve is followed."""


def worth(records: Sequence[Record], *, fit_per_class: float) -> dict[str, Any] | None:
    """Say how many more real images per class the gain of generated ones equals.

    The range given is careful: its lower end takes the least gain and the steepest curve that the
    intervals allow, its upper end the largest gain and the flattest curve.

    Args:
      records: of all replicates.
      fit_per_class: real images per class that classifiers train on, on average.

    Returns:
      A dict: `text`; `points`, of the learning curve (`part`, `images` per class, `accuracy`);
      `per_doubling`, what twice the real images bring (`estimate`, `low`, `high`, of accuracy);
      `more`, images per class (`estimate`, `low`, `high`; null beyond what can be said). None
      where the study drew no learning curve.
    """
    if part_name(PARTS[0]) not in records[0].entries:
        return None
    right = np.stack([correctness(part_name(part), records) for part in PARTS])
    slope = crossed_interval(_per_doubling(right))
    found = gain(records)
    more = {
        "estimate": _more(fit_per_class, found.estimate, slope.estimate),
        "low": _more(fit_per_class, found.low, slope.high),
        "high": _more(fit_per_class, found.high, slope.low),
    }
    return {
        "text": _in_words(more, slope, found),
        "points": [
            {"part": part, "images": round(fit_per_class * part, 1), "accuracy": float(own.mean())}
            for part, own in zip(PARTS, right, strict=True)
        ],
        "per_doubling": {
            "estimate": slope.estimate, "low": slope.low, "high": slope.high, "level": slope.level,
        },
        "more": more,
    }  # fmt: skip


def _per_doubling(right: np.ndarray) -> np.ndarray:
    """Return the slope of the least-squares line over log2 of the parts, `[replicates, images]`."""
    x = np.log2(PARTS) - np.mean(np.log2(PARTS))
    return np.tensordot(x / (x @ x), right, axes=1)


def _more(images: float, gain: float, slope: float) -> float | None:
    """Return how many more images bring a gain; None where the curve says nothing of it."""
    if gain <= 0:
        return 0.0
    if slope <= 0 or gain / slope > np.log2(1 + MOST_TIMES):
        return None
    return round(float(images * (2 ** (gain / slope) - 1)), 1)


def _in_words(more: dict[str, float | None], slope: Interval, gain: Interval) -> str:
    curve = (
        f"Twice as many real images bring {100 * slope.estimate:+.1f} points "
        f"({100 * slope.low:+.1f} to {100 * slope.high:+.1f})"
    )
    if slope.estimate <= 0:
        return f"{curve}: no sign that more real images of this kind would help either."
    if gain.estimate <= 0:
        return f"{curve}; the generated ones brought nothing that real ones would have to replace."
    low, high = (
        f"more than {MOST_TIMES} times as many" if more[end] is None else f"{more[end]:.0f}"
        for end in ("low", "high")
    )
    about = "more" if more["estimate"] is None else f"about {more['estimate']:.0f} more"
    return (
        f"{curve}, so this gain equals {about} real images per class (from {low} to {high}), if "
        "the learning curve goes on as it has come."
    )
