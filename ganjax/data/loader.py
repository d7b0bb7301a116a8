"""Small sets on the device: padded for the networks, uint8 until a batch is drawn.

Batches are stratified: slot i of a batch of B draws one of the rows from i n / B to (i + 1) n / B
of the set's n, every row being drawn equally often on average. So where a batch is spread over
devices, each needs only its own rows of the set, and what is drawn is the same on any number.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.data.dataset import Dataset, Source, Unread
from ganjax.errors import UserError
from ganjax.ops import spread
from ganjax.typing import Array, Batch, Key

SMALLEST, LARGEST = 8, 128


class Resident(NamedTuple):
    """A labelled set on the device: uint8 `[n, height, width, channels]`, int32 `[n]`."""

    images: Array
    labels: Array


@partial(jax.tree_util.register_dataclass, data_fields=["images", "labels"], meta_fields=["count"])
@dataclass(frozen=True)
class Parts:
    """A labelled set spread over devices: each holds the rows of `rows_of_part`.

    Parts are padded to one length with rows that are never drawn. Under `pmap` a device sees its
    own part without the leading axis.

    Attributes:
      images: uint8 `[parts, rows, height, width, channels]`.
      labels: int32 `[parts, rows]`.
      count: images in the whole set.
    """

    images: Array
    labels: Array
    count: int


class Drawn(NamedTuple):
    """What steps draw from a set, drawn already: its rows, in place of a whole set.

    Under `pmap` a device sees its own part without the axis of parts.

    Attributes:
      images: uint8 `[steps, parts, batch / parts, height, width, channels]`.
      labels: int32 `[steps, parts, batch / parts]`.
    """

    images: Array | np.ndarray
    labels: Array | np.ndarray


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

    def padded(dataset: Dataset | None) -> Dataset | None:
        return dataset and replace(dataset, images=pad_to_power_of_two(dataset.images))

    train = replace(source.train, images=pad_to_power_of_two(source.train.images))
    return source._replace(
        train=train,
        validation=padded(source.validation),
        test=padded(source.test),
        unlabelled=padded(source.unlabelled),
    )


def unread_at_network_size(images: Unread) -> Unread:
    """Return unread images that will be padded by `pad_to_power_of_two`, and be of one size.

    Raises:
      UserError: the first one cannot be read or is too large; when they are taken, likewise, or
        one differs from the first.
    """
    shape = images.take(np.zeros(1, np.int64)).images.shape[1:]
    pad_to_power_of_two(np.zeros((0, *shape), np.uint8))  # refuses what does not fit

    def read(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found, labels = images.read(rows)
        if found.shape[1:] != shape or found.dtype != np.uint8:
            raise UserError(
                f"{images.name} mixes {shape} uint8 and {found.shape[1:]} {found.dtype} images; "
                "images of one size and channel count are needed"
            )
        return pad_to_power_of_two(found), labels

    return replace(images, read=read)


def to_device(dataset: Dataset) -> Resident:
    """Put a labelled set on the default device."""
    return Resident(jnp.asarray(dataset.images), jnp.asarray(dataset.labels))


def normalise(images: Array) -> Array:
    """Map uint8 pixels to float32 in [-1, 1]."""
    return images.astype(jnp.float32) / 127.5 - 1


def to_uint8(images: Array) -> Array:
    """Map float images in [-1, 1] to uint8 pixels; what lies outside is clipped."""
    return jnp.clip(jnp.round((images + 1) * 127.5), 0, 255).astype(jnp.uint8)


def shuffled_order(count: int, key: Key) -> np.ndarray:
    """Return the order in which a training lays out its rows: int64 `[count]`, fixed by its key.

    A set is often sorted by class; shuffled, the slots of a batch have nothing to do with classes.
    """
    seed = np.asarray(jax.random.key_data(key)).tolist()
    return np.random.default_rng(seed).permutation(count)


def rows_of_part(count: int, part: int, parts: int) -> np.ndarray:
    """Return the rows that part `part` of a batch draws from, of a set of `count`: int64 `[rows]`.

    Neighbouring parts share a row where `count` does not divide by `parts`.
    """
    return np.arange(part * count // parts, -(-(part + 1) * count // parts))


def keys_of_step(key: Key, step: int | Array) -> tuple[Key, Key]:
    """Return the keys of a training's step: of its batch, and of all else that it draws."""
    batch_key, step_key = jax.random.split(jax.random.fold_in(key, step))
    return batch_key, step_key


def rows_of_batch(key: Key, count: int, batch_size: int) -> Array:
    """Return the rows that `sample_batch` draws from a set of `count`: int32 `[batch]`."""
    strata = (value[0] for value in _strata(count, batch_size, 1))
    return _drawn_rows(key, count, batch_size, *strata)


