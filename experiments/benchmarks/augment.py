"""How many images per second the classical transforms turn out, other random numbers per image.

    python -m experiments.benchmarks.augment --batch 256 --size 32 --json

The tutorials' chain: mirrored both ways with probability 0.5, rotated by up to 15 degrees, moved by
up to 10 %, zoomed by up to 20 %, then a random box of at least 60 % of the area enlarged to the
size. Bilinear. `ganjax.ops.warp` does all of it in one resampling.
"""

import jax
import jax.numpy as jnp
from jax import lax

from experiments.benchmarks import timing
from ganjax.ops.warp import random_warp
from ganjax.typing import Array, Key

SMALLEST_SIDE = 0.6**0.5
"""Of a box of 60 % of the area and the image's proportions."""


def main() -> None:
    """Measure, and print."""
    parser = timing.parser(__doc__ or "")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--channels", type=int, default=3)
    parser.set_defaults(steps=10)
    args = parser.parse_args()
    images = jax.random.uniform(
        jax.random.key(0), (args.batch, args.size, args.size, args.channels)
    )

    @jax.jit
    def transform(images: Array, key: Key) -> Array:
        def again(latest: Array, key: Key) -> tuple[Array, None]:
            del latest  # written anew by every step, as a training step would read it
            return random_warp(key, images, crop=1 - SMALLEST_SIDE, flips=(0.5, 0.5)), None

        keys = jax.random.split(key, args.steps)
        return lax.scan(again, jnp.zeros_like(images), keys)[0]

    def block() -> Array:
        return transform(images, jax.random.key(1))

    timing.tell(args, timing.rates(block, args.batch * args.steps, args.blocks))


if __name__ == "__main__":
    main()
