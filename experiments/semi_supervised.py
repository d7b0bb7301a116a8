"""Ten labels per class and the rest of the images without: does semi-supervised training help?

    python -m experiments.semi_supervised --data-dir ~/tensorflow_datasets

Studies of digits and of Fashion-MNIST with `--per-class 10 --unlabelled rest`: the classifier of a
K+1-class GAN (arXiv 1606.03498) against the same network trained on the labelled images alone at
the best of six strengths of the classical transforms. Of the 10 labelled images of a class two
only choose, for both. Each sees as many labelled images in training: 3,000 updates of 64.
Five replicates, each with a draw of its own; one sealed test set, paired intervals. What follows --
is given to both studies. Results go to experiments/results/semi_supervised_NAME.json, the studies
to --out; the same command goes on where it stopped. On 2 cores digits takes about ten minutes,
Fashion-MNIST an hour; expect gains near 3 and 4 points.
"""

import argparse
from pathlib import Path

from experiments.study_digits import keep
from ganjax.cli import main as command_line

SOURCES = {"digits": "digits", "fashion": "tfds:fashion_mnist"}

SHARED = [
    "--per-class", "10", "--unlabelled", "rest", "--arms", "semi-supervised",
    "--classifier.updates", "3000", "--classifier.seeds", "1",
    "--classifier.no-learning-curve", "--classifier.ratios", "0", "0.5",
    "--classifier.strengths", "0", "0.5", "1", "--no-leak-detector",
]  # fmt: skip
"""Of both studies. Generated images are not their question: one ratio of them competes."""


def main() -> None:
    """Run the studies, one after another."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", help="where TFDS prepared fashion_mnist")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--only", nargs="+", default=list(SOURCES), choices=list(SOURCES))
    args, more = parser.parse_known_args()
    for name in args.only:
        out = args.out / f"semi-supervised-{name}"
        where = ["--data-dir", args.data_dir] if args.data_dir else []
        command_line(
            ["study", SOURCES[name], *where, *SHARED, *(word for word in more if word != "--"),
             "--out", str(out)]
        )  # fmt: skip
        keep(out, f"semi_supervised_{name}")


if __name__ == "__main__":
    main()
