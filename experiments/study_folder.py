"""The study of a person's own folder of images: nothing said but the folder and the preset.

    python -m experiments.study_folder folder:cifar10_folder

The folder of the figures on record has 500 training and 100 test images of each of CIFAR-10's ten
classes as JPEG files, in train/CLASS/ and test/CLASS/; any other will do. What follows is given to
`ganjax study`. The study goes to runs/folder (the same command goes on where it stopped), its
results to experiments/results/study_folder.json.
"""

import sys
from pathlib import Path

from experiments.study_digits import keep
from ganjax.cli import main as command_line

OUT = Path("runs/folder")


def main() -> None:
    """Run the study and keep its result."""
    command_line(["study", *sys.argv[1:], "--preset", "standard", "--out", str(OUT)])
    keep(OUT, "study_folder")


if __name__ == "__main__":
    main()
