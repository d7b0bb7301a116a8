"""Holes in an image, for inpainting: a box, or brush strokes.

A hole is filled with mid-grey, 0. The functions that end in `_hole` return the hole itself, the
same from the same key as the one that is cut: bool `[height, width, 1]`, True where pixels are
missing.
"""

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ganjax.typing import Array, Key

_STROKES, _SEGMENTS = 6, 4
_AREA_OF_A_STROKE = 0.05  # of the image: the more is to be covered, the more strokes there are
_TURN = 1.2  # the largest angle between segments, in radians
_NUMBERS = 4 + 2 * _SEGMENTS  # drawn for a stroke
_BISECTIONS = 16


def box(key: Key, image: Array, amount: ArrayLike) -> Array:
    """Cuts a rectangle out of an image.

    Args:
      key: a typed key.
      image: float `[height, width, channels]`.
      amount: the area of the rectangle as a fraction of the image, float `[]` in [0, 1].

    Returns:
      The image, 0 inside the rectangle.
    """
    return cut(image, box_hole(key, (image.shape[0], image.shape[1]), amount))


def strokes(key: Key, image: Array, amount: ArrayLike) -> Array:
    """Cuts random brush strokes out of an image.

    Args:
      key: a typed key.
      image: float `[height, width, channels]`.
      amount: the area of the strokes together as a fraction of the image, float `[]` in [0, 1].

    Returns:
      The image, 0 under the strokes.
    """
    return cut(image, stroke_hole(key, (image.shape[0], image.shape[1]), amount))


def cut(image: Array, hole: Array) -> Array:
    """Fills a hole with mid-grey.

    Args:
      image: float `[..., height, width, channels]`.
      hole: bool `[..., height, width, 1]`.

    Returns:
      The image, whose gradient is zero in the hole.
    """
    return jnp.where(hole, jnp.zeros((), image.dtype), image)


def box_hole(key: Key, sides: tuple[int, int], amount: ArrayLike) -> Array:
    """Draws a rectangle that lies wholly in the image, anywhere, up to twice as long as wide.

    Args:
      key: a typed key.
      sides: height and width of the image.
      amount: its area as a fraction of the image, float `[]` in [0, 1]; sides are rounded to whole
        pixels.

    Returns:
      bool `[height, width, 1]`.
    """
    shape, *places = jax.random.uniform(key, (3,))
    area = jnp.maximum(amount, 1e-12)
    least = jnp.maximum(area, jnp.sqrt(area / 2))  # else the other side would be above 1
    most = jnp.minimum(1, jnp.sqrt(area * 2))
    tall = least * (most / least) ** shape

    def covered(side: int, fraction: Array, place: Array) -> Array:
        length = jnp.round(side * fraction)
        start = jnp.floor(place * (side - length + 1))
        pixels = jnp.arange(side)
        return (start <= pixels) & (pixels < start + length)

    height, width = sides
    rows, columns = covered(height, tall, places[0]), covered(width, area / tall, places[1])
    return (rows[:, None] & columns[None, :])[..., None]


def stroke_hole(key: Key, sides: tuple[int, int], amount: ArrayLike) -> Array:
    """Draws free-form brush strokes: bent lines of several widths with round ends.

    After Yu et al. 2019, arXiv 1806.03589; but the widths are such that the strokes cover
    just the area asked for.

    Args:
      key: a typed key.
      sides: height and width of the image.
      amount: the area as a fraction of the image, float `[]` in [0, 1].

    Returns:
      bool `[height, width, 1]`.
    """
    # All at once: every call of a random number generator is compiled anew.
    uniform = jax.random.uniform(key, (_STROKES, _NUMBERS))
    starts, ends = _paths(uniform[:, 1:], sides)
    widths = 0.5 + uniform[:, :1]
    drawn = jnp.arange(_STROKES)[:, None] < jnp.ceil(jnp.asarray(amount) / _AREA_OF_A_STROKE)
    inverse = jnp.broadcast_to(1 / widths**2, starts.shape[:2])
    weights = jnp.where(drawn, inverse, jnp.inf)
    distance = _weighted_square_distance(
        sides, *(values.reshape(-1, *values.shape[2:]) for values in (starts, ends, weights))
    )
    return (distance <= jnp.square(_radius(distance, amount)))[..., None]


def _paths(uniform: Array, sides: tuple[int, int]) -> tuple[Array, Array]:
    """Where each segment of each stroke begins and ends, `[strokes, segments, 2]` in pixels."""
    size = jnp.array(sides, jnp.float32)[None, None]
    start, heading, turns, lengths = jnp.split(uniform, (2, 3, 3 + _SEGMENTS), axis=1)
    headings = 2 * math.pi * heading + jnp.cumsum(_TURN * (2 * turns - 1), axis=1)
    lengths = 0.1 + 0.2 * lengths  # of the sides
    steps = lengths[..., None] * jnp.stack([jnp.sin(headings), jnp.cos(headings)], axis=-1)
    start = start[:, None]
    corners = jnp.concatenate([start, start + jnp.cumsum(steps, axis=1)], axis=1)
    inside = 1 - jnp.abs(1 - corners % 2)  # what leaves the image comes back mirrored
    corners = inside * size - 0.5
    return corners[:, :-1], corners[:, 1:]


def _weighted_square_distance(
    sides: tuple[int, int], starts: Array, ends: Array, weights: Array
) -> Array:
    """The least square distance of each pixel to any segment, times its weight: `[height, width]`.

    `starts` and `ends` are `[segments, 2]`, `weights` `[segments]`.
    """
    rows, columns = (jnp.arange(side, dtype=jnp.float32) for side in sides)
    rows, columns = rows[:, None], columns[None, :]

    def nearer(least: Array, segment: tuple[Array, Array, Array]) -> tuple[Array, None]:
        start, end, weight = segment
        down, right = end - start
        from_row, from_column = rows - start[0], columns - start[1]
        square = jnp.maximum(down**2 + right**2, 1e-6)
        along = jnp.clip((from_row * down + from_column * right) / square, 0, 1)
        apart = jnp.square(from_row - along * down) + jnp.square(from_column - along * right)
        # Above 0, because a segment that is not drawn has an infinite weight.
        return jnp.minimum(least, (apart + 1e-6) * weight), None

    # One after the other: all at once take no less time to run, and seconds to compile.
    return jax.lax.scan(nearer, jnp.full(sides, jnp.inf), (starts, ends, weights))[0]


def _radius(square_distance: Array, area: ArrayLike) -> Array:
    """The radius within which a fraction `area` of all pixels lie, by bisection."""

    def halved(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = (low + high) / 2
        enough = jnp.mean(square_distance <= jnp.square(middle)) >= area
        return jnp.where(enough, low, middle), jnp.where(enough, middle, high)

    largest = jnp.float32(2 * math.hypot(*square_distance.shape))
    return jax.lax.fori_loop(0, _BISECTIONS, halved, (jnp.float32(0), largest))[1]
