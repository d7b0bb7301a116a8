"""Transforms T(x) of images, deterministic and drawn, differentiable with respect to the images.

The contract of every function here:

- `images` are floats `[batch, height, width, channels]` of any size, nominally in [-1, 1], and
  leave at the same shape and dtype. Nothing is clipped to the range: clipping has no gradient, and
  the generator learns through these functions. All run under `jit`, `vmap` and reverse-mode `grad`.
- `op(images, amount)` is deterministic. `amount` is one value for all images, or one for each:
  `[]` or `[batch]`, for an amount of k numbers `[k]` or `[batch, k]`.
- `random_op(key, images, *, limit)` draws another amount for each image. `limit` is the largest
  amount drawn, a number or a traced scalar; 0 leaves the images exactly as they are.
- Ops that move pixels interpolate bilinearly and take `fill`, the value outside the image: -1 is
  black. (As `scipy.ndimage` with `order=1, mode="grid-constant"`; see `ganjax.ops.resample`.)
"""

import math

import chex
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from ganjax.ops import resample
from ganjax.typing import Array, Key

__all__ = [
    "brightness",
    "contrast",
    "crop",
    "cutout",
    "horizontal_flip",
    "random_brightness",
    "random_contrast",
    "random_crop",
    "random_cutout",
    "random_horizontal_flip",
    "random_resized_crop",
    "random_rotate",
    "random_saturation",
    "random_scale",
    "random_translate",
    "random_vertical_flip",
    "resized_crop",
    "rotate",
    "saturation",
    "scale",
    "translate",
    "vertical_flip",
]

_LUMA = (0.2125, 0.7154, 0.0721)  # Rec. 709, with the digits of skimage.color.rgb2gray


def horizontal_flip(images: Array, amount: ArrayLike) -> Array:
    """Mirrors left and right.

    Args:
      images: float `[batch, height, width, channels]`.
      amount: bool `[]` or `[batch]`, whether to mirror.

    Returns:
      The images, mirrored where asked.
    """
    flip = _per_image(images, amount) > 0
    return jnp.where(flip[:, None, None, None], images[:, :, ::-1], images)


def random_horizontal_flip(key: Key, images: Array, *, limit: ArrayLike = 0.5) -> Array:
    """Mirrors each image left and right with probability `limit`.

    Args: a key; float `[batch, height, width, channels]`; a probability in [0, 1].
    Returns: the images, some of them mirrored.
    """
    return horizontal_flip(images, jax.random.bernoulli(key, limit, images.shape[:1]))


def vertical_flip(images: Array, amount: ArrayLike) -> Array:
    """Mirrors top and bottom.

    Args:
      images: float `[batch, height, width, channels]`.
      amount: bool `[]` or `[batch]`, whether to mirror.

    Returns:
      The images, mirrored where asked.
    """
    flip = _per_image(images, amount) > 0
    return jnp.where(flip[:, None, None, None], images[:, ::-1], images)


def random_vertical_flip(key: Key, images: Array, *, limit: ArrayLike = 0.5) -> Array:
    """Mirrors each image top and bottom with probability `limit`.

    Args: a key; float `[batch, height, width, channels]`; a probability in [0, 1].
    Returns: the images, some of them mirrored.
    """
    return vertical_flip(images, jax.random.bernoulli(key, limit, images.shape[:1]))


def rotate(images: Array, amount: ArrayLike, *, fill: float = -1.0) -> Array:
    """Turns counter-clockwise about the centre, as `skimage.transform.rotate`.

    Args:
      images: float `[batch, height, width, channels]`.
      amount: float `[]` or `[batch]`, in degrees; no gradient flows to it.
      fill: value outside the image.

    Returns:
      The turned images, their corners cut off.
    """
    degrees = _per_image(images, amount)
    return resample.rotated(images, degrees * (math.pi / 180), fill=fill)


