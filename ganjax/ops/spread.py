"""A batch, or a state, spread over devices: what a part must know of the whole.

`axis_name` is the axis that a batch is mapped over by `pmap`, or None where arrays are the whole
batch: on one device, and under `jit` over a mesh, where XLA sees to the rest.
"""

from typing import TypeVar

import jax
from jax import lax
from jax.sharding import AxisType, PartitionSpec

from ganjax.typing import Array

Tree = TypeVar("Tree")


def first(count: int, axis_name: str | None) -> int | Array:
    """Return the number of a part's first image in the batch, where every part has `count`."""
    return 0 if axis_name is None else lax.axis_index(axis_name) * count


def parts(axis_name: str | None) -> int:
    """Return in how many parts the batch is."""
    return 1 if axis_name is None else lax.axis_size(axis_name)


def mean(tree: Tree, axis_name: str | None) -> Tree:
    """Return the mean over all parts of each array: of gradients and metrics, that of the batch."""
    if axis_name is None:
        return tree
    return jax.tree.map(lambda array: lax.pmean(array, axis_name), tree)


def gathered(tree: Tree) -> Tree:
    """Return arrays whole on every device, where `jit` is compiling for a mesh in context.

    Of parameters, when they are used: else XLA would follow those that are spread over devices and
    split images by their channels, with a message for every layer.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or AxisType.Auto not in mesh.axis_types:
        return tree
    return lax.with_sharding_constraint(tree, PartitionSpec())


def split(tree: Tree) -> Tree:
    """Return batches split over the devices, where `jit` is compiling for a mesh in context.

    Of every layer's inputs and outputs: else XLA would gather the batch to compute gradients of
    parameters that are spread over devices.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or AxisType.Auto not in mesh.axis_types:
        return tree
    return lax.with_sharding_constraint(tree, PartitionSpec(mesh.axis_names[0]))
