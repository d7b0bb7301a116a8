"""A trained generator, a key and labels in; images out."""

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.data.loader import to_uint8
from ganjax.progress import Tick
from ganjax.training import GAN, GANState
from ganjax.typing import Array, Key


def sample_images(
    gan: GAN,
    state: GANState,
    key: Key,
    labels: np.ndarray,
    *,
    batch_size: int = 500,
    tick: Tick = lambda done, note="": None,
) -> np.ndarray:
    """Draw one image per label from the averaged generator.

    Image i is made from `fold_in(key, i)` alone: it is the same whatever the batch size and
    however many follow it.

    Args:
      gan: the GAN's functions.
      state: its trained state.
      key: a typed key.
      labels: int32 `[count]`.
      batch_size: images made at a time; bounds the memory.
      tick: told how many are done.

    Returns:
      uint8 `[count, height, width, channels]`.
    """

    labels = np.asarray(labels, np.int32)
    batch_size = min(batch_size, len(labels))
    images = []
    for first in range(0, len(labels), batch_size):
        part = labels[first : first + batch_size]
        padded = np.pad(part, (0, batch_size - len(part)))  # one shape, compiled once
        drawn = _compiled(gan)(state, key, jnp.asarray(padded), first)
        images.append(np.asarray(drawn)[: len(part)])
        tick(first + len(part))
    return np.concatenate(images)


@cache
def _compiled(gan: GAN) -> Callable[..., Array]:
    """Compile a GAN's sampling once, however often it is asked for."""

    @jax.jit
    def draw(state: GANState, key: Key, labels: Array, first: int) -> Array:
        return to_uint8(gan.sample(state, key, labels, first))

    return draw


def balanced_labels(count: int, classes: int) -> np.ndarray:
    """Return `count` labels that go round the classes: 0, 1, 2, ..., 0, 1, ..."""
    return np.arange(count, dtype=np.int32) % classes
