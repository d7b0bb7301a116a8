"""An image of any size restored in tiles, as if it had gone through the network whole.

An output pixel depends on inputs within the network's radius. So each tile sees its own part of the
image and at least a radius around it, and only its own part is kept: no seam, but for the rounding
of float32. A tile lies flush with the image's borders, where the network pads it as it pads the
image, and begins at multiples of what the network halves sides by, so that its grid is the image's.

Each shape of tile is compiled once. An image of at most SIDE x SIDE pixels goes whole, so a set of
one size needs one program. Of a larger one, all tiles have one shape: SIDE, less up to `multiple` -
1 pixels so that both borders are met. Where images have many sizes, `few_shapes` takes tiles for
small images too, of sides 2^k and 3 * 2^k: they cost more to compute, and less to compile.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.data.loader import normalise, to_uint8
from ganjax.typing import Array

SIDE = 512
"""Of a tile in pixels: 64 channels of it take 64 MB."""

SHORTEST = 32

_normalise, _to_uint8 = jax.jit(normalise), jax.jit(to_uint8)


class Network(NamedTuple):
    """A trained restorer, as far as images and files need to know it.

    Attributes:
      restore: `images -> images`, float32 `[1, height, width, channels]`, nominally in [-1, 1],
        compiled by whoever made it: it is called with few shapes.
      channels: 1 or 3.
      radius: pixels that an output pixel depends on, in each direction, at most.
      multiple: tiles that begin at multiples of it are restored as the whole image is.
    """

    restore: Callable[[Array], Array]
    channels: int
    radius: int
    multiple: int = 1


class Piece(NamedTuple):
    """A tile along one axis: pixels `begin` to before `begin + side`, of which some are kept.

    Attributes:
      begin: its first pixel.
      keep: its first pixel that is kept, in the image.
      end: the first behind those, in the image.
    """

    begin: int
    keep: int
    end: int


def restore_image(
    network: Network,
    image: np.ndarray,
    *,
    side: int = SIDE,
    few_shapes: bool = False,
    out: np.ndarray | None = None,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """Restore one image of any height and width.

    Beside the image and the result, memory is taken for two tiles; both may be `np.memmap`.

    Args:
      network: who restores.
      image: `[height, width, channels]`, uint8, or floating point nominally in [-1, 1].
      side: of a tile in pixels; made larger where the network sees farther.
      few_shapes: take tiles for small images too, of few sides.
      out: where the result goes, of the image's shape and type; by default a new array.
      tick: told how many tiles are done, of how many.

    Returns:
      The restored image in the image's type: uint8 is rounded, floating point is not clipped.
    """
    height, width, channels = image.shape
    if channels != network.channels:
        raise ValueError(f"an image of {channels} channels for a network of {network.channels}")
    result = np.empty_like(image) if out is None else out
    tall, wide = tile_shape(network, (height, width), side=side, few_shapes=few_shapes)
    rows, columns = pieces(height, tall, network), pieces(width, wide, network)
    total = len(rows) * len(columns)
    ahead: tuple[Piece, Piece, Array] | None = None
    for number, (row, column) in enumerate((r, c) for r in rows for c in columns):
        window = image[row.begin : row.begin + tall, column.begin : column.begin + wide]
        restored = _restored(network, window)
        if ahead is not None:  # the device works on the next while this one is fetched
            _keep(result, *ahead)
            tick(number, total)
        ahead = (row, column, restored)
    assert ahead is not None
    _keep(result, *ahead)
    tick(total, total)
    return result


def tile_shape(
    network: Network, size: tuple[int, int], *, side: int = SIDE, few_shapes: bool = False
) -> tuple[int, int]:
    """Return the height and width of all tiles of an image, by the rules of this module.

    Args:
      network: who restores.
      size: height and width of the image.
      side: of a tile, in pixels.
      few_shapes: as of `restore_image`.
    """
    side = max(side, 4 * network.radius + 2 * network.multiple)
    if few_shapes:
        tall, wide = (_short_side(length, side, network) for length in size)
        return tall, wide
    if size[0] * size[1] <= side**2:
        return size
    tall, wide = (min(length, _on_grid(side, length, network.multiple)) for length in size)
    return tall, wide


def pieces(length: int, side: int, network: Network) -> list[Piece]:
    """Cut a length into tiles of a side, spread evenly, each kept up to the middle of overlaps.

    Args:
      length: of the image, along one axis.
      side: of every tile, of `tile_shape`.
      network: who restores.
    """
    unit = network.multiple
    last = (length - side) // unit  # in units, as are the steps
    step = (side - 2 * network.radius) // unit
    count = -(-last // step) + 1 if last else 1
    begins = [unit * (last * i // (count - 1)) if i else 0 for i in range(count)]
    cuts = [(after + begin + side) // 2 for begin, after in pairwise(begins)]
    return list(map(Piece, begins, [0, *cuts], [*cuts, length]))


def _on_grid(side: int, length: int, multiple: int) -> int:
    """Return the largest side up to `side` that leaves the length's remainder by the multiple."""
    return side - (side - length) % multiple


def _short_side(length: int, most: int, network: Network) -> int:
    """Return the side of 2^k or 3 * 2^k whose tiles cover a length with the fewest pixels."""
    sides = {first * 2**k for first in (SHORTEST, 3 * SHORTEST // 2) for k in range(12)} | {most}
    on_grid = {_on_grid(side, length, network.multiple) for side in sides if side <= most}
    least = 2 * network.radius + network.multiple
    fitting = [own for own in on_grid if least <= own <= length]
    if not fitting:
        return length
    return min(fitting, key=lambda own: (own * len(pieces(length, own, network)), own))


def _restored(network: Network, window: np.ndarray) -> Array:
    """Restore a tile `[height, width, channels]`; the result may still be on its way."""
    tile = jnp.asarray(window)[None]
    if window.dtype == np.uint8:
        return _to_uint8(network.restore(_normalise(tile)))[0]
    return network.restore(tile.astype(jnp.float32))[0]


def _keep(result: np.ndarray, row: Piece, column: Piece, restored: Array) -> None:
    own = (
        slice(row.keep - row.begin, row.end - row.begin),
        slice(column.keep - column.begin, column.end - column.begin),
    )
    result[row.keep : row.end, column.keep : column.end] = np.asarray(restored)[own]
