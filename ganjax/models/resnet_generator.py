"""Residual generators: those of SNGAN, SAGAN and BigGAN."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp

from ganjax.errors import UserError
from ganjax.models.attention import SelfAttention
from ganjax.models.functions import generator_of, normal_latents, tanh_output
from ganjax.models.layers import Conv, Dense, Embed, Initializer, UpsamplingConv
from ganjax.models.model import Generator
from ganjax.models.normalization import BatchNorm, ConditionalBatchNorm
from ganjax.models.residual import Initial, Shortcut, check_attention, initial_of
from ganjax.models.shapes import (
    check_channels,
    check_classes,
    check_power_of_two,
    chosen_widths,
    largest_features,
)
from ganjax.ops import pyramid
from ganjax.typing import Array, Key

LATENT_SIZE = 128
"""The latents of SNGAN (arXiv 1802.05957)."""


def resnet_generator(
    *,
    size: int = 32,
    channels: int = 1,
    width: int = 32,
    widths: Sequence[int] | None = None,
    classes: int | None = None,
    latent_size: int = LATENT_SIZE,
    latents: Callable[[Key, int, int], Array] = normal_latents,
    output: Callable[[Array], Array] = tanh_output,
    full_size: bool | None = None,
    attention: int | None = None,
    embedding_size: int | None = None,
    split_latents: bool = False,
    spectral: bool = False,
    orthogonal_init: bool = False,
) -> Generator:
    """Build a residual generator: 4x4, then doubled until `size` (arXiv 1802.05957, 1805.08318).

    Every block normalises over the batch, by a scale and bias of the image's class (arXiv
    1802.05637), doubles by repeating pixels, and convolves twice. There are at least two blocks.
    Published networks, for 3 channels, all with `full_size=True`:

    - SNGAN, CIFAR-10: `size=32, widths=(256,) * 4`;
    - SNGAN, ImageNet: `size=128, widths=(1024, 1024, 512, 256, 128, 64)`;
    - BigGAN, ImageNet (arXiv 1809.11096): `size=128, widths=(1536, 1536, 768, 384, 192, 96),
      latent_size=120, attention=64, embedding_size=128, split_latents=True, spectral=True,
      orthogonal_init=True`; CIFAR-10: `size=32, widths=(256,) * 4` and the same options.

    Args:
      size: height and width of the images in pixels: a power of two, 8 to 128.
      channels: 1 or 3.
      width: channels of the last block; doubled towards the latents, to 8 `width` at most.
      widths: channels at 4x4 and of every block, first to last, instead of `width`.
      classes: number of classes; None for a generator without labels.
      latent_size: length of a latent vector.
      latents: the latents' distribution, `normal_latents` or `uniform_latents`.
      output: `tanh_output` or `sigmoid_output`.
      full_size: compute features at the full size too; else the last ones have half of it, and one
        transposed 4x4 convolution makes images of them, as DCGAN's does: a third of the cost. By
        default only up to 16 pixels.
      attention: side in pixels after whose block every place looks at all others; None for none.
      embedding_size: length of one embedding of the labels, from which every normalisation takes
        its scales and biases; None for a table of each.
      split_latents: give every block a part of the latents, beside its label.
      spectral: divide every kernel by its largest singular value.
      orthogonal_init: draw orthogonal kernels, as BigGAN does, instead of Glorot's.

    Returns:
      A `Generator` of images float32 `[batch, size, size, channels]` in [-1, 1].

    Raises:
      UserError: size, channels, classes, widths, attention or latent_size out of range.
    """
    check_power_of_two(size)
    check_channels(channels)
    check_classes(classes)
    largest = largest_features(size, full_size)
    doublings = int(math.log2(largest)) - 2
    blocks = max(doublings, 2)
    widths = chosen_widths(widths, [width * 2 ** min(i, 3) for i in range(blocks, -1, -1)])
    check_attention(attention, [8 * 2**i for i in range(doublings)])
    parts = blocks + 1 if split_latents else 1
    if latent_size % parts:
        raise UserError(
            f"latents are split into {parts} parts: latent_size must be a multiple, "
            f"not {latent_size}"
        )
    if split_latents and classes is not None and embedding_size is None:
        raise UserError("split_latents needs embedding_size: labels are joined to the latents")
    module = _Generator(
        size, largest, channels, widths, classes, output,
        attention, embedding_size, parts, spectral, orthogonal_init,
    )  # fmt: skip
    return generator_of(module, classes, latents, latent_size)


class _Generator(nn.Module):
    size: int
    largest: int
    channels: int
    widths: tuple[int, ...]
    classes: int | None
    output: Callable[[Array], Array]
    attention: int | None
    embedding_size: int | None
    parts: int
    spectral: bool
    orthogonal_init: bool

    @nn.compact
    def __call__(
        self, latents: Array, labels: Array | None, *, train: bool, axis_name: str | None = None
    ) -> Array:
        initial = initial_of(self.orthogonal_init)
        first, conditions = self._conditions(latents, labels, initial.plain)
        dense = Dense(16 * self.widths[0], kernel_init=initial.plain, spectral=self.spectral)
        hidden = dense(first).reshape(-1, 4, 4, self.widths[0])
        for width, condition in zip(self.widths[1:], conditions, strict=True):
            double = hidden.shape[1] < self.largest
            block = _GeneratorBlock(width, double, self.classes, initial, self.spectral)
            hidden = block(hidden, condition, train=train, axis_name=axis_name)
            if double and hidden.shape[1] == self.attention:
                hidden = SelfAttention(initial.plain, self.spectral)(hidden)
        hidden = nn.relu(BatchNorm(not train, axis_name)(hidden))
        last = Conv if self.largest == self.size else UpsamplingConv
        layer = last(self.channels, kernel_init=initial.plain, spectral=self.spectral)
        return self.output(layer(hidden))

    def _conditions(
        self, latents: Array, labels: Array | None, kernel_init: Initializer
    ) -> tuple[Array, list[Array | None]]:
        """Return what the first layer sees, and what the normalisation of every block does."""
        blocks = len(self.widths) - 1
        known = labels if self.classes is not None else None
        if self.classes is not None and self.embedding_size is not None:
            known = Embed(self.classes, self.embedding_size, kernel_init)(labels)
        if self.parts == 1:
            return latents, [known] * blocks
        first, *parts = jnp.split(latents, self.parts, axis=-1)
        if known is None:
            return first, list(parts)
        return first, [jnp.concatenate([known, part], axis=-1) for part in parts]


class _GeneratorBlock(nn.Module):
    width: int
    double: bool
    classes: int | None
    initial: Initial
    spectral: bool

    @nn.compact
    def __call__(
        self,
        images: Array,
        condition: Array | None,
        *,
        train: bool,
        axis_name: str | None,
    ) -> Array:
        def normalized(hidden: Array) -> Array:
            if condition is None:
                return nn.relu(BatchNorm(not train, axis_name)(hidden))
            norm = ConditionalBatchNorm(
                not train, axis_name, self.classes, self.initial.plain, self.spectral
            )
            return nn.relu(norm(hidden, condition))

        conv = partial(Conv, self.width, kernel_init=self.initial.residual, spectral=self.spectral)
        form = pyramid.conv_of_doubled if self.double else None
        hidden = conv(form=form)(normalized(images))
        hidden = conv()(normalized(hidden))
        shortcut = images
        if self.double or images.shape[-1] != self.width:
            # A 1x1 convolution and doubling commute: four times fewer products this way round.
            shortcut = Shortcut(self.width, self.initial.plain, self.spectral)(images)
        return hidden + (pyramid.doubled(shortcut) if self.double else shortcut)
