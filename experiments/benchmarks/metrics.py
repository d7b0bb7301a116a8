"""How long every metric takes: 10,000 images against 10,000, at 512 features, features apart.

    python -m experiments.benchmarks.metrics [--json]

The features are made up to be like a network's: 32 directions that matter, some noise, ReLU,
float32. 10,000 images are taken for the real ones that were trained on, 10,000 for generated and
10,000 for held-out ones, which only the copying statistic asks for. Each metric runs by itself and
shares nothing with the others; class by class, the Frechet distance of 10 classes. Aim: all of them
together in under 10 s on 2 cores. --json also writes experiments/results/metrics.json.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from experiments.tables import RESULTS
from ganjax import environment
from ganjax.data.atomic import write_json_atomically
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

CLASSES = 10


def main() -> None:
    """Measure, print, and write what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=10_000, help="on each side")
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--times", type=int, default=3, help="the median is told")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = {
        "command": "python -m experiments.benchmarks.metrics --json",
        "images": args.images,
        "features": args.features,
        **measure(args.images, args.features, args.times),
        "environment": environment.describe(),
    }
    if args.json:
        write_json_atomically(RESULTS / "metrics.json", found)
    print(json.dumps({name: found[name] for name in ("seconds", "together")}, indent=1))


def measure(images: int, size: int, times: int) -> dict[str, Any]:
    """Time every metric, all in turn, several times.

    Returns:
      `seconds` of each metric and `together`, their sum: median, least and most over the times.
    """
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(32, size))
    real, generated, held_out = (features(rng, images, mixing) for _ in range(3))
    labels = rng.integers(0, CLASSES, images)

    def frechet(one: np.ndarray, other: np.ndarray) -> float:
        return frechet_distance(moments(one), moments(other))

    metrics: dict[str, Callable[[], Any]] = {
        "frechet": lambda: frechet(real, generated),
        "kernel": lambda: kernel_distance(real, generated),
        "sliced": lambda: sliced_wasserstein(real, generated),
        "manifold": lambda: manifold(real, generated),
        "copying": lambda: copying_statistic(real, held_out, generated),
        "authenticity": lambda: authenticity(real, generated),
        "frechet by class": lambda: by_class(
            frechet, real, labels, generated, labels, classes=CLASSES
        ),
    }
    taken = [{name: seconds(metric) for name, metric in metrics.items()} for _ in range(times)]
    return {
        "seconds": {name: spread([row[name] for row in taken]) for name in metrics},
        "together": spread([sum(row.values()) for row in taken]),
    }


def features(rng: np.random.Generator, images: int, mixing: np.ndarray) -> np.ndarray:
    """Make up features: float32 `[images, size]`, none below 0."""
    meant = rng.normal(size=(images, len(mixing))) @ mixing / 3
    noise = 0.3 * rng.normal(size=meant.shape)
    return np.maximum(meant + noise, 0).astype(np.float32)


def seconds(work: Callable[[], Any]) -> float:
    """Return how long something takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def spread(times: list[float]) -> dict[str, float]:
    """Return the median and the extremes of some seconds."""
    return {
        "median": round(statistics.median(times), 2),
        "min": round(min(times), 2),
        "max": round(max(times), 2),
    }


if __name__ == "__main__":
    main()
