"""What generated images alone teach a classifier: Fashion-MNIST with its full training set.

    python -m experiments.full_set --data-dir ~/tensorflow_datasets

A GAN is trained on 59,000 training images without T(x), which so many do not need: first at dcgan's
learning rate, then from there at a fifth of it. The other 1,000 choose: which generator is kept,
which of FILTERS its samples pass (by what a classifier learns from those that each keeps, as in
GaFi, arXiv 2305.10118), and the best moment of every classifier. Then classifiers are trained on as
many samples as there are training images, of the chosen filter and of none, and on the training
images themselves, all alike, and shown the test images once. The gap is that of the classification
accuracy score (arXiv 1905.10887): real minus generated. Results go to
experiments/results/full_set.json, with the time that the training took on the processor's cores;
the GAN to --out, where the same command goes on.
"""

import argparse
import json
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
from ganjax.evaluate.cas import score, train_both
from ganjax.evaluate.learning import Learning, learn
from ganjax.progress import Silent
from ganjax.synthesis import trained, trained_on
from ganjax.synthesis.judge import train_judge
from ganjax.synthesis.sample import balanced_labels
from ganjax.synthesis.screening import ranking, screen_of
from ganjax.synthesis.select import Filter, choose_filter
from ganjax.synthesis.sift import Unfilled, sift
from ganjax.synthesis.trained import Trained
from ganjax.terminal import Terminal

FILTERS = (
    Filter(),
    Filter("agreement"),
    Filter("agreement", 0.8),
    Filter("agreement", 0.5),
    Filter("discriminator", 0.5),
)
SEEDS = 3
LEARNING = Learning()


def main() -> None:
    """Train twice, choose, judge, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--updates", type=int, nargs=2, default=(36_000, 12_000))
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path("runs/full-set"))
    args = parser.parse_args()
    environment.use_compilation_cache()
    first, last = args.out / "first", args.out / "last"
    common = ["--gan.width", str(args.width), "--gan.batch-size", "64"]
    updates, more = args.updates
    spent = train(args, first, [*common, "--gan.updates", str(updates)])
    slower = ["--gan.learning-rate", "2e-4", "--init-from", str(first)]
    spent += train(args, last, [*common, "--gan.updates", str(more), *slower])
    found = judged(last, args.data_dir)
    write_json_atomically(
        RESULTS / "full_set.json",
        {
            "command": "python -m experiments.full_set --data-dir ~/tensorflow_datasets "
            f"--updates {updates} {more} --width {args.width}",
            "core_seconds": round(spent),
            **found,
            "environment": environment.describe(),
        },
    )
    print(json.dumps(found["generated"], indent=1))


def train(args: argparse.Namespace, out: Path, settings: list[str]) -> float:
    """Train a GAN, or go on with it; return the seconds that it has had on the cores in all."""
    file = out.with_suffix(".seconds.json")
    before = json.loads(file.read_text()) if file.exists() else 0.0
    began = process_time()
    try:
        command_line(
            ["train", "tfds:fashion_mnist", "--data-dir", args.data_dir, *settings,
             "--gan.augment", "none", "--checkpoint-seconds", "300", "--out", str(out)]
        )  # fmt: skip
    finally:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json_atomically(file, before + process_time() - began)
    return json.loads(file.read_text())


def judged(folder: Path, data_dir: str) -> dict[str, Any]:
    """Choose a filter on validation; compare what is learnt on the test images."""
    source = loader.at_network_size(sources.load("tfds:fashion_mnist", data_dir=data_dir))
    assert source.test is not None
    test, gan, parts = source.test, trained.load(folder), trained_on.parts(folder, Silent())
    assert parts.held_out is not None
    fit, validation = (own.take(np.arange(len(own))) for own in (parts.fit, parts.held_out))
    judge = train_judge(fit, validation, jax.random.key(1), progress=Terminal())
    sets: dict[Filter, Dataset] = {}

    def validate(how: Filter) -> float:
        try:
            sets[how] = samples(gan, how, judge, fit)
        except Unfilled:
            return float("nan")
        learned = learn(
            LEARNING,
            sets[how],
            validation,
            seeds=1,
            key=jax.random.key(2),
            progress=Terminal(),
            name=f"train a classifier on {sets[how].name}",
        )
        return float(learned.accuracy[0])

    choice = choose_filter(FILTERS, validate)
    told = {}
    for how in dict.fromkeys((choice.filter, Filter())):
        both = train_both(
            sets[how], fit, validation, learning=LEARNING, seeds=SEEDS, progress=Terminal()
        )
        told[str(how)] = score(both, both.predict(test.images), test.labels, test.class_names)
    return {
        "filter": {
            "chosen": str(choice.filter),
            "validation_accuracy": {
                str(how): None if np.isnan(own) else round(own, 4) for how, own in choice.scores
            },
            "judge_accuracy": judge.accuracy,
        },
        "generated": told,
        "kept_update": gan.update,
        "gan": vars(gan.description.config),
    }


def samples(gan: Trained, how: Filter, judge: Any, fit: Dataset) -> Dataset:
    """Draw as many samples as there are training images, of all classes in turn."""
    labels = balanced_labels(len(fit), len(fit.class_names))
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
    return Dataset(f"samples, filter {how}", np.asarray(found.images), labels, fit.class_names)


if __name__ == "__main__":
    main()
