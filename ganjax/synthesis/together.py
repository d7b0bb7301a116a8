"""Several generators trained side by side, each left in a folder of its own."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ganjax.config import Upkeep
from ganjax.data.loader import shuffled_order, to_device
from ganjax.data.sources import Dataset
from ganjax.progress import Progress, Silent
from ganjax.synthesis import description as descriptions
from ganjax.synthesis.description import Description
from ganjax.synthesis.reference import reference
from ganjax.synthesis.trained import Trained, leave_weights, load, warn_of_collapse
from ganjax.training import side_by_side
from ganjax.training.checkpoint import Checkpoints
from ganjax.training.loop import Looks, Result, Series, train
from ganjax.typing import Key


class Assignment(NamedTuple):
    """One of the GANs that are trained side by side.

    Attributes:
      folder: with a name of its own; its description and final state are kept there.
      dataset: the training images, equally many for each GAN.
      held_out: images that choose which state of the generator is kept, likewise.
      key: of the initial weights and of every step.
    """

    folder: Path
    dataset: Dataset
    held_out: Dataset
    key: Key


def train_together(
    assignments: Sequence[Assignment],
    description: Description,
    *,
    shared: Path,
    upkeep: Upkeep = Upkeep(),
    progress: Progress | None = None,
) -> list[Trained]:
    """Train a GAN on each data set, all side by side, or go on where they stopped.

    A GAN that is finished in its folder is not trained again. The others become what each would
    have become alone, by `trained.train_in` with its own data and key.

    Args:
      assignments: one per GAN.
      description: of every one of the GANs.
      shared: where checkpoints of the group are kept until it is finished. A group stopped half-way
        goes on from them if it is put together of the same GANs again.
      upkeep: how often checkpoints are written, and what is done about trouble.
      progress: where to tell how far they are.

    Returns:
      The trained GANs, as they are found in their folders.
    """
    progress = progress or Silent()
    for own in assignments:
        descriptions.write(own.folder, description, own.dataset.labels)
    updates = description.updates
    waiting = [own for own in assignments if _updates_done(own.folder) < updates]
    if waiting:
        _train_and_part(waiting, description, shared, upkeep, progress)
    shutil.rmtree(shared, ignore_errors=True)
    gans = [load(own.folder, say=progress.say) for own in assignments]
    for gan in gans:
        warn_of_collapse(gan, progress)
    return gans


def _train_and_part(
    assignments: Sequence[Assignment],
    description: Description,
    shared: Path,
    upkeep: Upkeep,
    progress: Progress,
) -> None:
    """Train all of the GANs, and save each one's final state in its folder."""
    updates, rhythm = description.updates, description.rhythm()
    group = side_by_side.group(len(assignments))
    init, call, look = descriptions.compiled(description)
    keys = [own.key for own in assignments]
    init_keys, train_keys = zip(*[jax.random.split(key) for key in keys], strict=True)
    data, train_key = group.stack(
        [
            (to_device(dataset.take(shuffled_order(len(dataset), key))), train_key)
            for (_, dataset, _, key), train_key in zip(assignments, train_keys, strict=True)
        ]
    )
    compared = group.stack([reference(own.dataset, own.held_out, own.key) for own in assignments])
    looked = side_by_side.spread(look, group.mesh)
    name = "train the GAN" if len(assignments) == 1 else f"train {len(assignments)} GANs"
    with progress.stage(name, updates, "updates") as tick:
        found = train(
            side_by_side.many_steps(call, group.mesh),
            side_by_side.spread(init, group.mesh)(group.stack(init_keys)),
            data,
            train_key,
            updates=updates,
            steps_per_call=rhythm.steps_per_call,
            anchor_every=rhythm.anchor_every,
            looks=Looks(lambda state: looked(state, compared), rhythm.look_every),
            tick=tick,
            say=progress.say,
            # The rows name the folder: a checkpoint fits no other group
            folder=shared / "-".join(assignments[row].folder.name for row in group.rows),
            upkeep=upkeep,
        )
    for i, own in enumerate(group.unstack(found.state)):
        _leave(assignments[i].folder, updates, own, _record(found, i))


def _leave(folder: Path, updates: int, state: Any, record: dict[str, Any]) -> None:
    """Save a GAN's final state, and its weights."""
    store = Checkpoints(folder / "checkpoints")
    try:
        store.save(updates, jax.tree.map(jnp.asarray, state), record)
    finally:
        store.close()
    leave_weights(folder, load(folder))


def _record(found: Result, i: int) -> dict[str, Any]:
    """Return one GAN's record from a group's, whose values are lists over the rows."""

    def own(series: Series) -> Series:
        return {
            name: values if name == "update" else [row[i] for row in values]
            for name, values in series.items()
        }

    return {
        "history": own(found.history),
        "signs": own(found.signs),
        "roll_backs": found.roll_backs[i],
    }


def _updates_done(folder: Path) -> int:
    if not (folder / "checkpoints").is_dir():
        return 0
    store = Checkpoints(folder / "checkpoints")
    done = store.latest() or 0
    store.close()
    return done
