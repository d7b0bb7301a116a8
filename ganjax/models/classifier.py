"""Classifiers: images in, one logit per class out."""

import flax.linen as nn
import jax.numpy as jnp

from ganjax.errors import UserError
from ganjax.models.layers import Conv, apply_module, init_variables
from ganjax.models.model import Model
from ganjax.models.shapes import check_channels, check_classes
from ganjax.typing import Array, Key, Variables


def conv_classifier(*, size: int, channels: int = 1, classes: int, width: int = 32) -> Model:
    """Build a small convolutional classifier: three strided 3x3 convolutions, one dense layer.

    Strides of 2 from the first layer on keep it cheap enough to train dozens of them for a study.
    Without batch normalisation, so that an arm's mixture of real and generated images cannot
    reach the predictions through batch statistics. The dense layer sees every place: averaged over
    the image first, so few layers lose 8 points of accuracy on small draws of Fashion-MNIST.

    Args:
      size: height and width of the images in pixels, at least 8.
      channels: 1 or 3.
      classes: number of classes.
      width: channels of the first layer; doubled at each of the next two.

    Returns:
      A `Model` from images `[batch, size, size, channels]` in [-1, 1] to logits
      `[batch, classes]`.

    Raises:
      UserError: size, channels or classes out of range.
    """
    check_channels(channels)
    check_classes(classes)
    if size < 8:
        raise UserError(f"the classifier needs images of at least 8 pixels a side, not {size}")
    module = _ConvClassifier(classes, width)

    def init(key: Key) -> Variables:
        return init_variables(module, key, jnp.zeros((2, size, size, channels)))

    def apply(
        variables: Variables, images: Array, labels: None = None, *, train: bool = False
    ) -> tuple[Array, Variables]:
        del labels  # a classifier is what finds them
        return apply_module(module, variables, images, train=train)

    return Model(init, apply)


class _ConvClassifier(nn.Module):
    classes: int
    width: int

    @nn.compact
    def __call__(self, images: Array, *, train: bool) -> Array:
        hidden = images
        for features in (self.width, 2 * self.width, 4 * self.width):
            hidden = nn.relu(Conv(features, stride=2)(hidden))
        return nn.Dense(self.classes)(hidden.reshape(hidden.shape[0], -1))
