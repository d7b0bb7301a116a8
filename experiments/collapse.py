"""What the guard saves of a training that collapses: a DCGAN on 200 images, without T(x).

    python -m experiments.collapse --data-dir ~/tensorflow_datasets

Fashion-MNIST, 22 images of each class, of which two are held out, as `ganjax train` does; width 32,
no transforms in the discriminator, no penalty, 10,000 updates. At each of 20 looks the guard sees
the energy distance to the 20 held-out images on the features of a small classifier trained on the
200. Beside it stands what it does not know: the Frechet distance of 5,000 samples to the 60,000
training images on the features of experiments/feature_network.py. The unguarded result is the last
state, the guarded one what was kept. Results go to experiments/results/collapse.json as they come,
with a plot; the same command goes on where it stopped.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments import feature_network
from experiments.tables import RESULTS
from ganjax import environment
from ganjax.config import GANConfig
from ganjax.data import loader, sources, splits
from ganjax.data.atomic import write_bytes_atomically, write_json_atomically
from ganjax.data.loader import shuffled_order, to_device
from ganjax.metrics import frechet_distance
from ganjax.synthesis.description import compiled, describe
from ganjax.synthesis.reference import reference
from ganjax.synthesis.sample import balanced_labels, sample_images
from ganjax.terminal import Terminal
from ganjax.training.loop import Looks, train

PER_CLASS, SAMPLES = 22, 5000
FILE = RESULTS / "collapse.json"


def config(updates: int) -> GANConfig:
    """Return the GAN that collapses."""
    return GANConfig(
        network="dcgan", loss="non_saturating", augment="none", r1_weight=0.0, updates=updates
    )


def main() -> None:
    """Train, look, write, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--work", type=Path, default=Path("runs/collapse"))
    parser.add_argument("--updates", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    environment.use_compilation_cache()
    found = run(args)
    found["outcome"] = outcome(found["looks"])
    write_json_atomically(FILE, found)
    write_bytes_atomically(FILE.with_suffix(".svg"), plot(found["looks"]).encode())
    print(json.dumps(found["outcome"], indent=1))


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train the GAN, or go on; return what was seen at each look."""
    source = loader.at_network_size(sources.load("tfds:fashion_mnist", data_dir=args.data_dir))
    few = splits.some_per_class(source.train, PER_CLASS, seed=args.seed)
    fit, held_out = splits.hold_out(few, 0.1, seed=args.seed)
    key = jax.random.key(args.seed)
    description = describe(config(args.updates), fit)
    gan, rhythm = description.gan(), description.rhythm()
    init, call, look = compiled(description)
    compared = reference(fit, held_out, key)
    features = feature_network.load()
    real = feature_network.moments_of(features, source.train.images)
    labels = balanced_labels(SAMPLES, len(fit.class_names))
    found: dict[str, Any] = {
        "command": "python -m experiments.collapse --data-dir ~/tensorflow_datasets",
        "images": len(fit), "held_out": len(held_out), "seed": args.seed,
        "environment": environment.describe(), "looks": [],
    }  # fmt: skip
    if FILE.exists() and (args.work / "checkpoints").exists():
        found["looks"] = json.loads(FILE.read_text())["looks"]

    def judged_look(guarded):
        guarded, signs = look(guarded, compared)
        update = int(guarded.step)

        def distance(state) -> float:
            images = sample_images(gan, state, jax.random.fold_in(key, 1), labels)
            return frechet_distance(feature_network.moments_of(features, images), real)

        row = {"update": update, **{name: float(value) for name, value in signs.items()}}
        row["frechet"] = distance(guarded.state)
        row["kept"] = int(guarded.best_step)
        row["kept_frechet"] = distance(replace(guarded.state, ema_generator=guarded.best))
        found["looks"] = [old for old in found["looks"] if old["update"] < update] + [row]
        write_json_atomically(FILE, found)
        return guarded, signs

    init_key, train_key = jax.random.split(key)
    with Terminal().stage("train the GAN", args.updates, "updates") as tick:
        train(
            call,
            init(init_key),
            to_device(fit.take(shuffled_order(len(fit), key))),
            train_key,
            updates=args.updates,
            steps_per_call=rhythm.steps_per_call,
            anchor_every=rhythm.anchor_every,
            looks=Looks(judged_look, rhythm.look_every),
            tick=tick,
            folder=args.work / "checkpoints",
        )
    return found


def outcome(looks: list[dict[str, Any]]) -> dict[str, Any]:
    """Say what the guard saved."""
    best = min(looks, key=lambda row: row["frechet"])
    last = looks[-1]
    ranks: np.ndarray = np.argsort(
        np.argsort([[row["distance"], row["frechet"]] for row in looks], axis=0), axis=0
    )
    return {
        "unguarded_last": last["frechet"],
        "unguarded_best": best["frechet"],
        "unguarded_best_update": best["update"],
        "guarded": last["kept_frechet"],
        "guarded_update": last["kept"],
        "rank_correlation": float(np.corrcoef(ranks.T)[0, 1]),
    }


def plot(looks: list[dict[str, Any]]) -> str:
    """Draw the Frechet distance of the last and of the kept state over the updates, as SVG."""
    width, height, left, top, bottom = 690, 265, 60, 20, 40
    updates = [row["update"] for row in looks]
    most = max(row["frechet"] for row in looks) * 1.05

    def place(update: float, value: float) -> str:
        x = left + (width - left - 150) * update / updates[-1]
        return f"{x:.1f},{top + (height - top - bottom) * (1 - value / most):.1f}"

    parts = []
    for name, words, colour in (
        ("frechet", "the last state", "#d95f02"), ("kept_frechet", "what is kept", "#1b9e77"),
    ):  # fmt: skip
        points = " ".join(place(row["update"], row[name]) for row in looks)
        x, y = place(updates[-1], looks[-1][name]).split(",")
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        parts.append(
            f'<text x="{float(x) + 8:.0f}" y="{float(y) + 4:.0f}" fill="{colour}">{words}</text>'
        )
    for value in range(0, int(most), 50):
        x, y = place(0, value).split(",")
        parts.append(
            f'<text x="{left - 8}" y="{float(y) + 4:.0f}" text-anchor="end">{value}</text>'
        )
        parts.append(f'<line x1="{left}" x2="{width - 150}" y1="{y}" y2="{y}" stroke="#8884"/>')
    for update in (0, updates[-1] // 2, updates[-1]):
        x, _ = place(update, 0).split(",")
        parts.append(f'<text x="{x}" y="{height - 22}" text-anchor="middle">{update:,}</text>')
    parts.append(
        f'<text x="{left}" y="{height - 5}">updates; Frechet distance to real images, '
        "smaller is better</text>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" fill="#777">{"".join(parts)}</svg>\n'
    )


if __name__ == "__main__":
    main()
