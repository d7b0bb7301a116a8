"""Arrays in, scalars out: how good predictions are, how sure one may be, how far sets lie apart."""

from ganjax.metrics.accuracy import (
    accuracy,
    balanced_accuracy,
    class_accuracy,
    confusion_matrix,
)
from ganjax.metrics.by_class import by_class
from ganjax.metrics.calibration import (
    Reliability,
    expected_calibration_error,
    reliability,
    temperature,
)
from ganjax.metrics.checks import TooFewImagesError
from ganjax.metrics.copying import Copying, authenticity, copying_statistic
from ganjax.metrics.frechet import Moments, frechet_distance, merge, moments
from ganjax.metrics.image import MeanInterval, mean_interval, psnr, recovered, ssim
from ganjax.metrics.kernel import Estimate, kernel_distance
from ganjax.metrics.manifold import Manifold, manifold
from ganjax.metrics.neighbours import Nearest, nearest
from ganjax.metrics.sliced import sliced_wasserstein
from ganjax.metrics.statistics import (
    Interval,
    against_all,
    crossed_interval,
    decide,
    half_width,
    holm,
    p_value,
    replicates_to_tell,
)
from ganjax.metrics.texture import texture_distance

__all__ = [
    "Copying",
    "Estimate",
    "Interval",
    "Manifold",
    "MeanInterval",
    "Moments",
    "Nearest",
    "Reliability",
    "TooFewImagesError",
    "accuracy",
    "against_all",
    "authenticity",
    "balanced_accuracy",
    "by_class",
    "class_accuracy",
    "confusion_matrix",
    "copying_statistic",
    "crossed_interval",
    "decide",
    "expected_calibration_error",
    "frechet_distance",
    "half_width",
    "holm",
    "kernel_distance",
    "manifold",
    "mean_interval",
    "merge",
    "moments",
    "nearest",
    "p_value",
    "psnr",
    "recovered",
    "reliability",
    "replicates_to_tell",
    "sliced_wasserstein",
    "ssim",
    "temperature",
    "texture_distance",
]
