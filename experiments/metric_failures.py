"""Which metric sees which failure: real images, spoiled in one way at a time, and what it says.

    python -m experiments.metric_failures --data-dir ~/tensorflow_datasets

Of Fashion-MNIST's training split, in each of 10 draws: 4,000 images that a generator is taken to
have been trained on, 2,000 held-out ones that everything is compared with, and 2,000 others in
place of a generator's. Those are the perfect generator; then a class is dropped, training images
are copied (all, and one in ten), images are blurred, labels are shuffled, and every class is one
image, repeated. Features are those of experiments/feature_network.py.

A metric moves, +1 up or -1 down, where the mean over the draws lies beyond 5 standard deviations of
what the perfect generator scores from draw to draw: so far that one evaluation shows it. Results go
to experiments/results/metric_failures.json. What is seen, and what each metric is blind to, also
stands in tests/metrics/test_metric_failures.py.
"""

import argparse
import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

from experiments import feature_network
from experiments.tables import RESULTS
from ganjax import environment
from ganjax.data import sources
from ganjax.data.atomic import write_json_atomically
from ganjax.data.dataset import Dataset
from ganjax.metrics import (
    authenticity,
    by_class,
    copying_statistic,
    frechet_distance,
    kernel_distance,
    manifold,
    moments,
    sliced_wasserstein,
)
from ganjax.terminal import Terminal

DROPPED = 7
"""The class that is dropped: sneakers."""
SIGMA = 1.0
"""Of the blur, in pixels."""
SEEN = 5.0
"""Standard deviations beyond which a metric has moved."""
Spoil = Callable[["Draw", np.random.Generator], Dataset]


class Draw(NamedTuple):
    """Images that have nothing in common; `other` are twice as many as are needed."""

    train: Dataset
    held_out: Dataset
    other: Dataset


def perfect(draw: Draw, rng: np.random.Generator) -> Dataset:
    """Other real images."""
    return draw.other.take(np.arange(len(draw.held_out)))


def class_dropped(draw: Draw, rng: np.random.Generator) -> Dataset:
    """As many real images, none of them of one class."""
    rows = np.flatnonzero(draw.other.labels != DROPPED)
    return draw.other.take(rows[: len(draw.held_out)])


def memorised(draw: Draw, rng: np.random.Generator) -> Dataset:
    """Copies of training images."""
    return draw.train.take(np.arange(len(draw.held_out)))


def tenth_memorised(draw: Draw, rng: np.random.Generator) -> Dataset:
    """Other real images, one in ten replaced by a copy of a training image."""
    images, copies = perfect(draw, rng), len(draw.held_out) // 10
    return _replaced(
        images,
        np.concatenate([draw.train.images[:copies], images.images[copies:]]),
        np.concatenate([draw.train.labels[:copies], images.labels[copies:]]),
    )


def blurred(draw: Draw, rng: np.random.Generator) -> Dataset:
    """Other real images, out of focus."""
    images = perfect(draw, rng)
    soft = gaussian_filter(images.images.astype(np.float32), (0, SIGMA, SIGMA, 0))
    return _replaced(images, np.round(soft).astype(np.uint8), images.labels)


def labels_shuffled(draw: Draw, rng: np.random.Generator) -> Dataset:
    """Other real images, each with the label of another."""
    images = perfect(draw, rng)
    return _replaced(images, images.images, rng.permutation(images.labels))


def one_per_class(draw: Draw, rng: np.random.Generator) -> Dataset:
    """One other real image of each class, again and again."""
    labels = perfect(draw, rng).labels
    first = {c: np.flatnonzero(draw.other.labels == c)[0] for c in np.unique(labels)}
    return draw.other.take(np.array([first[c] for c in labels]))


FAILURES: dict[str, Spoil] = {
    "class dropped": class_dropped,
    "memorised": memorised,
    "one in ten memorised": tenth_memorised,
    "blurred": blurred,
    "labels shuffled": labels_shuffled,
    "one image per class": one_per_class,
}


