"""The study on scikit-learn's digits, 20 labelled images per class: the README's first command.

    python -m experiments.study_digits

which is `ganjax study digits --out runs/digits`, then a copy of its results.json (all but the
curves) at experiments/results/study_digits.json. On 2 cores of a Xeon 1.6 minutes once compiled;
expect the best arm with generated images near 91.6 %, the best without near 92.0 %, a gain of -0.4
points (-2.0 to +1.2), verdict "cannot tell".

The same for other sources and sizes, with the arguments of `ganjax study`; on the same machine 13
minutes at 20 per class: expect 71.5 % with and 71.1 % without, +0.3 points (-1.3 to +1.9), "cannot
tell"; 9 minutes at 100 per class: 79.3 % and 79.4 %, -0.1 (-0.5 to +0.2), "does not help":

    python -m experiments.study_digits tfds:fashion_mnist --data-dir tensorflow_datasets \
        --per-class 20 --gan.width 16 --classifier.seeds 1 \
        --out runs/fashion-20 --name study_fashion_20
    python -m experiments.study_digits tfds:fashion_mnist --data-dir tensorflow_datasets \
        --per-class 100 --gan.width 16 --classifier.seeds 1 \
        --out runs/fashion-100 --name study_fashion_100
"""

import json
import sys
from pathlib import Path

from ganjax.cli import main as command_line
from ganjax.data.atomic import write_json_atomically

RESULTS = Path(__file__).parent / "results"
DEFAULT = ["digits", "--out", "runs/digits"]


def main() -> None:
    """Run the study and keep its result."""
    arguments = sys.argv[1:]
    name = "study_digits"
    if "--name" in arguments:
        i = arguments.index("--name")
        name = arguments[i + 1]
        del arguments[i : i + 2]
    arguments = arguments or DEFAULT
    command_line(["study", *arguments])
    out = Path(arguments[arguments.index("--out") + 1])
    keep(out, name)


def keep(out: Path, name: str) -> None:
    """Copy a study's results, without the long curves, into experiments/results."""
    found = json.loads((out / "results.json").read_text())
    for part in ("gan", "classifier"):
        for curves in ("history", "signs"):
            found[part].pop(curves, None)
    write_json_atomically(RESULTS / f"{name}.json", found)


if __name__ == "__main__":
    main()
