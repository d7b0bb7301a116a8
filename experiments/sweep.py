"""Which GAN to use by default: settings compared on small draws, by validation images only.

    python -m experiments.sweep --data-dir ~/tensorflow_datasets --source tfds:fashion_mnist \
        --per-class 20 --settings dcgan dcgan-adaptive

For each setting and seed: a draw of --per-class labelled training images, a GAN trained on it for
--updates updates as `ganjax study` would, 2,000 samples, and three figures of them, on 5,000 other
images of the TRAINING split (the test split is never read):

- cas: accuracy of a classifier trained on samples alone;
- gain: accuracy of one trained on real and generated images half and half minus that of one on
  real images alone, each with the classical transforms at the better of two strengths, 0 and 0.5,
  from the same initial weights, with the same batches of real images and as many updates, the mean
  of two such pairs;
- distance: the Frechet distance to the other images, on the features of a classifier trained on
  10,000 further ones.

Results go to experiments/results/sweep.json as they come, and what is there is not computed again;
medians over seeds are printed. Trainings are kept in --out and go on where they stopped.
"""

import argparse
import json
import shlex
import statistics
import sys
from functools import cache, partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.tables import RESULTS
from ganjax import environment, models, training
from ganjax.config import GANConfig
from ganjax.data import loader, sources
from ganjax.data.atomic import write_json_atomically
from ganjax.data.loader import Resident, normalise, to_device
from ganjax.data.sources import Dataset
from ganjax.metrics import frechet_distance, moments
from ganjax.ops import policy
from ganjax.study.competition import mixed_batch
from ganjax.synthesis import description
from ganjax.synthesis.trained import train_in
from ganjax.terminal import Terminal
from ganjax.training.loop import scan_steps
from ganjax.typing import Key, Variables

FILE = RESULTS / "sweep.json"
SAMPLES, JUDGED_BY, SEEN_BY = 2000, 5000, 10_000
CLASSIFIER_UPDATES, BATCH, CLASSIFIERS = 800, 64, 2
WIDTH, FEATURES = 16, 64

_CUSTOMARY: dict[str, Any] = {"network": "dcgan", "loss": "non_saturating"}
_MODERN: dict[str, Any] = {
    "loss": "relativistic", "r1_weight": 1.0, "r2_weight": 1.0, "augment": "diffaugment",
    "beta1": 0.5,
}  # fmt: skip
_TWO_PACES: dict[str, Any] = {
    "learning_rate": 2.5e-4, "discriminator_pace": 4.0, "beta1": 0.5, "annealed": False,
}  # fmt: skip
_ANNEALED: dict[str, Any] = {
    "learning_rate": 2e-3, "discriminator_pace": 0.5, "beta1": 0.0, "annealed": True,
}  # fmt: skip

SETTINGS: dict[str, dict[str, Any]] = {
    "dcgan": {**_CUSTOMARY, "learning_rate": 2e-4},
    "dcgan-fast": {**_CUSTOMARY, "learning_rate": 1e-3},
    "dcgan-plain": {**_CUSTOMARY, "augment": "none", "r1_weight": 0.0},
    "dcgan-full": {**_CUSTOMARY, "augment_strength": 1.0},
    "dcgan-hinge": {"network": "dcgan", "loss": "hinge"},
    "dcgan-adaptive": {**_CUSTOMARY, "augment_strength": 1.0, "augment_adaptive": True},
    "dcgan-r1": {**_CUSTOMARY, "r1_weight": 1.0},
    "dcgan-lecam": {"network": "dcgan", "loss": "hinge", "lecam_weight": 0.3},
    "dcgan-consistency": {**_CUSTOMARY, "consistency_weight": 10.0},
    "dcgan-latent": {**_CUSTOMARY, "latent_consistency_weight": 5.0},
    "dcgan-relativistic": {"network": "dcgan", **_MODERN, "batch_size": 64, "penalty_every": 1},
    "dcgan-lazy": {"network": "dcgan", **_MODERN, "batch_size": 32, "penalty_every": 4},
    "dcgan-paces": {"network": "dcgan", "augment": "none", **_TWO_PACES},
    "dcgan-paces-adaptive": {"network": "dcgan", "augment_adaptive": True, **_TWO_PACES},
    "dcgan-annealed": {"network": "dcgan", "augment": "none", **_ANNEALED},
    "dcgan-annealed-adaptive": {"network": "dcgan", "augment_adaptive": True, **_ANNEALED},
    "resnet": {"network": "resnet", "loss": "hinge", "r1_weight": 0.0},
    "resnet-fast": {"network": "resnet", "loss": "hinge", "r1_weight": 0.0, "learning_rate": 1e-3},
    "resnet-r1": {"network": "resnet", "loss": "hinge"},
    "resnet-b0": {"network": "resnet", "loss": "hinge", "r1_weight": 0.0, "beta1": 0.0},
    "resnet-paces": {"network": "resnet"},
    "modern": {"network": "modern", **_MODERN},
    "modern-b0": {"network": "modern", **_MODERN, "beta1": 0.0},
    "modern-paces": {"network": "modern"},
}


