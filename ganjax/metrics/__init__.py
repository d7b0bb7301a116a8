"""Arrays in, scalars out: how good predictions are, how sure one may be, how far sets lie apart."""

from ganjax.metrics.accuracy import (
    accuracy,
    balanced_accuracy,
    class_accuracy,
    confusion_matrix,
)
from ganjax.metrics.frechet import Moments, frechet_distance, merge, moments
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
    "Moments",
    "accuracy",
    "balanced_accuracy",
    "class_accuracy",
    "confusion_matrix",
    "crossed_interval",
    "decide",
    "frechet_distance",
    "half_width",
    "holm",
    "merge",
    "moments",
    "p_value",
    "replicates_to_tell",
]
