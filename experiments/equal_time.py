"""Which network makes the better images in the same time? Fashion-MNIST, few images and many.

    python -m experiments.equal_time --data-dir ~/tensorflow_datasets --seconds 300

For each of SETTINGS and each seed, a GAN is trained on a draw of 100 images per class, and on
50,000 images, until it has used up --seconds of time on the processor's cores (compilation apart,
which is told; time on the cores and not of the clock, so that other work on the machine does not
decide). As many updates as it should come to by then, by its first ones, are those over which its
generator is annealed. Then 10,000 samples are compared with 10,000 other images of the training
split by the Frechet and the kernel distance (times 1,000) on the fixed features of
experiments/feature_network.py. The test split is never read.

Results go to experiments/results/equal_time.json as they come; what is there is not done again.
"""

import argparse
import json
from dataclasses import replace
from time import perf_counter, process_time
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments import feature_network
from experiments.tables import RESULTS
from ganjax import environment, models, recipe
from ganjax.config import GANConfig
from ganjax.data import loader, sources, splits
from ganjax.data.atomic import write_json_atomically
from ganjax.data.sources import Dataset
from ganjax.metrics import frechet_distance, kernel_distance
from ganjax.synthesis.sample import balanced_labels, sample_images
from ganjax.training import GAN
from ganjax.training.loop import repeat
from ganjax.typing import Key

FILE = RESULTS / "equal_time.json"
IMAGES, STEPS_PER_CALL = 10_000, 10
PILOT = 5.0
"""Seconds on the cores of the training that only tells how fast one is."""

SETTINGS: dict[str, GANConfig] = {
    "dcgan": GANConfig(network="dcgan", width=16),
    "resnet": GANConfig(network="resnet", width=16),
    "modern": GANConfig(network="modern", width=16),
    "dcgan, T(x) always": GANConfig(network="dcgan", width=16, augment="diffaugment"),
    "dcgan, begun faster": GANConfig(network="dcgan", width=16, learning_rate=2.5e-4),
    "resnet, begun faster": GANConfig(
        network="resnet", width=16, learning_rate=2e-3, discriminator_pace=1.0, annealed=True
    ),
    "dcgan of its paper": GANConfig(
        network="dcgan", width=16, loss="non_saturating", augment="none", learning_rate=2e-4,
        r1_weight=0.0,
    ),
}  # fmt: skip
"""Three networks as they are by default, `dcgan` with a constant T(x), two that begin faster than a
long training does by default, and `dcgan` as its paper has it (arXiv 1511.06434). All have one
width: as many channels in the narrowest convolution."""


def main() -> None:
    """Train, judge, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--sets", nargs="+", default=["100", "full"], choices=["100", "full"])
    args = parser.parse_args()
    environment.use_compilation_cache()
    train = loader.at_network_size(sources.load("tfds:fashion_mnist", data_dir=args.data_dir)).train
    order = np.random.default_rng(0).permutation(len(train))
    others, seen = train.take(order[:IMAGES]), train.take(order[IMAGES:])
    found = json.loads(FILE.read_text()) if FILE.exists() else {"rows": []}
    for seed in range(args.seeds):
        for name in args.sets:
            for setting in args.settings:
                what = {"setting": setting, "set": name, "seed": seed, "budget": args.seconds}
                if any(what.items() <= row.items() for row in found["rows"]):
                    continue
                fit = seen if name == "full" else splits.some_per_class(seen, 100, seed=seed)
                row = trained_and_judged(SETTINGS[setting], fit, others, args.seconds, seed)
                found["rows"].append({**what, **row})
                found["command"] = (
                    "python -m experiments.equal_time --data-dir ~/tensorflow_datasets"
                )
                found["features"] = feature_network.sha256()
                found["environment"] = environment.describe()
                write_json_atomically(FILE, found)
                print(found["rows"][-1], flush=True)


class Trained(NamedTuple):
    """A GAN after so many updates, and the seconds of the clock it took, compilation apart."""

    gan: GAN
    state: Any
    updates: int
    compilation: float
    seconds: float


def trained_and_judged(
    config: GANConfig, fit: Dataset, others: Dataset, budget: float, seed: int
) -> dict[str, Any]:
    """Train a GAN for so many seconds; return what it did with them, and its figures."""
    size, channels, classes = fit.images.shape[1], fit.images.shape[3], len(fit.class_names)
    key, data = jax.random.key(seed), loader.to_device(fit)

    def trained(config: GANConfig, seconds: float) -> Trained:
        def draw(key: Key, data: loader.Resident):
            assert config.batch_size is not None
            return loader.sample_batch(key, data, config.batch_size)

        gan = recipe.gan(config, size=size, channels=channels, classes=classes)
        init, call = jax.jit(gan.init), repeat(gan.step, draw)
        began = perf_counter()
        jax.block_until_ready(call(init(key), data, key, steps=STEPS_PER_CALL))
        compiled = perf_counter() - began
        state = init(key)
        jax.block_until_ready(state)
        updates, began, clock = 0, process_time(), perf_counter()
        while process_time() - began < seconds:
            state, metrics = call(state, data, key, steps=STEPS_PER_CALL)
            jax.block_until_ready(metrics)
            updates += STEPS_PER_CALL
        return Trained(gan, state, updates, compiled, perf_counter() - clock)

    per_class, pilot = len(fit) / classes, min(PILOT, budget)
    updates = trained(config.for_data(size, per_class), pilot).updates * budget / pilot
    config = replace(config, updates=round(updates)).for_data(size, per_class)
    gan, state, updates, compiled, clock = trained(config, budget)
    images = sample_images(gan, state, jax.random.fold_in(key, 1), balanced_labels(IMAGES, classes))
    features = feature_network.load()
    made, real = features(images), features(others.images)
    frechet = frechet_distance(
        feature_network.moments_of(features, images),
        feature_network.moments_of(features, others.images),
    )
    return {
        "frechet": round(float(frechet), 2),
        "kernel": round(1000 * kernel_distance(real, made).value, 2),
        "updates": updates,
        "seconds": round(clock, 1),
        "compilation": round(compiled, 1),
        "parameters": [
            models.parameter_count(jax.eval_shape(model.init, key))
            for model in recipe.networks(config, size=size, channels=channels, classes=classes)
        ],
        "config": vars(config),
    }


if __name__ == "__main__":
    main()
