"""Denoising and deblocking of the field's grey test images, on a CPU within an hour each.

    python -m experiments.denoise_bsd68 --data denoise --sigma 25
    python -m experiments.denoise_bsd68 --data denoise --jpeg 10

--data holds Train400, BSD68 and classic5, the images of the DnCNN paper (arXiv 1608.03981). A
restorer is trained on Train400 alone, by pixel loss alone, for --updates updates, and evaluated on
BSD68 (noise, seeded, neither clipped nor rounded) or classic5 (JPEG). Results go to
experiments/results/denoise_bsd68_SIGMA.json or deblock_classic5_QUALITY.json; the run to --out,
where the same command goes on. 9,000 updates take about 50 minutes on 2 cores. Published, in dB:
BM3D 28.57 at sigma 25, DnCNN 29.23; AR-CNN 29.03 and an SSIM of 0.793 at quality 10.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path
from time import perf_counter

from experiments.tables import RESULTS
from ganjax import environment
from ganjax.cli import main as command_line
from ganjax.data.atomic import write_json_atomically

PUBLISHED = {
    "noise:15": {"BM3D": 31.07, "DnCNN": 31.73, "DRUNet": 31.91},
    "noise:25": {"BM3D": 28.57, "DnCNN": 29.23, "DRUNet": 29.48},
    "noise:50": {"BM3D": 25.62, "DnCNN": 26.23, "DRUNet": 26.59},
    "jpeg:10": {"AR-CNN": 29.03, "DnCNN-3": 29.40},
    "jpeg:20": {"AR-CNN": 31.15, "DnCNN-3": 31.63},
}


def main() -> None:
    """Train, evaluate, keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="folder of Train400, BSD68 and classic5")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--sigma", type=int, help="of Gaussian noise, in grey levels; 25 by default")
    what.add_argument("--jpeg", type=int, help="quality")
    parser.add_argument("--updates", type=int, default=9000)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    args, more = parser.parse_known_args()
    degradation = f"jpeg:{args.jpeg}" if args.jpeg else f"noise:{args.sigma or 25}"
    test, name = (
        ("classic5", f"deblock_classic5_{args.jpeg}")
        if args.jpeg
        else ("BSD68", f"denoise_bsd68_{args.sigma or 25}")
    )
    out = args.out / name
    train = ["restore", "train", f"folder:{args.data}/Train400", "--degradation", degradation,
             "--adversarial-weights", "--restorer.updates", str(args.updates),
             *(word for word in more if word != "--"), "--out", str(out)]  # fmt: skip
    began = perf_counter()
    try:
        command_line(train)
    finally:  # a training that is cut goes on another time
        seconds = _spent(out, perf_counter() - began)
    evaluate = ["restore", "evaluate", str(out), f"folder:{args.data}/{test}"]
    command_line(evaluate)
    keep(out, name, train, evaluate, seconds, degradation)


def _spent(out: Path, seconds: float) -> float:
    """Add the time of a call to that of those before; return the sum."""
    file = out / "seconds.json"
    seconds += json.loads(file.read_text()) if file.exists() else 0.0
    if (out / "config.json").exists():  # else nothing has begun
        write_json_atomically(file, seconds)
    return seconds


def keep(
    out: Path, name: str, train: list[str], evaluate: list[str], seconds: float, degradation: str
) -> None:
    """Copy what was found to the results, with how it was made."""
    found = json.loads((out / "evaluation" / "results.json").read_text())
    config = json.loads((out / "config.json").read_text())
    write_json_atomically(
        RESULTS / f"{name}.json",
        {
            **found,
            "commands": [shlex.join(["ganjax", *own]) for own in (train, evaluate)],
            "experiment": shlex.join(["python", "-m", "experiments.denoise_bsd68", *sys.argv[1:]]),
            "seconds_of_training": seconds,
            "published_psnr": PUBLISHED.get(degradation, {}),
            "config": config,
            "environment": environment.describe(),
        },
    )


if __name__ == "__main__":
    main()
