"""How the GAN's step would scale, read off programs compiled for many devices that need not exist.

    python -m experiments.benchmarks.scaling --devices 1 8 64 512 --json

Compiles (and does not run) one step of a DCGAN with batch normalisation, 64 images per device, for
every number of devices, with the state copied to each and spread over them, with convolutions as on
a GPU or TPU. Reads off FLOPs, memory and the bytes of every collective, and fails where

- a device computes 2 % more than it would alone with its own part of the batch, update included;
- more than 1.1 times the gradients and the synchronised statistics are reduced (state copied);
- anything else is exchanged (state copied), or more at once than one parameter (state spread);
- a device holds more of the state than its share of every array that has an axis to be spread by.

Results go to experiments/results/scaling.json, with a plot.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
from functools import partial
from typing import Any

from experiments.tables import RESULTS, efficiency

IMAGES = 64
"""Per device."""
COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
BYTES = {"f32": 4, "s32": 4, "u32": 4, "f64": 8, "u64": 8, "s64": 8, "bf16": 2, "f16": 2, "pred": 1,
         "u8": 1, "s8": 1}  # fmt: skip


def main() -> None:
    """Compile for every number of devices, each in a process of its own; check; write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 8, 64, 512])
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--json", action="store_true", help="print JSON at the end")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # devices, copied or spread
    args = parser.parse_args()
    if args.one:
        print(json.dumps(compiled(int(args.one[0]), args.one[1] == "spread", args.width)))
        return
    rows = [
        in_a_process(devices, state, args.width)
        for devices in args.devices
        for state in ("copied", "spread")
    ]
    failures = check(rows)
    if args.width == parser.get_default("width"):
        write(rows)
    if args.json:
        print(json.dumps({"rows": rows, "failures": failures}))
    if failures:
        raise SystemExit("\n".join(failures))


def in_a_process(devices: int, state: str, width: int) -> dict[str, Any]:
    """Run one compilation where JAX sees that many devices."""
    command = [sys.executable, "-m", "experiments.benchmarks.scaling", "--width", str(width)]
    flags = f"--xla_force_host_platform_device_count={devices}"
    done = subprocess.run(
        [*command, "--one", str(devices), state],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"compiling for {devices} devices failed:\n{done.stderr[-2000:]}")
    row = json.loads(done.stdout.strip().splitlines()[-1])
    print(
        f"{devices} devices, state {state}: {row['flops'] / 1e9:.2f} GFLOP, "
        f"{sum(row['collectives'].values()) / 1e6:.2f} MB in collectives, peak "
        f"{row['peak_bytes'] / 1e6:.0f} MB per device, compiled in {row['seconds']:.0f} s",
        file=sys.stderr,
        flush=True,
    )
    return row


def compiled(devices: int, spread: bool, width: int) -> dict[str, Any]:
    """Compile the step for this process's devices and read the program."""
    from time import perf_counter

    import jax

    from ganjax import models, training
    from ganjax.data.loader import Parts, sample_batch
    from ganjax.ops import conv
    from ganjax.training import sharding

    start = perf_counter()
    mesh = sharding.make_mesh(devices)
    gan = training.gan(
        models.dcgan_generator(channels=3, width=width),
        models.dcgan_discriminator(channels=3, width=width),
    )
    key, rows = jax.random.key(0), 1024
    shapes = jax.eval_shape(gan.init, key)
    where = sharding.placements(shapes, mesh, shard_state=spread)
    state = jax.tree.map(
        lambda leaf, place: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place),
        shapes,
        where,
    )
    part = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(sharding.AXIS))
    placed: Any = partial(jax.ShapeDtypeStruct, sharding=part)
    data = Parts(
        placed((devices, rows, 32, 32, 3), "uint8"),
        placed((devices, rows), "int32"),
        devices * (rows - 1),
    )
    sample = partial(sample_batch, batch_size=IMAGES * devices)
    call: Any = sharding.compile_steps(gan.step, sample, mesh, shard_state=spread)
    with conv.everywhere_as_xla():
        program = call.lower(state, data, key, steps=1).compile()
    return {
        "devices": devices,
        "state": "spread" if spread else "copied",
        "seconds": perf_counter() - start,
        **read_off(program, rows * (32 * 32 * 3 + 4)),
        **expected(shapes, where),
    }


def read_off(program: Any, data_bytes: int) -> dict[str, Any]:
    """Read cost, memory and collectives, per device, off a compiled program."""
    memory, cost, text = program.memory_analysis(), program.cost_analysis(), program.as_text()
    return {
        "flops": cost["flops"],
        "bytes_accessed": cost["bytes accessed"],
        "collectives": collective_bytes(text),
        "largest_exchange": largest_exchange(text),
        "state_bytes": memory.argument_size_in_bytes - data_bytes,
        "peak_bytes": memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        + memory.temp_size_in_bytes
        - memory.alias_size_in_bytes,
    }


