"""Generators: latents and labels in, images in [-1, 1] out."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import flax.linen as nn

from ganjax.models.functions import LATENT_SIZE, generator_of, normal_latents, tanh_output
from ganjax.models.layers import Conv, LabelledLatents, UpsamplingConv, dcgan_normal
from ganjax.models.model import Generator
from ganjax.models.normalization import BatchNorm
from ganjax.models.shapes import check_channels, check_classes, check_power_of_two
from ganjax.typing import Array, Key


def mlp_generator(
    *,
    size: int = 28,
    channels: int = 1,
    widths: Sequence[int] = (128, 256, 512),
    classes: int | None = None,
    latent_size: int = LATENT_SIZE,
    latents: Callable[[Key, int, int], Array] = normal_latents,
    output: Callable[[Array], Array] = tanh_output,
) -> Generator:
    """Build the tutorials' fully connected generator (arXiv 1406.2661).

    Args:
      size: height and width of the images in pixels.
      channels: 1 or 3.
      widths: units of each hidden layer, first to last.
      classes: number of classes; None for a generator without labels.
      latent_size: length of a latent vector.
      latents: the latents' distribution, `normal_latents` or `uniform_latents`.
      output: `tanh_output` or `sigmoid_output`.

    Returns:
      A `Generator` of images float32 `[batch, size, size, channels]` in [-1, 1].

    Raises:
      UserError: channels or classes out of range.
    """
    check_channels(channels)
    check_classes(classes)
    module = _MLP(size, channels, tuple(widths), classes, output)
    return generator_of(module, classes, latents, latent_size)


def dcgan_generator(
    *,
    size: int = 32,
    channels: int = 1,
    width: int = 64,
    classes: int | None = None,
    latent_size: int = LATENT_SIZE,
    latents: Callable[[Key, int, int], Array] = normal_latents,
    output: Callable[[Array], Array] = tanh_output,
) -> Generator:
    """Build a DCGAN generator: 4x4, then doubled until `size` (arXiv 1511.06434).

    Sizes 8 and 16 keep the three layers that 32 has, without doubling in the last ones.

    Args:
      size: height and width of the images in pixels: a power of two, 8 to 128.
      channels: 1 or 3.
      width: channels before the last layer; doubled towards the latents, to 8 `width` at most.
      classes: number of classes; None for a generator without labels.
      latent_size: length of a latent vector.
      latents: the latents' distribution, `normal_latents` or `uniform_latents`.
      output: `tanh_output` or `sigmoid_output`.

    Returns:
      A `Generator` of images float32 `[batch, size, size, channels]` in [-1, 1].

    Raises:
      UserError: size, channels or classes out of range.
    """
    check_power_of_two(size)
    check_channels(channels)
    check_classes(classes)
    module = _DCGAN(size, channels, width, classes, output)
    return generator_of(module, classes, latents, latent_size)


class _MLP(nn.Module):
    size: int
    channels: int
    widths: tuple[int, ...]
    classes: int | None
    output: Callable[[Array], Array]

    @nn.compact
    def __call__(
        self, latents: Array, labels: Array | None, *, train: bool, axis_name: str | None = None
    ) -> Array:
        hidden = LabelledLatents(self.classes, latents.shape[-1])(latents, labels)
        for width in self.widths:
            hidden = nn.leaky_relu(nn.Dense(width)(hidden), 0.2)
        pixels = nn.Dense(self.size * self.size * self.channels)(hidden)
        return self.output(pixels.reshape(-1, self.size, self.size, self.channels))


class _DCGAN(nn.Module):
    size: int
    channels: int
    width: int
    classes: int | None
    output: Callable[[Array], Array]

    @nn.compact
    def __call__(
        self, latents: Array, labels: Array | None, *, train: bool, axis_name: str | None = None
    ) -> Array:
        doublings = int(math.log2(self.size)) - 2
        normalize = partial(BatchNorm, not train, axis_name)
        widths = [self.width * 2 ** min(i, 3) for i in reversed(range(max(doublings, 3)))]

        hidden = LabelledLatents(self.classes, 50)(latents, labels)
        hidden = nn.Dense(4 * 4 * widths[0], use_bias=False, kernel_init=dcgan_normal)(hidden)
        hidden = hidden.reshape(-1, 4, 4, widths[0])
        for i, width in enumerate([*widths[1:], self.channels]):
            hidden = nn.relu(normalize()(hidden))
            last = i == len(widths) - 1
            # Small images are doubled less often than there are layers; the rest keep their size.
            layer = UpsamplingConv if i < doublings else Conv
            hidden = layer(width, use_bias=last, kernel_init=dcgan_normal)(hidden)
        return self.output(hidden)
