"""Five degradations of Fashion-MNIST, undone: how near the originals, and what a classifier says.

    python -m experiments.restoration_fashion_mnist --data-dir ~/tensorflow_datasets

For each of DEGRADATIONS a restorer without an adversary, and others with adversarial weights, are
trained on the training split and evaluated on the 10,000 test images: PSNR, SSIM and the distance
of a classifier's features, each with its interval over images, beside classical methods; and the
classifier's accuracy on clean, degraded and restored images. Nothing is chosen on the test images.
Results go to experiments/results/restoration_fashion_mnist.json as they come; the runs to --out,
where the same command goes on. What follows -- is given to every training. On 2 cores about ten
minutes per degradation with --updates 1500 and one adversarial weight.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path

from experiments.tables import RESULTS
from ganjax import environment
from ganjax.cli import main as command_line
from ganjax.data.atomic import write_json_atomically

DEGRADATIONS = ("noise:75", "blur:2.5", "down:4", "strokes:0.4", "jpeg:3")
FILE = RESULTS / "restoration_fashion_mnist.json"


def main() -> None:
    """Train and evaluate, one degradation after another."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--degradations", nargs="+", default=list(DEGRADATIONS))
    parser.add_argument("--weights", nargs="*", default=["0.01"], help="adversarial weights")
    parser.add_argument("--updates", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path("runs/restoration-fashion"))
    args, more = parser.parse_known_args()
    source = ["tfds:fashion_mnist", "--data-dir", args.data_dir]
    for degradation in args.degradations:
        out = args.out / degradation.replace(":", "-")
        train = ["restore", "train", *source, "--degradation", degradation,
                 "--adversarial-weights", *args.weights, "--restorer.updates", str(args.updates),
                 *(word for word in more if word != "--"), "--out", str(out)]  # fmt: skip
        evaluate = ["restore", "evaluate", str(out), *source]
        command_line(train)
        command_line(evaluate)
        found = json.loads((out / "evaluation" / "results.json").read_text())
        commands = [shlex.join(["ganjax", *own]) for own in (train, evaluate)]
        own = shlex.join(["python", "-m", "experiments.restoration_fashion_mnist", *sys.argv[1:]])
        _keep(degradation, {**found, "commands": commands, "experiment": own})


def _keep(degradation: str, found: dict) -> None:
    kept = json.loads(FILE.read_text()) if FILE.exists() else {"degradations": {}}
    kept["degradations"][degradation] = found
    kept["environment"] = environment.describe()
    write_json_atomically(FILE, kept)


if __name__ == "__main__":
    main()
