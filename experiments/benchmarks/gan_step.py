"""How many real images per second one DCGAN training step consumes at 32x32.

    python -m experiments.benchmarks.gan_step --width 64 --channels 3 --json

One step is one update of the discriminator and one of the generator, without labels: non-saturating
loss, Adam(2e-4, 0.5, 0.999), batch normalisation, no transforms, no penalty. The averaged generator
is kept too.
"""

import jax
import jax.numpy as jnp

from experiments.benchmarks import timing
from ganjax import models, training
from ganjax.training.loop import repeat
from ganjax.typing import Array, Batch, Key

POOL = 8
"""Batches on the device, so that nothing is charged for loading."""


def main() -> None:
    """Measure, and print."""
    parser = timing.parser(__doc__ or "")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--latent", type=int, default=100)
    timing.add_precision(parser)
    args = parser.parse_args()

    generator = models.dcgan_generator(
        size=32, channels=args.channels, width=args.width, latent_size=args.latent
    )
    discriminator = models.dcgan_discriminator(size=32, channels=args.channels, width=args.width)
    if args.precision == "bfloat16":
        generator = models.in_bfloat16(generator)
        discriminator = models.in_bfloat16(discriminator)
    gan = training.gan(generator, discriminator)

    def draw(key: Key, pool: Array) -> Batch:
        return Batch(
            pool[jax.random.randint(key, (), 0, POOL)], jnp.zeros(args.batch, dtype=jnp.int32)
        )

    pool = jax.random.normal(jax.random.key(0), (POOL, args.batch, 32, 32, args.channels))
    call = repeat(gan.step, draw)
    state = jax.jit(gan.init)(jax.random.key(1))
    count = {
        "generator_params": models.parameter_count(state.generator),
        "discriminator_params": models.parameter_count(state.discriminator),
    }

    def block() -> Array:
        nonlocal state
        state, metrics = call(state, pool, jax.random.key(2), steps=args.steps)
        return metrics["generator_loss"]

    found = timing.rates(block, args.batch * args.steps, args.blocks)
    timing.tell(args, {**count, **found})


if __name__ == "__main__":
    main()
