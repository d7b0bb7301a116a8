"""By what to choose on a small validation part: criteria compared where the truth is known.

    python -m experiments.choice --data-dir ~/tensorflow_datasets

A study chooses among candidates and looks by a validation part of a few images per class. Here
draws of Fashion-MNIST's TRAINING split train a classifier at nine strengths of the transforms, with
ten looks each; 6,000 other training images answer at every look. Of one half of these, validation
parts as large as a study's are drawn 400 times; each criterion chooses by them, and the other half
says how accurate the choice is, classes weighed alike. Criteria, all means over classes:

- accuracy: the part of images whose class is right;
- probability: of the right class;
- log_probability: of the right class, minus the cross-entropy;
- bounded: the same, cut off at -4 nats, so that no image outweighs many.

Results go to experiments/results/choice.json; draws that are there are not trained again.
"""

import argparse
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.tables import RESULTS
from ganjax import environment, models, training
from ganjax.data import loader, sources, splits
from ganjax.data.atomic import write_json_atomically
from ganjax.data.loader import normalise, to_device
from ganjax.data.sources import Dataset
from ganjax.ops import policy
from ganjax.study.competition import mixed_batch, row_weights

FILE = RESULTS / "choice.json"
DRAWS = {"20": (20, 1.0), "100": (100, 1.0), "tail": (500, 100.0)}
"""Images per class, of the largest, and how many times the smallest fits into it."""

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
UPDATES, LOOKS, BATCH = 1000, 10, 64
KNOWN, PARTS, MOST_NATS = 6000, 400, 4.0
WIDTH, FEATURES = 16, 64


def main() -> None:
    """Train on every draw, let every criterion choose, and write down what was chosen."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", help="where TFDS prepared fashion_mnist")
    parser.add_argument("--only", nargs="+", default=list(DRAWS), choices=list(DRAWS))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    environment.use_compilation_cache()
    source = loader.at_network_size(
        sources.load("tfds:fashion_mnist", data_dir=args.data_dir)
    ).train
    found = json.loads(FILE.read_text()) if FILE.exists() else {"rows": []}
    for seed in range(args.seeds):
        for name in args.only:
            if any((row["draw"], row["seed"]) == (name, seed) for row in found["rows"]):
                continue
            found["rows"].append({"draw": name, "seed": seed, **compared(source, name, seed)})
            found["command"] = "python -m experiments.choice --data-dir DIR"
            found["environment"] = environment.describe()
            write_json_atomically(FILE, found)
            print(found["rows"][-1], flush=True)
    print(table(found["rows"]))


def compared(train: Dataset, name: str, seed: int) -> dict[str, Any]:
    """Train on one draw and return each criterion's mean accuracy, in points, and the best's."""
    per_class, imbalance = DRAWS[name]
    order = np.random.default_rng(seed).permutation(len(train))
    draw = splits.some_per_class(
        train.take(order[KNOWN:]), per_class, seed=seed, imbalance=imbalance
    )
    # A quarter of each class validates, as in a study
    validating = np.maximum(draw.counts() // 4, 1)
    fit = draw.take(np.concatenate([
        np.flatnonzero(draw.labels == label)[count:] for label, count in enumerate(validating)
    ]))  # fmt: skip
    known = train.take(order[:KNOWN])
    return chosen(answers(fit, known, seed), known.labels, validating, seed)


def answers(fit: Dataset, known: Dataset, seed: int) -> np.ndarray:
    """Return log probabilities at every look, float32 `[strengths, looks, known, classes]`."""
    size, channels, classes = *fit.images.shape[2:], len(fit.class_names)
    model = models.conv_classifier(
        size=size, channels=channels, classes=classes, width=WIDTH, features=FEATURES
    )
    classifier = training.classifier(model, augment=policy.classical())
    real = to_device(fit)
    weights = row_weights(real.labels, jnp.float32(1), jnp.float32(1))

    @jax.jit
    def stretch(state, key, strength):
        def body(state, _):
            batch_key, step_key = jax.random.split(jax.random.fold_in(key, state.step))
            batch = mixed_batch(batch_key, real, real, jnp.float32(0), BATCH, weights)
            return classifier.step(state, batch, step_key, strength)[0], None

        return jax.lax.scan(body, state, None, length=UPDATES // LOOKS)[0]

    @jax.jit
    def look(state, images):
        return jax.nn.log_softmax(classifier.logits(state, normalise(images)))

    key = jax.random.key(seed)
    parts = np.array_split(known.images, KNOWN // 500)
    found = []
    for strength in STRENGTHS:
        state = jax.jit(classifier.init)(key)
        for _ in range(LOOKS):
            state = stretch(state, key, jnp.float32(strength))
            found.append(np.concatenate([look(state, part) for part in parts]))
    return np.stack(found).reshape(len(STRENGTHS), LOOKS, KNOWN, classes)


def chosen(
    logs: np.ndarray, labels: np.ndarray, validating: np.ndarray, seed: int
) -> dict[str, Any]:
    """Let each criterion choose by many validation parts; return what the choices are worth."""
    own = np.take_along_axis(logs, labels[None, None, :, None], -1)[..., 0]
    right = logs.argmax(-1) == labels
    values = {
        "accuracy": right,
        "probability": np.exp(own),
        "log_probability": own,
        "bounded": np.maximum(own, -MOST_NATS),
    }
    rng = np.random.default_rng(seed)
    halves = np.array_split(rng.permutation(len(labels)), 2)
    to_draw, to_judge = (
        [half[labels[half] == label] for label in range(len(validating))] for half in halves
    )
    worth = _by_class(right, to_judge).reshape(-1)
    scores: dict[str, list[float]] = {name: [] for name in values}
    for _ in range(PARTS):
        part = [
            rng.choice(rows, count, replace=False)
            for rows, count in zip(to_draw, validating, strict=True)
        ]
        for name, value in values.items():
            scores[name].append(100 * worth[np.argmax(_by_class(value, part))])
    return {
        "points": {name: float(np.mean(score)) for name, score in scores.items()},
        "deviation": {name: float(np.std(score)) for name, score in scores.items()},
        "best": float(100 * worth.max()),
    }


def _by_class(values: np.ndarray, rows: list[np.ndarray]) -> np.ndarray:
    return np.mean([values[..., own].mean(-1) for own in rows], axis=0)


def table(rows: list[dict[str, Any]]) -> str:
    """Return the mean accuracy of what each criterion chooses, a line per kind of draw."""
    names = list(rows[0]["points"])
    lines = [f"{'draw':8}" + "".join(f"{name:>17}" for name in (*names, "best"))]
    for draw in dict.fromkeys(row["draw"] for row in rows):
        own = [row for row in rows if row["draw"] == draw]
        means = [np.mean([row["points"][name] for row in own]) for name in names]
        means.append(np.mean([row["best"] for row in own]))
        lines.append(f"{draw:8}" + "".join(f"{mean:17.2f}" for mean in means))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