def random_rotate(key: Key, images: Array, *, limit: ArrayLike = 15.0, fill: float = -1.0) -> Array:
    """Turns each image about its centre by an angle drawn from [-limit, limit].

    Args: a key; float `[batch, height, width, channels]`; degrees; the value outside.
    Returns: the turned images.
    """
    return rotate(images, _either_way(key, images, limit), fill=fill)


def translate(images: Array, amount: ArrayLike, *, fill: float = -1.0) -> Array:
    """Moves the content by pixels and parts of pixels, as `scipy.ndimage.shift`.

    Args:
      images: float `[batch, height, width, channels]`.
      amount: (down, right) in pixels, float `[2]` or `[batch, 2]`.
      fill: value outside the image.

    Returns:
      The moved images.
    """
    pixels = _per_image(images, amount, 2)
    _, height, width, _ = images.shape
    rows = jnp.arange(height)[None] - pixels[:, :1]
    columns = jnp.arange(width)[None] - pixels[:, 1:]
    return resample.separable(images, rows, columns, fill=fill)


def random_translate(
    key: Key, images: Array, *, limit: ArrayLike = 0.125, fill: float = -1.0
) -> Array:
    """Moves each image by up to `limit` of its height and of its width, either way.

    Args: a key; float `[batch, height, width, channels]`; a fraction of the size (not pixels); the
      value outside.
    Returns: the moved images.
    """
    fraction = _either_way(key, images, limit, 2)
    return translate(images, fraction * _size(images), fill=fill)


def crop(images: Array, amount: ArrayLike, *, fill: float = -1.0) -> Array:
    """Cuts a window of the image's own size out of the image padded without end.

    Args:
      images: float `[batch, height, width, channels]`.
      amount: (top, left) corner of the window in whole pixels, int `[2]` or `[batch, 2]`; negative
        corners lie in the padding above and to the left, and (0, 0) is the image itself.
      fill: value of the padding.

    Returns:
      The windows.
    """
    return translate(images, -jnp.round(_per_image(images, amount, 2)), fill=fill)


def random_crop(key: Key, images: Array, *, limit: ArrayLike = 0.125, fill: float = -1.0) -> Array:
    """Pads each image by `limit` of its size and cuts a window out of it, at whole pixels.

    Four pixels around 32 x 32, the default, is the custom for CIFAR: He et al. 2015, arXiv
    1512.03385, section 4.2.

    Args: a key; float `[batch, height, width, channels]`; a fraction of the size (not pixels),
      rounded to whole pixels; the value of the padding.
    Returns: the windows.
    """
    padding = jnp.round(limit * _size(images))
    places = 2 * padding + 1
    corner = jnp.floor(jax.random.uniform(key, (len(images), 2)) * places) - padding
    return crop(images, corner, fill=fill)


def resized_crop(images: Array, amount: ArrayLike) -> Array:
    """Cuts a box out and enlarges it to the size of the image.

    There is nothing to fill: the box lies in the image, and where it touches the edge the outermost
    pixels go on for their outer half, as in `mode="edge"` of `skimage.transform.resize`.

    Args:
      images: float `[batch, height, width, channels]`.
      amount: (top, left, height, width) of the box as fractions of the image, float `[4]` or
        `[batch, 4]`; (0, 0, 1, 1) is the image itself.

    Returns:
      The enlarged boxes.
    """
    top, left, box_height, box_width = jnp.split(_per_image(images, amount, 4), 4, axis=1)
    _, height, width, _ = images.shape

    def coordinates(start: Array, extent: Array, size: int) -> Array:
        centres = jnp.arange(size)[None] + 0.5  # of pixels, counted from the edge of the image
        return jnp.clip(start * size + extent * centres - 0.5, 0, size - 1)

    rows, columns = coordinates(top, box_height, height), coordinates(left, box_width, width)
    return resample.separable(images, rows, columns)


