"""Convolutions against XLA's own: values, derivatives of first and second order, forms."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ganjax.ops import conv, conv_on_cpu
from ganjax.ops.windows import Windows, overlap_add, patches, patches_in_place
from ganjax.typing import Array


class Case(NamedTuple):
    ours: Callable[[Array, Array], Array]
    theirs: Callable[[Array, Array], Array]
    kernel: tuple[int, ...]


def by_xla(images, kernel, size, stride, padding):
    del size
    return lax.conv_general_dilated(
        images,
        kernel,
        (stride, stride),
        [(padding, padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def of(size: int, stride: int, padding: int) -> Case:
    ours = partial(conv.conv, stride=stride, padding=padding)
    theirs = partial(by_xla, size=size, stride=stride, padding=padding)
    return Case(ours, theirs, (size, size, 3, 5))


def transposed_of(size: int, stride: int, padding: int) -> Case:
    def theirs(images, kernel):
        around = size - 1 - padding
        return lax.conv_general_dilated(
            images,
            jnp.flip(kernel, (0, 1)).swapaxes(2, 3),
            (1, 1),
            [(around, around)] * 2,
            lhs_dilation=(stride, stride),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    ours = partial(conv.transposed_conv, stride=stride, padding=padding)
    return Case(ours, theirs, (size, size, 5, 3))


CASES = {
    "3x3, stride 1": of(3, 1, 1),
    "3x3, stride 2": of(3, 2, 1),
    "4x4, stride 2": of(4, 2, 1),
    "1x1, stride 1": of(1, 1, 0),
    "1x1, stride 2": of(1, 2, 0),
    "2x2, no padding": of(2, 1, 0),
    "5x5, stride 3": of(5, 3, 2),
    "transposed 4x4, stride 2": transposed_of(4, 2, 1),
    "transposed 4x4, stride 1": transposed_of(4, 1, 0),
    "transposed 3x3, stride 1": transposed_of(3, 1, 1),
}
SIDES = [(8, 8), (7, 9)]

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
every_side = pytest.mark.parametrize("sides", SIDES, ids=str)


def inputs(case: Case, sides: tuple[int, int], kernels: tuple[int, ...] = ()):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, *sides, 3)).astype(np.float32)
    return jnp.asarray(images), jnp.asarray(rng.normal(size=(*kernels, *case.kernel)), jnp.float32)


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
def test_forward_mode_and_forward_over_reverse_are_those_of_xla(case):
    images, kernel = inputs(case, (8, 8))
    tangents = (jnp.cos(images), jnp.sin(kernel))

    def both(function):
        gradient = jax.grad(curved(function), argnums=(0, 1))
        first = jax.jvp(function, (images, kernel), tangents)
        return first, jax.jvp(gradient, (images, kernel), tangents)[1]

    assert_close(jax.jit(both, static_argnums=0)(case.ours), both(case.theirs))


@every_case
def test_under_vmap_each_kernel_gives_what_it_gives_alone(case):
    images, kernels = inputs(case, (8, 8), kernels=(3,))
    together = jax.jit(jax.vmap(case.ours, in_axes=(None, 0)))(images, kernels)
    assert_close(together, jnp.stack([case.theirs(images, kernel) for kernel in kernels]))
    gradient = jax.jit(jax.vmap(jax.grad(curved(case.ours), argnums=1), in_axes=(None, 0)))
    alone = [jax.grad(curved(case.theirs), argnums=1)(images, kernel) for kernel in kernels]
    assert_close(gradient(images, kernels), jnp.stack(alone))


def test_under_vmap_over_images_alone_the_kernel_is_not_copied():
    images, kernel = inputs(CASES["3x3, stride 1"], (8, 8))
    many = jnp.stack([images, 2 * images, -images])
    ours = jax.vmap(CASES["3x3, stride 1"].ours, in_axes=(0, None))(many, kernel)
    theirs = [CASES["3x3, stride 1"].theirs(each, kernel) for each in many]
    assert_close(ours, jnp.stack(theirs))


@every_case
def test_lowered_for_a_gpu_or_tpu_it_is_a_convolution_of_xla(case):
    images, kernel = inputs(case, (8, 8))
    traced = jax.jit(jax.grad(curved(case.ours), argnums=(0, 1))).trace(images, kernel)
    for platform in ("cuda", "tpu"):
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        assert "stablehlo.convolution" in text
        assert "dynamic_update_slice" not in text
    assert "stablehlo.convolution" not in traced.lower(lowering_platforms=("cpu",)).as_text()


@every_case
def test_everywhere_as_xla_gives_the_same(case):
    images, kernel = inputs(case, (7, 9))

    def program():  # a new function each time: JAX remembers what it has traced
        return str(jax.make_jaxpr(lambda *given: case.ours(*given))(images, kernel))

    with conv.everywhere_as_xla():
        assert "ganjax_conv" not in program()
        assert_close(case.ours(images, kernel), case.theirs(images, kernel))
    assert "ganjax_conv" in program()


IN_GROUPS = [(2, 4, 6), (3, 3, 3), (2, 64, 32), (4, 64, 64)]


@pytest.mark.parametrize(("groups", "inputs", "outputs"), IN_GROUPS)
@pytest.mark.parametrize("stride", [1, 2])
def test_in_groups_all_derivatives_are_those_of_xla(groups, inputs, outputs, stride):
    """Few channels, that a CPU bundles into one product, and many, that it does not."""
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.normal(size=(2, 6, 6, inputs)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(3, 3, inputs // groups, outputs)), jnp.float32)
    ours = partial(conv.conv, stride=stride, padding=1, groups=groups)

    def theirs(images, kernel):
        numbers = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(
            images, kernel, (stride, stride), [(1, 1)] * 2,
            dimension_numbers=numbers, feature_group_count=groups,
        )  # fmt: skip

    def all_of(function, images, kernel):
        gradients = jax.grad(penalty(function), argnums=(0, 1))(images, kernel)
        return function(images, kernel), gradients

    of_both = [jax.jit(partial(all_of, function)) for function in (ours, theirs)]
    assert_close(*(function(images, kernel) for function in of_both))
    with conv.everywhere_as_xla():
        assert_close(ours(images, kernel), theirs(images, kernel))


def test_in_groups_a_batch_of_kernels_is_each_by_itself():
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.normal(size=(2, 6, 6, 4)), jnp.float32)
    kernels = jnp.asarray(rng.normal(size=(3, 3, 3, 2, 6)), jnp.float32)
    of_one = partial(conv.conv, images, padding=1, groups=2)
    together = jax.vmap(of_one)(kernels)
    assert_close(together, jnp.stack([of_one(kernel) for kernel in kernels]))


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(AssertionError):
        conv.conv(jnp.zeros((1, 4, 4, 3)), jnp.zeros((3, 3, 1, 4)), groups=2)
    with pytest.raises(AssertionError):
        conv.conv(jnp.zeros((1, 4, 4, 4)), jnp.zeros((3, 3, 2, 5)), groups=2)


FORMS = {
    "conv": ["conv_by_patches", "conv_by_rows", "conv_by_xla"],
    "to_images": ["to_images_by_overlap", "to_images_by_xla"],
    "to_kernel": ["to_kernel_by_patches", "to_kernel_by_rows", "to_kernel_in_parts"],
}


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("padding", [0, 1])
def test_all_forms_on_a_cpu_agree(size, padding):
    rng = np.random.default_rng(0)
    windows = Windows(size, 1, padding, (7, 8))
    images = jnp.asarray(rng.normal(size=(2, 7, 8, 3)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(size, size, 3, 5)), jnp.float32)
    outputs = by_xla(images, kernel, size, 1, padding)
    assert windows.places == outputs.shape[1:3]
    given = {
        "conv": (images, kernel),
        "to_images": (outputs, kernel),
        "to_kernel": (images, outputs),
    }
    for face, forms in FORMS.items():
        first, *others = (getattr(conv_on_cpu, form)(*given[face], windows) for form in forms)
        for other in others:
            assert_close(other, first)


@pytest.mark.parametrize(
    ("batch", "side", "channels", "stride"),
    [(64, 32, 16, 1), (128, 32, 16, 1), (16, 8, 3, 1), (128, 32, 16, 2)],
    ids=["large", "larger", "small", "large, stride 2"],
)
def test_whichever_form_is_chosen_it_is_right(batch, side, channels, stride):
    """Small and large, so that every rule of `conv_on_cpu` is taken both ways."""
    keys = jax.random.split(jax.random.key(0))
    images = jax.random.normal(keys[0], (batch, side, side, channels))
    kernel = jax.random.normal(keys[1], (3, 3, channels, 4))

    def values(function):
        return jax.vjp(function, images, kernel)

    ours, back = values(partial(conv.conv, stride=stride, padding=1))
    theirs, their_back = values(partial(by_xla, size=3, stride=stride, padding=1))
    assert_close(ours, theirs)
    assert_close(jax.jit(back)(ours), jax.jit(their_back)(theirs))


@pytest.mark.parametrize("make", [patches, patches_in_place])
def test_a_window_is_flattened_in_the_order_of_its_kernel(make):
    images = jnp.arange(18.0).reshape(1, 3, 3, 2)
    seen = make(images, Windows(2, 1, 0, (3, 3)))
    chex.assert_shape(seen, (1, 2, 2, 8))
    assert seen[0, 1, 0].tolist() == images[0, 1:3, 0:2].ravel().tolist()


@pytest.mark.parametrize("make", [patches, patches_in_place])
def test_padding_of_patches_is_zero(make):
    seen = make(jnp.ones((1, 2, 2, 1)), Windows(3, 1, 1, (2, 2)))
    assert seen[0, 0, 0].tolist() == [0, 0, 0, 0, 1, 1, 0, 1, 1]


def test_windows_added_back_count_how_many_saw_each_pixel():
    windows = Windows(3, 1, 1, (3, 3))
    counts = overlap_add(patches(jnp.ones((1, 3, 3, 1)), windows), windows)
    assert counts[0, :, :, 0].tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]


def test_in_bfloat16_nothing_leaves_bfloat16():
    images, kernel = (
        array.astype(jnp.bfloat16) for array in inputs(CASES["3x3, stride 1"], (8, 8))
    )
    value, back = jax.vjp(partial(conv.conv, padding=1), images, kernel)
    assert {array.dtype for array in (value, *back(value))} == {jnp.dtype(jnp.bfloat16)}


def test_a_kernel_of_other_channels_is_refused():
    with pytest.raises(AssertionError):
        conv.conv(jnp.zeros((1, 4, 4, 3)), jnp.zeros((3, 3, 4, 5)))
    with pytest.raises(AssertionError):
        conv.transposed_conv(jnp.zeros((1, 4, 4, 3)), jnp.zeros((4, 4, 3, 5)))


def test_images_without_a_batch_are_refused():
    with pytest.raises(AssertionError):
        conv.conv(jnp.zeros((4, 4, 3)), jnp.zeros((3, 3, 3, 5)))
