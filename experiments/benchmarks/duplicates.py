"""How many made near duplicates are found, how many pairs a set has by itself, in what time.

    python -m experiments.benchmarks.duplicates --sources digits tfds:fashion_mnist \\
        --data-dir ~/tensorflow_datasets [--picture pairs.png] [--json]

Of each source, `--copies` images are changed in each of the ways below and put into a split of
their own; found is a copy that is paired with its original. The pairs of the set itself are either
true near duplicates or false alarms: `--picture` shows them, the most alike first. Looked at in
November 2026: digits, no pair; 60,000 images of CIFAR-10 (as JPEG), 73 pairs, all of them one
picture twice; 70,000 of Fashion-MNIST, 145 pairs, about 100 one photograph twice, the others two
pieces that look alike (sandals, trousers, plain shirts). --json also writes
experiments/results/duplicates.json.
"""

import argparse
import io
import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from experiments.study_digits import RESULTS
from ganjax import environment
from ganjax.data import near, sources
from ganjax.data.atomic import write_bytes_atomically, write_json_atomically
from ganjax.data.hashes import duplicate_groups
from ganjax.report.survey import class_sheet

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]

MOST_SHOWN = 200


def main() -> None:
    """Measure, print, and write what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sources", nargs="+", default=["digits"])
    parser.add_argument("--data-dir")
    parser.add_argument("--copies", type=int, default=1000, help="images changed in each way")
    parser.add_argument("--picture", type=Path, help="a PNG file: the pairs of the last source")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = {}
    for source in arguments.sources:
        splits = sources.load(source, data_dir=arguments.data_dir).splits().values()
        images = np.concatenate([own.images for own in splits])
        measured, pairs = measure(images, arguments.copies)
        found[source] = measured
        print(f"{source}: {json.dumps(measured)}")
    if arguments.picture is not None:
        rows = [images[pair] for pair in pairs[:MOST_SHOWN]]
        names = [f"{one} and {other}" for one, other in pairs[:MOST_SHOWN]]
        write_bytes_atomically(arguments.picture, class_sheet(rows, names))
    if arguments.json:
        machine = environment.describe()
        write_json_atomically(RESULTS / "duplicates.json", {"sources": found, "machine": machine})


def measure(images: np.ndarray, copies: int) -> tuple[dict[str, Any], np.ndarray]:
    """Look for the near duplicates in a set, and for changed copies of some of its images.

    Args:
      images: uint8 `[n, height, width, channels]`.
      copies: how many images are changed in each way.

    Returns:
      Counts, shares found and seconds; and the set's own pairs, int64 `[pairs, 2]`.
    """
    first = duplicate_groups(images) == np.arange(len(images))
    start = perf_counter()
    own = near.near_pairs([images], first)
    seconds = perf_counter() - start
    random = np.random.default_rng(0)
    chosen = random.choice(np.flatnonzero(first), min(copies, int(first.sum())), replace=False)
    recall = {}
    for name, change in CHANGES.items():
        changed = np.stack([change(image, random) for image in images[chosen]])
        among = np.concatenate([first, np.ones(len(changed), bool)])
        # those that are not changed at all are found as exact ones
        same = (changed == images[chosen]).all(axis=(1, 2, 3))
        pairs = set(map(tuple, near.near_pairs([images, changed], among).pairs.tolist()))
        hits = [(int(row), len(images) + i) in pairs for i, row in enumerate(chosen)]
        recall[name] = round(float(np.mean(np.array(hits) | same)), 3)
    counts = {"images": len(images), "exact_copies": int((~first).sum()), "pairs": len(own.pairs)}
    in_pairs = len(np.unique(own.pairs))
    return {
        **counts,
        "in_pairs": in_pairs,
        "seconds": round(seconds, 1),
        "found": recall,
    }, own.pairs


def jpeg(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Encode as JPEG of quality 50."""
    file = io.BytesIO()
    _picture(image).save(file, "JPEG", quality=50)
    return _pixels(Image.open(file), image)


def smaller(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Resize to 3/4 of the size and back."""
    return _resized_by(0.75, image)


def larger(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Resize to 3/2 of the size and back."""
    return _resized_by(1.5, image)


def brighter(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Brighten by 5 %."""
    return _rounded(image * 1.05)


def moved(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Move by one pixel up, down, left or right; the edge is repeated."""
    down, right = ((0, 1), (1, 0), (0, -1), (-1, 0))[random.integers(4)]
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = image.shape[:2]
    return padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]


def noisy(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Add noise of 2 % of the range."""
    return _rounded(image + random.normal(0, 0.02 * 255, image.shape))


CHANGES: dict[str, Change] = {
    "jpeg": jpeg,
    "smaller": smaller,
    "larger": larger,
    "brighter": brighter,
    "moved": moved,
    "noisy": noisy,
}


def _resized_by(factor: float, image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    between = (round(width * factor), round(height * factor))
    picture = _picture(image).resize(between, Image.Resampling.BICUBIC)
    return _pixels(picture.resize((width, height), Image.Resampling.BICUBIC), image)


def _picture(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def _pixels(picture: Image.Image, like: np.ndarray) -> np.ndarray:
    return np.asarray(picture).reshape(like.shape)


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
