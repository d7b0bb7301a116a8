"""Six studies of Fashion-MNIST: 10, 20, 50, 100, 500 images per class, and a long tail.

    python -m experiments.study_fashion_mnist --data-dir ~/tensorflow_datasets

The long tail has 500 images of the first class and 5 of the last (100:1). Each study is what
`ganjax study` makes of it by the preset standard, with one classifier per candidate instead of two
and GANs of half the width; draws of up to 100 images per class, which differ more from one another,
have eight replicates instead of five; 10 and 20 per class, where studies before could not tell,
have seventeen and sixteen of other draws, as the last of them advised or more, and the long tail,
whose draws differ most, has eleven. What follows -- is given to all of them. Results go to
experiments/results/study_fashion_NAME.json, the studies themselves to --out; the same command goes
on where it stopped. On one core a study takes up to an hour: --only tail 20 runs some of them.
"""

import argparse
from pathlib import Path

from experiments.study_digits import keep
from ganjax.cli import main as command_line

DRAWS = {
    "10": ["--per-class", "10", "--replicates", "17", "--seed", "2"],
    "20": ["--per-class", "20", "--replicates", "16", "--seed", "1"],
    "50": ["--per-class", "50", "--replicates", "8"],
    "100": ["--per-class", "100", "--replicates", "8"],
    "500": ["--per-class", "500"],
    "tail": ["--per-class", "500", "--imbalance", "100", "--replicates", "11"],
}


def main() -> None:
    """Run the studies, one after another."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--only", nargs="+", default=list(DRAWS), choices=list(DRAWS))
    args, more = parser.parse_known_args()
    for name in args.only:
        out = args.out / f"fashion-{name}"
        command_line(
            ["study", "tfds:fashion_mnist", "--data-dir", args.data_dir, *DRAWS[name],
             "--classifier.seeds", "1", "--gan.width", "16",
             *(word for word in more if word != "--"), "--out", str(out)]
        )  # fmt: skip
        keep(out, f"study_fashion_{name}")


if __name__ == "__main__":
    main()