def random_resized_crop(key: Key, images: Array, *, limit: ArrayLike = 0.2) -> Array:
    """Enlarges a random box of each image, whose sides are at least `1 - limit` of the image's.

    The two sides are drawn apart, so the aspect ratio changes too: by `1 - limit` at most.

    Args: a key; float `[batch, height, width, channels]`; the largest fraction of a side left out,
      in [0, 1).
    Returns: the enlarged boxes.
    """
    left_out, place = jnp.split(jax.random.uniform(key, (len(images), 4)), 2, axis=1)
    left_out = jnp.asarray(limit) * left_out
    return resized_crop(images, jnp.concatenate([place * left_out, 1 - left_out], axis=1))


def scale(images: Array, amount: ArrayLike, *, fill: float = -1.0) -> Array:
    """Enlarges (above 1) or shrinks (below 1) the content about the centre.

    Args:
      images: float `[batch, height, width, channels]`.
      amount: the zoom factor, float `[]` or `[batch]`, above 0.
      fill: value outside the image.

    Returns:
      The zoomed images; shrinking reads single pixels and does not average over those it skips.
    """
    factor = _per_image(images, amount)[:, None]
    _, height, width, _ = images.shape

    def coordinates(size: int) -> Array:
        middle = (size - 1) / 2
        return middle + (jnp.arange(size)[None] - middle) / factor

    return resample.separable(images, coordinates(height), coordinates(width), fill=fill)


def random_scale(key: Key, images: Array, *, limit: ArrayLike = 0.15, fill: float = -1.0) -> Array:
    """Zooms each image by a factor from 1 / (1 + limit) to 1 + limit, uniform in its logarithm.

    Args: a key; float `[batch, height, width, channels]`; the largest enlargement, at least 0 (0.15
      is 15 %); the value outside.
    Returns: the zoomed images.
    """
    factor = jnp.exp(_either_way(key, images, jnp.log1p(limit)))
    return scale(images, factor, fill=fill)


def cutout(images: Array, amount: ArrayLike, *, fill: float = -1.0) -> Array:
    """Covers a square with `fill`.

    DeVries and Taylor 2017, arXiv 1708.04552.

    Args:
      images: float `[batch, height, width, channels]`.
      amount: (side, row, column), float `[3]` or `[batch, 3]`: the side as a fraction of the
        shorter side of the image, and the centre in pixels; the square may reach over the edge.
      fill: value of the square.

    Returns:
      The images, whose gradient is zero where they are covered.
    """
    side, row, column = jnp.split(_per_image(images, amount, 3), 3, axis=1)
    _, height, width, _ = images.shape

    def covered(size: int, middle: Array) -> Array:
        # Half open, so that a side of n pixels covers n pixels wherever its centre is.
        distance = jnp.arange(size)[None] - middle
        half = side * (min(height, width) / 2)
        return (-half <= distance) & (distance < half)

    square = covered(height, row)[:, :, None] & covered(width, column)[:, None, :]
    return jnp.where(square[..., None], jnp.asarray(fill, images.dtype), images)


def random_cutout(key: Key, images: Array, *, limit: ArrayLike = 0.5, fill: float = -1.0) -> Array:
    """Covers a square of side `limit` of each image, centred anywhere in it.

    Args: a key; float `[batch, height, width, channels]`; the side of the square, always that
      large, as a fraction of the shorter side of the image; the value of the square.
    Returns: the images, partly covered.
    """
    uniform = jax.random.uniform(key, (len(images), 2))
    centre = uniform * _size(images) - 0.5
    side = jnp.full_like(centre[:, :1], limit)
    return cutout(images, jnp.concatenate([side, centre], axis=1), fill=fill)


def brightness(images: Array, amount: ArrayLike) -> Array:
    """Adds a constant to every pixel, as `dm_pix.adjust_brightness`; does not clip.

    Args:
      images: float `[batch, height, width, channels]`.
      amount: what is added, float `[]` or `[batch]`; 2 is from black to white.

    Returns:
      The images, shifted out of their range where that happens.
    """
    added = _per_image(images, amount)[:, None, None, None]
    return (images + added).astype(images.dtype)


