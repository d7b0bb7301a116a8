"""How small a share of copies the audit tells, and how often it accuses a set that holds none.

Fashion-MNIST and cifar10_jpeg, the training split alone: 1,000 or 10,000 images stand for those
that a generator was trained on, 1,000 others are held out, and 1,000 others again, 30 times over,
are the sets that are audited. Into these, copies of training images are planted: exact ones,
mirrored ones, noised ones (standard deviation 10 and 20 of 255) and ones moved by a pixel; 100, 10
and 1 % of the set, and as few as are still told in 95 % of the sets. All of it by two kinds of
features: the pictures of `ganjax.synthesis.closeness`, and those of the classifier that a GAN's
training is looked at with (`ganjax.synthesis.reference`), trained on the training images.

    python -m experiments.copy_audit --data-dir ~/tensorflow_datasets

On 2 cores of a Xeon about 20 minutes. Results go to experiments/results/copy_audit.json as they
come.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.tables import RESULTS
from ganjax import environment
from ganjax.data import loader, sources
from ganjax.data.atomic import write_json_atomically
from ganjax.data.sources import Dataset
from ganjax.synthesis.audit import LEVEL, precedence
from ganjax.synthesis.closeness import See, auditor, pictures
from ganjax.synthesis.reference import features, reference

FILE = RESULTS / "copy_audit.json"
SETS = ("tfds:fashion_mnist", "tfds:cifar10_jpeg")
TRAINED_ON = (1000, 10_000)
COUNT, REAL_SETS = 1000, 30
SHARES = (1.0, 0.1, 0.01)
COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)
POWER = 0.95


def noised(images: np.ndarray, deviation: float) -> np.ndarray:
    """Add noise to uint8 images."""
    noise = np.random.default_rng(0).normal(0, deviation, images.shape)
    return np.clip(np.round(images + noise), 0, 255).astype(np.uint8)


KINDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exact": lambda images: images,
    "mirrored": lambda images: images[:, :, ::-1],
    "noised by 10": lambda images: noised(images, 10),
    "noised by 20": lambda images: noised(images, 20),
    "mirrored and noised by 20": lambda images: noised(images[:, :, ::-1], 20),
    "moved by a pixel": lambda images: np.concatenate([images[:, :, 1:], images[:, :, -1:]], 2),
}


def main() -> None:
    """Plant, audit, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="where TFDS prepared the sets")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    environment.use_compilation_cache()
    found: dict[str, Any] = {
        "command": "python -m experiments.copy_audit --data-dir ~/tensorflow_datasets",
        "seed": arguments.seed,
        "images": COUNT,
        "held_out": COUNT,
        "real_sets": REAL_SETS,
        "environment": environment.describe(),
        "rows": [],
    }
    for name in SETS:
        source = loader.at_network_size(sources.load(name, data_dir=arguments.data_dir)).train
        order = np.random.default_rng(arguments.seed).permutation(len(source))
        blocks = order[max(TRAINED_ON) :].reshape(-1, COUNT)
        for trained_on in TRAINED_ON:
            train = source.take(order[:trained_on])
            sights = {
                "pictures": pictures,
                "classifier": classifier(train, jax.random.key(arguments.seed)),
            }
            for by, see in sights.items():
                row = {"set": name, "training_images": trained_on, "features": by}
                found["rows"].append({**row, **examined(source, train, blocks, see)})
                write_json_atomically(FILE, found)
                print(json.dumps(found["rows"][-1]))


def classifier(train: Dataset, key: jax.Array) -> See:
    """Return the features of the classifier that a GAN's training is looked at with."""
    variables = reference(train, train.take(np.arange(1)), key).features
    network = jax.jit(features(train.images.shape[1], train.images.shape[3]))

    def see(images: np.ndarray) -> np.ndarray:
        missing = -len(images) % 256
        whole = np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0)))
        parts = np.split(whole, len(whole) // 256) if len(whole) else []
        seen = [
            np.asarray(network(variables, loader.normalise(jnp.asarray(part)))) for part in parts
        ]
        return np.concatenate([np.zeros((0, 64), np.float32), *seen])[: len(images)]

    return see


def examined(source: Dataset, train: Dataset, blocks: np.ndarray, see: See) -> dict[str, Any]:
    """Audit real sets, without and with planted copies."""
    held_out = source.take(blocks[0])
    by = auditor(train, held_out, see=see)
    real = [by.closeness(source.take(rows).images).ratio for rows in blocks[1 : REAL_SETS // 3 + 1]]
    rng = np.random.default_rng(0)
    chosen = train.images[rng.permutation(len(train))[:COUNT]]
    kinds = {}
    for kind, change in KINDS.items():
        ratios = by.closeness(np.ascontiguousarray(change(chosen))).ratio
        told = {count: told_in(by.calibration, real, ratios, count, rng) for count in COUNTS}
        enough = [n for n in COUNTS if min(told[m] for m in COUNTS if m >= n) >= POWER]
        kinds[kind] = {
            "called_copies": float(np.mean(ratios <= by.threshold)),
            "told": {str(share): told[round(share * COUNT)] for share in SHARES},
            "smallest_share": min(enough) / COUNT if enough else None,
        }
    return {
        "threshold": by.threshold,
        "real_called_copies": float(np.mean(np.concatenate(real) <= by.threshold)),
        "real_sets_accused": accused(source, train, blocks, see),
        "kinds": kinds,
    }


def told_in(
    calibration: np.ndarray,
    real: list[np.ndarray],
    copies: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> float:
    """Return in which share of sets with so many copies among real images they are told."""
    found = []
    for ratios in real * 3:
        mixed = rng.permutation(ratios)
        mixed[:count] = rng.permutation(copies)[:count]
        found.append(precedence(calibration, mixed).p_value <= LEVEL)
    return float(np.mean(found))


def accused(source: Dataset, train: Dataset, blocks: np.ndarray, see: See) -> float:
    """Return the share of real sets that are accused, each beside held-out images of its own."""
    found = []
    for i in range(REAL_SETS):
        own, others = (source.take(blocks[j % len(blocks)]) for j in (i, i + 1))
        by = auditor(train, own, see=see)
        closeness = by.closeness(others.images)
        found.append(precedence(by.calibration, closeness.ratio).p_value <= LEVEL)
    return float(np.mean(found))


if __name__ == "__main__":
    main()
