"""Pixels to channels and back: fewer pixels of more channels, nothing lost (arXiv 1609.05158)."""

import chex

from ganjax.typing import Array


def to_channels(images: Array, block: int) -> Array:
    """Turn each block of pixels into one pixel of more channels: the inverse of `to_pixels`.

    Args:
      images: `[batch, height, width, channels]`, height and width multiples of `block`.
      block: side of a block, at least 1.

    Returns:
      `[batch, height / block, width / block, block * block * channels]`; the channels of a block
      row by row, those of a pixel beside each other.
    """
    chex.assert_rank(images, 4)
    batch, height, width, channels = images.shape
    chex.assert_is_divisible(height, block)
    chex.assert_is_divisible(width, block)
    blocks = images.reshape(batch, height // block, block, width // block, block, channels)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(
        batch, height // block, width // block, block * block * channels
    )


def to_pixels(images: Array, block: int) -> Array:
    """Turn each pixel into a block of pixels of fewer channels: sub-pixel convolution's last part.

    Args:
      images: `[batch, height, width, block * block * channels]`.
      block: side of a block, at least 1.

    Returns:
      `[batch, block * height, block * width, channels]`.
    """
    chex.assert_rank(images, 4)
    batch, height, width, depth = images.shape
    chex.assert_is_divisible(depth, block * block)
    channels = depth // block**2
    blocks = images.reshape(batch, height, width, block, block, channels)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(
        batch, block * height, block * width, channels
    )
