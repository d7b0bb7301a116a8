"""What it costs to stream a set instead of holding it on the device: time, and memory.

    python -m experiments.benchmarks.streaming --json

Trains the convolutional GAN on 60,000 random images of 32x32x3, once held on the device and once
streamed from a .npy file by Grain's threads, in turns (A B A B ...). Each turn begins with a call
that is not timed, so that a stream is neither empty nor better filled than it would be in a long
training. Then, each in a process of its own, one epoch over a set ten times larger than
--device-memory, with the process's memory read after every call, and as a control as many updates
on the part of it that the device may hold. A training itself lets a process grow, by freed memory
that the C library keeps: so that library is told to give it back, at the start and at the end, and
what is left is what the process holds. Writes experiments/results/streaming.json; made for a quiet
machine, it takes about five minutes on 2 cores.
"""

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
import numpy as np

from experiments.study_digits import RESULTS
from ganjax import environment
from ganjax.config import GANConfig, Upkeep
from ganjax.data.atomic import write_json_atomically
from ganjax.data.dataset import Dataset, Unread
from ganjax.data.loader import shuffled_order, to_device
from ganjax.data.stream import Stream, open_array
from ganjax.progress import Silent
from ganjax.synthesis.description import compiled, describe
from ganjax.synthesis.rhythm import CALLS
from ganjax.synthesis.trained import train_in
from ganjax.training.feed import Feed, place_on_one

SHAPE, CLASSES = (32, 32, 3), 10
COUNT, BATCH = 60_000, 64
STEPS_PER_CALL, TIMED_CALLS = 50, 2
KEY = jax.random.key(0)

LIMIT_GB, TIMES_LARGER = 0.1, 10
EPOCH_BATCH = 256
AT_A_TIME = 10_000


def main() -> None:
    """Measure both, write what was found, print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON, not lines")
    parser.add_argument("--width", type=int, default=8, help="of the networks of the timed step")
    parser.add_argument("--pairs", type=int, default=6, help="turns of each kind")
    parser.add_argument("--epoch", type=Path, help="only: the epoch over this file, in here")
    parser.add_argument("--held", action="store_true", help="only: its control")
    args = parser.parse_args()
    if args.epoch:
        print(json.dumps(memory_over_an_epoch(args.epoch, held=args.held)))
        return
    with tempfile.TemporaryDirectory() as folder:
        time = time_of_both(write_images(Path(folder) / "timed.npy", COUNT), args.width, args.pairs)
        count = round(TIMES_LARGER * LIMIT_GB * 1e9 / np.prod(SHAPE))
        large = write_images(Path(folder) / "large.npy", count)
        command = [sys.executable, "-m", "experiments.benchmarks.streaming", "--epoch", str(large)]
        memory = {
            name: json.loads(subprocess.check_output([*command, *more], text=True).splitlines()[-1])
            for name, more in (("streamed", []), ("control, held on the device", ["--held"]))
        }
    found = {
        "command": "python -m experiments.benchmarks.streaming --json",
        "time": time,
        "memory": memory,
        "environment": environment.describe(),
    }
    write_json_atomically(RESULTS / "streaming.json", found)
    if args.json:
        print(json.dumps(found, indent=1))
        return
    ratio = time["streamed_over_resident"]
    print(
        f"streamed {time['streamed_ms']:.1f} ms a step, resident {time['resident_ms']:.1f}: the "
        f"rate is {ratio['median']:.3f} of it ({ratio['min']:.3f} to {ratio['max']:.3f})"
    )
    for name, row in memory.items():
        print(
            f"{name}: from {row['start_mb']:,.0f} to {row['end_mb']:,.0f} MB, at most "
            f"{row['peak_mb']:,.0f}; what is held grew by {row['growth_of_held_mb']:,.0f}"
        )


def write_images(file: Path, count: int) -> Path:
    """Write random images, a part at a time: uint8 `[count, 32, 32, 3]`."""
    rng = np.random.default_rng(0)
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *SHAPE)}
    with file.open("wb") as opened:
        np.lib.format.write_array_header_1_0(opened, header)
        for start in range(0, count, AT_A_TIME):
            part = (min(AT_A_TIME, count - start), *SHAPE)
            opened.write(rng.integers(0, 256, part, np.uint8).tobytes())
    return file


def unread(file: Path) -> Unread:
    """Open what `write_images` wrote, with labels."""
    images = open_array(file)
    labels = np.arange(len(images), dtype=np.int32) % CLASSES
    return Unread(
        file.name,
        tuple(map(str, range(CLASSES))),
        np.arange(len(images)),
        partial(_same, labels),
        partial(_read, images, labels),
    )


def _same(labels: np.ndarray) -> np.ndarray:
    return labels


def _read(images: Any, labels: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return images.read(rows), labels[rows]


def time_of_both(file: Path, width: int, pairs: int) -> dict[str, Any]:
    """Train in turns with the set on the device and streamed; compare the times of neighbours."""
    images = unread(file)
    config = GANConfig(network="dcgan", loss="non_saturating", width=width, batch_size=BATCH)
    init, call, _ = compiled(describe(config, images.take(np.zeros(1, int))))
    order = shuffled_order(len(images), KEY)
    resident = to_device(images.take(order))
    feed = Feed(Stream(images, order, BATCH, ahead=STEPS_PER_CALL), place_on_one, STEPS_PER_CALL)

    def turn(advance: Any, state: Any) -> tuple[Any, float]:
        state, _ = jax.block_until_ready(advance(call, state))
        start = perf_counter()
        for _ in range(TIMED_CALLS):
            state, metrics = advance(call, state)
        jax.block_until_ready((state, metrics))
        return state, (perf_counter() - start) / (TIMED_CALLS * STEPS_PER_CALL) * 1e3

    def held(call: Any, state: Any) -> Any:
        return call(state, resident, KEY, steps=STEPS_PER_CALL)

    def fed(call: Any, state: Any) -> Any:
        return feed.advance(call, state, KEY, STEPS_PER_CALL)

    state, other = jax.jit(init)(KEY), jax.jit(init)(KEY)
    times: list[tuple[float, float]] = []
    for turns in range(pairs + 1):
        state, resident_ms = turn(held, state)
        done = int(other.step)
        feed.begin(KEY, done=done, updates=done + 10**6, steps_per_call=STEPS_PER_CALL)
        other, streamed_ms = turn(fed, other)
        feed.close()
        if turns:  # the first pair compiles
            times.append((resident_ms, streamed_ms))
    same = all(map(np.array_equal, *map(jax.tree.leaves, (state, other))))
    ratios = [resident_ms / streamed_ms for resident_ms, streamed_ms in times]
    return {
        "images": len(images),
        "shape": SHAPE,
        "batch": BATCH,
        "network": f"dcgan, width {width}",
        "pairs": pairs,
        "steps_per_turn": TIMED_CALLS * STEPS_PER_CALL,
        "resident_ms": statistics.median(ms for ms, _ in times),
        "streamed_ms": statistics.median(ms for _, ms in times),
        "streamed_over_resident": {
            "median": statistics.median(ratios), "min": min(ratios), "max": max(ratios),
        },
        "states_equal_bit_by_bit": same,
        "milliseconds": times,
    }  # fmt: skip


class Watch(Silent):
    """Progress that reads this process's memory after every call."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, float]] = []
        self.held: list[float] = []
        self.said: list[str] = []

    def say(self, line: str) -> None:
        """Keep the line."""
        self.said.append(line)

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Any:
        """Give a tick that notes the memory; once compiled and at the end, also what is held."""

        def tick(done: int, note: str = "") -> None:
            self.seen.append((done, resident_mb()))
            if done == total or (done > total / 10 and not self.held):
                ctypes.CDLL(None).malloc_trim(0)
                self.held.append(resident_mb())

        yield tick


