"""A trained generator, a key and labels in; images out."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from typing import NamedTuple

import jax
import numpy as np

from ganjax.data.loader import normalise, to_uint8
from ganjax.progress import Tick
from ganjax.training import GAN, GANState
from ganjax.typing import Array, Key

BATCH = 128
"""Images made at a time, however few are wanted: so each is the same, bit by bit, among any."""


class Drawn(NamedTuple):
    """Images as they come.

    Attributes:
      images: uint8 `[k, height, width, channels]`.
      scores: float32 `[k]`, the discriminator's logits on them, or None.
    """

    images: np.ndarray
    scores: np.ndarray | None


def sampled(
    gan: GAN,
    state: GANState,
    key: Key,
    labels: np.ndarray,
    *,
    first: int = 0,
    scored: bool = False,
    batch_size: int = BATCH,
) -> Iterator[Drawn]:
    """Draw one image per label from the averaged generator, batch by batch.

    Image i is made from `fold_in(key, i)` alone, in place i % batch_size of its batch: it is the
    same whatever the first one and however many follow. While a batch is used, the next one is
    being made.

    Args:
      gan: the GAN's functions.
      state: its trained state.
      key: a typed key.
      labels: int32 `[count]`, of all images from number 0 on.
      first: the number of the first image that is wanted.
      scored: whether the discriminator is to say what it thinks of each.
      batch_size: images made at a time; bounds the memory. Another one may round otherwise, by one
        grey level.

    Yields:
      At most `batch_size` images at a time.
    """
    labels = np.asarray(labels, np.int32)
    draw, score = _compiled(gan)

    def begin(start: int) -> tuple[Array, Array | None, int]:
        part = labels[start : start + batch_size]
        padded = np.pad(part, (0, batch_size - len(part)))  # one shape, compiled once
        images = draw(state, key, padded, start)
        return images, score(state, images, padded) if scored else None, start

    def fetch(images: Array, scores: Array | None, start: int) -> Drawn:
        own = slice(max(first - start, 0), len(labels) - start)
        return Drawn(
            np.asarray(images)[own], None if scores is None else np.asarray(scores, np.float32)[own]
        )

    ahead = None
    end = len(labels) if first < len(labels) else 0
    for start in chain(range(first - first % batch_size, end, batch_size), (None,)):
        now, ahead = ahead, None if start is None else begin(start)
        if now is not None:
            yield fetch(*now)


def sample_images(
    gan: GAN,
    state: GANState,
    key: Key,
    labels: np.ndarray,
    *,
    batch_size: int = BATCH,
    tick: Tick = lambda done, note="": None,
) -> np.ndarray:
    """Draw one image per label from the averaged generator, all at once.

    Args: as of `sampled`, and
      tick: told how many are done.

    Returns:
      uint8 `[count, height, width, channels]`.
    """
    images: list[np.ndarray] = []
    done = 0
    for drawn in sampled(gan, state, key, labels, batch_size=batch_size):
        images.append(drawn.images)
        done += len(drawn.images)
        tick(done)
    return np.concatenate(images)


@cache
def _compiled(gan: GAN) -> tuple[Callable[..., Array], Callable[..., Array]]:
    """Compile a GAN's sampling and its judgement once, however often they are asked for."""

    @jax.jit
    def draw(state: GANState, key: Key, labels: Array, first: int) -> Array:
        return to_uint8(gan.sample(state, key, labels, first))

    @jax.jit
    def score(state: GANState, images: Array, labels: Array) -> Array:
        return gan.logits(state, normalise(images), labels)

    return draw, score


def balanced_labels(count: int, classes: int) -> np.ndarray:
    """Return `count` labels that go round the classes: 0, 1, 2, ..., 0, 1, ..."""
    return np.arange(count, dtype=np.int32) % classes


def labels_in_turn(counts: np.ndarray) -> np.ndarray:
    """Return `counts[c]` labels of each class c, which take turns as long as they last.

    Args:
      counts: int `[classes]`.

    Returns:
      int32 `[counts.sum()]`; where all counts are alike, what `balanced_labels` returns.
    """
    counts = np.asarray(counts, np.int64)
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    turns = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return labels[np.argsort(turns, kind="stable")]
