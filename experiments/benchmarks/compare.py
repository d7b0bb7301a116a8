"""ganjax and a peer in turn, A B A B: the ratio of their speeds, pair by pair.

    python -m experiments.benchmarks.compare --peers PEERS --peer-python ~/peers/bin/python

PEERS is a folder with the peers' scripts gan_step.py, classifier_step.py and augment_batch.py. In
every pair the peer runs in each of its forms (memory layouts; on a GPU also bfloat16 and compiled)
and ganjax in each of its precisions there; the best of each counts. Results go to
experiments/results/compare_DEVICE.json as they come.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from experiments.tables import RESULTS
from ganjax import environment
from ganjax.data.atomic import write_json_atomically

SCRIPTS = {"gan_step": "gan_step", "classifier_step": "classifier_step", "augment": "augment_batch"}
CASES = {
    "cpu": (
        ("gan_step", "--width 32 --channels 1"),
        ("gan_step", "--width 64 --channels 3"),
        ("classifier_step", "--depth 8 --width 16 --batch 128"),
        ("augment", "--size 32 --batch 256"),
        ("augment", "--size 224 --batch 64 --steps 3"),
    ),
    "cuda": (
        ("gan_step", "--width 64 --channels 3 --batch 64 --steps 200"),
        ("gan_step", "--width 64 --channels 3 --batch 1024 --steps 50"),
        ("classifier_step", "--depth 20 --width 16 --batch 128 --steps 200"),
        ("classifier_step", "--depth 20 --width 16 --batch 1024 --steps 50"),
        ("augment", "--size 32 --batch 256 --steps 100"),
        ("augment", "--size 224 --batch 64 --steps 20"),
    ),
}
PEER_FORMS = {
    ("cpu", "gan_step"): ("", "--nchw"),
    ("cuda", "gan_step"): ("", "--nchw", "--amp", "--compile", "--amp --compile"),
    ("cuda", "classifier_step"): ("", "--amp", "--compile", "--amp --compile"),
}
PRECISIONS = {"cpu": ("float32",), "cuda": ("float32", "bfloat16")}


def main() -> None:
    """Compare, write what was measured, print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", type=Path, required=True, help="folder of the peers' scripts")
    parser.add_argument("--peer-python", default=sys.executable, help="a Python that has PyTorch")
    parser.add_argument("--device", choices=tuple(CASES), default="cpu")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--json", action="store_true", help="print JSON at the end")
    args = parser.parse_args()
    cases = [case for case in CASES[args.device] if args.only in " ".join(case)]
    if not cases:
        parser.error(f"--only {args.only} fits no case of {args.device}")
    if not args.peers.is_dir():
        parser.error(f"--peers {args.peers} is no folder")

    file = args.out / f"compare_{args.device}.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"cases": {}}
    found["command"] = "python -m experiments.benchmarks.compare --peers PEERS --peer-python PYTHON"
    found["environment"] = environment.describe()
    for script, flags in cases:
        found["cases"][f"{script} {flags}"] = compare(script, flags, args)
        write_json_atomically(file, found)
    if args.json:
        print(json.dumps(found))


def compare(script: str, flags: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run both in turn and return rates and ratios."""
    precisions = PRECISIONS[args.device] if script != "augment" else (None,)
    pairs = []
    for _ in range(args.pairs):
        ours = [
            run(
                [sys.executable, "-m", f"experiments.benchmarks.{script}", "--json"],
                flags + (f" --precision {precision}" if precision else ""),
            )
            for precision in precisions
        ]
        theirs = [
            run(
                [args.peer_python, str(args.peers / f"{SCRIPTS[script]}.py")],
                f"{flags} {form} --device {args.device}",
            )
            for form in PEER_FORMS.get((args.device, script), ("",))
        ]
        pairs.append((max(ours, key=_rate), max(theirs, key=_rate)))
    ratios = [_rate(ours) / _rate(theirs) for ours, theirs in pairs]
    ratio = {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}
    print(
        f"{script} {flags}: {ratio['median']:.2f} ({ratio['min']:.2f} to {ratio['max']:.2f}) times "
        f"{pairs[0][1]['system']}, {statistics.median(_rate(ours) for ours, _ in pairs):,.0f} "
        f"images/s",
        file=sys.stderr,
        flush=True,
    )
    return {
        "ratio": ratio,
        "ganjax": [ours for ours, _ in pairs],
        "peer": [theirs for _, theirs in pairs],
    }


def run(command: list[str], flags: str) -> dict[str, Any]:
    """Run a benchmark in a process of its own and return its line of JSON."""
    done = subprocess.run([*command, *shlex.split(flags)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)} {flags} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def _rate(found: dict[str, Any]) -> float:
    return found["images_per_s"]


if __name__ == "__main__":
    main()
