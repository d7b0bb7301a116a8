"""Convolutions that are fast in every direction on CPU, GPU and TPU, one function each.

A convolution y = x * w is bilinear, so it has two transposes, and all of its derivatives, of any
order, forward or reverse, are these three again:

    <images * kernel, outputs> = <images, to_images(outputs, kernel)>
                               = <kernel, to_kernel(images, outputs)>

Each of the three is a JAX primitive. On GPU and TPU it is XLA's own convolution; on a CPU, where
XLA's gradients are up to 100 times slower than its forward pass, it is lowered to the matrix
products of `ganjax.ops.conv_on_cpu`. The choice is made when a program is lowered for its platform.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import Any

import chex
import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from ganjax.ops import conv_on_cpu
from ganjax.ops.conv_in_groups import side_by_side
from ganjax.ops.windows import Windows, overlap_add, patches
from ganjax.typing import Array

_everywhere_as_xla: ContextVar[bool] = ContextVar("everywhere_as_xla", default=False)


def conv(
    images: Array, kernel: Array, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> Array:
    """Cross-correlate images with a kernel, as every deep-learning library's "convolution" does.

    Args:
      images: float `[batch, height, width, in_channels]`.
      kernel: float `[size, size, in_channels / groups, out_channels]`, of the same dtype.
      stride: pixels between neighbouring windows, in both directions.
      padding: zeros added on each side.
      groups: parts that in_channels and out_channels are divided into, in their order; each part
        of the outputs sees its own part of the images alone.

    Returns:
      float `[batch, (height + 2 padding - size) // stride + 1, ..., out_channels]`.
    """
    chex.assert_rank([images, kernel], 4)
    chex.assert_axis_dimension(kernel, 2, images.shape[-1] // groups)
    chex.assert_is_divisible(images.shape[-1], groups)
    chex.assert_is_divisible(kernel.shape[-1], groups)
    _, height, width, _ = images.shape
    windows = Windows(kernel.shape[0], stride, padding, (height, width))
    return _bind(_conv, images, kernel, windows, groups)


def transposed_conv(images: Array, kernel: Array, *, stride: int = 2, padding: int = 0) -> Array:
    """Spread every pixel over a window of a larger image: the transpose of `conv` in its images.

    Args:
      images: float `[batch, height, width, in_channels]`.
      kernel: float `[size, size, out_channels, in_channels]`: the kernel of the convolution that
        leads from the larger image back.
      stride: pixels between neighbouring windows of the larger image.
      padding: pixels cut off on each side of the larger image.

    Returns:
      float `[batch, (height - 1) stride + size - 2 padding, ..., out_channels]`.
    """
    chex.assert_rank([images, kernel], 4)
    chex.assert_axis_dimension(kernel, 3, images.shape[-1])
    size = kernel.shape[0]
    height, width = ((side - 1) * stride + size - 2 * padding for side in images.shape[1:3])
    return _bind(_to_images, images, kernel, Windows(size, stride, padding, (height, width)))


@contextmanager
def everywhere_as_xla() -> Iterator[None]:
    """Trace convolutions as XLA's own on every platform, inside this context.

    For comparisons, and to see on a CPU the program that a GPU or TPU would run. A function that
    JAX has traced before keeps what it was traced with.
    """
    token = _everywhere_as_xla.set(True)
    try:
        yield
    finally:
        _everywhere_as_xla.reset(token)


def _bind(
    primitive: Primitive, one: Array, other: Array, windows: Windows, groups: int = 1
) -> Array:
    if _everywhere_as_xla.get():
        return _BY_XLA[primitive](one, other, windows, groups)
    return primitive.bind(one, other, windows=windows, groups=groups)


# By XLA: the definition that all else is tested against.


def _conv_by_xla(images: Array, kernel: Array, windows: Windows, groups: int) -> Array:
    return lax.conv_general_dilated(
        images,
        kernel,
        window_strides=(windows.stride, windows.stride),
        padding=[(windows.padding, windows.padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def _to_images_by_xla(outputs: Array, kernel: Array, windows: Windows, groups: int) -> Array:
    shape = (outputs.shape[0], *windows.sides, kernel.shape[2] * groups)
    images = jax.ShapeDtypeStruct(shape, outputs.dtype)
    transpose = jax.linear_transpose(lambda x: _conv_by_xla(x, kernel, windows, groups), images)
    return transpose(outputs)[0]


def _to_kernel_by_xla(images: Array, outputs: Array, windows: Windows, groups: int) -> Array:
    shape = (windows.size, windows.size, images.shape[-1] // groups, outputs.shape[-1])
    kernel = jax.ShapeDtypeStruct(shape, images.dtype)
    transpose = jax.linear_transpose(lambda w: _conv_by_xla(images, w, windows, groups), kernel)
    return transpose(outputs)[0]


# By one product of patches: what `vmap` over kernels needs, where XLA would group convolutions.


def _conv_by_patches(images: Array, kernel: Array, windows: Windows) -> Array:
    seen = lax.optimization_barrier(patches(images, windows))
    return seen @ kernel.reshape(-1, kernel.shape[-1])


def _to_images_by_patches(outputs: Array, kernel: Array, windows: Windows) -> Array:
    return overlap_add(outputs @ kernel.reshape(-1, kernel.shape[-1]).T, windows)


def _to_kernel_by_patches(images: Array, outputs: Array, windows: Windows) -> Array:
    seen = lax.optimization_barrier(patches(images, windows))
    product = jnp.einsum("bhwk,bhwo->ko", seen, outputs)
    return product.reshape(windows.size, windows.size, images.shape[-1], outputs.shape[-1])


# The primitives.


def _primitive(
    name: str,
    by_xla: Callable[..., Array],
    on_cpu: Callable[..., Array],
    by_patches: Callable[..., Array],
) -> Primitive:
    """Make a bilinear primitive `(one, other, *, windows, groups)`; its transposes come later."""
    primitive = Primitive(name)

    @primitive.def_impl
    def eager(one: Array, other: Array, *, windows: Windows, groups: int) -> Array:
        return _jitted(primitive, windows, groups)(one, other)

    @primitive.def_abstract_eval
    def shape(one: Any, other: Any, **how: Any) -> Any:
        found = jax.eval_shape(partial(by_xla, **how), *map(_struct, (one, other)))
        return one.update(shape=found.shape, dtype=found.dtype, weak_type=False)

    def batched(
        arrays: tuple[Array, Array], axes: tuple[Any, Any], *, windows: Windows, groups: int
    ):
        def form(one: Array, other: Array) -> Array:
            return side_by_side(by_patches, one, other, windows, groups)

        return jax.vmap(form, in_axes=axes)(*arrays), 0

    mlir.register_lowering(primitive, mlir.lower_fun(by_xla, multiple_results=False))
    mlir.register_lowering(
        primitive, mlir.lower_fun(on_cpu, multiple_results=False), platform="cpu"
    )
    batching.primitive_batchers[primitive] = batched
    return primitive


@cache
def _jitted(primitive: Primitive, windows: Windows, groups: int) -> Callable[[Array, Array], Array]:
    return jax.jit(partial(primitive.bind, windows=windows, groups=groups))


def _struct(aval: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(aval.shape, aval.dtype)


_conv = _primitive("ganjax_conv", _conv_by_xla, conv_on_cpu.conv, _conv_by_patches)
_to_images = _primitive(
    "ganjax_conv_to_images", _to_images_by_xla, conv_on_cpu.to_images, _to_images_by_patches
)
_to_kernel = _primitive(
    "ganjax_conv_to_kernel", _to_kernel_by_xla, conv_on_cpu.to_kernel, _to_kernel_by_patches
)
_BY_XLA = {_conv: _conv_by_xla, _to_images: _to_images_by_xla, _to_kernel: _to_kernel_by_xla}

ad.defbilinear(
    _conv,
    lambda outputs, images, kernel, **how: _to_images.bind(outputs, kernel, **how),
    lambda outputs, images, kernel, **how: _to_kernel.bind(images, outputs, **how),
)
ad.defbilinear(
    _to_images,
    lambda images, outputs, kernel, **how: _conv.bind(images, kernel, **how),
    lambda images, outputs, kernel, **how: _to_kernel.bind(images, outputs, **how),
)
ad.defbilinear(
    _to_kernel,
    lambda kernel, images, outputs, **how: _to_images.bind(outputs, kernel, **how),
    lambda kernel, images, outputs, **how: _conv.bind(images, kernel, **how),
)
