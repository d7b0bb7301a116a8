"""Several generators trained side by side, each left in a folder of its own."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp

from ganjax.data.loader import shuffled_order, to_device
from ganjax.data.sources import Dataset
from ganjax.progress import Progress, Silent
from ganjax.synthesis.trained import (
    CALLS,
    Description,
    Trained,
    compiled,
    load,
    write_description,
)
from ganjax.training import GANState, side_by_side
from ganjax.training.checkpoint import Checkpoints
from ganjax.training.loop import train
from ganjax.typing import Key


def train_together(
    folders: Sequence[Path],
    description: Description,
    datasets: Sequence[Dataset],
    keys: Sequence[Key],
    *,
    shared: Path,
    progress: Progress | None = None,
) -> list[Trained]:
    """Train a GAN on each data set, all side by side, or go on where they stopped.

    A GAN that is finished in its folder is not trained again. The others become what each would
    have become alone, by `trained.train_in` with its own data and key.

    Args:
      folders: one per GAN, with names of their own; its description and final state are kept there.
      description: of every one of the GANs.
      datasets: the training images, equally many in each.
      keys: of the initial weights and of every step.
      shared: where checkpoints of the group are kept until it is finished. A group stopped half-way
        goes on from them if it is put together of the same GANs again.
      progress: where to tell how far they are.

    Returns:
      The trained GANs, as they are found in their folders.
    """
    for folder in folders:
        write_description(folder, description)
    waiting = [i for i, f in enumerate(folders) if _updates_done(f) < description.config.updates]
    if waiting:
        _train_and_part(
            [folders[i] for i in waiting],
            description,
            [datasets[i] for i in waiting],
            [keys[i] for i in waiting],
            shared,
            progress or Silent(),
        )
    shutil.rmtree(shared, ignore_errors=True)
    return [load(folder) for folder in folders]


def _train_and_part(
    folders: Sequence[Path],
    description: Description,
    datasets: Sequence[Dataset],
    keys: Sequence[Key],
    shared: Path,
    progress: Progress,
) -> None:
    """Train all of the GANs, and save each one's final state in its folder."""
    updates = description.config.updates
    group = side_by_side.group(len(folders))
    init, call = compiled(description)
    init_keys, train_keys = zip(*[jax.random.split(key) for key in keys], strict=True)
    data, train_key = group.stack(
        [
            (to_device(dataset.take(shuffled_order(len(dataset), key))), train_key)
            for dataset, key, train_key in zip(datasets, keys, train_keys, strict=True)
        ]
    )
    state: GANState = side_by_side.spread(init, group.mesh)(group.stack(init_keys))
    name = "train the GAN" if len(folders) == 1 else f"train {len(folders)} GANs"
    with progress.stage(name, updates, "updates") as tick:
        state, history = train(
            side_by_side.many_steps(call, group.mesh),
            state,
            data,
            train_key,
            updates=updates,
            steps_per_call=max(1, updates // CALLS),
            tick=tick,
            # The rows name the folder: a checkpoint fits no other group
            folder=shared / "-".join(folders[row].name for row in group.rows),
        )
    for i, (folder, own) in enumerate(zip(folders, group.unstack(state), strict=True)):
        store = Checkpoints(folder / "checkpoints")
        store.save(updates, jax.tree.map(jnp.asarray, own), _row(history, i))
        store.close()


def _row(history: dict[str, list], i: int) -> dict[str, list[float]]:
    """Return one GAN's history from a group's, whose metrics are lists over the rows."""
    return {
        name: values if name == "update" else [row[i] for row in values]
        for name, values in history.items()
    }


def _updates_done(folder: Path) -> int:
    if not (folder / "checkpoints").is_dir():
        return 0
    store = Checkpoints(folder / "checkpoints")
    done = store.latest() or 0
    store.close()
    return done
