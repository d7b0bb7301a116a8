"""What classification and generation cost each other: Fashion-MNIST with all labels.

    python -m experiments.joint_fashion_mnist --data-dir ~/tensorflow_datasets

A study of all 60,000 training images, of which a tenth only chooses, with the arms auxiliary (arXiv
1610.09585) and three-player (arXiv 1703.02291), against the same network trained as a classifier
alone, as many updates, at the best of three strengths of the classical transforms. Five replicates;
one sealed test set, paired intervals. Then the classification accuracy score of their generators
beside that of a plain conditional GAN of the same size and time: a classifier is trained on 10,000
samples of each, its best moment chosen on 1,000 training images, and judged on the test images;
differences paired by replicate and image. The GAN that three-player is compared with is the
study's, of GAN_UPDATES updates, which take somewhat longer; auxiliary, whose UPDATES take half as
long, is compared with one of SHORTER updates beside it. No discriminator has a T(x): with so many
images it only slows the classifiers, which see the same. What follows -- is given to the study.
Results go to experiments/results/joint_fashion_mnist.json, the study to --out, where the same
command goes on.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.study_digits import keep
from experiments.tables import RESULTS
from ganjax.cli import main as command_line
from ganjax.config import StudyConfig
from ganjax.data import loader, sources
from ganjax.data.atomic import write_arrays_atomically, write_json_atomically
from ganjax.data.dataset import Dataset
from ganjax.evaluate.cas import train_both
from ganjax.evaluate.learning import Learning
from ganjax.metrics import crossed_interval
from ganjax.progress import Silent
from ganjax.study.prepare import prepare
from ganjax.synthesis import description, trained
from ganjax.terminal import Terminal

UPDATES, GAN_UPDATES, SHORTER = 2000, 3000, 1440

PER_CLASS, VALIDATION = 6000, 0.1
STUDY = [
    "--per-class", str(PER_CLASS), "--validation-fraction", str(VALIDATION),
    "--arms", "auxiliary", "three-player",
    "--classifier.updates", str(UPDATES), "--classifier.seeds", "1",
    "--classifier.no-learning-curve", "--classifier.ratios", "0", "0.5",
    "--classifier.strengths", "0", "0.5", "1", "--no-leak-detector", "--gan.width", "16",
    "--gan.augment", "none", "--gan.updates", str(GAN_UPDATES), "--gan.batch-size", "64",
    "--gan.penalty-every", "1",
]  # fmt: skip

GAN_SHORTER = "gan-shorter"
GANS = {"gan": GAN_UPDATES, GAN_SHORTER: SHORTER}
AS_LONG = {"auxiliary": GAN_SHORTER, "three-player": "gan"}
"""The GAN that each arm's generator is compared with."""

SAMPLES, CHOOSING = 10_000, 1000
LEARNING = Learning(updates=1500, strength=0.0)


def main() -> None:
    """Run the study, judge its generators, keep the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--out", type=Path, default=Path("runs/joint-fashion-mnist"))
    args, more = parser.parse_known_args()
    command_line(
        ["study", "tfds:fashion_mnist", "--data-dir", args.data_dir, *STUDY,
         *(word for word in more if word != "--"), "--out", str(args.out)]
    )  # fmt: skip
    keep(args.out, "joint_fashion_mnist")
    file = RESULTS / "joint_fashion_mnist.json"
    found = json.loads(file.read_text())
    train_shorter(args.out, args.data_dir, found["replicates"])
    write_json_atomically(file, {**found, "cas": scores(args.out, args.data_dir, found)})


def train_shorter(out: Path, data_dir: str, replicates: int) -> None:
    """Train a GAN of SHORTER updates on the draw of each replicate."""
    config = StudyConfig(
        "tfds:fashion_mnist",
        data_dir=data_dir,
        per_class=PER_CLASS,
        validation_fraction=VALIDATION,
        replicates=replicates,
    )
    draws = prepare(config, None, None, True, Silent()).draws
    for number, draw in enumerate(draws):
        folder = out / "replicates" / str(number)
        whole = description.read(folder)
        trained.train_in(
            folder / GAN_SHORTER,
            replace(whole, config=replace(whole.config, updates=SHORTER)),
            draw.fit,
            jax.random.key(number),
            held_out=draw.validation,
            progress=Terminal(),
        )


def scores(out: Path, data_dir: str, found: dict[str, Any]) -> dict[str, Any]:
    """Compare classifiers that were trained on samples of each generator, on the test images."""
    source = loader.at_network_size(sources.load("tfds:fashion_mnist", data_dir=data_dir))
    assert source.test is not None
    test = source.test
    order = np.random.default_rng(0).permutation(len(source.train))
    choosing, real = order[:CHOOSING], order[CHOOSING : CHOOSING + SAMPLES]
    names = ("gan", GAN_SHORTER, *found["joint"])
    right: dict[str, list[np.ndarray]] = {name: [] for name in ("real", *names)}
    for number in range(found["replicates"]):
        folder = out / "replicates" / str(number)
        for name in names:
            kept = folder / f"right-by-{name}.npz"
            if not kept.exists():
                gan = trained.load(folder if name == "gan" else folder / name)
                images, labels = gan.sample(jax.random.key(number), SAMPLES)
                judged = Dataset(f"samples of {name}", images, labels, test.class_names)
                both = train_both(
                    judged,
                    source.train.take(real),
                    source.train.take(choosing),
                    learning=LEARNING,
                    seeds=1,
                    progress=Silent(),
                )
                answers = both.predict(test.images)[:, 0] == test.labels[None]
                write_arrays_atomically(kept, real=answers[0], judged=answers[1])
            answers = np.load(kept)
            right[name].append(answers["judged"])
            print(f"replicate {number}, {name}: CAS {answers['judged'].mean():.1%}", flush=True)
            if name == "gan":
                right["real"].append(answers["real"])
    told: dict[str, Any] = {
        name: {"accuracy": asdict(crossed_interval(np.stack(own).astype(float)))}
        for name, own in right.items()
    }
    for name in found["joint"]:
        plain = AS_LONG[name]
        apart = np.stack(right[name]).astype(float) - np.stack(right[plain])
        told[name] |= {"against": plain, "difference": asdict(crossed_interval(apart))}
    return {
        "samples": SAMPLES,
        "learning": vars(LEARNING),
        "updates": {name: GANS.get(name, UPDATES) for name in names},
        "generators": told,
    }


if __name__ == "__main__":
    main()