class Parts(NamedTuple):
    """Three parts of a training split that share no image."""

    fit: Dataset
    judging: Dataset
    seeing: Dataset


def main() -> None:
    """Train and judge what is asked for, and print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", default="tfds:fashion_mnist")
    parser.add_argument("--data-dir", help="where TFDS prepared the source")
    parser.add_argument("--per-class", type=int, default=20)
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=2000)
    parser.add_argument("--width", type=int)
    parser.add_argument("--out", type=Path, default=Path("runs/sweep"))
    args = parser.parse_args()
    environment.use_compilation_cache()
    source = loader.at_network_size(sources.load(args.source, data_dir=args.data_dir))
    found = json.loads(FILE.read_text()) if FILE.exists() else {"rows": []}
    command = shlex.join(["python", "-m", "experiments.sweep", *sys.argv[1:]])
    for seed in range(args.seeds):
        parts = draw(source.train, args.per_class, seed)
        for name in args.settings:
            config = GANConfig(**{"width": args.width, "updates": args.updates, **SETTINGS[name]})
            what = {
                "source": args.source, "per_class": args.per_class, "setting": name, "seed": seed,
                "updates": args.updates, "width": args.width,
            }  # fmt: skip
            if any(what.items() <= row.items() for row in found["rows"]):
                continue
            folder = args.out / "-".join(str(value) for value in what.values()).replace(":", "-")
            row = {**what, **judged(config, parts, folder, jax.random.key(seed))}
            found["rows"].append({**row, "command": command})
            found["environment"] = environment.describe()
            write_json_atomically(FILE, found)
            print({name: row[name] for name in ("setting", "seed", *FIGURES)}, flush=True)
    print(table(found["rows"], args.source, args.per_class, args.updates))


FIGURES = ("cas", "gain", "distance", "real", "kept", "seconds")


def draw(train: Dataset, per_class: int, seed: int) -> Parts:
    """Part a training split: a small draw, images to judge by, images to learn features from."""
    order = np.random.default_rng(seed).permutation(len(train))
    labels = train.labels[order]
    fit = np.sort(
        np.concatenate([np.flatnonzero(labels == c)[:per_class] for c in np.unique(labels)])
    )
    rest = np.setdiff1d(np.arange(len(order)), fit)
    judging, seeing = rest[:JUDGED_BY], rest[JUDGED_BY : JUDGED_BY + SEEN_BY]
    return Parts(*(train.take(order[rows]) for rows in (fit, judging, seeing)))


def judged(config: GANConfig, parts: Parts, folder: Path, key: Key) -> dict[str, Any]:
    """Train a GAN on a draw and return its figures."""
    # The study's own way: a quarter of a draw is for choosing the state that is kept
    fit, validation = _validation(parts.fit)
    began = perf_counter()
    gan = train_in(
        folder,
        description.describe(config, fit),
        fit,
        key,
        held_out=validation,
        progress=Terminal(),
    )
    seconds = perf_counter() - began
    images, labels = gan.sample(jax.random.fold_in(key, 1), SAMPLES)
    pool = Resident(*map(jax.numpy.asarray, (images, labels)))
    real = to_device(fit)

    def score(ratio: float, *strengths: float) -> float:
        return max(
            statistics.mean(
                accuracy(real, pool, ratio, strength, parts.judging, jax.random.fold_in(key, seed))
                for seed in range(CLASSIFIERS)
            )
            for strength in strengths
        )

    on_real = score(0.0, 0.0, 0.5)
    see = partial(features, _eyes(parts.seeing))
    distance = frechet_distance(moments(see(images)), moments(see(parts.judging.images)))
    return {
        "cas": score(1.0, 0.0),
        "gain": score(0.5, 0.0, 0.5) - on_real,
        "real": on_real,
        "distance": distance,
        "kept": gan.update,
        "seconds": round(seconds, 1),
    }


def _validation(fit: Dataset) -> tuple[Dataset, Dataset]:
    rank = np.zeros(len(fit), int)
    for label in np.unique(fit.labels):
        own = np.flatnonzero(fit.labels == label)
        rank[own] = np.arange(len(own)) * 4 // len(own)
    return fit.take(np.flatnonzero(rank > 0)), fit.take(np.flatnonzero(rank == 0))


@cache
def _classifier(size: int, channels: int, classes: int):
    model = models.conv_classifier(
        size=size, channels=channels, classes=classes, width=WIDTH, features=FEATURES
    )
    classifier = training.classifier(model, augment=policy.classical())

    def mix(key, data):
        real, pool, ratio = data
        return mixed_batch(key, real, pool, ratio, BATCH)

    def call(state, data, strength, key, *, steps):
        own = scan_steps(lambda s, b, k: classifier.step(s, b, k, strength), mix)
        return own(state, data, key, steps=steps)

    return (
        jax.jit(classifier.init),
        jax.jit(call, static_argnames="steps"),
        jax.jit(classifier.logits),
    )


def accuracy(
    real: Resident, pool: Resident, ratio: float, strength: float, judging: Dataset, key: Key
) -> float:
    """Train a classifier on a mixture and return its accuracy on other images."""
    size, channels = judging.images.shape[1], judging.images.shape[3]
    init, call, logits = _classifier(size, channels, len(judging.class_names))
    state, _ = call(
        init(key),
        (real, pool, np.float32(ratio)),
        np.float32(strength),
        key,
        steps=CLASSIFIER_UPDATES,
    )
    answers = np.asarray(logits(state, normalise(jax.numpy.asarray(judging.images))))
    return float(np.mean(answers.argmax(axis=1) == judging.labels))


_seeing: dict[int, Variables] = {}


def _eyes(seeing: Dataset) -> Variables:
    """Train the network that distances are measured with, once per draw."""
    if id(seeing) not in _seeing:
        size, channels = seeing.images.shape[1], seeing.images.shape[3]
        init, call, _ = _classifier(size, channels, len(seeing.class_names))
        own, key = to_device(seeing), jax.random.key(0)
        state, _ = call(
            init(key), (own, own, np.float32(0)), np.float32(0.5), key, steps=2 * CLASSIFIER_UPDATES
        )
        _seeing[id(seeing)] = state.variables
    return _seeing[id(seeing)]


def features(variables: Variables, images: np.ndarray) -> np.ndarray:
    """Return what the network sees, `[images, FEATURES]`."""
    model = models.conv_features(
        size=images.shape[1], channels=images.shape[3], width=WIDTH, features=FEATURES
    )
    see = jax.jit(lambda x: model.apply(variables, normalise(x))[0])
    return np.concatenate([np.asarray(see(part)) for part in np.array_split(images, 10)])


def table(rows: list[dict[str, Any]], source: str, per_class: int, updates: int) -> str:
    """Return medians over seeds, a line per setting."""
    own = [
        row for row in rows
        if (row["source"], row["per_class"], row["updates"]) == (source, per_class, updates)
    ]  # fmt: skip
    lines = [f"{'setting':24}" + "".join(f"{name:>10}" for name in FIGURES)]
    for name in dict.fromkeys(row["setting"] for row in own):
        mine = [row for row in own if row["setting"] == name]
        medians = [statistics.median(row[figure] for row in mine) for figure in FIGURES]
        lines.append(f"{name:24}" + "".join(f"{value:10.3f}" for value in medians))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
