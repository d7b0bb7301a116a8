"""Ten labels per class and the rest of the images without: does semi-supervised training help?

    python -m experiments.semi_supervised --data-dir ~/tensorflow_datasets

Studies of digits and of Fashion-MNIST with `--per-class 10 --unlabelled rest`: the classifier of a
K+1-class GAN (arXiv 1606.03498) against the same network trained on the labelled images alone at
the best strength of the classical transforms. Of the 10 labelled images of a class two
only choose, for both. Each sees as many labelled images in training: 3,000 updates of 64.
Five replicates, each with a draw of its own; one sealed test set, paired intervals. What follows --
is given to both studies. Results go to experiments/results/semi_supervised_NAME.json, the studies
to --out; the same command goes on where it stopped. On one core of two digits takes six minutes,
Fashion-MNIST forty; expect a gain of 6.3 points (4.0 to 8.7) on digits and of 5.7 (2.7 to 8.6) on
Fashion-MNIST.

With --control the arm learns from nothing but the labelled images, and everything else about it is
the same, its transforms and its averaged weights: on digits that alone gains 1.8 points (0.2 to
3.3). Its results are in semi_supervised_NAME_control.json.
"""

import argparse
from pathlib import Path

from experiments.study_digits import keep
from ganjax.cli import main as command_line

SOURCES = {"digits": ["digits"], "fashion": ["tfds:fashion_mnist", "--gan.width", "16"]}

SHARED = [
    "--per-class", "10", "--unlabelled", "rest", "--arms", "semi-supervised",
    "--classifier.updates", "3000", "--classifier.seeds", "1",
    "--classifier.no-learning-curve", "--classifier.ratios", "0", "0.5",
    "--classifier.strengths", "0", "0.5", "1", "--no-leak-detector",
    "--gan.updates", "500",
]  # fmt: skip
"""Of both studies. Generated images are not their question: one ratio of them competes, from a
GAN that is trained for a while only."""

CONTROL = [
    "--joint.class-weight", "1", "--joint.pseudo-labels", "0", "--joint.consistency", "0",
]  # fmt: skip


def main() -> None:
    """Run the studies, one after another."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", help="where TFDS prepared fashion_mnist")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--only", nargs="+", default=list(SOURCES), choices=list(SOURCES))
    parser.add_argument("--control", action="store_true", help="without learning from the others")
    args, more = parser.parse_known_args()
    for name in args.only:
        name_of_run = f"{name}_control" if args.control else name
        out = args.out / f"semi-supervised-{name_of_run}"
        where = ["--data-dir", args.data_dir] if args.data_dir else []
        command_line(
            ["study", *SOURCES[name], *where, *SHARED, *(CONTROL if args.control else []),
             *(word for word in more if word != "--"),
             "--out", str(out)]
        )  # fmt: skip
        keep(out, f"semi_supervised_{name_of_run}")


if __name__ == "__main__":
    main()
