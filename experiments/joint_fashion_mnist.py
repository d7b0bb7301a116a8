"""What classification and generation cost each other: Fashion-MNIST with many labels.

    python -m experiments.joint_fashion_mnist --data-dir ~/tensorflow_datasets

A study of 1,000 labelled images per class with the arms auxiliary (arXiv 1610.09585) and
three-player (arXiv 1703.02291), each trained at five weights of classification from 0 to 1 of which
validation chooses one, against the same network trained as a classifier alone at the best of six
strengths of the classical transforms. Five replicates; one sealed test set, paired intervals. What
follows -- is given to the study. Results go to experiments/results/joint_fashion_mnist.json, with
accuracy and Frechet distance of every weight; the study to --out, where the same command goes on.
"""

import argparse
from pathlib import Path

from experiments.study_digits import keep
from ganjax.cli import main as command_line

STUDY = [
    "--per-class", "1000", "--arms", "auxiliary", "three-player",
    "--joint-weights", "0", "0.25", "0.5", "0.75", "1",
    "--classifier.updates", "4000", "--classifier.seeds", "1",
    "--classifier.no-learning-curve", "--classifier.ratios", "0", "0.5",
    "--classifier.strengths", "0", "0.5", "1", "--no-leak-detector",
]  # fmt: skip


def main() -> None:
    """Run the study and keep its result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--out", type=Path, default=Path("runs/joint-fashion"))
    args, more = parser.parse_known_args()
    command_line(
        ["study", "tfds:fashion_mnist", "--data-dir", args.data_dir, *STUDY,
         *(word for word in more if word != "--"), "--out", str(args.out)]
    )  # fmt: skip
    keep(args.out, "joint_fashion_mnist")


if __name__ == "__main__":
    main()
