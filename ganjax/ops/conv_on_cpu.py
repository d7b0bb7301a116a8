"""A convolution and its two transposes in the forms that XLA does well on a CPU.

Which form is the fastest depends on how many bytes the patches take. Small ones are one matrix
product, and the forward pass and the gradient of the kernel share them. Large ones are gathered
along one axis only, or left to XLA's convolution, in the arrangement that it hands to its fast
kernels inside compiled loops too: channels last, nothing dilated, nothing transposed. The limits
were measured on two x86-64 cores with jax 0.10 by `experiments/benchmarks/conv.py`.
"""

import math
from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
from jax import lax

from ganjax.ops.conv_in_groups import (
    Form,
    block_diagonal,
    bundles,
    diagonal_blocks,
    side_by_side,
)
from ganjax.ops.windows import Windows, overlap_add, patches_in_place
from ganjax.typing import Array

MEBIBYTE = 2**20


def conv(images: Array, kernel: Array, windows: Windows, groups: int) -> Array:
    """Return `images * kernel`; see `ganjax.ops.conv.conv`."""
    count = bundles(groups, images.shape[-1])
    form = partial(_of_blocks, dense_conv, each=groups // count)
    return side_by_side(form, images, kernel, windows, count)


def to_images(outputs: Array, kernel: Array, windows: Windows, groups: int) -> Array:
    """Return the transpose in the images, `[batch, *windows.sides, groups * kernel.shape[2]]`."""
    count = bundles(groups, outputs.shape[-1])
    form = partial(_of_blocks, dense_to_images, each=groups // count)
    return side_by_side(form, outputs, kernel, windows, count)


def to_kernel(images: Array, outputs: Array, windows: Windows, groups: int) -> Array:
    """Return the transpose in the kernel, `[size, size, in_channels / groups, out_channels]`."""
    count = bundles(groups, images.shape[-1])
    each = groups // count

    def form(images: Array, outputs: Array, windows: Windows) -> Array:
        kernel = dense_to_kernel(images, outputs, windows)
        return kernel if each == 1 else diagonal_blocks(kernel, each)

    return side_by_side(form, images, outputs, windows, count)


def _of_blocks(form: Form, images: Array, kernel: Array, windows: Windows, *, each: int) -> Array:
    return form(images, kernel if each == 1 else block_diagonal(kernel, each), windows)


def dense_conv(images: Array, kernel: Array, windows: Windows) -> Array:
    """Return `images * kernel` in the fastest form."""
    size = patch_bytes(images, windows)
    if size <= 16 * MEBIBYTE:
        return conv_by_patches(images, kernel, windows)
    if windows.stride == 1 and size < 64 * MEBIBYTE:
        return conv_by_rows(images, kernel, windows)
    return conv_by_xla(images, kernel, windows)


def dense_to_images(outputs: Array, kernel: Array, windows: Windows) -> Array:
    """Return the transpose in the images in the fastest form."""
    size = outputs.nbytes // outputs.shape[-1] * math.prod(kernel.shape[:3])
    if windows.stride == 1 and size >= 32 * MEBIBYTE:
        return to_images_by_xla(outputs, kernel, windows)
    return to_images_by_overlap(outputs, kernel, windows)


def dense_to_kernel(images: Array, outputs: Array, windows: Windows) -> Array:
    """Return the transpose in the kernel in the fastest form."""
    if patch_bytes(images, windows) <= 16 * MEBIBYTE:
        return to_kernel_by_patches(images, outputs, windows)
    if windows.stride == 1:
        return to_kernel_by_rows(images, outputs, windows)
    return to_kernel_in_parts(images, outputs, windows)


def patch_bytes(images: Array, windows: Windows) -> int:
    """Return how many bytes the patches of images take."""
    windows_seen = len(images) * math.prod(windows.places)
    return windows_seen * windows.size**2 * images.shape[-1] * images.dtype.itemsize


def conv_by_patches(images: Array, kernel: Array, windows: Windows) -> Array:
    """Every window times the kernel, in one product."""
    # Without the barrier XLA builds the patches inside the product, up to twice as slowly.
    seen = lax.optimization_barrier(patches_in_place(images, windows))
    return seen @ kernel.reshape(-1, kernel.shape[-1])


def conv_by_rows(images: Array, kernel: Array, windows: Windows) -> Array:
    """One row of every window times all rows of the kernel, added where they belong; stride 1."""
    size, _, in_channels, out_channels = kernel.shape
    rows, columns = windows.places
    border = (windows.padding, windows.padding)
    images = jnp.pad(images, ((0, 0), border, border, (0, 0)))
    seen = jnp.concatenate([images[:, :, j : j + columns] for j in range(size)], axis=-1)
    kernel = kernel.transpose(1, 2, 0, 3).reshape(size * in_channels, size * out_channels)
    products = lax.optimization_barrier(lax.optimization_barrier(seen) @ kernel)
    parts = jnp.split(products, size, axis=-1)
    first, *others = (part[:, i : i + rows] for i, part in enumerate(parts))
    return sum(others, start=first)


def conv_by_xla(images: Array, kernel: Array, windows: Windows) -> Array:
    """XLA's convolution."""
    return _xla(images, kernel, stride=windows.stride, padding=windows.padding)


def to_images_by_overlap(outputs: Array, kernel: Array, windows: Windows) -> Array:
    """What every output says of its window, added up."""
    products = outputs @ kernel.reshape(-1, kernel.shape[-1]).T
    return _unfused(lambda products: overlap_add(products, windows), products, kernel)


def to_images_by_xla(outputs: Array, kernel: Array, windows: Windows) -> Array:
    """XLA's convolution with the kernel turned round; stride 1."""
    turned = jnp.flip(kernel, axis=(0, 1)).swapaxes(2, 3)
    return _xla(outputs, turned, padding=windows.size - 1 - windows.padding)


def to_kernel_by_patches(images: Array, outputs: Array, windows: Windows) -> Array:
    """Every window times its outputs, in one product."""
    in_channels, out_channels = images.shape[-1], outputs.shape[-1]
    seen = lax.optimization_barrier(patches_in_place(images, windows))
    seen = seen.reshape(-1, seen.shape[-1])
    product = (outputs.reshape(-1, out_channels).T @ seen).T
    return product.reshape(windows.size, windows.size, in_channels, out_channels)


def to_kernel_in_parts(images: Array, outputs: Array, windows: Windows) -> Array:
    """Every window times its outputs, a few images at a time, so that patches stay in the cache."""
    size = patch_bytes(images, windows)
    count = next(n for n in range(1, len(images) + 1) if _are_parts(n, len(images), size))

    def parts(array: Array) -> Array:
        return array.reshape(count, -1, *array.shape[1:])

    def add(kernel: Array, part: tuple[Array, Array]) -> tuple[Array, None]:
        own_images, own_outputs = part
        own = to_kernel_by_patches(own_images, own_outputs, windows)
        return kernel + own.astype(jnp.float32), None

    shape = (windows.size, windows.size, images.shape[-1], outputs.shape[-1])
    both = parts(images), parts(outputs)
    return lax.scan(add, jnp.zeros(shape), both)[0].astype(images.dtype)


def _are_parts(count: int, images: int, size: int) -> bool:
    return images % count == 0 and (size <= count * MEBIBYTE or count == images)


def to_kernel_by_rows(images: Array, outputs: Array, windows: Windows) -> Array:
    """A row of every window times the outputs of all rows that see it, in one product; stride 1.

    A third of the bytes of the patches where the kernel is 3x3, and as many more of the outputs.
    """
    size, in_channels, out_channels = windows.size, images.shape[-1], outputs.shape[-1]
    columns, padding, zero = windows.places[1], windows.padding, jnp.zeros((), images.dtype)
    none = (0, 0, 0)

    def shifted(column: int) -> Array:
        right = columns + column - padding - images.shape[2]
        border = (none, (padding, padding, 0), (padding - column, right, 0), none)
        return lax.pad(images, zero, border)

    def placed(row: int) -> Array:
        return lax.pad(outputs, zero, (none, (row, size - 1 - row, 0), none, none))

    seen = jnp.concatenate([shifted(column) for column in range(size)], axis=-1)
    said = jnp.concatenate([placed(row) for row in range(size)], axis=-1)
    seen, said = lax.optimization_barrier((seen, said))
    products = said.reshape(-1, size * out_channels).T @ seen.reshape(-1, size * in_channels)
    kernel = products.reshape(size, out_channels, size, in_channels)
    return kernel.transpose(0, 2, 3, 1)


def _xla(images: Array, kernel: Array, *, stride: int = 1, padding: int) -> Array:
    return lax.conv_general_dilated(
        images,
        kernel,
        window_strides=(stride, stride),
        padding=[(padding, padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _unfused(linear: Callable[[Array], Array], array: Array, witness: Array) -> Array:
    """Apply a linear function in a loop of its own.

    Fused into its readers it would be computed again for each of them, and XLA drops optimization
    barriers on a CPU before it fuses. What it keeps apart are the branches of a condition that only
    the data can tell; here both are the same, since f(x) = -f(-x) to the last bit.
    """
    finite = jnp.isfinite(witness.ravel()[0])
    return lax.cond(finite, linear, lambda array: -linear(-array), array)
