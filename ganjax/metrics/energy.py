"""Distances that see a set's variety, from plain Euclidean distances: cheap enough for each look.

Arrays of features, `[images, d]`, in, scalars out; in JAX, so that a compiled call can use them.
"""

import jax
import jax.numpy as jnp

from ganjax.typing import Array


def energy_distance(one: Array, other: Array) -> Array:
    """Tell how far two sets of features lie apart: 0 on average where they are alike.

        2 E|x - y| - E|x - x'| - E|y - y'|

    The unbiased estimate, which may come out below 0; x, x' and y, y' are different images of the
    same set. A set that is near the other but of less variety is punished by the second term.
    G. J. Szekely, M. L. Rizzo: Energy statistics, J. Stat. Plan. Inference 143 (2013).

    Args:
      one: float32 `[n, d]`, n at least 2.
      other: float32 `[m, d]`, m at least 2.

    Returns:
      A float32 scalar, in the unit of the features.
    """
    return 2 * jnp.mean(distances(one, other)) - _within(one) - _within(other)


def class_energy_distance(
    one: Array, one_labels: Array, other: Array, other_labels: Array, classes: int
) -> Array:
    """Tell how far two labelled sets lie apart class by class: the mean of their energy distances.

    A generator that makes one image per class is near the whole set, and far from each class.

    Args:
      one: float32 `[n, d]`.
      one_labels: int32 `[n]`.
      other: float32 `[m, d]`.
      other_labels: int32 `[m]`; of a class with one image its own spread is unknown, taken for 0.
      classes: how many there are; one without two images in `one` and one in `other`
        does not count.

    Returns:
      A float32 scalar, in the unit of the features; NaN where no class counts.
    """
    mine, theirs = (jax.nn.one_hot(labels, classes) for labels in (one_labels, other_labels))

    def mean(x: Array, x_is: Array, y: Array, y_is: Array, pairs: Array) -> Array:
        total = jnp.einsum("nc,nm,mc->c", x_is, distances(x, y), y_is)
        return total / jnp.maximum(pairs, 1)

    n, m = mine.sum(axis=0), theirs.sum(axis=0)
    between = mean(one, mine, other, theirs, n * m)
    within = (
        mean(one, mine, one, mine, n * (n - 1)),
        mean(other, theirs, other, theirs, m * (m - 1)),
    )
    return jnp.mean(2 * between - within[0] - within[1], where=(n >= 2) & (m >= 1))


def nearest_of_own_class(features: Array, labels: Array) -> Array:
    """Tell how far, on average, an image lies from the nearest other one of its class.

    Near 0 where a generator makes the same image again and again.

    Args:
      features: float32 `[n, d]`.
      labels: int32 `[n]`; images that are alone in their class do not count.

    Returns:
      A float32 scalar, in the unit of the features; NaN where no class has two images.
    """
    count = labels.shape[0]
    comparable = (labels[:, None] == labels[None]) & ~jnp.eye(count, dtype=bool)
    nearest = jnp.min(distances(features, features), axis=1, where=comparable, initial=jnp.inf)
    return jnp.mean(nearest, where=comparable.any(axis=1))


def distances(one: Array, other: Array) -> Array:
    """Return the Euclidean distance of each of `[n, d]` to each of `[m, d]`: `[n, m]`."""
    # Differences, not |x|^2 - 2xy + |y|^2, which cancels for images that are almost the same
    return jax.lax.map(
        lambda row: jnp.sqrt(jnp.sum((row[None] - other) ** 2, axis=1)), one, batch_size=16
    )


def _within(features: Array) -> Array:
    count = features.shape[0]
    return jnp.sum(distances(features, features)) / (count * (count - 1))
