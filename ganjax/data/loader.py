"""Small sets on the device: padded for the networks, uint8 until a batch is drawn."""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.data.sources import Dataset, Source
from ganjax.errors import UserError
from ganjax.typing import Array, Batch, Key

SMALLEST, LARGEST = 8, 128


class Resident(NamedTuple):
    """A labelled set on the device: uint8 `[n, height, width, channels]`, int32 `[n]`."""

    images: Array
    labels: Array


def pad_to_power_of_two(images: np.ndarray) -> np.ndarray:
    """Pad images with black, centred, to the next square power of two.

    Args:
      images: uint8 `[n, height, width, channels]`, sides of at most 128, 1 or 3 channels.

    Returns:
      uint8 `[n, size, size, channels]`, size 8, 16, 32, 64 or 128; the same array where it fits.

    Raises:
      UserError: images too large, or of other channels.
    """
    _, height, width, channels = images.shape
    if channels not in (1, 3):
        raise UserError(f"images have {channels} channels; 1 (grey) or 3 (colour) are needed")
    size = SMALLEST
    while size < max(height, width):
        size *= 2
    if size > LARGEST:
        raise UserError(
            f"images of {width}x{height} are larger than the networks' {LARGEST}x{LARGEST}: "
            f"resize them to at most {LARGEST} pixels a side"
        )
    if (height, width) == (size, size):
        return images
    top, left = (size - height) // 2, (size - width) // 2
    return np.pad(images, ((0, 0), (top, size - height - top), (left, size - width - left), (0, 0)))


def at_network_size(source: Source) -> Source:
    """Return a source with its images padded by `pad_to_power_of_two`."""

    def padded(dataset: Dataset) -> Dataset:
        return replace(dataset, images=pad_to_power_of_two(dataset.images))

    return Source(padded(source.train), padded(source.test) if source.test else None)


def to_device(dataset: Dataset) -> Resident:
    """Put a labelled set on the default device."""
    return Resident(jnp.asarray(dataset.images), jnp.asarray(dataset.labels))


def normalise(images: Array) -> Array:
    """Map uint8 pixels to float32 in [-1, 1]."""
    return images.astype(jnp.float32) / 127.5 - 1


def to_uint8(images: Array) -> Array:
    """Map float images in [-1, 1] to uint8 pixels; what lies outside is clipped."""
    return jnp.clip(jnp.round((images + 1) * 127.5), 0, 255).astype(jnp.uint8)


def sample_batch(key: Key, data: Resident, batch_size: int) -> Batch:
    """Draw a normalised batch, uniformly with replacement; runs inside compiled code."""
    indices = jax.random.randint(key, (batch_size,), 0, data.labels.shape[0])
    return Batch(normalise(data.images[indices]), data.labels[indices])
