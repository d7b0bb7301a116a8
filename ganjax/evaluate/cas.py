"""The classification accuracy score: trained on one set, tested on real images.

Ravuri and Vinyals 2019, arXiv 1905.10887: a classifier that is trained on generated images and
tested on real ones says whether they are of their classes and varied enough to learn from. Beside
it stands the same classifier trained on as many real images: the same numbers of updates, the same
initial weights, each kept where it was best on the same real validation images. The gap is paired,
image by image and seed by seed.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.data.dataset import Dataset
from ganjax.data.loader import normalise
from ganjax.evaluate.learning import Learned, Learning, in_batches, learn, network
from ganjax.metrics import Interval, class_accuracy, crossed_interval
from ganjax.progress import Progress
from ganjax.typing import Array

CAS = Learning()
"""How the classifiers are trained."""

SIDES = ("real", "judged")


class Trained(NamedTuple):
    """The classifiers of both sides, before they are shown the test images.

    Attributes:
      real: those trained on real images.
      judged: those trained on the images that are judged.
      images: on how many each was.
      predict: uint8 images `[n, ...]` to the classes that each sees: int32 `[2, seeds, n]`, the
        real side first.
    """

    real: Learned
    judged: Learned
    images: int
    predict: Callable[[np.ndarray], np.ndarray]


def train_both(
    judged: Dataset,
    real: Dataset,
    validation: Dataset,
    *,
    learning: Learning,
    seeds: int,
    progress: Progress,
) -> Trained:
    """Train classifiers on either side, all alike.

    Args:
      judged: images to judge.
      real: as many real ones, of the same classes and size.
      validation: real images that choose the best moment of every training.
      learning: how they are trained; its seed is that of the initial weights and the batches.
      seeds: classifiers per side.
      progress: where to tell how far it is.
    """
    assert len(judged) == len(real)
    sides = {}
    for name, images in zip(SIDES, (real, judged), strict=True):
        sides[name] = learn(
            learning,
            images,
            validation,
            seeds=seeds,
            key=jax.random.key(learning.seed),
            progress=progress,
            name=f"train {seeds} classifiers on {'real images' if name == 'real' else images.name}",
        )
    return paired(sides["real"], sides["judged"], real)


def paired(real: Learned, judged: Learned, images: Dataset) -> Trained:
    """Put classifiers of both sides beside each other that were trained one after the other.

    Args:
      real: those trained on real images.
      judged: as many, of the same networks, trained on the images that are judged.
      images: the real ones, or others of their size, classes and number.
    """
    _, size, _, channels = images.images.shape
    learning = replace(real.learning, seed=0)  # other seeds share what is compiled
    predictions = _predictions(learning, size, channels, len(images.class_names))

    def predict(tested: np.ndarray) -> np.ndarray:
        return np.stack(
            [in_batches(partial(predictions, own.variables), tested) for own in (real, judged)]
        )

    return Trained(real, judged, len(images), predict)


@cache
def _predictions(
    learning: Learning, size: int, channels: int, classes: int
) -> Callable[[Any, Any], Array]:
    """Return `(variables [seeds], images [n]) -> classes, int32 [seeds, n]`, jitted."""
    model = network(learning, size, channels, classes)

    @jax.jit
    def predictions(variables: Any, images: Array) -> Array:
        def one(own: Any) -> Array:
            return jnp.argmax(model.apply(own, normalise(images))[0], axis=-1).astype(jnp.int32)

        return jax.lax.map(one, variables)

    return predictions


def score(
    trained: Trained, predictions: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...]
) -> dict[str, Any]:
    """Compare both sides on the test images.

    The intervals are for other seeds and other test images, of the sets as they are: not for
    another generator, nor for another draw of real images. Those of the classes are descriptive;
    of ten, one in two will on average have one that misses.

    Args:
      trained: of `train_both`.
      predictions: of its `predict`, on the test images.
      labels: of these, int32 `[n]`.
      class_names: what the labels mean.

    Returns:
      JSON values. Accuracies are parts of 1; a gap is real minus judged, so above 0 where the
      judged images teach less.
    """
    right = (predictions == labels).astype(np.float64)  # [2, seeds, n]
    gaps = right[0] - right[1]
    counts = np.bincount(labels, minlength=len(class_names))
    by_class = [
        np.mean([class_accuracy(labels, own, len(class_names)) for own in side], axis=0)
        for side in predictions
    ]
    return {
        **{
            name: {
                "accuracy": interval(crossed_interval(side)),
                "by_class": [_number(x) for x in own],
                "validation_accuracy": [float(x) for x in learned.accuracy],
                "chosen_updates": [int(x) for x in learned.update],
            }
            for name, side, own, learned in zip(
                SIDES, right, by_class, (trained.real, trained.judged), strict=True
            )
        },
        "gap": interval(crossed_interval(gaps)),
        "balanced_gap": (
            interval(crossed_interval(gaps, labels=labels)) if counts.min() >= 2 else None
        ),
        "gap_by_class": [
            interval(crossed_interval(gaps[:, labels == c])) if count >= 2 else None
            for c, count in enumerate(counts)
        ],
        "seeds": right.shape[1],
        "images": trained.images,
        "test_images": len(labels),
        "learning": asdict(trained.real.learning),
    }


def interval(found: Interval) -> dict[str, float]:
    """Return an interval as JSON values."""
    return {
        "estimate": found.estimate, "low": found.low, "high": found.high, "level": found.level,
    }  # fmt: skip


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
