"""What five replicates cost on eight devices, against one alone: by compilation, nothing is run.

    python -m experiments.benchmarks.side_by_side --json

Compiles the two many-step calls of a standard study, GAN and classifiers, for one replicate and for
five side by side on five of eight fake CPU devices, and writes what XLA says of one device's share
to experiments/results/side_by_side.json: operations, bytes read and written, bytes held, and how
many instructions pass numbers between devices. A ratio of 1 with no such instruction means that
five cost one's time, wherever devices do not share cores.
"""

import argparse
import json
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

from experiments.study_digits import RESULTS
from ganjax import environment, recipe
from ganjax.config import StudyConfig
from ganjax.data.atomic import write_json_atomically
from ganjax.data.loader import Resident
from ganjax.study import arms
from ganjax.study.competition import Images, Ways, competition
from ganjax.synthesis.description import Description, compiled
from ganjax.training import side_by_side

DEVICES, REPLICATES, CLASSES = 8, 5, 10
SIZES = {8: 1, 32: 3}
"""Sides in pixels, and channels: `digits`, and images like those of CIFAR-10."""

BETWEEN_DEVICES = r"\b(?:all-\w+|reduce-scatter|collective-\w+|send|recv)(?:-start)?\("


def main() -> None:
    """Compile all pairs, write what XLA says, print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON, not lines")
    as_json = parser.parse_args().json
    jax.config.update("jax_num_cpu_devices", DEVICES)
    group = side_by_side.group(REPLICATES)
    found: dict[str, Any] = {
        "command": "python -m experiments.benchmarks.side_by_side --json",
        "replicates": REPLICATES,
        "devices_used": group.mesh.size,
        "programs": {
            f"{name}, {size} pixels": compare(call, inputs, steps, group)
            for size in SIZES
            for name, call, inputs, steps in programs(size)
        },
        "environment": environment.describe(),
    }
    write_json_atomically(RESULTS / "side_by_side.json", found)
    for name, row in found["programs"].items():
        if not as_json:
            print(f"{name}: {row['flops_ratio']:.3f} of one replicate's operations per device")
    if as_json:
        print(json.dumps(found, indent=1))


def programs(size: int) -> list[tuple[str, Callable, tuple[Any, ...], int]]:
    """Return name, call, abstract inputs and steps of what a standard study trains."""
    config = StudyConfig("benchmark")
    channels, c = SIZES[size], config.classifier
    names = tuple(map(str, range(CLASSES)))
    description = Description(config.gan.for_data(size), size, channels, names, "")
    init, train, _ = compiled(description)
    candidates, _ = arms.line_up(c.ratios, c.strengths)
    contest = competition(
        recipe.classifier(c, size=size, channels=channels, classes=CLASSES),
        candidates=len(candidates),
        seeds=c.seeds,
        batch_size=c.batch_size,
        ema_decay=c.ema_decay,
    )
    key = jax.eval_shape(lambda: jax.random.key(0))

    def images(count: int) -> Resident:
        def make() -> Resident:
            shape = (count, size, size, channels)
            return Resident(jnp.zeros(shape, jnp.uint8), jnp.zeros(count, jnp.int32))

        return jax.eval_shape(make)

    ways = jax.eval_shape(lambda: Ways(*[jnp.zeros(len(candidates))] * 4))
    sets = Images(images(150), images(config.pool), images(50))
    entrants = jax.eval_shape(contest.init, key)
    return [
        (
            "GAN",
            train,
            (jax.eval_shape(init, key), sets.fit, key),
            description.rhythm().steps_per_call,
        ),
        (
            "classifiers",
            contest.advance,
            (entrants, (sets, ways), key),
            c.updates // c.evaluations,
        ),
    ]


def compare(
    call: Callable, inputs: tuple[Any, ...], steps: int, group: side_by_side.Group
) -> dict[str, Any]:
    """Compile a call for one replicate and for a group; say what one device does in each."""
    rows = NamedSharding(group.mesh, PartitionSpec(side_by_side.AXIS))
    stacked = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(
            (len(group.rows), *leaf.shape), leaf.dtype, sharding=rows
        ),
        inputs,
    )
    alone = _say(call, inputs, steps)
    together = _say(side_by_side.many_steps(call, group.mesh), stacked, steps)
    return {
        "alone": alone,
        "side_by_side": together,
        "flops_ratio": round(together["flops"] / alone["flops"], 4),
        "bytes_ratio": round(together["bytes_accessed"] / alone["bytes_accessed"], 4),
    }


def _say(call: Any, inputs: tuple[Any, ...], steps: int) -> dict[str, int]:
    """Return what XLA says of one device's share; a loop's body counts once in both programs."""
    program = call.lower(*inputs, steps=steps).compile()
    cost, memory = program.cost_analysis(), program.memory_analysis()
    return {
        "flops": int(cost["flops"]),
        "bytes_accessed": int(cost["bytes accessed"]),
        "bytes_held": memory.argument_size_in_bytes + memory.temp_size_in_bytes,
        "between_devices": len(re.findall(BETWEEN_DEVICES, program.as_text())),
    }


if __name__ == "__main__":
    main()
