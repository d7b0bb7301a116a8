"""Semi-supervised training on CIFAR-10 with 4,000 labels, on an accelerator.

    python -m experiments.joint_cifar10 --data-dir ~/tensorflow_datasets

A K+1-class GAN (arXiv 1606.03498, its figure on CIFAR-10 with 4,000 labels: 18.6 % error; that of
arXiv 1705.09783: 14.4 %) on the TFDS set cifar10_jpeg: 400 labelled images per class of which a
tenth only chooses, all other training images without labels; the test split is looked at at the
end, and every look is kept in the result, with its command. `--width 96 --updates 100000` are meant
for a GPU; on a CPU try `--width 16 --updates 2000`. The error with its interval over test images
goes to experiments/results/joint_cifar10.json; the training is kept in --out and goes on there.

Not yet measured on an accelerator.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from experiments.tables import RESULTS
from ganjax import environment
from ganjax.cli import main as command_line
from ganjax.data import loader, sources
from ganjax.data.atomic import write_json_atomically
from ganjax.synthesis.trained import load

LABELS, VALIDATION = 400, 0.1


def main() -> None:
    """Train, look at the test split, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared cifar10_jpeg")
    parser.add_argument("--objective", default="semi-supervised")
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--updates", type=int, default=100_000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--out", type=Path, default=Path("runs/joint-cifar10"))
    args = parser.parse_args()
    command_line(
        ["train", "tfds:cifar10_jpeg", "--data-dir", args.data_dir, "--out", str(args.out),
         "--objective", args.objective, "--per-class", str(LABELS), "--unlabelled", "rest",
         "--validation-fraction", str(VALIDATION), "--joint.width", str(args.width),
         "--gan.width", str(max(32, args.width // 2)), "--gan.updates", str(args.updates),
         "--gan.batch-size", str(args.batch_size),
         "--gan.learning-rate", str(args.learning_rate)]
    )  # fmt: skip
    trained = load(args.out)
    source = loader.at_network_size(sources.load("tfds:cifar10_jpeg", data_dir=args.data_dir))
    assert source.test is not None
    wrong = trained.classify(source.test.images).argmax(axis=1) != source.test.labels
    deviation = 1.96 * np.sqrt(wrong.mean() * (1 - wrong.mean()) / len(wrong))
    found = {
        "error": float(wrong.mean()),
        "low": float(wrong.mean() - deviation),
        "high": float(wrong.mean() + deviation),
        "test_images": len(wrong),
        "classifier_update": trained.classifier_update,
        "parameters": trained.parameters(),
        "config": json.loads((args.out / "config.json").read_text()),
        "command": (args.out / "command.txt").read_text().strip(),
        "environment": environment.describe(),
    }
    # Every look at the test split is kept: the best of many would be too good
    file = RESULTS / "joint_cifar10.json"
    looks = json.loads(file.read_text())["looks"] if file.exists() else []
    write_json_atomically(file, {"looks": [*looks, found]})
    print({name: found[name] for name in ("error", "low", "high")})


if __name__ == "__main__":
    main()
