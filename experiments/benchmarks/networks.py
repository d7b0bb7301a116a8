"""How long one step of a GAN takes, by network and width: which widths suit a machine.

    python -m experiments.benchmarks.networks --json

One step is one update of both networks on labelled images. "plain" is the step without T(x) and
without penalties, by the hinge loss; "own" the one that the network is made for: dcgan with R1 on
real images (arXiv 1801.04406), resnet by the hinge loss (arXiv 1802.05957), modern by the
relativistic loss with R1 and R2 (arXiv 2501.05441). The averaged generator is kept too. --json also
writes experiments/results/networks.json.
"""

import json
from argparse import Namespace
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from experiments.benchmarks import timing
from experiments.tables import RESULTS
from ganjax import environment, models, training
from ganjax.data.atomic import write_json_atomically
from ganjax.models import Generator, Model
from ganjax.ops import losses
from ganjax.training import penalties
from ganjax.training.loop import repeat
from ganjax.training.penalties import Penalty
from ganjax.typing import Array, Batch, Key

POOL = 4
"""Batches on the device, so that nothing is charged for loading."""
CLASSES = 10

PLAIN: tuple[losses.Loss, tuple[Penalty, ...]] = (losses.hinge, ())


class Network(NamedTuple):
    """How a pair is built, and the loss and penalties that it is made for."""

    generator: Callable[..., Generator]
    discriminator: Callable[..., Model]
    own: tuple[losses.Loss, tuple[Penalty, ...]]


def dcgan_discriminator(**shape: Any) -> Model:
    """Build DCGAN's without batch normalisation, which penalties on gradients do not go with."""
    return models.dcgan_discriminator(**shape, batch_norm=False)


NETWORKS = {
    "dcgan": Network(
        models.dcgan_generator,
        dcgan_discriminator,
        (losses.non_saturating, (penalties.r1(0.1),)),
    ),
    "resnet": Network(models.resnet_generator, models.resnet_discriminator, PLAIN),
    "modern": Network(
        models.modern_generator,
        models.modern_discriminator,
        (losses.relativistic, (penalties.r1(1.0), penalties.r2(1.0))),
    ),
}
CASES = [
    "dcgan:32", "dcgan:64", "resnet:16", "resnet:24", "resnet:32", "modern:16", "modern:24",
    "modern:32", "modern:48",
]  # fmt: skip


def main() -> None:
    """Measure, print a table, and write what was measured."""
    parser = timing.parser(__doc__ or "")
    parser.add_argument("--cases", nargs="+", default=CASES, metavar="NETWORK:WIDTH")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.set_defaults(steps=5)
    args = parser.parse_args()
    rows = []
    print(f"{'network':8} {'width':>5} {'plain ms':>9} {'own ms':>9} {'parameters of G and D':>24}")
    for case in args.cases:
        rows.append(measure(case, args))
        print(line(rows[-1]), flush=True)
    if args.json:
        flags = {name: value for name, value in vars(args).items() if name not in ("json", "cases")}
        command = "python -m experiments.benchmarks.networks --json"
        found = {"command": command, **flags, "rows": rows, "environment": environment.describe()}
        write_json_atomically(RESULTS / "networks.json", found)
        print(json.dumps(found))


def measure(case: str, args: Namespace) -> dict[str, Any]:
    """Time both steps of one network at one width."""
    name, width = case.split(":")
    network = NETWORKS[name]
    shape: dict[str, Any] = {
        "size": args.size, "channels": args.channels, "classes": CLASSES, "width": int(width),
    }  # fmt: skip
    pair = network.generator(**shape), network.discriminator(**shape)
    counts = [models.parameter_count(jax.eval_shape(m.init, jax.random.key(0))) for m in pair]
    plain = milliseconds(*pair, PLAIN, args)
    own = plain if network.own is PLAIN else milliseconds(*pair, network.own, args)
    return {
        "network": name, "width": int(width), "generator_params": counts[0],
        "discriminator_params": counts[1], "plain": plain, "own": own,
    }  # fmt: skip


def milliseconds(
    generator: Generator,
    discriminator: Model,
    game: tuple[losses.Loss, tuple[Penalty, ...]],
    args: Namespace,
) -> dict[str, float]:
    """Time one step: milliseconds, median, smallest and largest over blocks."""
    loss, added = game
    gan = training.gan(generator, discriminator, loss=loss, penalties=added)
    shape = (POOL, args.batch, args.size, args.size, args.channels)
    pool = jax.random.normal(jax.random.key(0), shape)

    def draw(key: Key, pool: Array) -> Batch:
        labels = jnp.arange(args.batch) % CLASSES
        return Batch(pool[jax.random.randint(key, (), 0, POOL)], labels)

    call = repeat(gan.step, draw)
    state = jax.jit(gan.init)(jax.random.key(1))

    def block() -> Array:
        nonlocal state
        state, metrics = call(state, pool, jax.random.key(2), steps=args.steps)
        return metrics["generator_loss"]

    found = timing.rates(block, args.batch * args.steps, args.blocks)
    per_step = {"median": "images_per_s", "min": "max", "max": "min"}
    return {name: round(1e3 * args.batch / found[rate], 1) for name, rate in per_step.items()}


def line(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    plain, own = row["plain"]["median"], row["own"]["median"]
    counts = f"{row['generator_params']:,} {row['discriminator_params']:,}"
    return f"{row['network']:8} {row['width']:5} {plain:9.1f} {own:9.1f} {counts:>24}"


if __name__ == "__main__":
    main()
