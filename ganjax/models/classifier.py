"""Classifiers: images in, one logit per class out."""

import math

import flax.linen as nn
import jax.numpy as jnp

from ganjax.errors import UserError
from ganjax.models.layers import Conv, apply_module, init_variables
from ganjax.models.model import Model
from ganjax.models.shapes import check_channels, check_classes
from ganjax.typing import Array, Key, Variables


def conv_classifier(
    *,
    size: int,
    channels: int = 1,
    classes: int,
    width: int = 32,
    features: int | None = None,
) -> Model:
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
      features: units of one more dense layer before the last, which `conv_features` returns; None
        for none.

    Returns:
      A `Model` from images `[batch, size, size, channels]` in [-1, 1] to logits
      `[batch, classes]`.

    Raises:
      UserError: size, channels or classes out of range.
    """
    check_classes(classes)
    return _model(_ConvClassifier(width, features, classes), size, channels)


def conv_features(
    *, size: int, channels: int = 1, width: int = 32, features: int | None = None
) -> Model:
    """Build a `conv_classifier` without its last layer, to see images as it does.

    It takes the variables of the classifier with the same numbers; the last layer's are ignored.

    Args:
      size: height and width of the images in pixels, at least 8.
      channels: 1 or 3.
      width: channels of the first layer, as the classifier's.
      features: units of the layer before the last, as the classifier's; None where it has none,
        for the last convolution's output at every place.

    Returns:
      A `Model` from images `[batch, size, size, channels]` in [-1, 1] to features, at least 0,
      `[batch, features]`.

    Raises:
      UserError: size or channels out of range.
    """
    return _model(_ConvClassifier(width, features, None), size, channels)


class _ConvClassifier(nn.Module):
    width: int
    features: int | None
    classes: int | None

    @nn.compact
    def __call__(self, images: Array, *, train: bool, axis_name: str | None = None) -> Array:
        hidden = images
        for width in (self.width, 2 * self.width, 4 * self.width):
            hidden = nn.relu(Conv(width, stride=2)(hidden))
        hidden = hidden.reshape(hidden.shape[0], math.prod(hidden.shape[1:]))  # of no images too
        if self.features is not None:
            hidden = nn.relu(nn.Dense(self.features)(hidden))
        return hidden if self.classes is None else nn.Dense(self.classes)(hidden)


def _model(module: nn.Module, size: int, channels: int) -> Model:
    check_channels(channels)
    if size < 8:
        raise UserError(f"the classifier needs images of at least 8 pixels a side, not {size}")

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
