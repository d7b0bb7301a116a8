"""What residual generators and discriminators have in common."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import flax.linen as nn

from ganjax.errors import UserError
from ganjax.models.layers import Conv, Initializer, glorot_uniform, orthogonal
from ganjax.typing import Array


class Initial(NamedTuple):
    """Initialisers of the convolutions in a block's residual branch, and of all else."""

    residual: Initializer
    plain: Initializer


def initial_of(orthogonal_init: bool) -> Initial:
    """Return BigGAN's orthogonal initialisers, or SNGAN's: Glorot's, the residual ones wider."""
    if orthogonal_init:
        return Initial(orthogonal(), orthogonal())
    return Initial(glorot_uniform(math.sqrt(2)), glorot_uniform())


class Shortcut(nn.Module):
    """A 1x1 convolution beside a block, where images change their shape."""

    width: int
    initial: Initializer
    spectral: bool

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Map `[batch, height, width, channels]` to `width` channels."""
        conv = Conv(self.width, 1, padding=0, kernel_init=self.initial, spectral=self.spectral)
        return conv(images)


def check_attention(attention: int | None, sides: Sequence[int]) -> None:
    """Raise `UserError` unless a block ends at the side in pixels where attention is asked for."""
    if attention is not None and not sides:
        raise UserError(
            f"no block ends where attention is possible: leave attention {attention} out"
        )
    if attention is not None and attention not in sides:
        raise UserError(
            f"attention is possible at a side of {' or '.join(map(str, sorted(sides)))} pixels, "
            f"not {attention}"
        )
