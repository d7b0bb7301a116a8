"""The layers that the networks are made of, on ganjax's own convolutions."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from ganjax.models.spectral import spectrally_normalized
from ganjax.ops import conv, spread
from ganjax.typing import Array, Key, Variables

Initializer = Callable[..., Array]


def dcgan_normal(key: Key, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
    """Draw weights from N(0, 0.02), as DCGAN does (arXiv 1511.06434)."""
    return 0.02 * _normal(key, shape, dtype)


def he_normal(key: Key, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
    """Draw weights from N(0, sqrt(2 / fan_in)), made for ReLU (arXiv 1502.01852)."""
    return math.sqrt(2 / math.prod(shape[:-1])) * _normal(key, shape, dtype)


def normal(deviation: float) -> Initializer:
    """Return an initialiser: weights from N(0, deviation)."""

    def init(key: Key, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
        return deviation * _normal(key, shape, dtype)

    return init


def fan_in_normal(gain: float) -> Initializer:
    """Return an initialiser: weights from N(0, gain / sqrt(fan_in))."""

    def init(key: Key, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
        return gain / math.sqrt(math.prod(shape[:-1])) * _normal(key, shape, dtype)

    return init


def glorot_uniform(gain: float = 1.0) -> Initializer:
    """Return an initialiser: gain times weights from U(-a, a), a^2 = 6 / (fan_in + fan_out).

    Glorot and Bengio 2010; a kernel's fans count its places.
    """

    def init(key: Key, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
        fans = math.prod(shape[:-2]) * (shape[-2] + shape[-1])
        values = jax.random.uniform(key, (math.prod(shape),), dtype, minval=-1.0)
        return gain * math.sqrt(6 / fans) * values.reshape(shape)

    return init


def orthogonal() -> Initializer:
    """Return an initialiser: kernels of orthonormal outputs, or inputs if fewer (1312.6120)."""

    def init(key: Key, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
        matrix = (math.prod(shape[:-1]), shape[-1])
        return nn.initializers.orthogonal()(key, matrix, dtype).reshape(shape)

    return init


def _normal(key: Key, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Draw flat, then shape: XLA takes 5 times longer to compile a draw of four dimensions."""
    return jax.random.normal(key, (math.prod(shape),), dtype).reshape(shape)


class Conv(nn.Module):
    """A convolution: `kernel_size` square, zero padding that keeps `side / stride`.

    With `groups`, each group of outputs sees its own group of inputs alone. `form` replaces the
    convolution by another bilinear function of images and kernel. `spectral` divides the kernel by
    its largest singular value.
    """

    features: int
    kernel_size: int = 3
    stride: int = 1
    padding: int = 1
    use_bias: bool = True
    kernel_init: Initializer = he_normal
    groups: int = 1
    form: Callable[[Array, Array], Array] | None = None
    spectral: bool = False

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Map `[batch, height, width, channels]` to `[batch, height', width', features]`."""
        inputs = images.shape[-1] // self.groups
        shape = (self.kernel_size, self.kernel_size, inputs, self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        if self.spectral:
            kernel = spectrally_normalized(self, kernel)
        outputs = spread.split((self.form or self._convolve)(images, kernel))
        return _plus_bias(self, outputs) if self.use_bias else outputs

    def _convolve(self, images: Array, kernel: Array) -> Array:
        if (self.kernel_size, self.stride, self.padding) == (1, 1, 0):
            # Of each pixel alone: a product of matrices. Of arrays of four axes, its gradients
            # would copy them.
            pixels = images.reshape(-1, images.shape[-1]) @ kernel[0, 0]
            return pixels.reshape(*images.shape[:-1], self.features)
        return conv.conv(
            images, kernel, stride=self.stride, padding=self.padding, groups=self.groups
        )


class Dense(nn.Module):
    """A product with a matrix, plus a bias; with `spectral`, of a largest singular value of 1."""

    features: int
    use_bias: bool = True
    kernel_init: Initializer = nn.initializers.lecun_normal()
    spectral: bool = False

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """Map `[batch, inputs]` to `[batch, features]`."""
        kernel = self.param("kernel", self.kernel_init, (inputs.shape[-1], self.features))
        if self.spectral:
            kernel = spectrally_normalized(self, kernel)
        outputs = inputs @ kernel
        if not self.use_bias:
            return outputs
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        return outputs + bias[None]


class Embed(nn.Module):
    """A vector per class; with `spectral`, a table of a largest singular value of 1."""

    classes: int
    features: int
    embedding_init: Initializer
    spectral: bool = False

    @nn.compact
    def __call__(self, labels: Array | None) -> Array:
        """Map labels `[batch]` to `[batch, features]`."""
        assert labels is not None, "this network was built for classes: give labels"
        table = self.param("embedding", self.embedding_init, (self.classes, self.features))
        if self.spectral:
            table = spectrally_normalized(self, table)
        return jnp.take(table, labels, axis=0)


class UpsamplingConv(nn.Module):
    """A transposed 4x4 convolution of stride 2: twice the height, twice the width.

    `spectral` divides the kernel by its largest singular value.
    """

    features: int
    use_bias: bool = True
    kernel_init: Initializer = dcgan_normal
    spectral: bool = False

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Map `[batch, height, width, channels]` to `[batch, 2 height, 2 width, features]`."""
        kernel = self.param("kernel", self.kernel_init, (4, 4, self.features, images.shape[-1]))
        if self.spectral:
            kernel = spectrally_normalized(self, kernel)
        outputs = spread.split(conv.transposed_conv(images, kernel, stride=2, padding=1))
        return _plus_bias(self, outputs) if self.use_bias else outputs