def sample_batch(
    key: Key, data: Resident | Parts | Drawn, batch_size: int, *, axis_name: str | None = None
) -> Batch:
    """Draw a normalised, stratified batch; runs inside compiled code.

    Args:
      key: of the batch, the same on every device; slot i draws from `fold_in(key, i)`.
      data: the set, whole or in parts; or what is drawn from it, of one step.
      batch_size: images in the whole batch; a multiple of the number of parts.
      axis_name: the mapped axis that the parts are spread over, under `pmap`.

    Returns:
      The batch; with `axis_name`, this device's part of it. It is the same in every case.

    Raises:
      UserError: the batch does not divide by the parts.
    """
    if isinstance(data, Drawn):
        images, labels = jnp.asarray(data.images), jnp.asarray(data.labels)
        if axis_name is None:
            images = images.reshape(batch_size, *images.shape[2:])
            labels = labels.reshape(batch_size)
        return Batch(normalise(images), labels)
    if isinstance(data, Resident):
        strata = _strata(data.labels.shape[0], batch_size, 1)
        return _draw(key, data.labels.shape[0], batch_size, data, *(value[0] for value in strata))
    parts = data.labels.shape[0] if axis_name is None else jax.lax.axis_size(axis_name)
    if batch_size % parts:
        raise UserError(f"a batch of {batch_size} does not divide by {parts} devices")
    draw = partial(_draw, key, data.count, batch_size)
    strata = _strata(data.count, batch_size, parts)
    held = Resident(data.images, data.labels)
    if axis_name is not None:
        own = jax.lax.axis_index(axis_name)
        return draw(held, *(value[own] for value in strata))
    batch = jax.vmap(draw)(held, *strata)
    return jax.tree.map(lambda leaf: leaf.reshape(batch_size, *leaf.shape[2:]), batch)


def mixed_batch(
    key: Key,
    real: Resident | Parts,
    generated: Resident | Parts,
    ratio: float | Array,
    batch_size: int,
    *,
    axis_name: str | None = None,
) -> Batch:
    """Draw a batch of which `round(ratio * batch_size)` images are generated, the rest real.

    Which slots are generated goes round by a step of the key's, as every slot has rows of its own.

    Args: as of `sample_batch`, for two sets, and the part of the batch that the second one fills.
    Returns: the batch; with `axis_name`, this device's part of it.
    """
    step_key, *keys = jax.random.split(key, 3)
    real_batch, generated_batch = (
        sample_batch(own, data, batch_size, axis_name=axis_name)
        for own, data in zip(keys, (real, generated), strict=True)
    )
    count = real_batch.labels.shape[0]
    slots = spread.first(count, axis_name) + jnp.arange(count)
    slots = (slots + jax.random.randint(step_key, (), 0, batch_size)) % batch_size
    is_generated = slots < jnp.round(ratio * batch_size)

    def choose(one: Array, other: Array) -> Array:
        return jnp.where(is_generated.reshape(-1, *[1] * (one.ndim - 1)), one, other)

    return jax.tree.map(choose, generated_batch, real_batch)


def _strata(count: int, batch_size: int, parts: int) -> tuple[Array, Array, Array]:
    """Return each slot's number, its first row within its part, and the rest: int32 `[parts, k]`.

    Slot i begins at row i n / B: whole rows, and a rest in B-ths of a row.
    """
    slots = np.arange(batch_size, dtype=np.int64).reshape(parts, -1)
    rows, rests = np.divmod(slots * count, batch_size)
    rows -= np.array([[rows_of_part(count, part, parts)[0]] for part in range(parts)])
    return (
        jnp.asarray(slots, jnp.int32),
        jnp.asarray(rows, jnp.int32),
        jnp.asarray(rests, jnp.int32),
    )


def _draw(
    key: Key, count: int, batch_size: int, held: Resident, slots: Array, rows: Array, rests: Array
) -> Batch:
    """Draw from the rows that are held."""
    drawn = _drawn_rows(key, count, batch_size, slots, rows, rests)
    return Batch(normalise(held.images[drawn]), held.labels[drawn])


def _drawn_rows(
    key: Key, count: int, batch_size: int, slots: Array, rows: Array, rests: Array
) -> Array:
    """Return a row for each slot, `floor((i + u) n / B)` with u in [0, 1)."""
    within = jax.vmap(lambda i: jax.random.randint(jax.random.fold_in(key, i), (), 0, count))(slots)
    return rows + (rests + within) // batch_size
