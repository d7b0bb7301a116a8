"""How long the README's first command takes: cold (nothing cached) and warm (compiled before).

    python -m experiments.benchmarks.first_run

Runs `ganjax study digits` twice in processes of their own with an empty cache folder, and writes
whole-process seconds and peak memory to experiments/results/first_run.json. The second run has the
first one's study for experiments/results/study_digits.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from experiments.study_digits import RESULTS, keep
from ganjax import environment
from ganjax.data.atomic import write_json_atomically


def main() -> None:
    """Run cold and warm, write what was measured, print it as JSON."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    found: dict = {"command": "python -m experiments.benchmarks.first_run"}
    with tempfile.TemporaryDirectory() as folder:
        for run in ("cold", "warm"):
            # A relative --out, so that the command on record is the README's
            work = Path(folder) / run
            work.mkdir()
            start = perf_counter()
            subprocess.run(
                [sys.executable, "-m", "ganjax", "study", "digits", "--out", "runs/digits"],
                cwd=work,
                env={**os.environ, "GANJAX_CACHE": f"{folder}/cache"},
                check=True,
            )
            found[run] = {"seconds": round(perf_counter() - start, 1)}
        cached = sum(f.stat().st_size for f in Path(folder, "cache").rglob("*") if f.is_file())
        keep(Path(folder) / "warm" / "runs" / "digits", "study_digits")
    found |= {
        "peak_memory_gb": round(environment.peak_memory_gb(of_children=True), 2),
        "cache_mb": round(cached / 1e6, 1),
        "environment": environment.describe(),
    }
    write_json_atomically(RESULTS / "first_run.json", found)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
