"""Numbers and names as the page writes them."""

import math

ARMS = {
    "real": ("Real only", "the small set, as it is"),
    "classical": ("Classical", "slightly moved and turned"),
    "generated": ("Generated", "with images from the GAN"),
    "both": ("Both", "both of these"),
    "auxiliary": ("Auxiliary", "one network classifies and judges a GAN"),
    "three-player": ("Three-player", "trained together with a GAN"),
    "semi-supervised": ("Semi-supervised", "learns from images without labels too"),
}
METRICS = {"test_accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy"}


def title(arm: str) -> str:
    """Return an arm's name on the page."""
    return ARMS.get(arm, (arm, ""))[0]


def note(arm: str) -> str:
    """Return what an arm trains on; nothing if it is none of ours."""
    return ARMS.get(arm, (arm, ""))[1]


def colour(arm: str) -> int:
    """Return the number of an arm's colour."""
    return list(ARMS).index(arm) if arm in ARMS else 0


def percent(value: float | None, digits: int = 1) -> str:
    """Write a part of 1 in percent."""
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.{digits}f}%"


def points(value: float) -> str:
    """Write a difference of accuracies in points, with its sign."""
    text = f"{100 * value:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def duration(seconds: float) -> str:
    """Write a duration in the unit that a person would use."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def short(value: float) -> str:
    """Write any number with few digits and a true minus sign."""
    return f"{value:.4g}".replace("-", "−") if abs(value) < 1e4 else f"{value:,.0f}"
