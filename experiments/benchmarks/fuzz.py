"""What broken images do: real ones, changed at random for minutes, must be read or refused.

    python -m experiments.benchmarks.fuzz --minutes 10 --json
    python -m experiments.benchmarks.fuzz --folder PHOTOS --seed 1 --minutes 60

Bits are flipped, fields set to extremes, pieces cut out, repeated, or taken from another file; the
checksums of a PNG are mended half of the time, lest nothing behind them is ever reached. Each
mutant is decoded in a worker process, as `ganjax.data` would do it. What is neither pixels nor a
reason of one line, takes more than 5 s or 1 GB, or kills the worker is a finding: it is kept in
--keep, and comes again with its seed and number. Ends with code 1 where there is any. libtiff
prints a line of its own for many a broken TIFF; these are counted ("printed"), and a finding where
they are not plain text. --json also writes experiments/results/fuzz.json.
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
COUNTED = ("pixels", "refused", "printed")
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
    parser.add_argument("--mutants", type=int, default=sys.maxsize, help="or so many, if sooner")
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
        images,
        arguments.seed,
        arguments.workers,
        arguments.keep,
        seconds=60 * arguments.minutes,
        most=arguments.mutants,
    )
    seconds = time.monotonic() - began
    found: dict[str, Any] = {
        "command": shlex.join(["python", "-m", "experiments.benchmarks.fuzz", *sys.argv[1:]]),
        "images": len(images),
        "seconds": round(seconds, 1),
        "workers": arguments.workers,
        **tally,
        "mutants_per_s": round((tally["pixels"] + tally["refused"]) / seconds, 1),
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
      shared: what the parent reads: the current mutant's number, and how many gave pixels, were
        refused, and had something printed.
      findings: a queue for them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # as `ganjax.data.decoded` does
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    with tempfile.TemporaryFile(buffering=0) as printed:
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
            if os.fstat(printed.fileno()).st_size:
                printed.seek(0)
                shared[3] += 1
                if not printed.read().replace(b"\n", b" ").decode("ascii", "replace").isprintable():
                    wrong = wrong or "printed what is no plain text"
                printed.seek(0)
                printed.truncate()
            if environment.peak_memory_gb() > MOST_GB:
                wrong = f"took more than {MOST_GB:g} GB"
            if wrong is not None:
                findings.put(Finding(number, wrong))
                if "GB" in wrong:  # the peak of a process never falls again
                    break


class Worker:
    """A process that decodes every so many-th mutant, and one after it when it has died."""

    def __init__(self, context: Any, start: int, step: int, images: Sequence[bytes], seed: int):
        self.context, self.step, self.images, self.seed = context, step, images, seed
        self.shared = context.Array("q", 4, lock=False)
        self.queue = context.SimpleQueue()
        self.hung: int | None = None
        self._start(start)

    def _start(self, number: int) -> None:
        self.shared[0] = number
        numbers = range(number, sys.maxsize, self.step)
        own = (self.images, self.seed, numbers, self.shared, self.queue)
        self.process = self.context.Process(target=work, args=own, daemon=True)
        self.process.start()

    def findings(self) -> Iterator[Finding]:
        """Take what was found since the last time; where the process has died, start another."""
        while not self.queue.empty():
            yield self.queue.get()
        if self.process.is_alive():
            return
        number, code = self.shared[0], self.process.exitcode
        if (
            code == -signal.SIGALRM and self.hung != number
        ):  # the whole machine may have stood still
            self.hung = number
            self._start(number)
            return
        if code:
            yield Finding(number, _death(code))
        self._start(number + self.step)

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()


def fuzz(
    images: Sequence[bytes],
    seed: int,
    workers: int,
    folder: Path,
    *,
    seconds: float,
    most: int = sys.maxsize,
) -> tuple[dict[str, int], list[Finding]]:
    """Let workers decode mutants for some time.

    Args:
      images: what is changed.
      seed: of the changes.
      workers: how many processes.
      folder: where findings are kept.
      seconds: how long.
      most: after how many mutants to end sooner.

    Returns:
      How many mutants gave pixels, were refused, and had something printed; and the findings.
    """
    context = multiprocessing.get_context("spawn")
    staff = [Worker(context, k, workers, images, seed) for k in range(workers)]
    found: list[Finding] = []

    def counts() -> dict[str, int]:
        return {name: sum(w.shared[i + 1] for w in staff) for i, name in enumerate(COUNTED)}

    def done() -> int:
        return counts()["pixels"] + counts()["refused"]

    told = time.monotonic()
    deadline = told + seconds
    while (now := time.monotonic()) < deadline and done() < most:
        time.sleep(min(0.1, deadline - now))
        for finding in [finding for worker in staff for finding in worker.findings()]:
            if Counter(own.what for own in found)[finding.what] < MOST_KEPT:
                keep(folder, images, seed, finding)
                print(f"{finding.number}: {finding.what}", file=sys.stderr, flush=True)
            found.append(finding)
        if now - told > 30:
            told = now
            print(f"{counts()}, {len(found)} findings", file=sys.stderr, flush=True)
    for worker in staff:
        worker.end()
    return counts(), found


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
