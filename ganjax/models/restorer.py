"""Restorers: a degraded image in, an estimate of the original out, at any height and width.

Both networks estimate what is wrong with an image, and subtract it: a network that knows nothing
yet returns the image as it is (arXiv 1608.03981).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from ganjax.errors import UserError
from ganjax.models.layers import Conv, apply_module, he_normal, init_variables
from ganjax.models.model import Model
from ganjax.models.precision import in_bfloat16
from ganjax.models.shapes import check_channels
from ganjax.ops import shuffle
from ganjax.typing import Array, Key, Variables

zeros = nn.initializers.zeros_init()
"""Of the last layer: so a network that knows nothing yet finds nothing wrong."""


class Restorer(NamedTuple):
    """A `Model` from images to images of the same height and width, whatever these are.

    Attributes:
      init: `key -> variables`.
      apply: `(variables, images, *, train=False, axis_name=None) -> (images, updates)`, images
        nominally in [-1, 1]; nothing is clipped.
      radius: pixels that an output pixel sees in each direction, at most.
      multiple: an image whose height and width are multiples of it is not padded; a tile that
        begins at multiples of it is restored as the whole image is.
    """

    init: Callable[[Key], Variables]
    apply: Callable[..., tuple[Array, Variables]]
    radius: int
    multiple: int


def residual_restorer(
    *,
    channels: int = 1,
    width: int = 32,
    depth: int = 10,
    shuffled: int = 1,
    bfloat16: bool = False,
) -> Restorer:
    """Build a plain stack of 3x3 convolutions that estimates the residual (DnCNN's family).

    Zhang et al. 2017, arXiv 1608.03981. In place of its batch normalisation there is a way around
    every two convolutions (arXiv 1512.03385), so that an image is restored the same whatever stood
    beside it in training. With `shuffled` the images are first turned into fewer pixels of more
    channels, as in FFDNet (arXiv 1710.04026), which costs `shuffled`^2 times less. `width=64,
    depth=17` has DnCNN's convolutions.

    Args:
      channels: 1 or 3.
      width: channels of every layer.
      depth: convolutions, at least 2.
      shuffled: side of the blocks of pixels that become channels; 1 for none.
      bfloat16: compute the residual in it; everything else stays float32.

    Returns:
      The network.

    Raises:
      UserError: a number out of range.
    """
    check_channels(channels)
    if depth < 2 or width < 1 or shuffled < 1:
        raise UserError(
            "a residual restorer has a depth of at least 2 and a width of at least 1, and "
            f"shuffles by at least 1; not depth {depth}, width {width}, shuffled {shuffled}"
        )
    module = _Residual(channels, width, depth, shuffled)
    return _restorer(
        module, channels, radius=shuffled * (depth + 1) - 1, multiple=shuffled, bfloat16=bfloat16
    )


def unet_restorer(
    *, channels: int = 1, width: int = 16, levels: int = 3, bfloat16: bool = False
) -> Restorer:
    """Build a U-Net (arXiv 1505.04597) that estimates the residual.

    Two convolutions at each level; from one to the next, blocks of 2x2 pixels become channels
    and, on the way up, pixels again, which at once is cheaper and forgets nothing, where the paper
    takes maxima. What a level saw on the way down is added on the way up.

    Args:
      channels: 1 or 3.
      width: channels at the full size; doubled at each level below.
      levels: sizes, the full one included, at least 1.
      bfloat16: as of `residual_restorer`.

    Returns:
      The network.

    Raises:
      UserError: a number out of range.
    """
    check_channels(channels)
    if levels < 1 or width < 1:
        raise UserError(
            f"a U-Net has at least 1 level and a width of at least 1; not levels {levels}, width "
            f"{width}"
        )
    # Two convolutions down and two up at each size but the smallest, which has two; one more at
    # the beginning and at the end; and a block of pixels is seen whole.
    seen = sum(4 * 2**level for level in range(levels - 1)) + 2 * 2 ** (levels - 1) + 2
    multiple = 2 ** (levels - 1)
    return _restorer(
        _UNet(channels, width, levels), channels, seen + 2 * multiple, multiple, bfloat16
    )


def _restorer(
    module: nn.Module, channels: int, radius: int, multiple: int, bfloat16: bool
) -> Restorer:
    def init(key: Key) -> Variables:
        side = max(8, multiple)
        return init_variables(module, key, jnp.zeros((2, side, side, channels)))

    def estimate(
        variables: Variables, images: Array, labels: None = None, **how: Any
    ) -> tuple[Array, Variables]:
        del labels  # a degraded image is all that there is
        return apply_module(module, variables, images, **how)

    residual_of = Model(init, estimate)
    if bfloat16:  # the residual alone: the image itself keeps its digits
        residual_of = in_bfloat16(residual_of)

    def apply(
        variables: Variables,
        images: Array,
        *,
        train: bool = False,
        axis_name: str | None = None,
    ) -> tuple[Array, Variables]:
        _, height, width, _ = images.shape
        whole = jnp.pad(
            images, ((0, 0), (0, -height % multiple), (0, -width % multiple), (0, 0)), mode="edge"
        )
        residual, updates = residual_of.apply(variables, whole, train=train, axis_name=axis_name)
        return images - residual[:, :height, :width], updates

    return Restorer(init, apply, radius, multiple)


class _Residual(nn.Module):
    channels: int
    width: int
    depth: int
    shuffled: int

    @nn.compact
    def __call__(self, images: Array, *, train: bool, axis_name: str | None = None) -> Array:
        hidden = shuffle.to_channels(images, self.shuffled)
        hidden = nn.relu(Conv(self.width)(hidden))
        for _ in range((self.depth - 2) // 2):
            hidden = _Block(self.width)(hidden)
        if self.depth % 2:
            hidden = nn.relu(Conv(self.width)(hidden))
        outputs = self.channels * self.shuffled**2
        return shuffle.to_pixels(Conv(outputs, kernel_init=zeros)(hidden), self.shuffled)


class _UNet(nn.Module):
    channels: int
    width: int
    levels: int

    @nn.compact
    def __call__(self, images: Array, *, train: bool, axis_name: str | None = None) -> Array:
        hidden, seen = Conv(self.width)(images), []
        for level in range(self.levels):
            if level:
                hidden = shuffle.to_channels(hidden, 2)
                hidden = _pixelwise(self.width * 2**level, hidden)
            hidden = _Block(self.width * 2**level)(hidden)
            seen.append(hidden)
        for level in reversed(range(self.levels - 1)):
            hidden = shuffle.to_pixels(_pixelwise(self.width * 2**level * 4, hidden), 2)
            hidden = _Block(self.width * 2**level)(hidden + seen[level])
        return Conv(self.channels, kernel_init=zeros)(hidden)


class _Block(nn.Module):
    """Two convolutions, and the way around them."""

    width: int

    @nn.compact
    def __call__(self, hidden: Array) -> Array:
        change = Conv(self.width)(nn.relu(Conv(self.width)(hidden)))
        return nn.relu(hidden + change)


def _pixelwise(features: int, hidden: Array) -> Array:
    return Conv(features, kernel_size=1, padding=0, kernel_init=he_normal)(hidden)
