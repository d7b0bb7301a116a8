"""Batches of patches for restorers: cut out of images at random places, turned and mirrored."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ganjax.data.loader import sample_batch
from ganjax.ops import spread
from ganjax.typing import Array, Batch, Key


def sample_patches(
    key: Key,
    data: Any,
    batch_size: int,
    patch: int,
    *,
    turned: bool = False,
    axis_name: str | None = None,
) -> Batch:
    """Draw a normalised, stratified batch of patches; runs inside compiled code.

    Args:
      key: of the batch; patch i draws from `fold_in(key, i)`.
      data: images of one size, as of `ganjax.data.loader.sample_batch`.
      batch_size: patches in the whole batch; a multiple of the number of parts.
      patch: side in pixels, at most the images'.
      turned: turn each by a multiple of 90 degrees and mirror it, all eight ways equally often.
      axis_name: the mapped axis that the parts are spread over, under `pmap`.

    Returns:
      The batch, images `[batch, patch, patch, channels]`; with `axis_name`, this device's part.
    """
    draw_key, cut_key = jax.random.split(key)
    batch = sample_batch(draw_key, data, batch_size, axis_name=axis_name)
    count = batch.labels.shape[0]
    numbers = spread.first(count, axis_name) + jnp.arange(count)
    keys = jax.vmap(partial(jax.random.fold_in, cut_key))(numbers)
    return Batch(jax.vmap(partial(_cut, patch, turned))(keys, batch.images), batch.labels)


def _cut(patch: int, turned: bool, key: Key, image: Array) -> Array:
    height, width, channels = image.shape
    row_key, column_key, turn_key = jax.random.split(key, 3)
    row = jax.random.randint(row_key, (), 0, height - patch + 1)
    column = jax.random.randint(column_key, (), 0, width - patch + 1)
    cut = jax.lax.dynamic_slice(image, (row, column, 0), (patch, patch, channels))
    if not turned:
        return cut
    over, left_right, up_down = jax.random.bernoulli(turn_key, 0.5, (3,))
    cut = jnp.where(over, cut.transpose(1, 0, 2), cut)
    cut = jnp.where(left_right, cut[:, ::-1], cut)
    return jnp.where(up_down, cut[::-1], cut)