def random_brightness(key: Key, images: Array, *, limit: ArrayLike = 0.2) -> Array:
    """Adds to each image a constant drawn from [-limit, limit].

    Args: a key; float `[batch, height, width, channels]`; a difference of pixel values.
    Returns: the images, not clipped.
    """
    return brightness(images, _either_way(key, images, limit))


def contrast(images: Array, amount: ArrayLike) -> Array:
    """Spreads pixels around the mean of their image and channel, as `dm_pix.adjust_contrast`.

    Args:
      images: float `[batch, height, width, channels]`.
      amount: the factor, float `[]` or `[batch]`: 1 changes nothing, 0 leaves the mean alone.

    Returns:
      The images, not clipped.
    """
    mean = jnp.mean(images, axis=(1, 2), keepdims=True, dtype=jnp.float32)
    return _blend(images, mean, amount)


def random_contrast(key: Key, images: Array, *, limit: ArrayLike = 0.2) -> Array:
    """Changes the contrast of each image by a factor drawn from [1 - limit, 1 + limit].

    Args: a key; float `[batch, height, width, channels]`; the largest change of the factor, [0, 1].
    Returns: the images, not clipped.
    """
    return contrast(images, 1 + _either_way(key, images, limit))


def saturation(images: Array, amount: ArrayLike) -> Array:
    """Spreads the channels of each pixel around its luma (Rec. 709, `skimage.color.rgb2gray`).

    Args:
      images: float `[batch, height, width, channels]`; 3 channels are red, green and blue, one has
        no colour and stays as it is, and of any other number the mean stands for the luma.
      amount: the factor, float `[]` or `[batch]`: 1 changes nothing, 0 leaves grey.

    Returns:
      The images, not clipped.
    """
    channels = images.shape[-1]
    if channels == 1:
        _per_image(images, amount)
        return images
    weights = jnp.array(_LUMA if channels == 3 else [1 / channels] * channels)
    luma = jnp.sum(images * weights[None, None, None], axis=-1, keepdims=True)
    return _blend(images, luma, amount)


def random_saturation(key: Key, images: Array, *, limit: ArrayLike = 0.5) -> Array:
    """Changes the saturation of each image by a factor drawn from [1 - limit, 1 + limit].

    Args: a key; float `[batch, height, width, channels]`; the largest change of the factor, [0, 1].
    Returns: the images, not clipped.
    """
    return saturation(images, 1 + _either_way(key, images, limit))


def _blend(images: Array, middle: Array, amount: ArrayLike) -> Array:
    """`middle + amount * (images - middle)`, written so that an amount of 1 is exact."""
    factor = _per_image(images, amount)[:, None, None, None]
    return (images + (factor - 1) * (images - middle)).astype(images.dtype)


def _per_image(images: Array, amount: ArrayLike, numbers: int | None = None) -> Array:
    """The amount of each image, float32 `[batch]` or `[batch, numbers]`; checks both arguments."""
    chex.assert_rank(images, 4)
    chex.assert_type(images, float)
    batch = images.shape[0]
    one = () if numbers is None else (numbers,)
    amount = jnp.asarray(amount, jnp.float32)
    if amount.ndim == len(one):
        amount = amount[None]
    chex.assert_shape(amount, ({1, batch}, *one))
    return jnp.broadcast_to(amount, (batch, *one))


def _either_way(key: Key, images: Array, limit: ArrayLike, *numbers: int) -> Array:
    """Numbers drawn uniformly from [-limit, limit], `[batch, *numbers]`."""
    uniform = jax.random.uniform(key, (len(images), *numbers), minval=-1.0, maxval=1.0)
    return jnp.asarray(limit) * uniform


def _size(images: Array) -> Array:
    """(height, width) as float32 `[1, 2]`."""
    return jnp.array([images.shape[1:3]], jnp.float32)
