"""Losses of classification on logits, per example, and what class logits say of real or generated.

Logits are float `[batch, classes]`, labels int32 `[batch]`; values float `[batch]`, for the caller
to average.
"""

import chex
import jax
import jax.numpy as jnp

from ganjax.typing import Array


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Minus the log probability of the right class: `-log p(y | x)`.

    Args:
      logits: float `[batch, classes]`.
      labels: int32 `[batch]`.

    Returns:
      Float `[batch]`, at least 0.
    """
    chex.assert_rank([logits, labels], [2, 1])
    of_label = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
    return -of_label[:, 0]


def score(logits: Array, labels: Array) -> tuple[Array, Array]:
    """How sure a classifier is of the right class, and how often right: means over the classes.

    Each class that there is counts the same, so that in a long tail the small ones are heard too.

    Args:
      logits: float `[n, classes]`.
      labels: int32 `[n]`, n at least 1.

    Returns:
      The mean probability of the right class and the accuracy, float scalars in [0, 1].
    """
    counts = jnp.bincount(labels, length=logits.shape[1])
    weights = labels.shape[0] / (jnp.sum(counts > 0) * counts[labels])
    right = jnp.argmax(logits, axis=1) == labels
    probability = jnp.exp(-cross_entropy(logits, labels))
    return jnp.mean(weights * probability), jnp.mean(weights * right)


def some_class(logits: Array) -> Array:
    """The logit of "of some class" against "generated", class K + 1 whose own logit is 0.

    With Z = sum of exp(logits), the probability of being real is Z / (Z + 1), the sigmoid of log Z:
    an adversarial loss on log Z is the unsupervised loss of Salimans et al. 2016, arXiv 1606.03498,
    section 5.

    Args:
      logits: float `[batch, classes]`, of the K real classes.

    Returns:
      Float `[batch]`.
    """
    chex.assert_rank(logits, 2)
    return jax.nn.logsumexp(logits, axis=1)


def disagreement(logits: Array, others: Array) -> Array:
    """How far two answers for one image lie apart: the squared distance of their probabilities.

    Laine and Aila 2017, arXiv 1610.02242, the Pi model, for two transforms of an image.

    Args:
      logits: float `[batch, classes]`.
      others: likewise, of the same images seen otherwise.

    Returns:
      Float `[batch]`, in [0, 2].
    """
    chex.assert_equal_shape([logits, others])
    difference = jax.nn.softmax(logits) - jax.nn.softmax(others)
    return jnp.sum(jnp.square(difference), axis=1)


def aligned(logits: Array, wanted: Array, found: Array) -> Array:
    """Correct answers by how common classes should be, and how common answers make them.

    Distribution alignment, Berthelot et al. 2020, arXiv 1911.09785: probabilities times
    `wanted / found`, which the softmax of what is returned is.

    Args:
      logits: float `[batch, classes]`.
      wanted: float `[classes]`, how common each class is.
      found: likewise, the mean of the probabilities of many answers; where neither has counted
        anything yet, both 0, answers stay as they are.

    Returns:
      Float `[batch, classes]`, logits.
    """
    least = 1e-6
    return logits + (jnp.log(wanted + least) - jnp.log(found + least))[None]


def pseudo_cross_entropy(logits: Array, others: Array, confidence: float) -> Array:
    """Minus the log probability of the class that another answer for an image is sure of.

    Sohn et al. 2020, arXiv 2001.07685: what is sure of a class stands in for the label that the
    image lacks. Where it is not sure, the image teaches nothing. No gradient flows to it.

    Args:
      logits: float `[batch, classes]`, of images seen in one way.
      others: likewise, of the same images seen otherwise, by whatever gives the labels.
      confidence: the probability from which its likeliest class counts.

    Returns:
      Float `[batch]`, at least 0; 0 where it is not sure.
    """
    chex.assert_equal_shape([logits, others])
    probabilities = jax.nn.softmax(jax.lax.stop_gradient(others))
    labels = jnp.argmax(probabilities, axis=1).astype(jnp.int32)
    sure = jnp.max(probabilities, axis=1) >= confidence
    return jnp.where(sure, cross_entropy(logits, labels), 0.0)


def entropy(logits: Array) -> Array:
    """How unsure an answer is: `-sum of p log p`, in nats.

    Args:
      logits: float `[batch, classes]`.

    Returns:
      Float `[batch]`, from 0 to log classes.
    """
    chex.assert_rank(logits, 2)
    return -jnp.sum(jax.nn.softmax(logits) * jax.nn.log_softmax(logits), axis=1)
