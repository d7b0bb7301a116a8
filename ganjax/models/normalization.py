"""Normalisation over the batch, the same for all images or by the class of each."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from ganjax.models.layers import Dense, Embed, Initializer
from ganjax.ops import batch
from ganjax.typing import Array


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
        mean, variance = _statistics(self, images)
        return batch.normalize(images, mean, variance, scale, bias, self.epsilon)


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation whose scale and bias belong to each image's class (arXiv 1610.07629).

    Of labels, every class has a scale and a bias of its own; of vectors, both are linear functions
    of them, the scale plus 1 (arXiv 1809.11096). The statistics are those of `BatchNorm`.
    """

    use_running_average: bool
    axis_name: str | None = None
    classes: int | None = None
    kernel_init: Initializer = nn.initializers.lecun_normal()
    spectral: bool = False
    momentum: float = 0.9
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, images: Array, condition: Array) -> Array:
        """Normalise `[batch, height, width, channels]`, given labels `[batch]` or `[batch, k]`."""
        channels = images.shape[-1]
        if condition.ndim == 1:
            assert self.classes is not None
            ones, zeros = nn.initializers.ones_init(), nn.initializers.zeros_init()
            scale = Embed(self.classes, channels, ones, name="scale")(condition)
            bias = Embed(self.classes, channels, zeros, name="bias")(condition)
        else:
            how: dict[str, Any] = {
                "use_bias": False, "kernel_init": self.kernel_init, "spectral": self.spectral,
            }  # fmt: skip
            scale = 1 + Dense(channels, **how, name="scale")(condition)
            bias = Dense(channels, **how, name="bias")(condition)
        mean, variance = _statistics(self, images)
        factor = scale * lax.rsqrt(variance + self.epsilon)[None]
        shift = bias - mean[None] * factor
        return (images * factor[:, None, None] + shift[:, None, None]).astype(images.dtype)


def _statistics(module: BatchNorm | ConditionalBatchNorm, images: Array) -> tuple[Array, Array]:
    """Return mean and variance to normalise by; in training those of the batch, remembered."""
    channels = images.shape[-1:]
    mean = module.variable("batch_stats", "mean", jnp.zeros, channels)
    variance = module.variable("batch_stats", "var", jnp.ones, channels)
    if module.use_running_average:
        return mean.value, variance.value
    batch_mean, batch_variance = batch.moments(images, axis_name=module.axis_name)
    if not module.is_initializing():
        mean.value += (1 - module.momentum) * (batch_mean - mean.value)
        variance.value += (1 - module.momentum) * (batch_variance - variance.value)
    return batch_mean, batch_variance
