"""Which form of a convolution is the fastest on this CPU, layer by layer, and which one is chosen.

    python -m experiments.benchmarks.conv --json

Milliseconds of the forward pass and of both transposes in every form of `ganjax.ops.conv_on_cpu`,
each within a compiled loop, as in a training; a star marks the form that its rules choose.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from time import perf_counter

import jax
import jax.numpy as jnp
from jax import lax

from ganjax.ops import conv_on_cpu
from ganjax.ops.windows import Windows
from ganjax.typing import Array

# batch, side, channels in and out, size, stride, padding
LAYERS = {
    "DCGAN, width 32": [(64, 32, 1, 32), (64, 16, 32, 64), (64, 8, 64, 128)],
    "DCGAN, width 64": [(64, 32, 3, 64), (64, 16, 64, 128), (64, 8, 128, 256)],
}
RESNET = [
    (128, 32, 3, 16, 3, 1, 1), (128, 32, 16, 16, 3, 1, 1), (128, 32, 16, 32, 3, 2, 1),
    (128, 16, 32, 32, 3, 1, 1), (128, 16, 32, 64, 3, 2, 1), (128, 8, 64, 64, 3, 1, 1),
    (128, 32, 16, 32, 1, 2, 0),
]  # fmt: skip
FORMS = {
    "conv": ("by_patches", "by_rows", "by_xla"),
    "to_images": ("by_overlap", "by_xla"),
    "to_kernel": ("by_patches", "by_rows", "in_parts"),
}
STRIDE_ONE = {"conv_by_rows", "to_images_by_xla", "to_kernel_by_rows"}
REPEATS = 6


def main() -> None:
    """Measure, and print a line per layer or one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    args = parser.parse_args()
    layers = [(name, (*layer, 4, 2, 1)) for name, own in LAYERS.items() for layer in own]
    layers += [("ResNet-8, width 16", layer) for layer in RESNET]
    found = []
    for network, layer in layers:
        row = {"network": network, "layer": layer, **milliseconds(*layer)}
        found.append(row)
        if not args.json:
            print(f"{network} {layer}", *(f"{k} {v}" for k, v in row.items() if k in FORMS))
    if args.json:
        print(json.dumps(found))


def milliseconds(
    batch: int, side: int, channels: int, features: int, size: int, stride: int, padding: int
) -> dict[str, dict[str, float]]:
    """Time every form of one layer."""
    windows = Windows(size, stride, padding, (side, side))
    keys = jax.random.split(jax.random.key(0), 3)
    images = jax.random.normal(keys[0], (batch, side, side, channels))
    kernel = jax.random.normal(keys[1], (size, size, channels, features))
    outputs = jax.random.normal(keys[2], (batch, *windows.places, features))
    given = {"conv": (images, kernel), "to_images": (outputs, kernel)}
    given["to_kernel"] = (images, outputs)
    return {face: _forms(face, *given[face], windows) for face in FORMS}


def _forms(face: str, one: Array, other: Array, windows: Windows) -> dict[str, float]:
    chosen, found = _chosen(face, one, other, windows), {}
    for form in FORMS[face]:
        name = f"{face}_{form}"
        if windows.stride != 1 and name in STRIDE_ONE:
            continue
        function = partial(getattr(conv_on_cpu, name), windows=windows)
        star = "*" if name == chosen else ""
        found[form + star] = round(_time(function, one, other), 2)
    return found


def _chosen(face: str, one: Array, other: Array, windows: Windows) -> str:
    """Return the name of the form that the rules take, by looking at what they call."""
    called: list[str] = []
    forms = {name: getattr(conv_on_cpu, name) for name in (f"{face}_{f}" for f in FORMS[face])}
    try:
        for name in forms:
            setattr(conv_on_cpu, name, lambda *_, name=name: called.append(name))
        getattr(conv_on_cpu, f"dense_{face}")(one, other, windows)
    finally:
        for name, form in forms.items():
            setattr(conv_on_cpu, name, form)
    return called[0]


def _time(function: Callable[[Array, Array], Array], one: Array, other: Array) -> float:
    """Return milliseconds per call inside a compiled loop, the best of six runs."""

    @jax.jit
    def loop(one: Array, other: Array) -> Array:
        def again(latest: Array, _: None) -> tuple[Array, None]:
            # Tied to the last result, or XLA would compute it once for all repeats.
            small, large = sorted((one, other), key=lambda array: array.size)
            tied = lax.optimization_barrier(small + 1e-12 * latest.ravel()[0])
            return function(*((tied, large) if small is one else (large, tied))), None

        start = jnp.zeros_like(function(one, other))
        return lax.scan(again, start, None, length=REPEATS)[0]

    best = float("inf")
    jax.block_until_ready(loop(one, other))
    for _ in range(6):
        start = perf_counter()
        jax.block_until_ready(loop(one, other))
        best = min(best, (perf_counter() - start) / REPEATS)
    return 1e3 * best


if __name__ == "__main__":
    main()
