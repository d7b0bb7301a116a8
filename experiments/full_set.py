"""What generated images alone teach a classifier: Fashion-MNIST with its full training set.

    python -m experiments.full_set --data-dir ~/tensorflow_datasets

A GAN is trained on 59,000 training images as `ganjax train` trains one, but longer. The other 1,000
choose: which generator is kept, and for each of CLASSIFIERS how far its latents are expanded
(EXPANSIONS, with the filter "agreement", as in GaFi, arXiv 2305.10118), whether it sees transforms
(STRENGTHS; for real and for generated images separately), and its best moment. Then classifiers are
trained on as many samples as there are training images, of what was chosen and as they come, and on
the training images themselves, and shown the test images once. The gap is that of the
classification accuracy score (arXiv 1905.10887): real minus generated. It is told for several
classifiers, since one that is small or trained briefly could hide what samples lack.

Results go to experiments/results/full_set.json, with the time that the training took on the
processor's cores. The GAN goes to --out, and what each classifier said beside it: the same command
goes on.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import jax
import numpy as np

from experiments.tables import RESULTS
from ganjax import environment
from ganjax.cli import main as command_line
from ganjax.data import loader, sources
from ganjax.data.atomic import write_json_atomically
from ganjax.data.dataset import Dataset
from ganjax.evaluate.cas import paired, score
from ganjax.evaluate.learning import Learned, Learning, learn
from ganjax.progress import Silent
from ganjax.synthesis import trained, trained_on
from ganjax.synthesis.judge import Judge, train_judge
from ganjax.synthesis.latents import expanded
from ganjax.synthesis.sample import balanced_labels
from ganjax.synthesis.screening import ranking, screen_of
from ganjax.synthesis.select import Filter
from ganjax.synthesis.sift import sift
from ganjax.synthesis.trained import Trained
from ganjax.terminal import Terminal

CLASSIFIERS = {
    "width 16, 4,000 updates": Learning(),
    "width 16, 20,000 updates": Learning(updates=20_000),
    "width 32, 12,000 updates": Learning(width=32, updates=12_000),
}
"""The first is that of `ganjax evaluate`, the others have more time, and more weights."""

EXPANSIONS = (1.0, 1.5, 2.0)
STRENGTHS = (0.0, 0.2)
SEEDS = 3


def main() -> None:
    """Train, choose, judge, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--updates", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path("runs/full-set"))
    args = parser.parse_args()
    environment.use_compilation_cache()
    spent = train(args)
    found = judged(args.out, args.data_dir)
    write_json_atomically(
        RESULTS / "full_set.json",
        {
            "command": "python -m experiments.full_set --data-dir ~/tensorflow_datasets "
            f"--updates {args.updates} --width {args.width}",
            "core_seconds": round(spent),
            **found,
            "environment": environment.describe(),
        },
    )
    print(json.dumps(found["classifiers"], indent=1))


def train(args: argparse.Namespace) -> float:
    """Train a GAN, or go on with it; return the seconds that it has had on the cores in all."""
    file = args.out.with_suffix(".seconds.json")
    before = json.loads(file.read_text()) if file.exists() else 0.0
    began = process_time()
    try:
        command_line(
            ["train", "tfds:fashion_mnist", "--data-dir", args.data_dir,
             "--gan.width", str(args.width), "--gan.updates", str(args.updates),
             "--checkpoint-seconds", "300", "--out", str(args.out)]
        )  # fmt: skip
    finally:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json_atomically(file, before + process_time() - began)
    return json.loads(file.read_text())


def judged(folder: Path, data_dir: str) -> dict[str, Any]:
    """Ask every classifier what the samples teach it, except those that have said so already."""
    gan, parts = trained.load(folder), trained_on.parts(folder, Silent())
    assert parts.held_out is not None
    fit, validation = (own.take(np.arange(len(own))) for own in (parts.fit, parts.held_out))
    file = folder.with_suffix(".judged.json")
    told = json.loads(file.read_text()) if file.exists() else {}
    if left := [name for name in CLASSIFIERS if name not in told]:
        source = loader.at_network_size(sources.load("tfds:fashion_mnist", data_dir=data_dir))
        assert source.test is not None
        judge = train_judge(fit, validation, jax.random.key(1), progress=Terminal())
        unfiltered = samples(gan, Filter(), 1.0, None, fit)
        agreed = {by: samples(gan, Filter("agreement"), by, judge, fit) for by in EXPANSIONS}
        for name in left:
            told[name] = taught(CLASSIFIERS[name], fit, validation, source.test, unfiltered, agreed)
            write_json_atomically(file, told)
    return {
        "images": len(fit),
        "classifiers": {name: told[name] for name in CLASSIFIERS},
        "kept_update": gan.update,
        "gan": vars(gan.description.config),
    }


def taught(
    learning: Learning,
    fit: Dataset,
    validation: Dataset,
    test: Dataset,
    unfiltered: Dataset,
    agreed: dict[float, Dataset],
) -> dict[str, Any]:
    """Choose on validation; compare what is learnt on the test images."""

    def learnt(images: Dataset, strength: float, *, seeds: int = 1) -> Learned:
        return learn(
            replace(learning, strength=strength),
            images,
            validation,
            seeds=seeds,
            key=jax.random.key(2),
            progress=Terminal(),
            name=f"train {seeds} on {images.name}, transforms {strength:g}",
        )

    def accuracy(images: Dataset, strength: float) -> float:
        return float(learnt(images, strength).accuracy[0])

    without, transformed = STRENGTHS
    by_expansion = {by: accuracy(own, transformed) for by, own in agreed.items()}
    expansion = best(by_expansion)
    by_strength = {
        "real": {own: accuracy(fit, own) for own in STRENGTHS},
        "generated": {
            without: accuracy(agreed[expansion], without),
            transformed: by_expansion[expansion],
        },
    }
    strength = {images: best(tried) for images, tried in by_strength.items()}
    chosen = f"agreement, expansion {expansion:g}"
    real, told = learnt(fit, strength["real"], seeds=SEEDS), {}
    for name, own in {chosen: agreed[expansion], "none": unfiltered}.items():
        both = paired(real, learnt(own, strength["generated"], seeds=SEEDS), fit)
        told[name] = score(both, both.predict(test.images), test.labels, test.class_names)
    return {
        "chosen": {
            "samples": chosen,
            "strength": strength,
            "validation_accuracy": {"expansion": by_expansion, "strength": by_strength},
        },
        "generated": told,
    }


def best(accuracies: dict[float, float]) -> float:
    """Return what led to the highest accuracy."""
    return max(accuracies, key=accuracies.__getitem__)


def samples(
    gan: Trained, how: Filter, expansion: float, judge: Judge | None, fit: Dataset
) -> Dataset:
    """Draw as many samples as there are training images, of all classes in turn."""
    labels = balanced_labels(len(fit), len(fit.class_names))
    gan = expanded(gan, expansion)
    selects = None if how.name == "none" else ranking(gan, how, judge, jax.random.key(3))
    found = sift(
        gan.gan,
        gan.state,
        jax.random.key(4),
        labels,
        screen_of(None, selects),
        class_names=fit.class_names,
        progress=Terminal(),
    )
    name = f"samples, filter {how}, expansion {expansion:g}"
    return Dataset(name, np.asarray(found.images), labels, fit.class_names)


if __name__ == "__main__":
    main()
