"""Residual discriminators: those of SNGAN, SAGAN and BigGAN."""

import math
from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp

from ganjax.errors import UserError
from ganjax.models.attention import SelfAttention
from ganjax.models.functions import discriminator_of
from ganjax.models.layers import Conv, Projection
from ganjax.models.model import Model
from ganjax.models.residual import Initial, Shortcut, check_attention, initial_of
from ganjax.models.shapes import (
    check_channels,
    check_classes,
    check_power_of_two,
    chosen_widths,
    largest_features,
)
from ganjax.ops import pyramid
from ganjax.typing import Array


def resnet_discriminator(
    *,
    size: int = 32,
    channels: int = 1,
    width: int = 32,
    widths: Sequence[int] | None = None,
    classes: int | None = None,
    full_size: bool | None = None,
    attention: int | None = None,
    smallest: int = 4,
    flat: int = 1,
    wide: bool = True,
    spectral: bool = True,
    orthogonal_init: bool = False,
) -> Model:
    """Build a residual discriminator: halved block by block, summed over its places, projected.

    Without normalisation of images, with kernels divided by their largest singular value (arXiv
    1802.05957), and one logit by projection (arXiv 1802.05637). Published networks, for 3 channels,
    all with `full_size=True`:

    - SNGAN, CIFAR-10: `size=32, widths=(128,) * 4, smallest=8, flat=2`;
    - BigGAN, ImageNet (arXiv 1809.11096): `size=128, widths=(96, 192, 384, 768, 1536, 1536),
      attention=64, orthogonal_init=True`; CIFAR-10: as SNGAN's, with `widths=(256,) * 4`.

    Args:
      size: height and width of the images in pixels: a power of two, 8 to 128.
      channels: 1 or 3.
      width: channels of the first block; doubled at each halving, to 8 `width` at most.
      widths: channels of every block, first to last, instead of `width`.
      classes: number of classes, used by projection; None without labels.
      full_size: compute features at the full size too; else one strided 4x4 convolution makes
        features of half of it. By default only up to 16 pixels.
      attention: side in pixels after whose block every place looks at all others; None for none.
      smallest: side in pixels of the smallest features: a power of two, at least 4.
      flat: blocks at that side, after those that halve.
      wide: widen at the first convolution of a block, as BigGAN does, not at the second.
      spectral: divide every kernel, the embedding's too, by its largest singular value.
      orthogonal_init: draw orthogonal kernels, as BigGAN does, instead of Glorot's.

    Returns:
      A `Model` from images `[batch, size, size, channels]` in [-1, 1] to logits `[batch]`.

    Raises:
      UserError: size, channels, classes, widths, attention or smallest out of range.
    """
    check_power_of_two(size)
    check_channels(channels)
    check_classes(classes)
    largest = largest_features(size, full_size)
    halvings = _halvings(largest, smallest)
    default = [width * 2 ** min(i, halvings - 1, 3) for i in range(halvings + flat)]
    widths = chosen_widths(widths, default)
    check_attention(attention, [largest // 2 ** (i + 1) for i in range(halvings)])
    module = _Discriminator(
        largest == size, widths, halvings, classes, attention, wide, spectral, orthogonal_init
    )
    return discriminator_of(module, (size, size, channels), classes)


class _Discriminator(nn.Module):
    full_size: bool
    widths: tuple[int, ...]
    halvings: int
    classes: int | None
    attention: int | None
    wide: bool
    spectral: bool
    orthogonal_init: bool

    @nn.compact
    def __call__(
        self, images: Array, labels: Array | None, *, train: bool, axis_name: str | None = None
    ) -> Array:
        del train, axis_name  # nothing here depends on the batch
        initial = initial_of(self.orthogonal_init)
        hidden = images
        if not self.full_size:
            init, spectral = initial.plain, self.spectral
            hidden = Conv(self.widths[0], 4, stride=2, kernel_init=init, spectral=spectral)(images)
        for i, width in enumerate(self.widths):
            halve, of_pixels = i < self.halvings, i == 0 and self.full_size
            inner = width if self.wide or of_pixels else hidden.shape[-1]
            block = _DiscriminatorBlock(width, inner, halve, of_pixels, initial, self.spectral)
            hidden = block(hidden)
            if halve and hidden.shape[1] == self.attention:
                hidden = SelfAttention(initial.plain, self.spectral)(hidden)
        features = jnp.sum(nn.relu(hidden), axis=(1, 2))
        return Projection(self.classes, initial.plain, initial.plain, self.spectral)(
            features, labels
        )


class _DiscriminatorBlock(nn.Module):
    width: int
    inner: int
    halve: bool
    of_pixels: bool
    initial: Initial
    spectral: bool

    @nn.compact
    def __call__(self, images: Array) -> Array:
        conv = partial(Conv, kernel_init=self.initial.residual, spectral=self.spectral)
        # Pixels must not be cut off at 0.
        hidden = conv(self.inner)(images if self.of_pixels else nn.relu(images))
        form = pyramid.halved_conv if self.halve else None
        hidden = conv(self.width, form=form)(nn.relu(hidden))
        shortcut = pyramid.halved(images) if self.halve else images
        if self.halve or images.shape[-1] != self.width:
            shortcut = Shortcut(self.width, self.initial.plain, self.spectral)(shortcut)
        return hidden + shortcut


def _halvings(largest: int, smallest: int) -> int:
    if smallest < 4 or smallest >= largest or smallest & (smallest - 1):
        raise UserError(
            f"the smallest features are a power of two from 4 to {largest // 2} pixels, "
            f"not {smallest}"
        )
    return int(math.log2(largest // smallest))
