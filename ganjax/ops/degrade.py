"""What restoration undoes: noise, blur, lost resolution, holes and compression, and their mixtures.

The contract of every op here:

- `op(key, image, amount)` degrades one image, float `[height, width, channels]` in [-1, 1], of any
  size, which leaves at the same shape and dtype. All run under `jit`, `vmap` and `grad`; the
  derivative is with respect to the image.
- `amount` is a number or a traced scalar, in the unit of the op: of noise, in 0 to 255.
- Nothing is clipped, because the network must see what the benchmarks show. Only `jpeg` rounds and
  clips, as files do.

`Degradation(op, low, high)` is an op whose amount is drawn for each image, and a tuple of them is a
mixture: a plain hashable value, which jitted functions close over like any other constant.

    mixture = (Degradation(gaussian_blur, 0, 3), Degradation(gaussian_noise, 5, 55))
    degraded = apply(mixture, key, images)
    one, other = apply(mixture, key, one), apply(mixture, key, other)  # a pair: the same transform
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import chex
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ganjax.ops.blur import gaussian_blur, motion_blur
from ganjax.ops.jpeg import jpeg
from ganjax.ops.masks import box, box_hole, stroke_hole, strokes
from ganjax.ops.noise import gaussian_noise, poisson_noise, salt_and_pepper
from ganjax.ops.resize import downsampling, resized
from ganjax.typing import Array, Key

__all__ = [
    "Degradation",
    "Degradations",
    "apply",
    "box",
    "downsampling",
    "gaussian_blur",
    "gaussian_noise",
    "holes",
    "jpeg",
    "motion_blur",
    "poisson_noise",
    "resized",
    "salt_and_pepper",
    "strokes",
]


class Degradation(NamedTuple):
    """One op and how strong it is.

    Attributes:
      op: `op(key, image, amount)`, a function of a module, so that equal values compare equal.
      low: the least amount, in the unit of the op.
      high: the largest; each image's is drawn uniformly from [low, high].
    """

    op: Callable[[Key, Array, ArrayLike], Array]
    low: float
    high: float


Degradations: TypeAlias = tuple[Degradation, ...]

_HOLES: dict[Callable[..., Array], Callable[..., Array]] = {box: box_hole, strokes: stroke_hole}


def apply(degradations: Degradations, key: Key, images: Array, *, first: ArrayLike = 0) -> Array:
    """Degrades images, each by itself: by every degradation, in an order drawn for the image.

    Image i draws its order, its amounts and all else from `fold_in(key, first + i)` alone: it is
    degraded the same whatever stands beside it, however large the batch is and over however many
    devices it is spread. So the same key degrades a pair of images of one size by the same
    transform, with the same noise and the same holes.

    Args:
      degradations: what to do; of n of them, n^2 - n + 1 ops are computed where they are mixed.
      key: a typed key.
      images: float `[batch, height, width, channels]` in [-1, 1].
      first: the number of the first image, an int or a traced scalar: where these images are a part
        of a batch, how many of it come before them.

    Returns:
      An array of the shape and dtype of `images`, not clipped.
    """
    chex.assert_rank(images, 4)
    chex.assert_type(images, float)

    def degraded(number: Array, image: Array) -> Array:
        image_key = jax.random.fold_in(key, number)
        drawn = list(_drawn(degradations, image_key))
        if len(drawn) < 2:
            return drawn[0].op(*drawn[0].with_image(image)) if drawn else image
        return _in_random_order(drawn, jax.random.fold_in(image_key, 2 * len(drawn)), image)

    return jax.vmap(degraded)(jnp.arange(images.shape[0]) + first, images)


def holes(
    degradations: Degradations,
    key: Key,
    batch: int,
    sides: tuple[int, int],
    *,
    first: ArrayLike = 0,
) -> Array:
    """Returns where `apply` with the same arguments cuts images: what `box` and `strokes` hide.

    Args:
      degradations: what `apply` is given; other degradations hide nothing.
      key: likewise.
      batch: how many images.
      sides: their height and width.
      first: the number of the first image.

    Returns:
      bool `[batch, height, width, 1]`, True where pixels are missing.
    """

    def hole(number: Array) -> Array:
        found = jnp.zeros((*sides, 1), bool)
        for one in _drawn(degradations, jax.random.fold_in(key, number)):
            if one.op in _HOLES:
                found |= _HOLES[one.op](one.key, sides, one.amount)
        return found

    return jax.vmap(hole)(jnp.arange(batch) + first)


class _Drawn(NamedTuple):
    """A degradation of one image."""

    op: Callable[[Key, Array, ArrayLike], Array]
    key: Key
    amount: ArrayLike

    def with_image(self, image: Array) -> tuple[Key, Array, ArrayLike]:
        return self.key, image, self.amount


def _drawn(degradations: Degradations, image_key: Key) -> Iterator[_Drawn]:
    """Every degradation with its own key and its amount."""
    for index, (op, low, high) in enumerate(degradations):
        op_key = jax.random.fold_in(image_key, 2 * index)
        amount: ArrayLike = low
        if low < high:  # what is fixed stays a constant, whose matrices XLA may compute once
            amount_key = jax.random.fold_in(image_key, 2 * index + 1)
            amount = jax.random.uniform(amount_key, minval=low, maxval=high)
        yield _Drawn(op, op_key, amount)


def _in_random_order(drawn: list[_Drawn], key: Key, image: Array) -> Array:
    """Pass an image through all ops, in any order with the same probability.

    Every order of n ops is contained in n - 1 rounds of all of them and one op more. That is fewer
    than n choices out of n, which `vmap` computes all.
    """
    count = len(drawn)
    place = jax.random.permutation(key, count)
    done = jnp.int32(0)
    for step in range(count * (count - 1) + 1):
        one = drawn[step % count]
        is_next = place[step % count] == done
        image = jnp.where(is_next, one.op(*one.with_image(image)), image)
        done += is_next
    return image
