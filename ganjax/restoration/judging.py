"""Originals degraded and restored by every method, a few of one size at a time.

What a method makes of an image depends on the seed and the image's number alone, so any of them
can be made again when it is to be shown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.data.loader import normalise
from ganjax.restoration.tiling import restore_image
from ganjax.restoration.trained import TrainedRestorer
from ganjax.typing import Array, Key

PIXELS = 2**18
"""Of a batch, at most, or one image."""

MOST_SHAPES = 8
"""Sizes of images that programs are compiled for; where there are more, images are restored
in tiles of few shapes, one by one, and degraded on canvases where that changes nothing."""

CANVAS = 64
"""Sides of canvases are multiples of it, in pixels."""


class Versions(NamedTuple):
    """Some images of one size in all versions.

    Attributes:
      rows: their numbers, int `[n]`.
      originals: uint8 `[n, height, width, channels]`.
      degraded: float32, not clipped.
      made: of each method by name, uint8; "degraded" is one of them.
    """

    rows: np.ndarray
    originals: np.ndarray
    degraded: np.ndarray
    made: dict[str, np.ndarray]


@dataclass
class Bench:
    """Where methods are compared.

    Attributes:
      images: the originals, uint8 `[height, width, channels]` each.
      degrade: `(key, images, *, first) -> images`.
      key: of the degradation.
      restorers: by name.
      classical: by name, of one image: float in [-1, 1], not clipped, to uint8.
      pointwise: whether it degrades each pixel by itself, so that images may lie on canvases.
      seconds: of each method, the time that each call took per image, the first of a size left out.
    """

    images: Sequence[np.ndarray]
    degrade: Callable[..., Array]
    key: Key
    restorers: Mapping[str, TrainedRestorer]
    classical: Mapping[str, Callable[[np.ndarray], np.ndarray]]
    pointwise: bool = False
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self):
        self.shapes: dict[tuple[int, ...], list[int]] = {}
        for row, image in enumerate(self.images):
            self.shapes.setdefault(image.shape, []).append(row)
        self._compiled = jax.jit(partial(_degraded, self.degrade))
        self._met: set[tuple] = set()

    def parts(self) -> Iterator[np.ndarray]:
        """Go through all images: the numbers of some of one size at a time."""
        for shape, numbers in self.shapes.items():
            rows, size = np.array(numbers), self._batch(shape)
            yield from (rows[start : start + size] for start in range(0, len(rows), size))

    def versions(self, rows: np.ndarray) -> Versions:
        """Return all versions of images of one size."""
        originals = np.stack([self.images[row] for row in rows])
        degraded = self._degrade(rows, originals)
        made = {"degraded": to_bytes(degraded)}
        for name, own in self.classical.items():
            made[name] = self._timed(name, partial(_one_by_one, own), degraded)
        for name, restorer in self.restorers.items():
            made[name] = to_bytes(self._timed(name, partial(self._restored, restorer), degraded))
        return Versions(rows, originals, degraded, made)

    def _batch(self, shape: tuple[int, ...]) -> int:
        return 1 if self._many else max(1, PIXELS // (shape[0] * shape[1]))

    @property
    def _many(self) -> bool:
        return len(self.shapes) > MOST_SHAPES

    def _degrade(self, rows: np.ndarray, originals: np.ndarray) -> np.ndarray:
        """Degrade images, on canvases where they are of many sizes."""
        count, height, width, _ = originals.shape
        tall, wide = height, width
        if self._many and self.pointwise:
            tall, wide = (-(-side // CANVAS) * CANVAS for side in (height, width))
        missing = self._batch(originals.shape[1:]) - count
        canvas = np.pad(
            originals, ((0, missing), (0, tall - height), (0, wide - width), (0, 0)), mode="edge"
        )
        numbers = np.pad(rows, (0, missing), mode="edge")
        found = np.asarray(self._compiled(self.key, canvas, numbers))
        return found[:count, :height, :width]

    def _restored(self, restorer: TrainedRestorer, degraded: np.ndarray) -> np.ndarray:
        """Restore images of one size: together, or in tiles where they are large or of many."""
        count, height, width, _ = degraded.shape
        if height * width > PIXELS or self._many:
            network, few = restorer.as_network(), self._many
            own = [restore_image(network, image, few_shapes=few) for image in degraded]
            return np.stack(own)
        missing = self._batch(degraded.shape[1:]) - count
        whole = np.pad(degraded, ((0, missing), (0, 0), (0, 0), (0, 0)))
        return np.asarray(restorer.restore(jnp.asarray(whole)))[:count]

    def _timed(
        self, name: str, restore: Callable[[np.ndarray], np.ndarray], degraded: np.ndarray
    ) -> np.ndarray:
        """Restore, and note the time per image; a shape's first call of a network compiles it."""
        start = perf_counter()
        found = restore(degraded)
        classical = name in self.classical
        done = len(found) if classical else self._batch(found.shape[1:])  # the batch is filled up
        taken = (perf_counter() - start) / done
        if (met := (name, found.shape[1:])) in self._met or classical:
            self.seconds.setdefault(name, []).append(taken)
        self._met.add(met)
        return found


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Round and clip images in [-1, 1] to what a file holds: uint8."""
    return np.clip(np.round((np.asarray(images) + 1) * 127.5), 0, 255).astype(np.uint8)


def _one_by_one(restore: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    return np.stack([restore(image) for image in images])


def _degraded(degrade: Callable[..., Array], key: Key, originals: Array, numbers: Array) -> Array:
    """Degrade image by image, each by its own number."""

    def one(number: Array, image: Array) -> Array:
        return degrade(key, image[None], first=number)[0]

    return jax.vmap(one)(jnp.asarray(numbers), normalise(originals))
