"""Random values in the place of an image's own, or added to them.

The contract is that of `ganjax.ops.degrade`: one image, an amount that may be traced, and nothing
clipped. Random numbers are drawn in one row: over three channels a CPU takes twice as long.
"""

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri
from jax.typing import ArrayLike

from ganjax.typing import Array, Key

_GREY_LEVEL = 2 / 255  # a step of 1 in 0 to 255, where images are in [-1, 1]
_FEW = 4.0  # mean counts up to which a Poisson distribution is summed up term by term
_MOST_OF_FEW = 21  # at a mean of `_FEW`, more than this happens with probability 1e-10


def gaussian_noise(key: Key, image: Array, amount: ArrayLike) -> Array:
    """Adds independent normal numbers to every value.

    Args:
      key: a typed key.
      image: float `[height, width, channels]` in [-1, 1].
      amount: the standard deviation sigma in units of 0 to 255, float `[]`, at least 0.

    Returns:
      The image with noise, not clipped: the mean of a pixel stays what it was.
    """
    normal = jax.random.normal(key, (image.size,)).reshape(image.shape)
    return (image + amount * _GREY_LEVEL * normal).astype(image.dtype)


def poisson_noise(key: Key, image: Array, amount: ArrayLike) -> Array:
    """Counts photons: each value is a Poisson number whose mean is its brightness.

    The derivative with respect to the image is that of the mean, which is 1 (straight through):
    counts are whole numbers and have none themselves.

    Args:
      key: a typed key.
      image: float `[height, width, channels]` in [-1, 1]; what is darker than black counts none.
      amount: the mean count of white, float `[]`, above 0. The fewer, the noisier.

    Returns:
      `2 counts / amount - 1`, not clipped.
    """
    brightness = jnp.maximum((image.astype(jnp.float32) + 1) / 2, 0)
    # Without the last millionth, in which float32 no longer tells probabilities apart.
    uniform = jax.random.uniform(key, (image.size,), minval=1e-6, maxval=1 - 1e-6)
    counts = poisson_quantile(uniform, brightness.reshape(-1) * amount).reshape(image.shape)
    noisy = 2 * counts / amount - 1
    return (image + jax.lax.stop_gradient(noisy - image)).astype(image.dtype)


def salt_and_pepper(key: Key, image: Array, amount: ArrayLike) -> Array:
    """Makes some values black and as many white, as `skimage.util.random_noise(mode="s&p")`.

    Args:
      key: a typed key.
      image: float `[height, width, channels]` in [-1, 1].
      amount: the probability of a value to be replaced, float `[]` in [0, 1]; each channel by
        itself.

    Returns:
      The image, whose gradient is zero where a value is replaced.
    """
    uniform = jax.random.uniform(key, (image.size,)).reshape(image.shape)
    pepper, salt = uniform < amount / 2, uniform > 1 - amount / 2
    return jnp.where(pepper, -1, jnp.where(salt, 1, image)).astype(image.dtype)


def poisson_quantile(uniform: Array, mean: Array) -> Array:
    """Return the whole numbers at which Poisson distributions reach given probabilities.

    A fixed number of steps for all, where rejection goes on until the last pixel is served. Small
    means are summed up term by term, for others it is the expansion around the normal distribution
    (Giles 2016, ACM Transactions on Mathematical Software 42, "Algorithm 955"): one count off with
    a probability below 0.003, either way.

    Args:
      uniform: float32 in [1e-6, 1 - 1e-6], of any shape.
      mean: float32 of the same shape, at least 0.

    Returns:
      float32 counts.
    """
    few = jnp.minimum(mean, _FEW)
    term = below = jnp.exp(-few)
    small = jnp.zeros_like(few)
    for count in range(1, _MOST_OF_FEW + 1):
        small += uniform > below
        term = term * few / count
        below += term
    many = jnp.maximum(mean, _FEW)
    w = ndtri(uniform)
    large = (
        many
        + jnp.sqrt(many) * w
        + (2 + w**2) / 6
        - (2 * w + w**3) / (72 * jnp.sqrt(many))
        + (3 * w**4 + 7 * w**2 - 16) / (810 * many)
    )
    return jnp.where(mean <= _FEW, small, jnp.floor(large))
