"""Residual generators and discriminators: the family of SNGAN, SAGAN and BigGAN."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from ganjax.errors import UserError
from ganjax.models.attention import SelfAttention
from ganjax.models.functions import discriminator_of, generator_of, normal_latents, tanh_output
from ganjax.models.layers import (
    Conv,
    Dense,
    Embed,
    Initializer,
    Projection,
    glorot_uniform,
    orthogonal,
)
from ganjax.models.model import Generator, Model
from ganjax.models.normalization import BatchNorm, ConditionalBatchNorm
from ganjax.models.shapes import check_channels, check_classes, check_power_of_two, chosen_widths
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
    attention: int | None = None,
    embedding_size: int | None = None,
    split_latents: bool = False,
    spectral: bool = False,
    orthogonal_init: bool = False,
) -> Generator:
    """Build a residual generator: 4x4, then doubled until `size` (arXiv 1802.05957, 1805.08318).

    Every block normalises over the batch, by a scale and bias of the image's class (arXiv
    1802.05637), doubles by repeating pixels, and convolves twice. Sizes 8 and 16 keep the three
    blocks that 32 has, without doubling in the last ones. Published networks, for 3 channels:

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
    _check(size, channels, classes)
    doublings = int(math.log2(size)) - 2
    blocks = max(doublings, 3)
    widths = chosen_widths(widths, [width * 2 ** min(i, 3) for i in range(blocks, -1, -1)])
    _check_attention(attention, [8 * 2**i for i in range(doublings)])
    parts = blocks + 1 if split_latents else 1
    if latent_size % parts:
        raise UserError(
            f"latents are split into {parts} parts: latent_size must be a multiple, "
            f"not {latent_size}"
        )
    if split_latents and classes is not None and embedding_size is None:
        raise UserError("split_latents needs embedding_size: labels are joined to the latents")
    module = _Generator(
        size, channels, widths, classes, output, attention, embedding_size, parts, spectral,
        orthogonal_init,
    )  # fmt: skip
    return generator_of(module, classes, latents, latent_size)