def main() -> None:
    """Measure, print, and write what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--images", type=int, default=2000, help="held out, and generated")
    args = parser.parse_args()
    environment.use_compilation_cache()
    train = sources.load("tfds:fashion_mnist", data_dir=args.data_dir).train
    found = {
        "command": "python -m experiments.metric_failures --data-dir ~/tensorflow_datasets",
        "draws": args.draws,
        "images": args.images,
        "features": feature_network.sha256(),
        **measure(train, feature_network.load(), images=args.images, draws=args.draws),
        "environment": environment.describe(),
    }
    write_json_atomically(RESULTS / "metric_failures.json", found)
    print(json.dumps({name: row["moved"] for name, row in found["failures"].items()}, indent=1))


def measure(
    dataset: Dataset, features: feature_network.Features, *, images: int, draws: int
) -> dict[str, Any]:
    """Score the perfect generator and every spoiled one in several draws.

    Args:
      dataset: real images, of which each draw takes five times `images`.
      features: uint8 images to float `[n, d]`.
      images: how many are held out, and how many are generated.
      draws: how often, at least 2.

    Returns:
      `perfect` and, for each of the failures, each metric's mean and standard deviation over the
      draws; of the failures also what has moved, and which way.
    """
    scores: dict[str, list[dict[str, float]]] = {}
    with Terminal().stage("score spoiled images", draws, "draws") as tick:
        for seed in range(draws):
            rng = np.random.default_rng(seed)
            order = rng.permutation(len(dataset))[: 5 * images]
            draw = Draw(*(dataset.take(own) for own in np.split(order, (2 * images, 3 * images))))
            known = tuple(features(own.images) for own in (draw.train, draw.held_out))
            for name, spoil in {"perfect": perfect, **FAILURES}.items():
                made = spoil(draw, rng)
                scores.setdefault(name, []).append(score(draw, known, made, features(made.images)))
            tick(seed + 1)
    summaries = {name: summary(rows) for name, rows in scores.items()}
    baseline = summaries.pop("perfect")
    return {
        "perfect": baseline,
        "failures": {
            name: {**own, "moved": moved(baseline, own)} for name, own in summaries.items()
        },
    }


def score(
    draw: Draw, known: tuple[np.ndarray, ...], made: Dataset, features: np.ndarray
) -> dict[str, float]:
    """Compute all metrics of a set: against the held-out images, and for copies of the training."""
    train, real = known
    classes = len(made.class_names)

    def per_class(metric: Callable[[np.ndarray, np.ndarray], float]) -> float:
        found = by_class(metric, real, draw.held_out.labels, features, made.labels, classes=classes)
        return float(np.nanmean(found))

    def frechet(one: np.ndarray, other: np.ndarray) -> float:
        return frechet_distance(moments(one), moments(other))

    copying = copying_statistic(train, real, features)
    return {
        "frechet": frechet(real, features),
        "kernel": kernel_distance(real, features).value,
        "sliced": sliced_wasserstein(real, features),
        **manifold(real, features)._asdict(),
        "copying z": copying.z,
        "authenticity": authenticity(train, features),
        "frechet by class": per_class(frechet),
        "kernel by class": per_class(lambda one, other: kernel_distance(one, other).value),
        "coverage by class": per_class(lambda one, other: manifold(one, other).coverage),
        "classes without images": float(classes - len(np.unique(made.labels))),
    }


def summary(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return each metric's mean and standard deviation over the draws."""
    return {
        part: {
            name: float(f"{reduce([row[name] for row in rows]):.4g}") for name in rows[0]
        }
        for part, reduce in (("mean", np.mean), ("sd", lambda own: np.std(own, ddof=1)))
    }  # fmt: skip


def moved(
    baseline: dict[str, dict[str, float]], own: dict[str, dict[str, float]]
) -> dict[str, int]:
    """Return the metrics that tell a failure from the perfect generator, +1 up or -1 down."""
    apart = {name: own["mean"][name] - mean for name, mean in baseline["mean"].items()}
    return {
        name: int(math.copysign(1, by))
        for name, by in apart.items()
        if abs(by) > SEEN * baseline["sd"][name]
    }


def _replaced(like: Dataset, images: np.ndarray, labels: np.ndarray) -> Dataset:
    return Dataset(like.name, images, labels, like.class_names)


if __name__ == "__main__":
    main()
