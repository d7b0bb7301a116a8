"""A trained classifier at work: its seeds answer together, and say how sure they may be."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.data.loader import normalise
from ganjax.errors import UserError
from ganjax.metrics import temperature
from ganjax.training import Classifier, ClassifierState
from ganjax.typing import Array, Variables

AT_A_TIME = 500
"""Images that a network sees together: one shape, compiled once, whatever their number."""

Answer = Callable[[np.ndarray], np.ndarray]
"""A classifier, or several that differ in their seeds only: uint8 images `[n, height, width,
channels]` to float32 logits `[seeds, n, classes]`, on the host."""


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A trained classifier, and the temperature that makes its confidence fit its accuracy.

    Attributes:
      name: which one it is, in words.
      class_names: what its answers mean.
      size: side in pixels of the images that it sees.
      channels: theirs, 1 or 3.
      source: where the images came from that it learnt from.
      temperature: what its logits are divided by, chosen on images that it was not trained on; 1
        where there were none.
      answer: pure: float32 images `[batch, size, size, channels]` in [-1, 1] to float32 logits
        `[seeds, batch, classes]`.
      unpadded: height and width of its training images before they were padded with black; None
        where that is not known.
    """

    name: str
    class_names: tuple[str, ...]
    size: int
    channels: int
    source: str
    temperature: float
    answer: Callable[[Array], Array]
    unpadded: tuple[int, int] | None = None

    def logits(self, images: Array) -> Array:
        """Return the logits of all seeds together, before the temperature.

        Args:
          images: `[batch, size, size, channels]`, uint8, or float32 in [-1, 1].

        Returns:
          float32 `[batch, classes]`: the logarithm of the mean of the seeds' probabilities.

        Raises:
          UserError: images of another shape.
        """
        images = jnp.asarray(images)
        expected = (self.size, self.size, self.channels)
        if images.ndim != 4 or images.shape[1:] != expected:
            raise UserError(
                f"images must be [batch, {self.size}, {self.size}, {self.channels}], not "
                f"{list(images.shape)}"
            )
        return pooled(self.answer(normalise(images) if images.dtype == jnp.uint8 else images))

    def probabilities(self, images: Array) -> Array:
        """Return the probability of each class, after the temperature: float32 `[batch, classes]`.

        Args and Raises: as of `logits`.
        """
        return jax.nn.softmax(self.logits(images) / self.temperature)


def logits_of_seeds(classifier: Classifier, variables: Variables, images: Array) -> Array:
    """Return the logits of classifiers that differ in their seeds only.

    Args:
      classifier: the functions of one.
      variables: theirs, `[seeds, ...]`.
      images: float32 `[batch, height, width, channels]` in [-1, 1].

    Returns:
      float32 `[seeds, batch, classes]`.
    """

    def one(own: Variables) -> Array:
        return classifier.logits(ClassifierState(jnp.zeros((), jnp.int32), own, ()), images)

    return jax.vmap(one)(variables).astype(jnp.float32)


def pooled(logits: Array | np.ndarray) -> Array:
    """Let the seeds answer together: the mean of their probabilities, as logits.

    Args:
      logits: float `[seeds, batch, classes]`.

    Returns:
      float32 `[batch, classes]`: the logarithm of that mean. A temperature is chosen for these, so
      after the mean (arXiv 2007.08792): the mean of sure answers that disagree is unsure by itself.
    """
    each = jax.nn.log_softmax(jnp.asarray(logits, jnp.float32))
    return jax.nn.logsumexp(each, axis=0) - jnp.log(jnp.float32(each.shape[0]))


def in_batches(see: Callable[[np.ndarray], Array], *, axis: int) -> Answer:
    """Show images to a compiled function, so many at a time: one shape, whatever their number.

    Args:
      see: uint8 `[500, height, width, channels]` to an array with an axis of these images.
      axis: which one it is, from 0.

    Returns:
      The same of `[n, height, width, channels]`, on the host.
    """

    def answer(images: np.ndarray) -> np.ndarray:
        found = []
        for start in range(0, max(len(images), 1), AT_A_TIME):
            part = images[start : start + AT_A_TIME]
            missing = AT_A_TIME - len(part)
            seen = see(np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0))))
            found.append(np.take(np.asarray(seen), np.arange(len(part)), axis=axis))
        return np.concatenate(found, axis=axis)

    return answer


def choose_temperature(answer: Answer, images: np.ndarray, labels: np.ndarray) -> float:
    """Choose a classifier's temperature on images that it was not trained on.

    Args:
      answer: the classifier.
      images: uint8 `[n, height, width, channels]`, n at least 1.
      labels: theirs, int32 `[n]`.

    Returns:
      As of `ganjax.metrics.temperature`.
    """
    return temperature(np.asarray(pooled(answer(images))), labels)
