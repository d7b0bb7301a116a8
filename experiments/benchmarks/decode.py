"""How long it takes to read a folder of images: decoded, decoded into the cache, and out of it.

    python -m experiments.benchmarks.decode --folder FOLDER [--json]

Each in a process of its own, three times in turn; --json also writes
experiments/results/decode.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from experiments.study_digits import RESULTS
from ganjax import environment
from ganjax.data.atomic import write_json_atomically

READ = """
import sys, json
from time import perf_counter
from ganjax.data.sources import load
start = perf_counter()
found = load(sys.argv[1], cache=sys.argv[2] == "cache")
count = sum(len(own) for own in found.splits().values())
print(json.dumps([perf_counter() - start, count, list(found.train.images.shape[1:])]))
"""


def main() -> None:
    """Measure, print, and write what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="one folder per class")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {"decoded": [], "into the cache": [], "from the cache": []}
    for _ in range(3):
        with tempfile.TemporaryDirectory() as cache:
            for name, times in seconds.items():
                how = "no cache" if name == "decoded" else "cache"
                taken, count, shape = _read(arguments.folder, how, cache)
                times.append(taken)
    found = {
        "command": "python -m experiments.benchmarks.decode --folder FOLDER --json",
        "folder": arguments.folder.name,
        "images": count,
        "shape": shape,
        "seconds": {
            name: {
                "median": round(statistics.median(times), 3),
                "low": round(min(times), 3),
                "high": round(max(times), 3),
            }
            for name, times in seconds.items()
        },
        "environment": environment.describe(),
    }
    if arguments.json:
        write_json_atomically(RESULTS / "decode.json", found)
    print(json.dumps(found, indent=1))


def _read(folder: Path, how: str, cache: str) -> tuple[float, int, list[int]]:
    ran = subprocess.run(
        [sys.executable, "-c", READ, f"folder:{folder}", how],
        env={**os.environ, "GANJAX_CACHE": cache},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(ran.stdout)


if __name__ == "__main__":
    main()
