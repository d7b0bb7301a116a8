"""What bfloat16 costs in quality: the same trainings in float32 and in bfloat16, seed by seed.

    python -m experiments.precision --data-dir ~/tensorflow_datasets

A DCGAN of width 32 on Fashion-MNIST, 1,000 updates, judged by its Frechet distance to the training
images on the features of experiments/feature_network.py, and a classifier on 2,000 of the training
images, 500 updates, judged on 5,000 others. Parameters, optimizer and statistics are float32 in
both. Results go to experiments/results/precision.json as they come.
"""

import argparse
import statistics
from typing import Any

import jax
import jax.numpy as jnp

from experiments import feature_network
from experiments.tables import RESULTS
from ganjax import environment, models, training
from ganjax.data import loader, sources
from ganjax.data.atomic import write_json_atomically
from ganjax.data.loader import Resident, normalise, sample_batch, shuffled_order, to_device
from ganjax.metrics import frechet_distance
from ganjax.synthesis.sample import balanced_labels, sample_images
from ganjax.training.loop import repeat
from ganjax.typing import Batch, Key

UPDATES, SAMPLES = 1000, 10_000
CLASSIFIER_UPDATES, FIT, JUDGE = 500, 2000, 5000
BATCH = 64


def main() -> None:
    """Train everything in both precisions, write the differences, say them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    source = sources.load("tfds:fashion_mnist", data_dir=args.data_dir)
    train = loader.at_network_size(source).train
    data = to_device(train)
    order = jnp.asarray(shuffled_order(len(train), jax.random.key(0)))
    fit, judge = (Resident(data.images[rows], data.labels[rows])
                  for rows in (order[:FIT], order[FIT : FIT + JUDGE]))  # fmt: skip
    features = feature_network.load()
    real = feature_network.moments_of(features, train.images)
    found: dict[str, Any] = {
        "command": "python -m experiments.precision --data-dir ~/tensorflow_datasets",
        "environment": environment.describe(),
        "distance": {"float32": [], "bfloat16": []},
        "accuracy": {"float32": [], "bfloat16": []},
    }
    for seed in range(args.seeds):
        for precision in ("float32", "bfloat16"):
            key = jax.random.key(seed)
            images = samples(data, key, precision)
            distance = frechet_distance(feature_network.moments_of(features, images), real)
            found["distance"][precision].append(distance)
            found["accuracy"][precision].append(accuracy(fit, judge, key, precision))
            write_json_atomically(RESULTS / "precision.json", found)
            print(
                f"seed {seed}, {precision}: {distance:.2f}, {found['accuracy'][precision][-1]:.4f}"
            )
    for score in ("distance", "accuracy"):
        pairs = zip(found[score]["bfloat16"], found[score]["float32"], strict=True)
        differences = [b - a for b, a in pairs]
        print(f"{score}: bfloat16 minus float32 {statistics.mean(differences):+.4f}", differences)


def samples(data: Resident, key: Key, precision: str):
    """Train a GAN and return its samples."""
    generator, discriminator = (
        models.dcgan_generator(width=32),
        models.dcgan_discriminator(width=32),
    )
    if precision == "bfloat16":
        generator, discriminator = models.in_bfloat16(generator), models.in_bfloat16(discriminator)
    gan = training.gan(generator, discriminator)
    state, _ = repeat(gan.step, draw)(jax.jit(gan.init)(key), data, key, steps=UPDATES)
    return sample_images(gan, state, key, balanced_labels(SAMPLES, 10))


def accuracy(fit: Resident, judge: Resident, key: Key, precision: str) -> float:
    """Train a classifier and return its accuracy on other images."""
    model = models.conv_classifier(size=32, classes=10, width=16)
    if precision == "bfloat16":
        model = models.in_bfloat16(model)
    classifier = training.classifier(model)
    state, _ = repeat(classifier.step, draw)(
        jax.jit(classifier.init)(key), fit, key, steps=CLASSIFIER_UPDATES
    )
    logits = jax.jit(classifier.logits)(state, normalise(judge.images))
    return float(jnp.mean(jnp.argmax(logits, axis=-1) == judge.labels))


def draw(key: Key, data: Resident) -> Batch:
    """Draw a batch on the device."""
    return sample_batch(key, data, BATCH)


if __name__ == "__main__":
    main()
