"""From a Flax module to the pair of pure functions that a GAN's network is."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from ganjax.models.layers import apply_module, init_variables
from ganjax.models.model import Generator, Model
from ganjax.typing import Array, Key, Variables

LATENT_SIZE = 100
"""The latents of the tutorials and of DCGAN (arXiv 1511.06434)."""


def normal_latents(key: Key, count: int, size: int) -> Array:
    """Draw float32 `[count, size]` from N(0, 1)."""
    return jax.random.normal(key, (count, size))


def uniform_latents(key: Key, count: int, size: int) -> Array:
    """Draw float32 `[count, size]` from U(-1, 1)."""
    return jax.random.uniform(key, (count, size), minval=-1.0)


def tanh_output(values: Array) -> Array:
    """Squash to [-1, 1] by tanh."""
    return jnp.tanh(values)


def sigmoid_output(values: Array) -> Array:
    """Squash to [0, 1] by the logistic function, then stretch to the library's [-1, 1]."""
    return 2 * jax.nn.sigmoid(values) - 1


def generator_of(
    module: nn.Module,
    classes: int | None,
    latents: Callable[[Key, int, int], Array],
    latent_size: int,
) -> Generator:
    """Return the functions of a module `(latents, labels, *, train, axis_name) -> images`."""

    def sample_latents(key: Key, count: int, *, first: int | Array = 0) -> Array:
        def one(number: Array) -> Array:
            return latents(jax.random.fold_in(key, number), 1, latent_size)[0]

        return jax.vmap(one)(first + jnp.arange(count))

    def init(key: Key) -> Variables:
        labels = None if classes is None else jnp.zeros(2, jnp.int32)
        return init_variables(module, key, jnp.zeros((2, latent_size)), labels)

    def apply(
        variables: Variables,
        latents: Array,
        labels: Array | None = None,
        *,
        train: bool = False,
        axis_name: str | None = None,
    ) -> tuple[Array, Variables]:
        return apply_module(module, variables, latents, labels, train=train, axis_name=axis_name)

    return Generator(init, apply, sample_latents)


def discriminator_of(module: nn.Module, shape: tuple[int, int, int], classes: int | None) -> Model:
    """Return the functions of a module `(images, labels, *, train, axis_name) -> logits`."""

    def init(key: Key) -> Variables:
        labels = None if classes is None else jnp.zeros(2, jnp.int32)
        return init_variables(module, key, jnp.zeros((2, *shape)), labels)

    def apply(
        variables: Variables,
        images: Array,
        labels: Array | None = None,
        *,
        train: bool = False,
        axis_name: str | None = None,
    ) -> tuple[Array, Variables]:
        return apply_module(module, variables, images, labels, train=train, axis_name=axis_name)

    return Model(init, apply)
