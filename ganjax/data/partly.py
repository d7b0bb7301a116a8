"""Batches of labelled and unlabelled images together, drawn from two sets on the device."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.data.loader import Drawn, Parts, Resident, sample_batch
from ganjax.typing import Array, Key, PartlyLabelled

BEYOND_SLOTS = np.uint32(2**32 - 1)
"""What makes the unlabelled images' key of a batch's: more than any slot's number."""


class WithUnlabelled(NamedTuple):
    """A labelled set on the devices, and an unlabelled one beside it."""

    labelled: Resident | Parts
    unlabelled: Resident | Parts


def sample_partly_labelled(
    key: Key,
    data: WithUnlabelled | Resident | Parts | Drawn,
    batch_size: int,
    unlabelled_size: int,
    *,
    axis_name: str | None = None,
) -> PartlyLabelled:
    """Draw a normalised, stratified batch of each set; runs inside compiled code.

    The labelled images are those that `ganjax.data.loader.sample_batch` draws by the same key, be
    there unlabelled ones beside them or not.

    Args:
      key: of the batch, the same on every device.
      data: both sets; or a labelled one alone, or what is drawn from it, of one step.
      batch_size: labelled images in the whole batch; a multiple of the number of parts.
      unlabelled_size: likewise unlabelled ones; none are drawn where there is no set of them.
      axis_name: the mapped axis that the parts are spread over, under `pmap` and `shard_map`.

    Returns:
      The batch; with `axis_name`, this device's part of it. It is the same in every case. Without
      unlabelled images, these are `[0, height, width, channels]`.

    Raises:
      UserError: a batch does not divide by the parts.
    """
    labelled, unlabelled = data if isinstance(data, WithUnlabelled) else (data, None)
    batch = sample_batch(key, labelled, batch_size, axis_name=axis_name)
    if unlabelled is None or not unlabelled_size:
        return PartlyLabelled(*batch, _none_like(batch.images))
    own = jax.random.fold_in(key, BEYOND_SLOTS)
    beside = sample_batch(own, unlabelled, unlabelled_size, axis_name=axis_name)
    return PartlyLabelled(*batch, beside.images)


def _none_like(images: Array) -> Array:
    return jnp.zeros((0, *images.shape[1:]), images.dtype)
