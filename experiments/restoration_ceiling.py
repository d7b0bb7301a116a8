"""How much of the lost accuracy could be given back? Five degradations of Fashion-MNIST.

    python -m experiments.restoration_ceiling --data-dir ~/tensorflow_datasets

A restorer can tell no more about an image than its degraded version does. What that version tells
about the class is shown by the classifier that judges restorers in `ganjax restore evaluate`, the
same network trained as long, but on degraded training images instead of the originals: its accuracy
on the degraded test images. It is no bound to the last tenth of a point, as another network may see
more. Each training image is degraded once. Results go to
experiments/results/restoration_ceiling.json as they come; the same command does what is missing.
On one core about two minutes per degradation.
"""

import argparse
import json
import shlex
import sys

import jax
import jax.numpy as jnp
import numpy as np

from experiments.restoration_fashion_mnist import DEGRADATIONS
from experiments.tables import RESULTS
from ganjax import environment, recipe
from ganjax.config import parse_degradation
from ganjax.data import sources, splits
from ganjax.data.atomic import write_json_atomically
from ganjax.data.dataset import Dataset, Source
from ganjax.data.loader import normalise, pad_to_power_of_two
from ganjax.evaluate.features import LEARNING, train_features
from ganjax.restoration.judging import to_bytes
from ganjax.restoration.seen import JUDGE, VALIDATION
from ganjax.terminal import Terminal

FILE = RESULTS / "restoration_ceiling.json"
AT_A_TIME = 1000


def main() -> None:
    """Train a classifier on the images of each degradation, and write how often it is right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--degradations", nargs="+", default=["none", *DEGRADATIONS])
    args = parser.parse_args()
    environment.use_compilation_cache()
    source = sources.load("tfds:fashion_mnist", data_dir=args.data_dir)
    found = json.loads(FILE.read_text()) if FILE.exists() else {"accuracy": {}}
    for name in args.degradations:
        if name in found["accuracy"]:
            continue
        train, test = (_degraded(own.images, name, key) for key, own in enumerate(_both(source)))
        fit, validation = splits.hold_out(_with(source.train, train), VALIDATION, seed=JUDGE)
        classifier = train_features(
            fit, validation, learning=LEARNING, keep=False, progress=Terminal()
        )
        predictions = classifier.look(pad_to_power_of_two(test)).predictions
        assert predictions is not None
        assert source.test is not None
        found["accuracy"][name] = float(np.mean(predictions == source.test.labels))
        found["experiment"] = shlex.join(
            ["python", "-m", "experiments.restoration_ceiling", *sys.argv[1:]]
        )
        found["environment"] = environment.describe()
        write_json_atomically(FILE, found)
        print(f"{name}: {found['accuracy'][name]:.1%}", flush=True)


def _both(source: Source) -> tuple[Dataset, Dataset]:
    assert source.test is not None
    return source.train, source.test


def _with(dataset: Dataset, images: np.ndarray) -> Dataset:
    """Return a data set with other images, padded to the classifier's size."""
    return Dataset(dataset.name, pad_to_power_of_two(images), dataset.labels, dataset.class_names)


def _degraded(images: np.ndarray, name: str, key: int) -> np.ndarray:
    """Degrade uint8 images, each once, and round them to bytes again."""
    if name == "none":
        return images
    degrade = jax.jit(recipe.degrade_by(parse_degradation(name)))
    made = [
        to_bytes(
            np.asarray(degrade(jax.random.key(key), normalise(jnp.asarray(part)), first=start))
        )
        for start in range(0, len(images), AT_A_TIME)
        for part in [images[start : start + AT_A_TIME]]
    ]
    return np.concatenate(made)


if __name__ == "__main__":
    main()