def _plus_bias(module: nn.Module, outputs: Array) -> Array:
    bias = module.param("bias", nn.initializers.zeros_init(), outputs.shape[-1:])
    return outputs + bias.reshape(1, 1, 1, -1)


class Projection(nn.Module):
    """One logit per image; with classes, plus the inner product with the label's embedding.

    logit = w . h + b + <embed(label), h>   (arXiv 1802.05637, equation 4)

    The features keep their places: averaged over the image first, as in the paper's much deeper
    network, they no longer tell classes apart, and the generator learns to ignore its labels.
    """

    classes: int | None
    kernel_init: Initializer = nn.initializers.lecun_normal()
    embedding_init: Initializer | None = None
    spectral: bool = False

    @nn.compact
    def __call__(self, features: Array, labels: Array | None) -> Array:
        """Map features `[batch, ...]` and labels `[batch]` to logits `[batch]`."""
        features = features.reshape(features.shape[0], -1)
        dense = Dense(1, kernel_init=self.kernel_init, spectral=self.spectral)
        logits = dense(features)[:, 0]
        if self.classes is None:
            return logits
        size = features.shape[-1]
        embedding_init = self.embedding_init or nn.initializers.normal(size**-0.5)
        embed = Embed(self.classes, size, embedding_init, self.spectral)
        return logits + jnp.sum(embed(labels) * features, axis=-1)


class LabelledLatents(nn.Module):
    """Latents joined to the embedding of their labels; the latents alone without classes."""

    classes: int | None
    embedding_size: int
    # Unit variance, so that the label weighs as much per number as the latents do.
    embedding_init: Initializer = nn.initializers.normal(1.0)

    @nn.compact
    def __call__(self, latents: Array, labels: Array | None) -> Array:
        """Map latents `[batch, k]` and labels `[batch]` to `[batch, k + embedding_size]`."""
        if self.classes is None:
            return latents
        embed = Embed(self.classes, self.embedding_size, self.embedding_init)
        return jnp.concatenate([latents, embed(labels)], axis=-1)


def init_variables(module: nn.Module, key: Key, *inputs: Any) -> Variables:
    """Initialise a module's variables in one compiled call, on example inputs of batch size 2."""
    return jax.jit(lambda key: module.init(key, *inputs, train=False))(key)


def apply_module(
    module: nn.Module,
    variables: Variables,
    *inputs: Any,
    train: bool,
    axis_name: str | None = None,
) -> tuple[Array, Variables]:
    """Apply a module; in training, return what it remembers beside the outputs.

    That is its new batch statistics and the vectors of spectral normalisation, where it has them.

    `axis_name` is the mapped axis that the batch is spread over under `pmap`.
    """
    if not train:
        return module.apply(variables, *inputs, train=False), {}  # type: ignore[return-value]
    outputs, updates = module.apply(
        spread.gathered(variables),
        *spread.split(inputs),
        train=True,
        axis_name=axis_name,
        mutable=["batch_stats", "spectral"],
    )
    return spread.split(outputs), updates


def parameter_count(variables: Mapping[str, Any]) -> int:
    """Count the trained numbers in `variables["params"]`."""
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
