"""Any step, unchanged, on many devices: by `jit` over a mesh, by `pmap`, on one or more machines.

The batch is spread over the devices; the state is a copy on each or, for models too large for one,
spread over them too. Statistics, gradients and metrics are those of the whole batch, and image i
draws the same random numbers, so that a training is the same however it is compiled, up to the
rounding of sums.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from ganjax.data.loader import Drawn, Parts, rows_of_part
from ganjax.data.sources import Dataset
from ganjax.errors import UserError
from ganjax.ops import spread
from ganjax.training.loop import scan_steps
from ganjax.typing import Array, Key, Metrics

State = TypeVar("State")
Call = Callable[..., tuple[Any, Metrics]]

AXIS = "devices"


def make_mesh(devices: int | None = None) -> Mesh:
    """Lay devices out along one axis, equally many of every process.

    Args:
      devices: how many, over all processes; all that JAX sees by default.

    Returns:
      The mesh, its axis named `AXIS`.

    Raises:
      UserError: there are fewer, or they do not divide by the processes.
    """
    found = jax.devices()
    wanted = len(found) if devices is None else devices
    if wanted < 1:
        raise UserError(f"--devices must be at least 1, not {wanted}")
    if wanted > len(found):
        kind = found[0].device_kind
        raise UserError(f"--devices {wanted}, but JAX sees only {len(found)} ({kind})")
    processes = jax.process_count()
    each, rest = divmod(wanted, processes)
    fewest = min(Counter(device.process_index for device in found).values())
    if rest or each > fewest:
        raise UserError(
            f"--devices {wanted} cannot be spread evenly over {processes} processes, of which one "
            f"has {fewest}: give a multiple of {processes}, at most {processes * fewest}"
        )
    chosen = [
        device
        for process in range(processes)
        for device in [d for d in found if d.process_index == process][:each]
    ]
    return Mesh(np.array(chosen), (AXIS,), axis_types=(AxisType.Auto,))


def check_batch(batch_size: int, mesh: Mesh, *, option: str = "--gan.batch-size") -> None:
    """Raise `UserError` where a batch cannot be spread evenly over a mesh, and say what can."""
    if batch_size % mesh.size:
        fits = max(n for n in range(1, mesh.size) if batch_size % n == 0)
        raise UserError(
            f"a batch of {batch_size} does not divide by {mesh.size} devices: "
            f"give --devices {fits} or {option} {-(-batch_size // mesh.size) * mesh.size}"
        )


def place_data(read: Callable[[np.ndarray], Dataset], count: int, mesh: Mesh) -> Parts:
    """Put on each device of this process the rows that its part of a batch is drawn from.

    Args:
      read: gives the images at some rows, int64 `[rows]`; called once, with this process's rows
        and no others. `dataset.take` for images in memory.
      count: rows of the whole set.
      mesh: the devices.

    Returns:
      The parts, spread over the mesh.
    """
    _check_mesh(mesh)
    own = {
        device: rows_of_part(count, part, mesh.size)
        for part, device in enumerate(mesh.devices.flat)
        if device.process_index == jax.process_index()
    }
    needed = np.unique(np.concatenate(list(own.values())))
    dataset = read(needed)
    longest = -(-count // mesh.size) + 1

    def spread(values: np.ndarray) -> Array:
        shards = []
        for device, rows in own.items():
            padded = np.pad(rows, (0, longest - len(rows)), mode="edge")
            shard = values[np.searchsorted(needed, padded)][None]
            shards.append(jax.device_put(shard, device))
        shape = (mesh.size, longest, *values.shape[1:])
        placement = NamedSharding(mesh, P(AXIS))
        return jax.make_array_from_single_device_arrays(shape, placement, shards)

    return Parts(spread(dataset.images), spread(dataset.labels), count)


def own_parts(mesh: Mesh) -> tuple[int, ...]:
    """Return the numbers of the parts of a batch that this process's devices step with."""
    _check_mesh(mesh)
    own = jax.process_index()
    return tuple(i for i, device in enumerate(mesh.devices.flat) if device.process_index == own)


def place_drawn(steps: Sequence[Drawn], mesh: Mesh) -> Drawn:
    """Put what some steps draw where they will step with it.

    Args:
      steps: of each step this process's parts, images `[own parts, batch / parts, ...]`.
      mesh: the devices.

    Returns:
      All parts, spread over the mesh: images `[steps, parts, batch / parts, ...]`.
    """
    placement = NamedSharding(mesh, P(None, AXIS))
    parts = own_parts(mesh)

    def spread(*own: np.ndarray) -> Array:
        shards = [
            jax.device_put(np.stack([step[i : i + 1] for step in own]), mesh.devices.flat[part])
            for i, part in enumerate(parts)
        ]
        shape = (len(own), mesh.size, *own[0].shape[1:])
        return jax.make_array_from_single_device_arrays(shape, placement, shards)

    return jax.tree.map(spread, *steps)


def placements(state: State, mesh: Mesh, *, shard_state: bool = False) -> State:
    """Say where each array of a state belongs.

    Args:
      state: arrays, or their shapes.
      mesh: the devices.
      shard_state: spread every array over the devices, along its longest axis that divides by
        them, where there is one; otherwise, and where there is none, each device has a copy.

    Returns:
      A `NamedSharding` for each array.
    """
    _check_mesh(mesh)

    def placement(leaf: Any) -> NamedSharding:
        axes = [axis for axis, size in enumerate(leaf.shape) if size % mesh.size == 0]
        if not (shard_state and axes):
            return NamedSharding(mesh, P())
        longest = max(axes, key=lambda axis: leaf.shape[axis])
        return NamedSharding(mesh, P(*[None] * longest, AXIS))

    return jax.tree.map(placement, state)