def expected(shapes: Any, where: Any) -> dict[str, int]:
    """Count what must be exchanged and held: gradients, statistics, the placed state."""
    import jax

    def numbers(tree: Any) -> int:
        return sum(leaf.size for leaf in jax.tree.leaves(tree))

    trained = (shapes.generator["params"], shapes.discriminator["params"])
    # Mean and square, forward and back; the discriminator sees real, generated, and these again.
    statistics = 2 * numbers(shapes.generator["batch_stats"]) + 6 * numbers(
        shapes.discriminator["batch_stats"]
    )
    placed = zip(jax.tree.leaves(shapes), jax.tree.leaves(where), strict=True)
    return {
        "gradient_bytes": 4 * numbers(trained),
        "statistics_bytes": 4 * statistics,
        "largest_parameter_bytes": 4 * max(leaf.size for leaf in jax.tree.leaves(trained)),
        "placed_bytes": sum(
            math.prod(place.shard_shape(leaf.shape)) * leaf.dtype.itemsize for leaf, place in placed
        ),
    }


def collectives(text: str) -> list[tuple[str, int]]:
    """Return kind and bytes (of what comes out, per device) of every collective of a program."""
    found = []
    kinds = "|".join(COLLECTIVES)
    text = re.sub(r"/\*.*?\*/", "", text)  # XLA counts long lists for the reader
    for shape, kind in re.findall(rf"= (\(?[^=]*?\)?) ({kinds})(?:-start)?\(", text):
        arrays = re.findall(r"([a-z]+[0-9]*)\[([0-9,]*)\]", shape)
        numbers = (
            BYTES[dtype] * math.prod(int(n) for n in sides.split(",") if n)
            for dtype, sides in arrays
            if dtype in BYTES
        )
        found.append((kind, sum(numbers)))
    return found


def collective_bytes(text: str) -> dict[str, int]:
    """Return the bytes of each kind of collective."""
    total = dict.fromkeys(COLLECTIVES, 0)
    for kind, size in collectives(text):
        total[kind] += size
    return {kind: size for kind, size in total.items() if size}


def largest_exchange(text: str) -> int:
    """Return the bytes of the largest collective that is no reduction."""
    return max((size for kind, size in collectives(text) if kind != "all-reduce"), default=0)


def check(rows: list[dict[str, Any]]) -> list[str]:
    """Say what does not hold."""
    failures = []
    alone = {row["state"]: row for row in rows if row["devices"] == 1}
    for row in rows:
        name = f"{row['devices']} devices, state {row['state']}"
        copied = row["state"] == "copied"
        if "copied" in alone and copied and row["flops"] > 1.02 * alone["copied"]["flops"]:
            failures.append(
                f"{name}: {row['flops']:.4g} FLOPs, alone {alone['copied']['flops']:.4g}"
            )
        allowed = 1.1 * (row["gradient_bytes"] + row["statistics_bytes"])
        moved = sum(row["collectives"].values())
        if copied and moved > allowed:
            failures.append(f"{name}: {moved:,} bytes in collectives, {allowed:,.0f} allowed")
        if row["largest_exchange"] > (0 if copied else row["largest_parameter_bytes"]):
            failures.append(f"{name}: {row['largest_exchange']:,} bytes are gathered at once")
        if row["state_bytes"] > 1.05 * row["placed_bytes"]:
            failures.append(
                f"{name}: {row['state_bytes']:,} bytes of state, {row['placed_bytes']:,} expected"
            )
    return failures


def write(rows: list[dict[str, Any]]) -> None:
    """Keep the results."""
    from ganjax import environment
    from ganjax.data.atomic import write_bytes_atomically, write_json_atomically

    devices = " ".join(str(n) for n in sorted({row["devices"] for row in rows}))
    found = {
        "command": f"python -m experiments.benchmarks.scaling --devices {devices}",
        "images_per_device": IMAGES,
        "rows": rows,
        "environment": environment.describe(),
    }
    write_json_atomically(RESULTS / "scaling.json", found)
    write_bytes_atomically(RESULTS / "scaling.svg", plot(rows).encode())


def plot(rows: list[dict[str, Any]]) -> str:
    """Draw the efficiency of `experiments.tables` over the number of devices, as SVG."""
    copied = sorted((r for r in rows if r["state"] == "copied"), key=lambda r: r["devices"])
    marks = []
    for larger, colour in ((1, "#d95f02"), (4, "#7570b3"), (16, "#1b9e77")):
        points = [
            (
                60 + 55 * math.log2(row["devices"]),
                220 - 200 * efficiency(row, row["devices"], larger),
            )
            for row in copied
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        marks.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = points[-1]
        label = f"{IMAGES * larger:,} images"
        marks.append(f'<text x="{x + 6:.1f}" y="{y + 4:.1f}" fill="{colour}">{label}</text>')
    for row in copied:
        x = 60 + 55 * math.log2(row["devices"])
        marks.append(f'<text x="{x:.1f}" y="240" text-anchor="middle">{row["devices"]}</text>')
    for percent in (0, 25, 50, 75, 100):
        y = 220 - 2 * percent
        marks.append(f'<line x1="60" x2="560" y1="{y}" y2="{y}" stroke="#bbb"/>')
        marks.append(f'<text x="54" y="{y + 4}" text-anchor="end">{percent} %</text>')
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 690 265" font-family="sans-serif" '
        'font-size="12"><rect width="690" height="265" fill="white"/>'
        + "".join(marks)
        + '<text x="310" y="259" text-anchor="middle">devices (compiled for, not run on)</text>'
        + "</svg>\n"
    )


if __name__ == "__main__":
    main()