def resident_mb() -> float:
    """Return the memory that this process holds, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory_over_an_epoch(file: Path, *, held: bool) -> dict[str, Any]:
    """Train for an epoch on a set that is too large; say what memory did meanwhile.

    Args:
      file: the set.
      held: train as long on so much of it that it is held on the device.
    """
    images, watch = unread(file), Watch()
    calls = CALLS * EPOCH_BATCH
    updates = -(-len(images) // calls) * CALLS  # an epoch, in calls of one length
    if held:
        images = images.only(np.arange(len(images) // TIMES_LARGER))
    config = GANConfig(
        network="mlp", width=64, batch_size=EPOCH_BATCH, updates=updates, augment="none"
    )
    one: Dataset = images.take(np.zeros(1, int))
    with tempfile.TemporaryDirectory() as folder:
        train_in(
            Path(folder), describe(config, one), images, KEY,
            upkeep=Upkeep(device_memory=LIMIT_GB, checkpoint_seconds=1e6), progress=watch,
        )  # fmt: skip
    settled = [mb for done, mb in watch.seen if done > updates / 10]  # compiled, buffers full
    return {
        "set_gb": len(images) * np.prod(SHAPE).item() / 1e9,
        "device_memory_gb": LIMIT_GB,
        "streamed": any("streamed" in line for line in watch.said),
        "updates": updates,
        "batch": EPOCH_BATCH,
        "start_mb": settled[0],
        "end_mb": settled[-1],
        "peak_mb": max(mb for _, mb in watch.seen),
        "held_at_start_mb": watch.held[0],
        "held_at_end_mb": watch.held[-1],
        "growth_of_held_mb": watch.held[-1] - watch.held[0],
        "megabytes": [(done, round(mb)) for done, mb in watch.seen],
    }


if __name__ == "__main__":
    main()
