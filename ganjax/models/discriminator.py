"""Discriminators: images and labels in, one logit per image out."""

import math
from collections.abc import Sequence

import flax.linen as nn

from ganjax.models.functions import discriminator_of
from ganjax.models.layers import Conv, Projection, dcgan_normal, he_normal
from ganjax.models.model import Model
from ganjax.models.normalization import BatchNorm
from ganjax.models.shapes import check_channels, check_classes, check_power_of_two
from ganjax.typing import Array


def mlp_discriminator(
    *,
    size: int = 28,
    channels: int = 1,
    widths: Sequence[int] = (512, 256, 128),
    classes: int | None = None,
) -> Model:
    """Build the tutorials' fully connected discriminator (arXiv 1406.2661).

    Args:
      size: height and width of the images in pixels.
      channels: 1 or 3.
      widths: units of each hidden layer, first to last.
      classes: number of classes, used by projection (arXiv 1802.05637); None without labels.

    Returns:
      A `Model` from images `[batch, size, size, channels]` in [-1, 1] to logits `[batch]`.

    Raises:
      UserError: channels or classes out of range.
    """
    check_channels(channels)
    check_classes(classes)
    return discriminator_of(_MLP(tuple(widths), classes), (size, size, channels), classes)


def dcgan_discriminator(
    *,
    size: int = 32,
    channels: int = 1,
    width: int = 64,
    classes: int | None = None,
    batch_norm: bool = True,
) -> Model:
    """Build a DCGAN discriminator: halved until 4x4, then one logit (arXiv 1511.06434).

    Sizes 8 and 16 keep the three layers that 32 has, without halving in the first ones.

    Args:
      size: height and width of the images in pixels: a power of two, 8 to 128.
      channels: 1 or 3.
      width: channels of the first layer; doubled at each halving, to 8 `width` at most.
      classes: number of classes, used by projection (arXiv 1802.05637); None without labels.
      batch_norm: normalise over the batch, as the paper does; False where images of a batch must
        not influence each other (gradient penalties, very small sets).

    Returns:
      A `Model` from images `[batch, size, size, channels]` in [-1, 1] to logits `[batch]`.

    Raises:
      UserError: size, channels or classes out of range.
    """
    check_power_of_two(size)
    check_channels(channels)
    check_classes(classes)
    module = _DCGAN(size, width, classes, batch_norm)
    return discriminator_of(module, (size, size, channels), classes)


class _MLP(nn.Module):
    widths: tuple[int, ...]
    classes: int | None

    @nn.compact
    def __call__(
        self, images: Array, labels: Array | None, *, train: bool, axis_name: str | None = None
    ) -> Array:
        hidden = images.reshape(images.shape[0], -1)
        for width in self.widths:
            hidden = nn.leaky_relu(nn.Dense(width)(hidden), 0.2)
        return Projection(self.classes)(hidden, labels)


class _DCGAN(nn.Module):
    size: int
    width: int
    classes: int | None
    batch_norm: bool

    @nn.compact
    def __call__(
        self, images: Array, labels: Array | None, *, train: bool, axis_name: str | None = None
    ) -> Array:
        halvings = int(math.log2(self.size)) - 2
        layers = max(halvings, 3)
        kernel_init = dcgan_normal if self.batch_norm else he_normal
        hidden = images
        for i in range(layers):
            normalized = self.batch_norm and i > 0
            kernel_size, stride = (4, 2) if i >= layers - halvings else (3, 1)
            hidden = Conv(
                self.width * 2 ** min(i, 3),
                kernel_size,
                stride=stride,
                use_bias=not normalized,
                kernel_init=kernel_init,
            )(hidden)
            if normalized:
                hidden = BatchNorm(not train, axis_name)(hidden)
            hidden = nn.leaky_relu(hidden, 0.2)
        return Projection(self.classes, dcgan_normal)(hidden, labels)
