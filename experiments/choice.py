"""By what to choose on small validation parts: criteria compared where the truth is known.

    python -m experiments.choice --data-dir ~/tensorflow_datasets

A study chooses among candidates and looks by a validation part of a few images per class in each
replicate. Here draws of Fashion-MNIST's TRAINING split train a classifier at nine strengths of the
transforms, with ten looks each; 6,000 other training images answer at every look. Of one half of
these, validation parts as large as a study's are drawn 400 times; each criterion chooses by them,
and the other half says how accurate the choice is, classes weighed alike. Criteria, all means over
classes:

- accuracy: the part of images whose class is right;
- probability: of the right class;
- log_probability: of the right class, minus the cross-entropy;
- bounded: the same, cut off at -4 nats, so that no image outweighs many.

Each chooses strength and look in every draw alone; `together`, the probability chooses one strength
for all draws, by the mean over their validation parts, and the look in each draw, as studies do.
What each strength gives in the end, at the last look, is told too.

Results go to experiments/results/choice.json; kinds of draws that are there are not trained again.
"""

import argparse
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

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
TOGETHER = "together"


def main() -> None:
    """Train on every draw, let every criterion choose, and write down what was chosen."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", help="where TFDS prepared fashion_mnist")
    parser.add_argument("--only", nargs="+", default=list(DRAWS), choices=list(DRAWS))
    parser.add_argument("--draws", type=int, default=5, help="of each kind, as replicates")
    args = parser.parse_args()
    environment.use_compilation_cache()
    source = loader.at_network_size(
        sources.load("tfds:fashion_mnist", data_dir=args.data_dir)
    ).train
    found = json.loads(FILE.read_text()) if FILE.exists() else {"rows": []}
    for name in args.only:
        if any((row["draw"], row["draws"]) == (name, args.draws) for row in found["rows"]):
            continue
        found["rows"] = [row for row in found["rows"] if row["draw"] != name]
        points = compared(source, name, args.draws)
        found["rows"].append({"draw": name, "draws": args.draws, **points})
        found["command"] = f"python -m experiments.choice --draws {args.draws} --data-dir DIR"
        found["environment"] = environment.describe()
        write_json_atomically(FILE, found)
        print(found["rows"][-1], flush=True)
    print(table(found["rows"]))


def compared(train: Dataset, name: str, draws: int) -> dict[str, Any]:
    """Train on draws of a kind and return each criterion's mean accuracy, and the best's."""
    parts = []
    for seed in range(draws):
        fit, known, validating = drawn(train, name, seed)
        parts.append(Part(answers(fit, known, seed), known.labels, validating))
        print(f"{name}: draw {seed + 1} of {draws} trained", flush=True)
    return chosen(parts)


class Part(NamedTuple):
    """What is known of a draw's classifiers.

    Attributes:
      logs: log probabilities at every look, float32 `[strengths, looks, known, classes]`.
      labels: of the known images.
      validating: images of each class in a validation part.
    """

    logs: np.ndarray
    labels: np.ndarray
    validating: np.ndarray


def drawn(train: Dataset, name: str, seed: int) -> tuple[Dataset, Dataset, np.ndarray]:
    """Return a draw's images to train on, those that are known, and the validation counts."""
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
    return fit, train.take(order[:KNOWN]), validating


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


def chosen(parts: list[Part]) -> dict[str, Any]:
    """Let each criterion choose by many validation parts; return what the choices are worth."""
    values = [_values(part) for part in parts]
    rng = np.random.default_rng(0)
    halves, worth = [], []
    for part, own in zip(parts, values, strict=True):
        to_draw, to_judge = (
            [half[part.labels[half] == label] for label in range(len(part.validating))]
            for half in np.array_split(rng.permutation(len(part.labels)), 2)
        )
        halves.append(to_draw)
        worth.append(100 * _by_class(own["accuracy"], to_judge))  # [strengths, looks]

    scores: dict[str, list[float]] = {name: [] for name in (*values[0], TOGETHER)}
    for _ in range(PARTS):
        rows = [
            [rng.choice(own, n, replace=False) for own, n in zip(half, counts, strict=True)]
            for half, (_, _, counts) in zip(halves, parts, strict=True)
        ]
        seen = {
            name: np.stack([_by_class(v[name], r) for v, r in zip(values, rows, strict=True)])
            for name in values[0]
        }  # [draws, strengths, looks] each
        for name, looks in seen.items():
            pairs = zip(worth, looks, strict=True)
            scores[name].append(_mean(points.flat[np.argmax(score)] for points, score in pairs))
        best_look = seen["probability"].max(axis=2)  # [draws, strengths]
        strength = np.argmax(best_look.mean(axis=0))
        best = np.argmax(seen["probability"][:, strength], axis=1)
        scores[TOGETHER].append(_mean(w[strength, i] for w, i in zip(worth, best, strict=True)))
    return {
        "points": {name: _mean(score) for name, score in scores.items()},
        "deviation": {name: float(np.std(score)) for name, score in scores.items()},
        "best": _mean(w.max() for w in worth),
        "strengths": {
            f"{strength:g}": _mean(w[i, -1] for w in worth) for i, strength in enumerate(STRENGTHS)
        },
    }


def _values(part: Part) -> dict[str, np.ndarray]:
    """Return what each criterion says of every image at every look, `[strengths, looks, known]`."""
    own = np.take_along_axis(part.logs, part.labels[None, None, :, None], -1)[..., 0]
    return {
        "accuracy": part.logs.argmax(-1) == part.labels,
        "probability": np.exp(own),
        "log_probability": own,
        "bounded": np.maximum(own, -MOST_NATS),
    }


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _by_class(values: np.ndarray, rows: list[np.ndarray]) -> np.ndarray:
    return np.mean([values[..., own].mean(-1) for own in rows], axis=0)


def table(rows: list[dict[str, Any]]) -> str:
    """Return the mean accuracy of what each criterion chooses, a line per kind of draw."""
    names = list(rows[0]["points"])
    lines = [f"{'draw':8}" + "".join(f"{name:>17}" for name in (*names, "best"))]
    for row in rows:
        means = [*row["points"].values(), row["best"]]
        lines.append(f"{row['draw']:8}" + "".join(f"{mean:17.2f}" for mean in means))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
