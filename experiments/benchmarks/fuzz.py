"""What broken images do: real ones, changed at random for minutes, must be read or refused.

    python -m experiments.benchmarks.fuzz --minutes 10 --json
    python -m experiments.benchmarks.fuzz --folder PHOTOS --seed 1 --minutes 60

Bits are flipped, fields set to extremes, pieces cut out, repeated, or taken from another file; the
checksums of a PNG are mended half of the time, lest nothing behind them is ever reached. Each
mutant is decoded in a worker process, as `ganjax.data` would do it. What is neither pixels nor a
reason of one line, takes more than 5 s or 1 GB, kills the worker, or prints anything is a finding:
it is kept in --keep, and comes again with its seed and number. Ends with code 1 where there is any.
--json also writes experiments/results/fuzz.json.
"""

import argparse
import json
import multiprocessing
import os
import resource
import shlex
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.benchmarks.mutants import images_of, mutant, own_images
from experiments.tables import RESULTS
from ganjax import environment
from ganjax.data.atomic import write_bytes_atomically, write_json_atomically
from ganjax.data.decode import Unreadable, decode, read_header
from ganjax.errors import quoted

MOST_KEPT = 20
"""Findings of each kind; the others are but counted."""

LONGEST_SECONDS, MOST_GB = 5, 1.0
HANGING_SECONDS = 60
"""Of the clock; the other limit counts what the processor did, however busy the machine is."""

SIDE = 32
DEATHS = {
    signal.SIGPROF: f"took more than {LONGEST_SECONDS} s",
    signal.SIGALRM: f"hung for {HANGING_SECONDS} s",
}


class Finding(NamedTuple):
    """A mutant that did what none may.

    Attributes:
      number: of the mutant; with the seed and the images it makes it again.
      what: it did.
    """

    number: int
    what: str


def main() -> None:
    """Fuzz, print how far it is, and what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--folder", type=Path, help="of real images; by default some of every kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=environment.cores())
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), help="for what is found")
    parser.add_argument("--number", type=int, help="only write the mutant of this number to --keep")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    images = images_of(arguments.folder) if arguments.folder else own_images()
    if arguments.number is not None:
        keep(arguments.keep, images, arguments.seed, Finding(arguments.number, "as asked"))
        return
    began = time.monotonic()
    tally, findings = fuzz(
        images, arguments.seed, 60 * arguments.minutes, arguments.workers, arguments.keep
    )
    seconds = time.monotonic() - began
    found: dict[str, Any] = {
        "command": shlex.join(["python", "-m", "experiments.benchmarks.fuzz", *sys.argv[1:]]),
        "images": len(images),
        "seconds": round(seconds, 1),
        "workers": arguments.workers,
        **tally,
        "mutants_per_s": round(sum(tally.values()) / seconds, 1),
        "findings": Counter(finding.what for finding in findings),
        "environment": environment.describe(),
    }
    if arguments.json:
        write_json_atomically(RESULTS / "fuzz.json", found)
    print(json.dumps(found, indent=1))
    sys.exit(1 if findings else 0)


def verdict(content: bytes) -> tuple[bool, str | None]:
    """Decode as `ganjax.data` does: whether there are pixels, and what was wrong, if anything."""
    try:
        try:
            header = read_header(content)
            pixels = decode(content, channels=3, size=SIDE)
            small = max(header[:2]) <= 128
            as_it_is = decode(content) if small else pixels
        except Unreadable as reason:
            told = str(reason)
            if not told or len(told) > 300 or "\n" in told or not quoted(told).isprintable():
                return False, "gave a reason that is not one line"
            return False, "ran out of memory" if "MemoryError" in told else None
    except Exception as error:
        return False, f"raised {type(error).__name__}"
    if pixels.shape != (SIDE, SIDE, 3) or pixels.dtype != np.uint8:
        return True, "gave something other than pixels"
    if as_it_is.dtype != np.uint8 or as_it_is.ndim != 3:
        return True, "gave something other than pixels"
    return True, None


def work(images: Sequence[bytes], seed: int, numbers: range, shared: Any, findings: Any) -> None:
    """Decode mutants in a process of its own, until it is ended or ends itself by a finding.

    Args:
      images: what is changed.
      seed: of the changes.
      numbers: of the mutants.
      shared: three numbers that the parent reads: the current mutant's, how many gave pixels, how
        many were refused.
      findings: a queue for them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # as `ganjax.data.decoded` does
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
        for number in numbers:
            shared[0] = number
            content = mutant(images, seed, number)
            signal.setitimer(signal.ITIMER_PROF, LONGEST_SECONDS)  # which kills
            signal.setitimer(signal.ITIMER_REAL, HANGING_SECONDS)
            pixels, wrong = verdict(content)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            shared[1 if pixels else 2] += 1
            if wrong is None and os.fstat(printed.fileno()).st_size:
                printed.truncate(0)
                wrong = "printed something"
            if environment.peak_memory_gb() > MOST_GB:
                wrong = f"took more than {MOST_GB:g} GB"
            if wrong is not None:
                findings.put(Finding(number, wrong))
                if "GB" in wrong:  # the peak of a process never falls again
                    break