def init_state(
    init: Callable[[Key], State], key: Key, mesh: Mesh, *, shard_state: bool = False
) -> State:
    """Initialise a state right where it belongs: a spread one is never whole on any device."""
    where = placements(jax.eval_shape(init, key), mesh, shard_state=shard_state)
    return jax.jit(init, out_shardings=where)(key)


def everywhere(tree: State, mesh: Mesh) -> State:
    """Put a copy of arrays on each device: those of process 0, should processes differ in a bit."""
    _check_mesh(mesh)
    place = NamedSharding(mesh, P())

    def copied(leaf: Any) -> Array:
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            data = copied(jax.random.key_data(leaf))
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
        if jax.process_count() > 1:
            leaf = multihost_utils.broadcast_one_to_all(leaf)
        return jax.device_put(np.asarray(leaf), place)

    return jax.tree.map(copied, tree)


def to_host(state: State) -> State:
    """Copy a state, wherever it is placed, into this process's memory, array by array.

    With a state spread over several processes, all of them must call this.
    """
    return jax.tree.map(lambda leaf: multihost_utils.process_allgather(leaf, tiled=True), state)


def compile_steps(
    step: Callable[..., tuple[State, Metrics]],
    sample_batch: Callable[..., Any],
    mesh: Mesh,
    *,
    shard_state: bool = False,
) -> Call:
    """Compile many steps into one call over a mesh: `ganjax.training.loop.repeat` for many devices.

    Args:
      step: `(state, batch, key, *, axis_name=None) -> (state, metrics)`.
      sample_batch: `(key, data) -> batch`, as `ganjax.data.loader.sample_batch`; or as
        `ganjax.data.partly.sample_partly_labelled`, of data that was placed part by part.
      mesh: the devices, of this process and of others.
      shard_state: as in `placements`; XLA gathers a parameter when it is needed.

    Returns:
      `(state, data, key, *, steps) -> (state, metrics)` of a state of `init_state` and data of
      `place_data` or `place_drawn`; the state is donated, `steps` is static.

    Raises:
      UserError: the mesh has other axes.
    """
    _check_mesh(mesh)

    def placed_step(state: State, batch: Any, key: Key) -> tuple[State, Metrics]:
        batch = jax.lax.with_sharding_constraint(batch, NamedSharding(mesh, P(AXIS)))
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh):
            state, metrics = step(state, batch, key)
        where = placements((state, metrics), mesh, shard_state=shard_state)
        return jax.lax.with_sharding_constraint((state, metrics), where)

    # With a copy of the state on each device, each computes its own part and its sum of gradients
    # is exchanged once; left to itself, XLA exchanges those of real and generated images apart.
    own_step = jax.shard_map(
        partial(step, axis_name=AXIS),
        mesh=mesh,
        in_specs=(P(), P(AXIS), P()),
        out_specs=P(),
        check_vma=False,
    )
    if not shard_state and mesh.size > 1:
        placed_step = own_step

    return jax.jit(scan_steps(placed_step, sample_batch), static_argnames="steps", donate_argnums=0)


def compile_look(
    look: Callable[[State, Any], tuple[State, Metrics]], mesh: Mesh, *, shard_state: bool = False
) -> Callable[[State, Any], tuple[State, Metrics]]:
    """Compile a look at a state over a mesh; every device does all of it.

    Args:
      look: `(state, reference) -> (state, signs)`.
      mesh: the devices.
      shard_state: as in `placements`.

    Returns:
      The same of a state of `init_state` and a reference of `everywhere`; the state is donated.
    """
    _check_mesh(mesh)

    def placed_look(state: State, reference: Any) -> tuple[State, Metrics]:
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh):
            whole, signs = look(spread.gathered(state), reference)
        where = placements(whole, mesh, shard_state=shard_state)
        return jax.lax.with_sharding_constraint(whole, where), signs

    return jax.jit(placed_look, donate_argnums=0)


def pmap_steps(
    step: Callable[..., tuple[State, Metrics]],
    sample_batch: Callable[..., Any],
    devices: Sequence[jax.Device] | None = None,
) -> Call:
    """Compile many steps into one call by `pmap`, each device stepping with its part of the batch.

    Args:
      step: `(state, batch, key, *, axis_name) -> (state, metrics)`.
      sample_batch: `(key, data, *, axis_name) -> batch`.
      devices: all of them by default, in JAX's order.

    Returns:
      `(state, data, key, *, steps) -> (state, metrics)` of a plain state and data of `place_data`
      or `place_drawn`; the state is donated, `steps` is static. The state that it returns is a copy
      on each device.
    """
    many = scan_steps(partial(step, axis_name=AXIS), partial(sample_batch, axis_name=AXIS))

    @cache
    def compiled(steps: int, parts_axis: int) -> Call:
        return jax.pmap(
            partial(many, steps=steps),
            AXIS,
            in_axes=(None, parts_axis, None),
            out_axes=None,
            devices=devices,
            donate_argnums=0,
        )

    def call(state: State, data: Any, key: Key, *, steps: int) -> tuple[State, Metrics]:
        return compiled(steps, int(isinstance(data, Drawn)))(state, data, key)

    return call


def _check_mesh(mesh: Mesh) -> None:
    if mesh.axis_names != (AXIS,):
        raise UserError(
            f"a mesh of one axis, {AXIS!r}, is needed, not of {mesh.axis_names}: "
            "make it with ganjax.training.sharding.make_mesh"
        )
