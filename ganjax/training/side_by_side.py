"""Many trainings of one shape in one compiled call: spread over devices, several on each.

Everything of a group, states, data and keys, leads with an axis of rows, one row per training. Each
device holds its own rows and computes them alone: no number ever passes between devices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

Tree = TypeVar("Tree")

AXIS = "trainings"


@dataclass(frozen=True)
class Group:
    """Which training is in which row, and on which devices the rows are.

    Attributes:
      rows: the number of the training in each row, equally many rows on each device. Where
        trainings do not fill them, the last one is repeated; nobody reads what it repeats.
      mesh: the devices, one axis.
    """

    rows: tuple[int, ...]
    mesh: Mesh

    @property
    def count(self) -> int:
        """How many trainings there are."""
        return self.rows[-1] + 1

    def stack(self, trees: Sequence[Tree]) -> Tree:
        """Put one tree per training together: leaves `[rows, ...]`, each row on its device."""

        def together(*leaves: Any) -> Any:
            return (jnp if isinstance(leaves[0], jax.Array) else np).stack(leaves)

        stacked = jax.tree.map(together, *[trees[number] for number in self.rows])
        return jax.device_put(stacked, NamedSharding(self.mesh, PartitionSpec(AXIS)))

    def unstack(self, stacked: Tree) -> list[Tree]:
        """Take apart what `stack` put together: one tree per training, as host arrays."""
        held = jax.device_get(stacked)
        return [jax.tree.map(lambda leaf, i=i: leaf[i], held) for i in range(self.count)]


def group(count: int) -> Group:
    """Seat trainings on the devices: as few as possible on each, and then on no device too many.

    Args:
      count: how many trainings; 5 take 5 of 8 devices, and 3 of 4 with two rows each.

    Returns:
      Their rows and their mesh.
    """
    devices = jax.devices()
    each = -(-count // len(devices))
    used = -(-count // each)
    rows = tuple(min(row, count - 1) for row in range(used * each))
    return Group(rows, Mesh(np.array(devices[:used]), (AXIS,)))


def at_once(waiting: int) -> int:
    """Return how many of the trainings that wait should run side by side where nobody says.

    All of them on several devices or on an accelerator; one at a time on a single CPU, where it
    costs no time (measured: together five are slower, 0.97 times as fast for a GAN of 8 pixels,
    0.76 times for its classifiers) and finishes something earlier.
    """
    return 1 if _take_turns() and jax.device_count() == 1 else waiting


@cache
def spread(function: Callable, mesh: Mesh) -> Callable:
    """Compile a function of one training for a group: each device works on its own rows.

    Args:
      function: of one training's trees, giving trees of arrays.
      mesh: of the group.

    Returns:
      The function of stacked trees, jitted; every row gives what it would give alone. Rows that
      share an accelerator are computed together by `vmap`; on a CPU they take turns, which is never
      slower there.
    """
    return jax.jit(_on_every_device(function, mesh))


@cache
def many_steps(call: Callable, mesh: Mesh) -> Callable[..., tuple[Any, Any]]:
    """Compile a call of many steps, as `loop.repeat` returns it, for a group.

    Args:
      call: `(state, *inputs, steps) -> (state, outputs)` of one training.
      mesh: of the group.

    Returns:
      The same of stacked trees, jitted; the state is donated, `steps` is static.
    """

    @partial(jax.jit, static_argnames="steps", donate_argnums=0)
    def together(state: Any, *inputs: Any, steps: int) -> tuple[Any, Any]:
        return _on_every_device(partial(call, steps=steps), mesh)(state, *inputs)

    return together


def _on_every_device(function: Callable, mesh: Mesh) -> Callable:
    def on_one_device(*mine: Any) -> Any:
        if len(jax.tree.leaves(mine)[0]) == 1:  # the very program of a training alone
            alone = function(*jax.tree.map(lambda leaf: leaf[0], mine))
            return jax.tree.map(lambda leaf: leaf[None], alone)
        if _take_turns():
            return lax.map(lambda one: function(*one), mine)
        return jax.vmap(function)(*mine)

    rows = PartitionSpec(AXIS)
    # Nothing passes between devices, so there is nothing to check; and not every operation of JAX,
    # nor every one written by a user, knows how to be checked
    return jax.shard_map(on_one_device, mesh=mesh, in_specs=rows, out_specs=rows, check_vma=False)


def _take_turns() -> bool:
    """Say whether the backend gains nothing from computing rows together."""
    return jax.default_backend() == "cpu"