def fuzz(
    images: Sequence[bytes], seed: int, seconds: float, workers: int, folder: Path
) -> tuple[dict[str, int], list[Finding]]:
    """Let workers decode mutants for some time; one that dies is replaced.

    Args:
      images: what is changed.
      seed: of the changes.
      seconds: how long.
      workers: how many processes.
      folder: where findings are kept.

    Returns:
      How many mutants gave pixels and how many were refused, and the findings.
    """
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    found: list[Finding] = []
    shared = [context.Array("q", 3, lock=False) for _ in range(workers)]

    def start(k: int, first: int) -> Any:
        numbers = range(first, sys.maxsize, workers)
        process = context.Process(
            target=work, args=(images, seed, numbers, shared[k], queue), daemon=True
        )
        process.start()
        return process

    def take() -> Iterator[Finding]:
        while not queue.empty():
            yield queue.get()

    processes = [start(k, k) for k in range(workers)]
    deadline = told = time.monotonic()
    deadline += seconds
    while (now := time.monotonic()) < deadline:
        time.sleep(min(0.1, max(0.0, deadline - now)))
        new = list(take())
        for k, process in enumerate(processes):
            if not process.is_alive():
                number = shared[k][0]
                if process.exitcode != 0:
                    new.append(Finding(number, _death(process.exitcode)))
                processes[k] = start(k, number + workers)
        for finding in new:
            if Counter(own.what for own in found)[finding.what] < MOST_KEPT:
                keep(folder, images, seed, finding)
                print(f"{finding.number}: {finding.what}", file=sys.stderr, flush=True)
            found.append(finding)
        if now - told > 30:
            told = now
            done = sum(own[1] + own[2] for own in shared)
            print(f"{done:,} mutants, {len(found)} findings", file=sys.stderr, flush=True)
    for process in processes:
        process.kill()
        process.join()
    pixels, refused = (sum(own[i] for own in shared) for i in (1, 2))
    return {"pixels": pixels, "refused": refused}, found


def _death(code: int) -> str:
    if code > 0:
        return f"ended the worker with code {code}"
    return DEATHS.get(signal.Signals(-code), f"killed the worker by {signal.Signals(-code).name}")


def keep(folder: Path, images: Sequence[bytes], seed: int, finding: Finding) -> None:
    """Write a mutant, and what is known of it."""
    name = f"{seed}-{finding.number}"
    write_bytes_atomically(folder / f"{name}.bin", mutant(images, seed, finding.number))
    write_json_atomically(folder / f"{name}.json", {"seed": seed, **finding._asdict()})


if __name__ == "__main__":
    main()
