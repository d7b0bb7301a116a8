"""What the weight of classification costs generation, and the other way round: digits.

    python -m experiments.joint_weights

A study of 80 labelled digits per class with the arms auxiliary (arXiv 1610.09585) and three-player
(arXiv 1703.02291), each trained at five weights of classification from 0 to 1: of the
discriminator's against its adversarial objective for auxiliary, of the generator's for
three-player, whose classifier is its own. A quarter of the images only chooses. For every weight
the classifier's accuracy on these and the Frechet distance of 2,000 samples to the replicate's real
images, on features of a classifier of its training images. What follows -- is given to the study.
Results go to experiments/results/joint_weights.json, the study to --out, where the same command
goes on.
"""

import argparse
from pathlib import Path

from experiments.study_digits import keep
from ganjax.cli import main as command_line

STUDY = [
    "digits", "--per-class", "80", "--arms", "auxiliary", "three-player",
    "--joint-weights", "0", "0.25", "0.5", "0.75", "1",
    "--classifier.updates", "2000", "--classifier.seeds", "1",
    "--classifier.no-learning-curve", "--classifier.ratios", "0", "0.5",
    "--classifier.strengths", "0", "0.5", "1", "--no-leak-detector", "--gan.updates", "500",
]  # fmt: skip


def main() -> None:
    """Run the study and keep its result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/joint-weights"))
    args, more = parser.parse_known_args()
    command_line(
        ["study", *STUDY, *(word for word in more if word != "--"), "--out", str(args.out)]
    )
    keep(args.out, "joint_weights")


if __name__ == "__main__":
    main()
