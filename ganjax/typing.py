"""The words used in annotations everywhere: aliases, no logic."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import jax

Array: TypeAlias = jax.Array
Key: TypeAlias = jax.Array
"""A typed key of `jax.random.key`, or a batch of them."""

Params: TypeAlias = Any
"""A pytree of float32 arrays."""

Variables: TypeAlias = Mapping[str, Any]
"""All that a model's `apply` needs: `{"params": ..., "batch_stats": ...}`."""

Metrics: TypeAlias = dict[str, jax.Array]


class Batch(NamedTuple):
    """Labelled images: float32 `[batch, height, width, channels]` in [-1, 1], int32 `[batch]`."""

    images: Array
    labels: Array


class PartlyLabelled(NamedTuple):
    """A batch of labelled images, and of images without labels beside them.

    Attributes:
      images: the labelled ones, float32 `[batch, height, width, channels]` in [-1, 1].
      labels: theirs, int32 `[batch]`.
      unlabelled: float32 `[m, height, width, channels]` in [-1, 1]; m may be 0.
    """

    images: Array
    labels: Array
    unlabelled: Array
