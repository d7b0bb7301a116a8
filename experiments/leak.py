"""Does T(x) leak into the samples? The detector on three generators that differ in that alone.

Fashion-MNIST, 59,000 training images (the other 1,000 of the training split calibrate the
detector; the test split is not touched); T(x) rotates up to 30 degrees, moves by up to 1/8, changes
brightness by up to 0.5 and cuts out a square of half the size. DCGANs of width 16 are trained,
5,000 updates of 64 images, with the relativistic loss, R1 and R2, that differ only in where T(x) is
applied: to real and generated images alike, as it should be, or to real images alone; and one by
the tutorials' loss of three terms, which shows T(x) as real beside the real images. Then the
detector says of 2,000 samples of each which share carries which transform, and so it does of real
images of which 0, 25, 50 and 100 % were given T(x), to show how well it counts.

    python -m experiments.leak --data-dir ~/tensorflow_datasets

Results go to experiments/results/leak.json as they come; the same command goes on where it stopped.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.tables import RESULTS
from ganjax import environment, models, training
from ganjax.data import loader, sources
from ganjax.data.atomic import write_bytes_atomically, write_json_atomically
from ganjax.data.export import png
from ganjax.ops import augment, losses, policy
from ganjax.ops.policy import Transform
from ganjax.synthesis.leak import Detector, leaks, train_detector
from ganjax.synthesis.sample import balanced_labels, sample_images
from ganjax.terminal import Terminal
from ganjax.training import penalties
from ganjax.training.loop import repeat, train
from ganjax.typing import Batch, Key

FILE = RESULTS / "leak.json"
POLICY = (
    Transform(augment.random_rotate, 30.0),
    Transform(augment.random_translate, 0.125),
    Transform(augment.random_brightness, 0.5),
    Transform(augment.random_cutout, 0.5),
)
WAYS = ("to real and generated images", "to real images alone", "as a third term")
SAMPLES, HELD_OUT = 2000, 1000
PLANTED = (0.0, 0.25, 0.5, 1.0)


def config() -> dict[str, Any]:
    """Return the numbers that the GANs are trained with."""
    return {"width": 16, "updates": 5000, "batch_size": 64, "r1_weight": 1.0, "r2_weight": 1.0}


def main() -> None:
    """Train, sample, detect, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--work", type=Path, default=Path("runs/leak"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    environment.use_compilation_cache()
    key, progress = jax.random.key(arguments.seed), Terminal()
    source = loader.at_network_size(
        sources.load("tfds:fashion_mnist", data_dir=arguments.data_dir)
    ).train
    order = np.random.default_rng(arguments.seed).permutation(len(source))
    held_out, seen = source.take(order[:HELD_OUT]), source.take(order[HELD_OUT:])
    detector = train_detector(POLICY, seen, key, progress=progress)
    found: dict[str, Any] = {
        "command": "python -m experiments.leak --data-dir ~/tensorflow_datasets",
        "config": config(),
        "policy": policy.describe(POLICY),
        "images": len(seen),
        "held_out": len(held_out),
        "samples": SAMPLES,
        "seed": arguments.seed,
        "environment": environment.describe(),
        "planted": planted(detector, held_out, key),
        "generators": {},
    }
    for way in WAYS:
        folder = arguments.work / way.replace(" ", "-")
        images = samples(way, seen, folder, key, progress)
        found["generators"][way] = [
            each.to_json() for each in leaks(detector, held_out, images, key)
        ]
        sheet = images[:100].reshape(10, 10, *images.shape[1:]).transpose(0, 2, 1, 3, 4)
        write_bytes_atomically(folder / "samples.png", png(sheet.reshape(320, 320, 1)))
        write_json_atomically(FILE, found)
        print(way, json.dumps(found["generators"][way], indent=1))


def planted(detector: Detector, real: sources.Dataset, key: Key) -> list[dict[str, Any]]:
    """Say what the detector counts among real images of which a known share was given T(x).

    One half of the images calibrates it, of the other half the shares are given.
    """
    half = len(real) // 2
    calibrating, others = real.take(np.arange(half)), real.images[half:]
    rows = []
    for share in PLANTED:
        given = np.arange(len(others)) < share * len(others)
        applied = np.repeat(given[:, None], len(POLICY), axis=1)
        images = detector.apply(others, jax.random.fold_in(key, 7), applied)
        counted = [each.to_json() for each in leaks(detector, calibrating, images, key)]
        rows.append({"share": share, "counted": counted})
    return rows


def samples(
    way: str, seen: sources.Dataset, folder: Path, key: Key, progress: Terminal
) -> np.ndarray:
    """Train a GAN with T(x) applied in one of the ways, or go on; return samples of it."""
    c = config()
    shape: dict[str, Any] = {"size": 32, "channels": 1, "width": c["width"], "classes": 10}
    third = way == "as a third term"
    gan = training.gan(
        models.dcgan_generator(**shape, latent_size=64),
        models.dcgan_discriminator(**shape, batch_norm=False),
        loss=losses.three_terms if third else losses.relativistic,
        augment=() if way == "to real images alone" else POLICY,
        penalties=(penalties.r1(c["r1_weight"]), penalties.r2(c["r2_weight"])),
    )

    def draw(key: Key, data: loader.Resident) -> Batch:
        batch = loader.sample_batch(key, data, c["batch_size"])
        if way != "to real images alone":
            return batch
        return batch._replace(images=policy.apply(POLICY, jax.random.fold_in(key, 1), batch.images))

    with progress.stage(f"train with T(x) applied {way}", c["updates"], "updates") as tick:
        state = train(
            repeat(gan.step, draw),
            jax.jit(gan.init)(key),
            loader.to_device(seen.take(loader.shuffled_order(len(seen), key))),
            jax.random.fold_in(key, 1),
            updates=c["updates"],
            steps_per_call=50,
            tick=tick,
            folder=folder / "checkpoints",
        ).state
    return sample_images(gan, state, jax.random.fold_in(key, 2), balanced_labels(SAMPLES, 10))


if __name__ == "__main__":
    main()
