"""Convolutions against XLA's own: values, gradients, gradients of gradients, and under `vmap`."""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ganjax.ops import conv
from ganjax.typing import Array


class Case(NamedTuple):
    ours: Callable[[Array, Array], Array]
    theirs: Callable[[Array, Array], Array]
    kernel_size: int


def of_stride(size: int, stride: int, padding: int) -> Case:
    def ours(images, kernel):
        return conv.conv(images, kernel, stride=stride, padding=padding)

    def theirs(images, kernel):
        return lax.conv_general_dilated(
            images,
            kernel,
            (stride, stride),
            [(padding, padding)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    return Case(ours, theirs, size)


def xla_upsampling(images: Array, kernel: Array) -> Array:
    # Zeros between the pixels, two around them: torch's padding of 1 for a 4x4 kernel.
    return lax.conv_transpose(
        images, kernel, (2, 2), [(2, 2), (2, 2)], dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


CASES = {
    "3x3, stride 1": of_stride(3, 1, 1),
    "3x3, stride 2": of_stride(3, 2, 1),
    "4x4, stride 2": of_stride(4, 2, 1),
    "2x2, no padding": of_stride(2, 1, 0),
    "upsampling": Case(conv.upsampling_conv, xla_upsampling, 4),
}
SIDES = [(8, 8), (7, 9)]

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_side = pytest.mark.parametrize("sides", SIDES, ids=str)


def inputs(case: Case, sides: tuple[int, int], kernels: tuple[int, ...] = ()):
    rng = np.random.default_rng(0)
    shape = (case.kernel_size, case.kernel_size, 3, 5)
    images = rng.normal(size=(2, *sides, 3)).astype(np.float32)
    return jnp.asarray(images), jnp.asarray(rng.normal(size=(*kernels, *shape)), jnp.float32)


def assert_close(ours, theirs):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5 * np.abs(b).max()),
        ours,
        theirs,
    )


def curved(function: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    """A scalar whose second derivatives are not zero, as a discriminator's are not."""

    def value(images, kernel):
        outputs = function(images, kernel)
        weights = jnp.cos(jnp.arange(outputs.size)).reshape(outputs.shape)
        return jnp.sum(weights * jnp.tanh(outputs / 4))

    return value


def penalty(function: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    """The squared norm of the gradient with respect to the images, as R1 has it."""

    def value(images, kernel):
        return jnp.sum(jnp.square(jax.grad(curved(function))(images, kernel)))

    return value


@every_case
@every_side
def test_values_and_gradients_are_those_of_xla(case, sides):
    images, kernel = inputs(case, sides)
    ours, theirs = (jax.jit(function)(images, kernel) for function in case[:2])
    chex.assert_equal_shape([ours, theirs])
    assert_close(ours, theirs)
    gradients = [
        jax.jit(jax.grad(curved(function), argnums=(0, 1)))(images, kernel) for function in case[:2]
    ]
    assert_close(*gradients)


@every_case
def test_the_gradient_of_a_gradient_penalty_is_that_of_xla(case):
    images, kernel = inputs(case, (7, 9))
    ours, theirs = (
        jax.jit(jax.grad(penalty(function), argnums=(0, 1)))(images, kernel)
        for function in case[:2]
    )
    assert np.abs(theirs[1]).max() > 1e-3  # there is something to compare
    assert_close(ours, theirs)


@every_case
def test_under_vmap_each_kernel_gives_what_it_gives_alone(case):
    images, kernels = inputs(case, (8, 8), kernels=(3,))
    together = jax.jit(jax.vmap(case.ours, in_axes=(None, 0)))(images, kernels)
    assert_close(together, jnp.stack([case.theirs(images, kernel) for kernel in kernels]))
    gradient = jax.jit(jax.vmap(jax.grad(curved(case.ours), argnums=1), in_axes=(None, 0)))
    alone = [jax.grad(curved(case.theirs), argnums=1)(images, kernel) for kernel in kernels]
    assert_close(gradient(images, kernels), jnp.stack(alone))


@every_case
def test_the_branch_for_accelerators_gives_the_same(case, monkeypatch):
    images, kernel = inputs(case, (7, 9))
    expected = case.ours(images, kernel)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert_close(case.ours(images, kernel), expected)


def test_a_window_is_flattened_in_the_order_of_its_kernel():
    images = jnp.arange(18.0).reshape(1, 3, 3, 2)
    windows = conv.patches(images, 2)
    chex.assert_shape(windows, (1, 2, 2, 8))
    assert windows[0, 1, 0].tolist() == images[0, 1:3, 0:2].ravel().tolist()


def test_padding_of_patches_is_zero():
    windows = conv.patches(jnp.ones((1, 2, 2, 1)), 3, padding=1)
    assert windows[0, 0, 0].tolist() == [0, 0, 0, 0, 1, 1, 0, 1, 1]


@pytest.mark.parametrize("shape", [(4, 4, 3), (3, 3, 3, 5), (4, 3, 3, 5)], ids=str)
def test_upsampling_refuses_a_kernel_that_is_not_4x4(shape):
    with pytest.raises(AssertionError):
        conv.upsampling_conv(jnp.zeros((1, 4, 4, 3)), jnp.zeros(shape))


def test_images_without_a_batch_are_refused():
    with pytest.raises(AssertionError):
        conv.conv(jnp.zeros((4, 4, 3)), jnp.zeros((3, 3, 3, 5)))