def resnet_discriminator(
    *,
    size: int = 32,
    channels: int = 1,
    width: int = 32,
    widths: Sequence[int] | None = None,
    classes: int | None = None,
    attention: int | None = None,
    smallest: int = 4,
    flat: int = 1,
    wide: bool = True,
    spectral: bool = True,
    orthogonal_init: bool = False,
) -> Model:
    """Build a residual discriminator: halved block by block, summed over its places, projected.

    Without normalisation of images, with kernels divided by their largest singular value (arXiv
    1802.05957), and one logit by projection (arXiv 1802.05637). Published networks, for 3 channels:

    - SNGAN, CIFAR-10: `size=32, widths=(128,) * 4, smallest=8, flat=2`;
    - BigGAN, ImageNet (arXiv 1809.11096): `size=128, widths=(96, 192, 384, 768, 1536, 1536),
      attention=64, orthogonal_init=True`; CIFAR-10: as SNGAN's, with `widths=(256,) * 4`.

    Args:
      size: height and width of the images in pixels: a power of two, 8 to 128.
      channels: 1 or 3.
      width: channels of the first block; doubled at each halving, to 8 `width` at most.
      widths: channels of every block, first to last, instead of `width`.
      classes: number of classes, used by projection; None without labels.
      attention: side in pixels after whose block every place looks at all others; None for none.
      smallest: side in pixels of the smallest features: a power of two, at least 4.
      flat: blocks at that side, after those that halve.
      wide: widen at the first convolution of a block, as BigGAN does, not at the second.
      spectral: divide every kernel, the embedding's too, by its largest singular value.
      orthogonal_init: draw orthogonal kernels, as BigGAN does, instead of Glorot's.

    Returns:
      A `Model` from images `[batch, size, size, channels]` in [-1, 1] to logits `[batch]`.

    Raises:
      UserError: size, channels, classes, widths or attention out of range.
    """
    _check(size, channels, classes)
    halvings = _halvings(size, smallest)
    default = [width * 2 ** min(i, halvings - 1, 3) for i in range(halvings + flat)]
    widths = chosen_widths(widths, default)
    _check_attention(attention, [size // 2 ** (i + 1) for i in range(halvings)])
    module = _Discriminator(widths, halvings, classes, attention, wide, spectral, orthogonal_init)
    return discriminator_of(module, (size, size, channels), classes)


class _Initializers(NamedTuple):
    """Of the convolutions in a block's residual branch, and of all else."""

    residual: Initializer
    plain: Initializer


def _initializers(orthogonal_init: bool) -> _Initializers:
    if orthogonal_init:
        return _Initializers(orthogonal(), orthogonal())
    return _Initializers(glorot_uniform(math.sqrt(2)), glorot_uniform())


class _Generator(nn.Module):
    size: int
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
        initial = _initializers(self.orthogonal_init)
        first, conditions = self._conditions(latents, labels, initial.plain)
        dense = Dense(16 * self.widths[0], kernel_init=initial.plain, spectral=self.spectral)
        hidden = dense(first).reshape(-1, 4, 4, self.widths[0])
        for width, condition in zip(self.widths[1:], conditions, strict=True):
            double = hidden.shape[1] < self.size
            block = _GeneratorBlock(width, double, self.classes, initial, self.spectral)
            hidden = block(hidden, condition, train=train, axis_name=axis_name)
            if double and hidden.shape[1] == self.attention:
                hidden = SelfAttention(initial.plain, self.spectral)(hidden)
        hidden = nn.relu(BatchNorm(not train, axis_name)(hidden))
        last = Conv(self.channels, kernel_init=initial.plain, spectral=self.spectral)
        return self.output(last(hidden))

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
    initial: _Initializers
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
            shortcut = _Shortcut(self.width, self.initial.plain, self.spectral)(images)
        return hidden + (pyramid.doubled(shortcut) if self.double else shortcut)


class _Discriminator(nn.Module):
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
        initial = _initializers(self.orthogonal_init)
        hidden = images
        for i, width in enumerate(self.widths):
            halve = i < self.halvings
            inner = width if self.wide or i == 0 else hidden.shape[-1]
            block = _DiscriminatorBlock(width, inner, halve, i == 0, initial, self.spectral)
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
    first: bool
    initial: _Initializers
    spectral: bool

    @nn.compact
    def __call__(self, images: Array) -> Array:
        conv = partial(Conv, kernel_init=self.initial.residual, spectral=self.spectral)
        # The first block sees pixels, which must not be cut off at 0.
        hidden = conv(self.inner)(images if self.first else nn.relu(images))
        form = pyramid.halved_conv if self.halve else None
        hidden = conv(self.width, form=form)(nn.relu(hidden))
        shortcut = pyramid.halved(images) if self.halve else images
        if self.halve or images.shape[-1] != self.width:
            shortcut = _Shortcut(self.width, self.initial.plain, self.spectral)(shortcut)
        return hidden + shortcut


class _Shortcut(nn.Module):
    width: int
    initial: Initializer
    spectral: bool

    @nn.compact
    def __call__(self, images: Array) -> Array:
        conv = Conv(self.width, 1, padding=0, kernel_init=self.initial, spectral=self.spectral)
        return conv(images)


def _check(size: int, channels: int, classes: int | None) -> None:
    check_power_of_two(size)
    check_channels(channels)
    check_classes(classes)


def _check_attention(attention: int | None, sides: Sequence[int]) -> None:
    if attention is not None and attention not in sides:
        raise UserError(
            f"attention is possible at a side of {_listed(sides)} pixels, not {attention}"
        )


def _halvings(size: int, smallest: int) -> int:
    if smallest < 4 or smallest >= size or smallest & (smallest - 1):
        raise UserError(
            f"the smallest features are a power of two from 4 to {size // 2} pixels, not {smallest}"
        )
    return int(math.log2(size // smallest))


def _listed(numbers: Sequence[int]) -> str:
    return " or ".join(str(number) for number in sorted(numbers))
