"""Where a training's images lie: on the devices, or streamed to them."""

from functools import partial
from typing import NamedTuple

import jax
from jax.sharding import Mesh

from ganjax.config import Upkeep
from ganjax.data.loader import Parts, Resident, shuffled_order, to_device
from ganjax.data.partly import WithUnlabelled
from ganjax.data.sources import Dataset, Unread
from ganjax.data.stream import Stream
from ganjax.errors import UserError
from ganjax.progress import Progress
from ganjax.training.distributed import agreed
from ganjax.training.feed import Feed, device_limit, place_on_one, steps_at_once
from ganjax.training.sharding import own_parts, place_data, place_drawn
from ganjax.typing import Key


class Drawing(NamedTuple):
    """What a training draws of its images.

    Attributes:
      batch_size: images per update.
      steps_per_call: updates in one compiled call.
      image_bytes: that an image takes, one for each of its numbers.
    """

    batch_size: int
    steps_per_call: int
    image_bytes: int


def place_images(
    dataset: Dataset | Unread,
    unlabelled: Dataset | Unread | None,
    key: Key,
    drawing: Drawing,
    mesh: Mesh | None,
    upkeep: Upkeep,
    progress: Progress,
) -> Resident | Parts | Feed | WithUnlabelled:
    """Put the images on the devices; where they take too much room there, let them stream.

    Args:
      dataset: the training images.
      unlabelled: those without labels, or None.
      key: of the training; it lays out the rows.
      drawing: what the training draws of them.
      mesh: the devices that each batch is spread over; None for one.
      upkeep: how much of a device's memory images may take.
      progress: told where they are streamed.

    Raises:
      UserError: unlabelled images take too much room.
    """
    devices = 1 if mesh is None else mesh.size
    image = drawing.image_bytes
    count = len(dataset) + (0 if unlabelled is None else len(unlabelled))
    held, limit = image * count // devices, device_limit(upkeep.device_memory)
    if not agreed(held <= limit):
        said = f"the images would take {held / 1e9:.3g} GB of each device, of which "
        said += f"{limit / 1e9:.3g} GB are theirs (--device-memory)"
        if unlabelled is not None:
            raise UserError(
                f"{said}, and unlabelled ones cannot be streamed: give fewer (--unlabelled "
                f"{max(1, limit * devices // image - len(dataset)):,}), or more memory"
            )
        progress.say(f"{said}: they are streamed")
        return _feed(dataset, key, drawing, mesh, upkeep, limit)

    def place(images: Dataset | Unread, key: Key) -> Resident | Parts:
        order = shuffled_order(len(images), key)
        if mesh is None:
            return to_device(images.take(order))
        return place_data(lambda rows: images.take(order[rows]), len(order), mesh)

    if unlabelled is None:
        return place(dataset, key)
    return WithUnlabelled(place(dataset, key), place(unlabelled, jax.random.fold_in(key, 1)))


def _feed(
    dataset: Dataset | Unread,
    key: Key,
    drawing: Drawing,
    mesh: Mesh | None,
    upkeep: Upkeep,
    limit: int,
) -> Feed:
    """Stream the images, a few steps' ahead of the training."""
    batch_size, steps_per_call, image = drawing
    devices = 1 if mesh is None else mesh.size
    at_once = steps_at_once(steps_per_call, image * batch_size // devices, limit)
    parts, own = (1, (0,)) if mesh is None else (mesh.size, own_parts(mesh))
    stream = Stream(
        dataset,
        shuffled_order(len(dataset), key),
        batch_size,
        parts=parts,
        own=own,
        ahead=at_once,
        workers=upkeep.workers,
    )
    place = place_on_one if mesh is None else partial(place_drawn, mesh=mesh)
    return Feed(stream, place, at_once)
