"""What the speed benchmarks share: their flags, their clock, their one line of output."""

import argparse
import json
import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any

import jax

from ganjax import environment


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the flags of every speed benchmark."""
    found = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--steps", type=int, default=20, help="steps per timed block")
    found.add_argument("--blocks", type=int, default=5, help="timed blocks; the median is told")
    found.add_argument("--json", action="store_true", help="print one line of JSON")
    return found


def add_precision(to: argparse.ArgumentParser) -> None:
    """Add the flag `--precision`."""
    to.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")


def rates(block: Callable[[], Any], images: int, blocks: int) -> dict[str, float]:
    """Time blocks of work after two that are not timed: images per second, median and extremes.

    Args:
      block: does the work of one block and returns arrays, which are waited for.
      images: how many images a block handles.
      blocks: how many are timed.
    """
    start = perf_counter()
    jax.block_until_ready(block())
    compilation = perf_counter() - start
    jax.block_until_ready(block())
    found = []
    for _ in range(blocks):
        start = perf_counter()
        jax.block_until_ready(block())
        found.append(images / (perf_counter() - start))
    return {
        "images_per_s": statistics.median(found),
        "min": min(found),
        "max": max(found),
        "first_block_s": round(compilation, 2),
    }


def tell(args: argparse.Namespace, found: dict[str, Any]) -> None:
    """Print what was measured: one line of JSON, or one for a person."""
    system = f"ganjax {environment.version('ganjax')}, jax {jax.__version__}"
    flags = {name: value for name, value in vars(args).items() if name != "json"}
    device = jax.devices()[0].device_kind
    line = {"system": system, "device": device, **flags, **found}
    if args.json:
        print(json.dumps(line))
        return
    print(
        f"{found['images_per_s']:,.0f} images/s ({found['min']:,.0f} to {found['max']:,.0f}) on "
        f"{device}, first block with compilation {found['first_block_s']} s"
    )
