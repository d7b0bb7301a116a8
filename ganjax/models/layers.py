"""The layers that the networks are made of, on ganjax's own convolutions."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from ganjax.ops import batch, conv, spread
from ganjax.typing import Array, Key, Variables

Initializer = Callable[..., Array]


def dcgan_normal(key: Key, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
    """Draw weights from N(0, 0.02), as DCGAN does (arXiv 1511.06434)."""
    return 0.02 * _normal(key, shape, dtype)


def he_normal(key: Key, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
    """Draw weights from N(0, sqrt(2 / fan_in)), made for ReLU (arXiv 1502.01852)."""
    return math.sqrt(2 / math.prod(shape[:-1])) * _normal(key, shape, dtype)


def _normal(key: Key, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Draw flat, then shape: XLA takes 5 times longer to compile a draw of four dimensions."""
    return jax.random.normal(key, (math.prod(shape),), dtype).reshape(shape)


class Conv(nn.Module):
    """A convolution: `kernel_size` square, zero padding that keeps `side / stride`."""

    features: int
    kernel_size: int = 3
    stride: int = 1
    padding: int = 1
    use_bias: bool = True
    kernel_init: Initializer = he_normal

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Map `[batch, height, width, channels]` to `[batch, height', width', features]`."""
        shape = (self.kernel_size, self.kernel_size, images.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        outputs = spread.split(conv.conv(images, kernel, stride=self.stride, padding=self.padding))
        return _plus_bias(self, outputs) if self.use_bias else outputs


class UpsamplingConv(nn.Module):
    """A transposed 4x4 convolution of stride 2: twice the height, twice the width."""

    features: int
    use_bias: bool = True
    kernel_init: Initializer = dcgan_normal

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Map `[batch, height, width, channels]` to `[batch, 2 height, 2 width, features]`."""
        kernel = self.param("kernel", self.kernel_init, (4, 4, self.features, images.shape[-1]))
        outputs = spread.split(conv.transposed_conv(images, kernel, stride=2, padding=1))
        return _plus_bias(self, outputs) if self.use_bias else outputs


def _plus_bias(module: nn.Module, outputs: Array) -> Array:
    bias = module.param("bias", nn.initializers.zeros_init(), outputs.shape[-1:])
    return outputs + bias.reshape(1, 1, 1, -1)


class BatchNorm(nn.Module):
    """Normalise every channel over the batch and both axes of the image (arXiv 1502.03167).

    The batch is the global one: under `jit` over a mesh by itself, under `pmap` when `axis_name`
    names the mapped axis.
    """

    use_running_average: bool
    axis_name: str | None = None
    momentum: float = 0.9
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Normalise `[..., channels]`; in training, by this batch, and remember its statistics."""
        channels = images.shape[-1:]
        scale = self.param("scale", nn.initializers.ones_init(), channels)
        bias = self.param("bias", nn.initializers.zeros_init(), channels)
        mean = self.variable("batch_stats", "mean", jnp.zeros, channels)
        variance = self.variable("batch_stats", "var", jnp.ones, channels)
        if self.use_running_average:
            return batch.normalize(images, mean.value, variance.value, scale, bias, self.epsilon)
        batch_mean, batch_variance = batch.moments(images, axis_name=self.axis_name)
        if not self.is_initializing():
            mean.value += (1 - self.momentum) * (batch_mean - mean.value)
            variance.value += (1 - self.momentum) * (batch_variance - variance.value)
        return batch.normalize(images, batch_mean, batch_variance, scale, bias, self.epsilon)


class Projection(nn.Module):
    """One logit per image; with classes, plus the inner product with the label's embedding.

    logit = w . h + b + <embed(label), h>   (arXiv 1802.05637, equation 4)

    The features keep their places: averaged over the image first, as in the paper's much deeper
    network, they no longer tell classes apart, and the generator learns to ignore its labels.
    """

    classes: int | None
    kernel_init: Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, features: Array, labels: Array | None) -> Array:
        """Map features `[batch, ...]` and labels `[batch]` to logits `[batch]`."""
        features = features.reshape(features.shape[0], -1)
        logits = nn.Dense(1, kernel_init=self.kernel_init)(features)[:, 0]
        if self.classes is None:
            return logits
        size = features.shape[-1]
        embed = nn.Embed(self.classes, size, embedding_init=nn.initializers.normal(size**-0.5))
        return logits + jnp.sum(embed(labels) * features, axis=-1)


class LabelledLatents(nn.Module):
    """Latents joined to the embedding of their labels; the latents alone without classes."""

    classes: int | None
    embedding_size: int

    @nn.compact
    def __call__(self, latents: Array, labels: Array | None) -> Array:
        """Map latents `[batch, k]` and labels `[batch]` to `[batch, k + embedding_size]`."""
        if self.classes is None:
            return latents
        # Unit variance, so that the label weighs as much per number as the latents do.
        embed = nn.Embed(
            self.classes, self.embedding_size, embedding_init=nn.initializers.normal(1.0)
        )
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
    """Apply a module; in training, return its new batch statistics beside the outputs.

    `axis_name` is the mapped axis that the batch is spread over under `pmap`.
    """
    if not train:
        return module.apply(variables, *inputs, train=False), {}  # type: ignore[return-value]
    outputs, updates = module.apply(
        spread.gathered(variables),
        *spread.split(inputs),
        train=True,
        axis_name=axis_name,
        mutable=["batch_stats"],
    )
    return spread.split(outputs), updates


def parameter_count(variables: Mapping[str, Any]) -> int:
    """Count the trained numbers in `variables["params"]`."""
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
