"""Checkpoints of a whole training state; the only importer of Orbax."""

import json
from pathlib import Path
from typing import Any, TypeVar

import jax
import orbax.checkpoint as ocp
from jax.sharding import SingleDeviceSharding

State = TypeVar("State")


class Checkpoints:
    """The newest states of one training, in one folder.

    Args:
      folder: created when missing.
      keep: how many of the newest states stay.
    """

    def __init__(self, folder: Path, *, keep: int = 2):
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep, cleanup_tmp_directories=True, enable_async_checkpointing=False
        )
        self._manager = ocp.CheckpointManager(Path(folder).absolute(), options=options)

    def latest(self) -> int | None:
        """Return the newest step saved, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any, history: dict[str, list[float]]) -> None:
        """Save a state and the history that led to it; whole or not at all."""
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state), history=ocp.args.JsonSave(history)
            ),
        )

    def restore(self, *, like: State) -> tuple[int, State, dict[str, list[float]]]:
        """Return the newest step, its state and its history.

        The state has the structure and dtypes of `like`, and is placed as `like` is: on other
        devices than it was saved from, if need be. Shapes alone are placed on the default device.
        """
        step = self.latest()
        if step is None:
            raise FileNotFoundError(f"no checkpoint in {self._manager.directory}")
        here = SingleDeviceSharding(jax.local_devices()[0])

        def placed(leaf: Any) -> jax.ShapeDtypeStruct:
            where = getattr(leaf, "sharding", None) or here
            return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where)

        abstract = jax.tree.map(placed, like)
        found = self._manager.restore(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(abstract), history=ocp.args.JsonRestore()
            ),
        )
        return step, found["state"], json.loads(json.dumps(found["history"]))

    def close(self) -> None:
        """Finish what is being written."""
        self._manager.close()
