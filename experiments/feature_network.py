"""The fixed network whose features judge generated Fashion-MNIST, so that everybody measures alike.

A convolutional classifier of 32x32 grey images (28x28 padded with black) with 128 units before its
last layer, trained on all 60,000 training images: Adam with the rate falling from 1e-3 to 0 along a
cosine, batch 128, 4,000 updates. The features are those 128 units after ReLU. The weights are kept
as float16 in experiments/results/fashion_features.npz; accuracy and floors are measured with them
as kept, and recorded with their SHA-256 in fashion_features.json.

    python -m experiments.feature_network --data-dir ~/tensorflow_datasets

The Frechet distance on these features compares like with like only: quote the network, how many
images on each side, and which real ones. Choices are made against the training split; the test
split is for the final figure. The floors say what real images get.
"""

import argparse
import hashlib
import json
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ganjax import environment, models, training
from ganjax.data import loader, sources
from ganjax.data.atomic import write_arrays_atomically, write_json_atomically
from ganjax.metrics import Moments, accuracy, frechet_distance, merge, moments
from ganjax.terminal import Terminal
from ganjax.training.loop import repeat, train
from ganjax.typing import Key, Variables

RESULTS = Path(__file__).parent / "results"
WEIGHTS = RESULTS / "fashion_features.npz"
RECORD = RESULTS / "fashion_features.json"
NETWORK = {"size": 32, "channels": 1, "width": 32, "features": 128}
CLASSES = 10
BATCH = 500
"""Images that are looked at together."""

Features = Callable[[np.ndarray], np.ndarray]


def config() -> dict[str, Any]:
    """Return the numbers that the network was trained with."""
    return {"updates": 4000, "batch_size": 128, "learning_rate": 1e-3}


def main() -> None:
    """Train, keep, measure, and write the record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    environment.use_compilation_cache()
    source = loader.at_network_size(sources.load("tfds:fashion_mnist", data_dir=arguments.data_dir))
    assert source.test is not None
    keep(train_network(source.train, jax.random.key(arguments.seed), config(), Terminal()))
    variables = kept()
    record = {
        "command": "python -m experiments.feature_network --data-dir ~/tensorflow_datasets",
        "network": {**NETWORK, "classes": CLASSES},
        "config": config(),
        "seed": arguments.seed,
        "sha256": sha256(),
        "probe": probe(),
        "accuracy": {
            "train": accuracy(source.train.labels, predict(variables, source.train.images)),
            "test": accuracy(source.test.labels, predict(variables, source.test.images)),
        },
        "floors": floors(source, np.random.default_rng(arguments.seed)),
        "environment": environment.describe(),
    }
    write_json_atomically(RECORD, record)
    print(json.dumps({name: record[name] for name in ("accuracy", "floors", "sha256")}, indent=1))


def train_network(
    dataset: sources.Dataset, key: Key, c: dict[str, Any], progress: Terminal
) -> Variables:
    """Return the variables of a classifier trained on a set."""
    rate = optax.cosine_decay_schedule(c["learning_rate"], c["updates"])
    classifier = training.classifier(
        models.conv_classifier(**NETWORK, classes=CLASSES), optimizer=optax.adam(rate)
    )

    def draw(key, data):
        return loader.sample_batch(key, data, c["batch_size"])

    with progress.stage("train the feature network", c["updates"], "updates") as tick:
        found = train(
            repeat(classifier.step, draw),
            jax.jit(classifier.init)(key),
            loader.to_device(dataset),
            key,
            updates=c["updates"],
            steps_per_call=100,
            tick=tick,
        )
    return found.state.variables


def keep(variables: Variables) -> None:
    """Write the weights as float16, each under its path such as `Conv_0/kernel`."""
    leaves = jax.tree_util.tree_leaves_with_path(variables["params"])
    write_arrays_atomically(
        WEIGHTS, **{_name(path): np.asarray(leaf, np.float16) for path, leaf in leaves}
    )


def kept() -> Variables:
    """Read the weights as float32."""
    model = models.conv_classifier(**NETWORK, classes=CLASSES)
    shapes = jax.eval_shape(model.init, jax.random.key(0))["params"]
    with np.load(WEIGHTS, allow_pickle=False) as file:
        params = jax.tree_util.tree_map_with_path(
            lambda path, like: jnp.asarray(file[_name(path)], jnp.float32), shapes
        )
    return {"params": params}


def sha256() -> str:
    """Return the digest of the kept weights, by which results name the network."""
    return hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()


def load() -> Features:
    """Return the fixed features: uint8 `[n, 28 or 32, ..., 1]` to float32 `[n, 128]`."""
    return _seen_by(models.conv_features(**NETWORK), kept())


def predict(variables: Variables, images: np.ndarray) -> np.ndarray:
    """Return the classes that a classifier sees: int `[n]`."""
    model = models.conv_classifier(**NETWORK, classes=CLASSES)
    return _seen_by(model, variables)(images).argmax(axis=-1)


def moments_of(features: Features, images: np.ndarray) -> Moments:
    """Return the moments of the features of images, a part at a time."""
    parts = (images[i : i + 20 * BATCH] for i in range(0, len(images), 20 * BATCH))
    return reduce(merge, (moments(features(part)) for part in parts))


def floors(source: sources.Source, rng: np.random.Generator) -> dict[str, float]:
    """Return the distances between sets of real images, below which no generator need fall."""
    assert source.test is not None
    features = load()
    shuffled = source.train.images[rng.permutation(len(source.train))]

    def between(one: np.ndarray, other: np.ndarray) -> float:
        return frechet_distance(moments_of(features, one), moments_of(features, other))

    return {
        "two halves of the training split": between(shuffled[:30_000], shuffled[30_000:]),
        "10,000 training images and the other 50,000": between(
            shuffled[:10_000], shuffled[10_000:]
        ),
        "10,000 training images and the test split": between(shuffled[:10_000], source.test.images),
        "the training and the test split": between(shuffled, source.test.images),
    }


def probe() -> float:
    """Return the mean feature of a fixed pattern, which tells whether the code still means it."""
    rows, columns = np.mgrid[:32, :32]
    pattern = ((rows * columns) % 256).astype(np.uint8)[None, ..., None]
    return float(load()(pattern).mean())


def _seen_by(model: models.Model, variables: Variables) -> Features:
    @jax.jit
    def apply(images):
        return model.apply(variables, loader.normalise(images))[0]

    def outputs(images: np.ndarray) -> np.ndarray:
        images = loader.pad_to_power_of_two(images)
        missing = -len(images) % BATCH  # one compiled shape serves every count
        whole = np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0)))
        found = [np.asarray(apply(part)) for part in np.split(whole, len(whole) // BATCH)]
        return np.concatenate(found)[: len(images)]

    return outputs


def _name(path: tuple[Any, ...]) -> str:
    return "/".join(str(part.key) for part in path)


if __name__ == "__main__":
    main()
