"""Arrays in, scalars out: how good predictions are, and how sure one may be of it."""

from ganjax.metrics.accuracy import (
    accuracy,
    balanced_accuracy,
    class_accuracy,
    confusion_matrix,
)
from ganjax.metrics.statistics import (
    Interval,
    crossed_interval,
    decide,
    half_width,
    holm,
    p_value,
    replicates_to_tell,
)

__all__ = [
    "Interval",
    "accuracy",
    "balanced_accuracy",
    "class_accuracy",
    "confusion_matrix",
    "crossed_interval",
    "decide",
    "half_width",
    "holm",
    "p_value",
    "replicates_to_tell",
]
