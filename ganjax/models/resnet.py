"""Residual classifiers for small images."""

import flax.linen as nn
import jax.numpy as jnp

from ganjax.errors import UserError
from ganjax.models.layers import Conv, apply_module, init_variables
from ganjax.models.model import Model
from ganjax.models.normalization import BatchNorm
from ganjax.models.shapes import check_channels, check_classes
from ganjax.typing import Array, Key, Variables


def resnet_classifier(
    *, size: int = 32, channels: int = 3, classes: int, depth: int = 8, width: int = 16
) -> Model:
    """Build the residual network that its authors trained on CIFAR (arXiv 1512.03385, section 4.2).

    A 3x3 convolution, three stages of `(depth - 2) / 6` blocks of two 3x3 convolutions, each stage
    of half the side and twice the channels, batch normalisation and ReLU throughout, then the mean
    over the image and one dense layer. Shortcuts that change the shape are 1x1 convolutions.

    Args:
      size: height and width of the images in pixels, at least 8.
      channels: 1 or 3.
      classes: number of classes.
      depth: layers: 8, 14, 20, 26, ...
      width: channels of the first stage.

    Returns:
      A `Model` from images `[batch, size, size, channels]` in [-1, 1] to logits
      `[batch, classes]`.

    Raises:
      UserError: size, channels, classes or depth out of range.
    """
    check_channels(channels)
    check_classes(classes)
    if size < 8:
        raise UserError(f"a residual network needs images of at least 8 pixels a side, not {size}")
    if depth < 8 or (depth - 2) % 6:
        raise UserError(f"a residual network has 8, 14, 20, 26, ... layers, not {depth}")
    module = _ResNet((depth - 2) // 6, width, classes)

    def init(key: Key) -> Variables:
        return init_variables(module, key, jnp.zeros((2, size, size, channels)))

    def apply(
        variables: Variables,
        images: Array,
        labels: None = None,
        *,
        train: bool = False,
        axis_name: str | None = None,
    ) -> tuple[Array, Variables]:
        del labels  # a classifier is what finds them
        return apply_module(module, variables, images, train=train, axis_name=axis_name)

    return Model(init, apply)


class _ResNet(nn.Module):
    blocks: int
    width: int
    classes: int

    @nn.compact
    def __call__(self, images: Array, *, train: bool, axis_name: str | None = None) -> Array:
        hidden = Conv(self.width, use_bias=False)(images)
        hidden = nn.relu(BatchNorm(not train, axis_name)(hidden))
        for stage in range(3):
            for block in range(self.blocks):
                stride = 2 if stage and not block else 1
                hidden = _Block(self.width * 2**stage, stride)(
                    hidden, train=train, axis_name=axis_name
                )
        return nn.Dense(self.classes)(hidden.mean(axis=(1, 2)))


class _Block(nn.Module):
    features: int
    stride: int

    @nn.compact
    def __call__(self, images: Array, *, train: bool, axis_name: str | None = None) -> Array:
        hidden = Conv(self.features, stride=self.stride, use_bias=False)(images)
        hidden = nn.relu(BatchNorm(not train, axis_name)(hidden))
        hidden = Conv(self.features, use_bias=False)(hidden)
        hidden = BatchNorm(not train, axis_name)(hidden)
        shortcut = images
        if hidden.shape != images.shape:
            shortcut = Conv(
                self.features, kernel_size=1, stride=self.stride, padding=0, use_bias=False
            )(images)
        return nn.relu(hidden + shortcut)
