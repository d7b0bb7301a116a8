"""Any two labelled sets: every metric on named features; trained on one, tested on the other."""

from ganjax.evaluate.comparison import compare, compare_sets
from ganjax.evaluate.features import Features, load_features, train_features
from ganjax.evaluate.learning import Learning
from ganjax.evaluate.run import Evaluation, evaluate

__all__ = [
    "Evaluation",
    "Features",
    "Learning",
    "compare",
    "compare_sets",
    "evaluate",
    "load_features",
    "train_features",
]
