"""Self-attention over the places of an image."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from ganjax.models.layers import Conv, Initializer
from ganjax.ops import pyramid
from ganjax.typing import Array


class SelfAttention(nn.Module):
    """Every place looks at all others, of which a quarter is kept (arXiv 1805.08318, 1809.11096).

        attention = softmax(theta(x) . largest(phi(x)))
        y = x + gamma o(attention largest(g(x)))

    All four are 1x1 convolutions without bias, to an eighth, an eighth, half and all of the
    channels; gamma begins at 0.
    """

    kernel_init: Initializer
    spectral: bool

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """Map `[batch, height, width, channels]` to the same shape."""
        batch, height, width, channels = images.shape
        few, half = max(channels // 8, 1), max(channels // 2, 1)

        def conv(features: int, name: str) -> Conv:
            return Conv(
                features, 1, padding=0, use_bias=False, kernel_init=self.kernel_init,
                spectral=self.spectral, name=name,
            )  # fmt: skip

        def places(images: Array) -> Array:
            return images.reshape(batch, -1, images.shape[-1])

        queries = places(conv(few, "theta")(images))
        keys = places(pyramid.halved_by_largest(conv(few, "phi")(images)))
        values = places(pyramid.halved_by_largest(conv(half, "g")(images)))
        likeness = jnp.einsum("bqc,bkc->bqk", queries, keys)
        attention = jax.nn.softmax(likeness.astype(jnp.float32)).astype(images.dtype)
        seen = jnp.einsum("bqk,bkc->bqc", attention, values).reshape(batch, height, width, half)
        gamma = self.param("gamma", nn.initializers.zeros_init(), ())
        return images + gamma * conv(channels, "o")(seen)
