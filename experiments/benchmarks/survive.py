"""What kills and signals do to runs: real ones, killed again and again, end as undisturbed ones.

    python -m experiments.benchmarks.survive --kills 100 --study-kills 20 --signals 20 --json

A `ganjax train digits` and a `ganjax study digits` are run once undisturbed, then once more while
SIGKILL comes at random moments, every second time in the middle of a save. After every kill the
folder is examined: every checkpoint that has its name is whole, and none that was there is lost.
When the command has come to its end at last, what it leaves must be what the undisturbed one left,
byte by byte (of a study all but the seconds). Then SIGTERM and SIGINT in turn: each must end with
code 75 and a line that says how to go on; its seconds are counted. Results go to
experiments/results/survive.json.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments.tables import RESULTS
from ganjax import environment
from ganjax.config import LOCK
from ganjax.data.atomic import write_json_atomically
from ganjax.interruption import EXIT_CODE
from ganjax.study.examine import examine
from ganjax.training.checkpoint import SAVING, Checkpoints

TRAIN = (
    "train", "digits", "--per-class", "20", "--gan.updates", "6000", "--checkpoint-seconds", "0.3",
)  # fmt: skip
STUDY = (
    "study", "digits", "--replicates", "3", "--gan.updates", "1000", "--classifier.updates", "400",
    "--classifier.seeds", "1", "--pool", "500", "--checkpoint-seconds", "0.3",
)  # fmt: skip
LONGEST = 12.0
"""Seconds from a start to the latest random kill."""


def main() -> None:
    """Kill, compare, write, print the tally."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100, help="of the training")
    parser.add_argument("--study-kills", type=int, default=20)
    parser.add_argument("--signals", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    command = (
        f"python -m experiments.benchmarks.survive --kills {args.kills} "
        f"--study-kills {args.study_kills} --signals {args.signals}"
    )
    found: dict[str, Any] = {"command": command, "environment": environment.describe()}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name, verb, kills in (("train", TRAIN, args.kills), ("study", STUDY, args.study_kills)):
            if kills:
                found[name] = survive(verb, work / name, kills, rng)
                write_json_atomically(RESULTS / "survive.json", found)
        if args.signals:
            found["signals"] = heed(TRAIN, work / "signals", args.signals, rng)
            write_json_atomically(RESULTS / "survive.json", found)
    if args.json:
        print(json.dumps(found))


def survive(verb: tuple[str, ...], work: Path, kills: int, rng: random.Random) -> dict[str, Any]:
    """Kill a command so many times; return the tally.

    Args:
      verb: what to give to `ganjax`, without --out.
      work: folder for its runs.
      kills: how many.
      rng: of the moments.
    """
    finish(start(verb, work / "whole", work))
    expected = left_by(work / "whole")
    tally = {"kills": 0, "inside_a_save": 0, "lost": 0, "damaged": 0, "finished": 0, "wrong": 0}
    out = work / "killed"
    newest: dict[str, int] = {}
    while tally["kills"] < kills:
        process = start(verb, out, work)
        inside = kill(process, out, rng, within_save=tally["kills"] % 2 == 1)
        if process.returncode == 0:
            tally["finished"] += 1
            tally["wrong"] += left_by(out) != expected
            shutil.rmtree(out)
            newest = {}
            continue
        tally["kills"] += 1
        tally["inside_a_save"] += inside
        before, newest = newest, newest_steps(out)
        tally["lost"] += any(newest[f] < step for f, step in before.items() if f in newest)
        damaged = examine(out).damaged if (out / LOCK).exists() else ()
        tally["damaged"] += bool(damaged)
        print(tally, *damaged, file=sys.stderr, flush=True)
    finish(start(verb, out, work))
    tally["finished"] += 1
    tally["wrong"] += left_by(out) != expected
    return tally


def heed(verb: tuple[str, ...], work: Path, count: int, rng: random.Random) -> dict[str, Any]:
    """Send a command signals, SIGTERM and SIGINT in turn; return how it ended and how soon."""
    finish(start(verb, work / "whole", work))
    seconds: list[float] = []
    right = 0
    out = work / "signalled"
    while len(seconds) < count:
        process = start(verb, out, work)
        try:
            process.wait(rng.uniform(4.0, LONGEST))
            shutil.rmtree(out)
            continue
        except subprocess.TimeoutExpired:
            begun = time.monotonic()
        process.send_signal((signal.SIGTERM, signal.SIGINT)[len(seconds) % 2])
        _, errors = process.communicate(timeout=120)
        seconds.append(round(time.monotonic() - begun, 2))
        right += process.returncode == EXIT_CODE and "to go on: " in errors
        print(f"code {process.returncode} after {seconds[-1]} s", file=sys.stderr, flush=True)
    finish(start(verb, out, work))
    same = left_by(out) == left_by(work / "whole")
    return {"sent": count, "code_75_and_a_line": right, "longest_s": max(seconds), "same_end": same}


def start(verb: tuple[str, ...], out: Path, work: Path) -> subprocess.Popen[str]:
    """Start `ganjax`, its compiled programs kept in `work`."""
    cache = work / "cache"
    return subprocess.Popen(
        [sys.executable, "-m", "ganjax", *verb, "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "GANJAX_CACHE": str(cache)},
    )


def finish(process: subprocess.Popen[str]) -> None:
    """Wait for a process that must succeed."""
    _, errors = process.communicate()
    if process.returncode:
        raise SystemExit(f"code {process.returncode}: {errors}")


def kill(
    process: subprocess.Popen[str], out: Path, rng: random.Random, *, within_save: bool
) -> bool:
    """Kill a process at a random moment, or in a save; say whether it was within one."""
    deadline = time.monotonic() + rng.uniform(0.0, LONGEST)
    left_before = saves_under_way(out)
    while process.poll() is None:
        saving = saves_under_way(out) - left_before
        if (saving and rng.random() < 0.2) if within_save else time.monotonic() > deadline:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.001)
    process.communicate()
    return process.returncode != 0 and bool(saves_under_way(out) - left_before)


def saves_under_way(out: Path) -> set[tuple[str, int]]:
    """Return the unfinished saves in a run's folder, each with its inode: names come again."""
    found = set()
    for folder in (out / "checkpoints", *out.glob("training/*/*")):
        with suppress(FileNotFoundError):
            found |= {(p.name, p.stat().st_ino) for p in folder.glob(f"{SAVING}*")}
    return found


def newest_steps(out: Path) -> dict[str, int]:
    """Return the newest whole checkpoint of each training in a run's folder."""
    found = {}
    records = [path for path in out.rglob("record.json") if SAVING not in str(path)]
    for folder in {path.parent.parent for path in records}:
        whole = [step for step, wrong in Checkpoints(folder).survey().items() if not wrong]
        found[str(folder)] = max(whole, default=-1)
    return found


def left_by(run: Path) -> dict[str, Any]:
    """Return what a finished run left, without what is measured in seconds."""
    if (run / "results.json").exists():
        results = json.loads((run / "results.json").read_text())
        return {k: v for k, v in results.items() if k not in ("seconds", "command", "environment")}
    names = ("history.json", "overview.png", "weights.safetensors")
    return {name: (run / name).read_bytes() for name in names}


if __name__ == "__main__":
    main()
