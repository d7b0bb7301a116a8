"""JPEG compression and back, without the entropy coding, which loses nothing.

ITU-T T.81 and JFIF, with what libjpeg chooses where they leave the choice, as Pillow calls it:
colour as YCbCr with chroma halved both ways (4:2:0), example tables of annex K scaled by the
quality, chroma interpolated back linearly. Blocks of 8 x 8 are transformed by one product with a
64 x 64 matrix.
"""

import math
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ganjax.typing import Array, Key

# T.81, tables K.1 and K.2: the steps of quality 50, for each frequency down and across.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *[(99,) * 8] * 4,
)
_TO_YCBCR = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)
_HIGHEST = jax.lax.Precision.HIGHEST


def jpeg(key: Key, image: Array, amount: ArrayLike) -> Array:
    """Compresses an image and decompresses it: `compressed`, as an op of `ganjax.ops.degrade`.

    Args:
      key: not used: nothing is drawn.
      image: float `[height, width, channels]` in [-1, 1].
      amount: the quality, float `[]` in [1, 100], rounded to a whole number.

    Returns:
      The image as JPEG gives it back.
    """
    del key
    return compressed(image, amount)


def compressed(image: Array, quality: ArrayLike) -> Array:
    """Returns what is left of an image after JPEG compression.

    Values are rounded to 0 to 255 and clipped before and after, as in a file. The derivative goes
    straight through rounding and clipping, as if there was neither: it is the identity for grey
    images, and blurs the colours of others.

    Args:
      image: float `[height, width, channels]` in [-1, 1], of any height and width. 3 channels are
        red, green and blue; of any other number, each is compressed as a grey image.
      quality: from 1 (worst) to 100, float `[]`, rounded to a whole number.

    Returns:
      An image of the same shape and dtype, its values whole numbers in 0 to 255 brought to [-1, 1].
    """
    chex.assert_rank(image, 3)
    height, width, channels = image.shape
    pixels = _eight_bit((image.astype(jnp.float32) + 1) * 127.5)
    planes = jnp.moveaxis(pixels, -1, 0)
    luminance = _steps(_LUMINANCE, quality)
    if channels != 3:
        planes = _quantized(planes, luminance)
    else:
        luma, chroma = _to_ycbcr(planes)
        luma = _quantized(luma, luminance)
        chroma = _quantized(_halved(chroma), _steps(_CHROMINANCE, quality))
        chroma = _doubled(chroma[:, : -(-height // 2), : -(-width // 2)])
        planes = _to_rgb(luma, chroma[:, :height, :width])
    return (jnp.moveaxis(planes, 0, -1) / 127.5 - 1).astype(image.dtype)


def _steps(table: tuple[tuple[int, ...], ...], quality: ArrayLike) -> Array:
    """The quantisation steps of a quality, as libjpeg's `jpeg_set_quality`: float32 `[64]`."""
    quality = jnp.clip(jnp.round(jnp.asarray(quality)), 1, 100).astype(jnp.int32)
    percent = jnp.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    steps = jnp.array(table).reshape(64) * percent
    return jnp.clip((steps + 50) // 100, 1, 255).astype(jnp.float32)


def _cosines() -> Array:
    """The orthonormal two-dimensional DCT-II of a flattened block, float32 `[64, 64]`."""
    frequency, pixel = (jnp.arange(8.0)[:, None], jnp.arange(8.0)[None, :])
    basis = jnp.cos(math.pi / 8 * frequency * (pixel + 0.5)) / 2
    basis = jnp.where(frequency == 0, math.sqrt(1 / 8), basis)
    return jnp.kron(basis, basis)


def _quantized(planes: Array, steps: Array) -> Array:
    """Transform, round to whole steps and transform back: `[n, height, width]` in 0 to 255."""
    count, height, width = planes.shape
    down, across = -(-height // 8), -(-width // 8)
    padding = ((0, 0), (0, 8 * down - height), (0, 8 * across - width))
    blocks = jnp.pad(planes - 128, padding, mode="edge").reshape(count, down, 8, across, 8)
    blocks = blocks.swapaxes(2, 3).reshape(count * down * across, 64)
    cosines = _cosines()
    frequencies = jnp.matmul(blocks, cosines.T, precision=_HIGHEST)
    eighths = _straight_through(jnp.round, 8 * frequencies)  # libjpeg has these as whole numbers
    kept = _straight_through(_nearest, eighths / (8 * steps[None])) * steps[None]
    blocks = jnp.matmul(kept, cosines, precision=_HIGHEST)
    planes = blocks.reshape(count, down, across, 8, 8).swapaxes(2, 3)
    return _eight_bit(planes.reshape(count, 8 * down, 8 * across)[:, :height, :width] + 128)


def _to_ycbcr(rgb: Array) -> tuple[Array, Array]:
    """Luma `[1, height, width]` and chroma `[2, height, width]`, in 0 to 255."""
    luma, blue, red = jnp.einsum("dc,chw->dhw", jnp.array(_TO_YCBCR), rgb, precision=_HIGHEST)
    return _eight_bit(luma[None]), _eight_bit(jnp.stack([blue, red]) + 128)


def _to_rgb(luma: Array, chroma: Array) -> Array:
    """Red, green and blue `[3, height, width]`, in 0 to 255."""
    (y,), (blue, red) = luma, chroma - 128
    green = y - 0.344136 * blue - 0.714136 * red
    return _eight_bit(jnp.stack([y + 1.402 * red, green, y + 1.772 * blue]))


def _halved(planes: Array) -> Array:
    """The mean of every two by two pixels, rounded down and up in turn, in whole blocks across.

    At odd sides the last row or column is repeated. libjpeg fills blocks with the last column
    before it takes means, but with the last row after.
    """
    count, height, width = planes.shape
    padding = ((0, 0), (0, height % 2), (0, -width % 16))
    planes = jnp.pad(planes, padding, mode="edge")
    half_height, half_width = planes.shape[1] // 2, planes.shape[2] // 2
    sums = planes.reshape(count, half_height, 2, half_width, 2).sum(axis=(2, 4))
    rounding = (1 + jnp.arange(half_width) % 2)[None, None]
    return _straight_through(jnp.floor, (sums + rounding) / 4)


def _doubled(planes: Array) -> Array:
    """Twice as many pixels both ways: 3 parts of the nearest, 1 of the next, along each axis."""
    for axis in (1, 2):
        count = planes.shape[axis]
        edges = [(int(axis == a), int(axis == a)) for a in range(3)]
        padded = jnp.pad(planes, edges, mode="edge")
        before = jax.lax.slice_in_dim(padded, 0, count, axis=axis)
        after = jax.lax.slice_in_dim(padded, 2, count + 2, axis=axis)
        pairs = jnp.stack([3 * planes + before, 3 * planes + after], axis=axis + 1)
        shape = list(planes.shape)
        shape[axis] *= 2
        planes = pairs.reshape(shape)
    rounding = (8 - jnp.arange(planes.shape[2]) % 2)[None, None]
    return _straight_through(jnp.floor, (planes + rounding) / 16)


def _nearest(values: Array) -> Array:
    """Whole numbers, halves away from zero: eighths over whole steps often are just halves."""
    return jnp.sign(values) * jnp.floor(jnp.abs(values) + 0.5)


def _eight_bit(values: Array) -> Array:
    """Whole numbers in 0 to 255."""
    return _straight_through(lambda x: jnp.clip(jnp.round(x), 0, 255), values)


def _straight_through(function: Callable[[Array], Array], values: Array) -> Array:
    """A function whose derivative is taken to be 1."""
    return values + jax.lax.stop_gradient(function(values) - values)
