"""Residual generators and discriminators without normalisation: R3GAN's (arXiv 2501.05441)."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from ganjax.models.functions import discriminator_of, generator_of, normal_latents, tanh_output
from ganjax.models.layers import (
    Conv,
    Dense,
    Embed,
    Initializer,
    LabelledLatents,
    UpsamplingConv,
    fan_in_normal,
    normal,
)
from ganjax.models.model import Generator, Model
from ganjax.models.shapes import (
    check_channels,
    check_classes,
    check_power_of_two,
    chosen_widths,
    largest_features,
)
from ganjax.ops import pyramid
from ganjax.typing import Array, Key

LATENT_SIZE = 64
"""The latents of R3GAN, and the length of its embedded labels."""

EXPANSION = 2
"""Of the channels within a block."""

SLOPE = 0.2
"""Of the activation below 0."""

GAIN = math.sqrt(2 / (1 + SLOPE**2))
"""Deviation of weights, times sqrt(fan_in), that keeps the variance through an activation."""


def modern_generator(
    *,
    size: int = 32,
    channels: int = 1,
    width: int = 32,
    widths: Sequence[int] | None = None,
    blocks: int = 1,
    group_size: int = 16,
    full_size: bool | None = None,
    classes: int | None = None,
    latent_size: int = LATENT_SIZE,
    latents: Callable[[Key, int, int], Array] = normal_latents,
    output: Callable[[Array], Array] = tanh_output,
) -> Generator:
    """Build R3GAN's generator: 4x4, then doubled bilinearly until `size` (arXiv 2501.05441).

    At every size there are residual blocks of a 1x1 convolution to twice the channels, a 3x3 one in
    groups and a 1x1 one back, a bias and a leaky ReLU before the second and the third. Nothing is
    normalised; each block begins as the identity. Labels are embedded and joined to the latents.
    The paper's network ends without `output`. Published networks, for 3 channels, all with
    `blocks=2, full_size=True`:

    - CIFAR-10: `size=32, widths=(768,) * 4`;
    - FFHQ-64: `size=64, widths=(768, 768, 768, 768, 384)`.

    Args:
      size: height and width of the images in pixels: a power of two, 8 to 128.
      channels: 1 or 3.
      width: channels of the largest features; doubled towards the latents, to 8 `width` at most.
      widths: channels at every size, 4x4 first, instead of `width`.
      blocks: residual blocks at every size.
      group_size: fewest channels of a group of the 3x3 convolution.
      full_size: compute features at the full size too; else the last ones have half of it, and one
        transposed 4x4 convolution makes images of them, at a quarter of the cost. By default only
        up to 16 pixels.
      classes: number of classes; None for a generator without labels.
      latent_size: length of a latent vector, and of an embedded label.
      latents: the latents' distribution, `normal_latents` or `uniform_latents`.
      output: `tanh_output` or `sigmoid_output`.

    Returns:
      A `Generator` of images float32 `[batch, size, size, channels]` in [-1, 1].

    Raises:
      UserError: size, channels, classes or widths out of range.
    """
    largest = largest_features(size, full_size)
    default = _checked(size, channels, classes, width, largest)[::-1]
    stages = _Stages(chosen_widths(widths, default), blocks, group_size)
    module = _Generator(channels, stages, largest == size, classes, output)
    return generator_of(module, classes, latents, latent_size)


def modern_discriminator(
    *,
    size: int = 32,
    channels: int = 1,
    width: int = 32,
    widths: Sequence[int] | None = None,
    blocks: int = 1,
    group_size: int = 16,
    full_size: bool | None = None,
    classes: int | None = None,
) -> Model:
    """Build R3GAN's discriminator: the mirror image of its generator (arXiv 2501.05441).

    Images are halved bilinearly until 4x4, and told from each other by the inner product of their
    features with the embedded label. Images of a batch do not influence each other. Published
    networks, for 3 channels, all with `blocks=2, full_size=True`:

    - CIFAR-10: `size=32, widths=(768,) * 4`;
    - FFHQ-64: `size=64, widths=(384, 768, 768, 768, 768)`.

    Args:
      size: height and width of the images in pixels: a power of two, 8 to 128.
      channels: 1 or 3.
      width: channels of the largest features; doubled at each halving, to 8 `width` at most.
      widths: channels at every size, the largest first, instead of `width`.
      blocks: residual blocks at every size.
      group_size: fewest channels of a group of the 3x3 convolution.
      full_size: compute features at the full size too; else one strided 4x4 convolution makes
        features of half of it. By default only up to 16 pixels.
      classes: number of classes; None without labels.

    Returns:
      A `Model` from images `[batch, size, size, channels]` in [-1, 1] to logits `[batch]`.

    Raises:
      UserError: size, channels, classes or widths out of range.
    """
    largest = largest_features(size, full_size)
    default = _checked(size, channels, classes, width, largest)
    stages = _Stages(chosen_widths(widths, default), blocks, group_size)
    module = _Discriminator(stages, largest == size, classes)
    return discriminator_of(module, (size, size, channels), classes)


class _Stages(NamedTuple):
    """Channels at every size, and what is done there."""

    widths: tuple[int, ...]
    blocks: int
    group_size: int

    def apply(self, images: Array) -> Array:
        """Apply the residual blocks of one size, inside a Flax module."""
        total = len(self.widths) * self.blocks
        for _ in range(self.blocks):
            images = _Block(self.group_size, total)(images)
        return images


class _Generator(nn.Module):
    channels: int
    stages: _Stages
    full_size: bool
    classes: int | None
    output: Callable[[Array], Array]

    @nn.compact
    def __call__(
        self, latents: Array, labels: Array | None, *, train: bool, axis_name: str | None = None
    ) -> Array:
        del train, axis_name  # nothing here depends on the batch
        classes, widths = self.classes, self.stages.widths
        label_init = normal((classes or 1) ** -0.5)
        hidden = LabelledLatents(classes, latents.shape[-1], label_init)(latents, labels)
        hidden = Dense(widths[0], use_bias=False, kernel_init=fan_in_normal(1.0))(hidden)
        basis = self.param("basis", normal(1.0), (4, 4, widths[0]))
        hidden = self.stages.apply(hidden[:, None, None] * basis[None])
        for width in widths[1:]:
            hidden = pyramid.doubled_smoothly(_to_width(width, hidden))
            hidden = self.stages.apply(hidden)
        if self.full_size:
            return self.output(_linear(self.channels, hidden))
        # Four of the 16 places of a transposed kernel of stride 2 reach a pixel.
        init = normal((4 * widths[-1]) ** -0.5)
        last = UpsamplingConv(self.channels, use_bias=False, kernel_init=init)
        return self.output(last(hidden))


class _Discriminator(nn.Module):
    stages: _Stages
    full_size: bool
    classes: int | None

    @nn.compact
    def __call__(
        self, images: Array, labels: Array | None, *, train: bool, axis_name: str | None = None
    ) -> Array:
        del train, axis_name  # nothing here depends on the batch
        widths = self.stages.widths
        if self.full_size:
            hidden = _linear(widths[0], images)
        else:
            init = fan_in_normal(1.0)
            hidden = Conv(widths[0], 4, stride=2, use_bias=False, kernel_init=init)(images)
        hidden = self.stages.apply(hidden)
        for width in widths[1:]:
            hidden = _to_width(width, pyramid.halved_smoothly(hidden))
            hidden = self.stages.apply(hidden)
        basis = self.param("basis", normal(1 / 4), (4, 4, widths[-1]))
        features = jnp.sum(hidden * basis[None], axis=(1, 2))
        size = 1 if self.classes is None else widths[-1]
        features = Dense(size, use_bias=False, kernel_init=fan_in_normal(1.0))(features)
        if self.classes is None:
            return features[:, 0]
        label_init = normal((self.classes * size) ** -0.5)
        return jnp.sum(features * Embed(self.classes, size, label_init)(labels), axis=-1)


class _Block(nn.Module):
    """x + W3 f(W2 f(W1 x)), f a bias and a leaky ReLU; W3 begins at 0 (arXiv 1901.09321)."""

    group_size: int
    total: int

    @nn.compact
    def __call__(self, images: Array) -> Array:
        width = images.shape[-1]
        inner = EXPANSION * width
        init = fan_in_normal(GAIN * self.total ** (-1 / 4))
        narrow = Conv(inner, 1, padding=0, kernel_init=init)
        grouped = Conv(inner, kernel_init=init, groups=_groups(inner, self.group_size))
        hidden = nn.leaky_relu(narrow(images), SLOPE)
        hidden = nn.leaky_relu(grouped(hidden), SLOPE)
        return images + _linear(width, hidden, nn.initializers.zeros_init())


def _groups(channels: int, group_size: int) -> int:
    """Return the most groups of equal size, each of at least `group_size` channels."""
    fitting = [n for n in range(1, channels // group_size + 1) if channels % n == 0]
    return max(fitting, default=1)


def _to_width(width: int, images: Array) -> Array:
    """Mix channels where their number changes."""
    return images if images.shape[-1] == width else _linear(width, images)


def _linear(width: int, images: Array, init: Initializer | None = None) -> Array:
    kernel_init = init or fan_in_normal(1.0)
    return Conv(width, 1, padding=0, use_bias=False, kernel_init=kernel_init)(images)


def _checked(
    size: int, channels: int, classes: int | None, width: int, largest: int
) -> tuple[int, ...]:
    """Return the default channels at every size, the largest one first."""
    check_power_of_two(size)
    check_channels(channels)
    check_classes(classes)
    return tuple(width * 2 ** min(i, 3) for i in range(int(math.log2(largest)) - 1))
