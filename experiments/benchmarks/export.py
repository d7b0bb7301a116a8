"""How many images per second a labelled set is written at, in each format; making them apart.

    python -m experiments.benchmarks.export --json

Writes 10,000 colour images of 32x32 pixels, smooth with some noise, which are in memory, three
times in each format: encoding, checksums, the table, the manifest and bringing it all to the disk
included. Then makes as many with a DCGAN (width 32, the discriminator's score included), and does
both at once, as `ganjax synthesize` does. Results: experiments/results/export.json.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
import numpy as np

from experiments.tables import RESULTS
from ganjax import environment, models, training
from ganjax.data.atomic import write_json_atomically
from ganjax.data.export import FORMATS, Contents, Images, write_set
from ganjax.synthesis.sample import BATCH, balanced_labels, sampled

CLASSES = 10


def main() -> None:
    """Measure, write what was measured, print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=32, help="side in pixels")
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--width", type=int, default=32, help="of the DCGAN")
    parser.add_argument("--blocks", type=int, default=3, help="times that each is measured")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of export.json")
    parser.add_argument("--json", action="store_true", help="print JSON, not lines")
    args = parser.parse_args()
    labels = balanced_labels(args.images, CLASSES)
    pixels = smooth_images(args.images, args.size, args.channels)
    generate = generator(labels, args)

    def stored(first: int) -> Iterator[Images]:
        for start in range(first, len(pixels), BATCH):
            yield Images(pixels[start : start + BATCH], scores=np.zeros(BATCH, np.float32))

    found: dict[str, Any] = {
        "command": "python -m experiments.benchmarks.export --json",
        "image": [args.size, args.size, args.channels],
        "images": args.images,
        "images_per_s": {
            **{
                f"write {form}": rate(writing(form, labels, stored, args), args) for form in FORMATS
            },
            "generate": rate(lambda folder: [None for _ in generate(0)], args),
            "generate and write folder": rate(writing("folder", labels, generate, args), args),
        },
        "peak_memory_gb": round(environment.peak_memory_gb(), 2),
        "environment": environment.describe(),
    }
    write_json_atomically(args.out / "export.json", found)
    if args.json:
        print(json.dumps(found))
        return
    for name, own in found["images_per_s"].items():
        print(f"{name}: {own['median']:,} images/s ({own['min']:,} to {own['max']:,})")


def smooth_images(count: int, size: int, channels: int) -> np.ndarray:
    """Return images that compress as photographs do: uint8 `[count, size, size, channels]`."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(128, 40, (count, size // 4, size // 4, channels))
    fine = coarse.repeat(4, axis=1).repeat(4, axis=2)
    fine += rng.normal(0, 6, fine.shape)
    return np.clip(fine, 0, 255).astype(np.uint8)


def generator(labels: np.ndarray, args: argparse.Namespace) -> Callable[[int], Iterator[Images]]:
    """Return what makes images with a DCGAN that has learnt nothing, which takes as long."""
    shape = {"size": args.size, "channels": args.channels, "classes": CLASSES, "width": args.width}
    gan = training.gan(models.dcgan_generator(**shape), models.dcgan_discriminator(**shape))
    state = jax.jit(gan.init)(jax.random.key(0))

    def make(first: int) -> Iterator[Images]:
        for drawn in sampled(gan, state, jax.random.key(1), labels, first=first, scored=True):
            yield Images(drawn.images, drawn.scores)

    next(make(0))  # compiled before it is measured
    return make


def writing(form: Any, labels: np.ndarray, make: Any, args: argparse.Namespace) -> Callable:
    """Return what writes a set into a folder."""
    contents = Contents(
        tuple(map(str, range(CLASSES))),
        (args.size, args.size, args.channels),
        labels,
        seed=1,
        model="0" * 64,
    )

    return lambda folder: write_set(folder / "set", contents, make, form=form)


def rate(work: Callable[[Path], Any], args: argparse.Namespace) -> dict[str, int]:
    """Time some work, in a folder of its own each time: images per second, median and extremes."""
    found = []
    with tempfile.TemporaryDirectory() as folder:  # removed at the end: that slows what follows
        for block in range(args.blocks):
            start = perf_counter()
            work(Path(folder) / str(block))
            found.append(round(args.images / (perf_counter() - start)))
    return {"median": round(statistics.median(found)), "min": min(found), "max": max(found)}


if __name__ == "__main__":
    main()
