"""`ganjax train` and `ganjax synthesize`: a GAN from a source into a folder, images out of it."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from ganjax.config import COMMAND, TrainConfig, Upkeep, claim_folder, to_json
from ganjax.data import loader, sources, splits
from ganjax.data.atomic import write_bytes_atomically, write_json_atomically
from ganjax.data.export import check_free, png, write_labelled_images
from ganjax.data.lock import hold
from ganjax.data.splits import some_per_class
from ganjax.errors import UserError
from ganjax.models import parameter_count
from ganjax.ops import policy
from ganjax.progress import Progress, Silent
from ganjax.recipe import POLICIES
from ganjax.synthesis.description import Description, describe
from ganjax.synthesis.trained import Trained, load, train_in
from ganjax.training.distributed import is_first, together
from ganjax.training.sharding import check_batch

COLUMNS = 10
"""Images of each class in the overview picture."""


def train(
    config: TrainConfig,
    out: Path,
    *,
    mesh: Mesh | None = None,
    shard_state: bool = False,
    upkeep: Upkeep = Upkeep(),
    command: str = "",
    progress: Progress | None = None,
) -> Trained:
    """Train a GAN on a source, or go on where the same configuration stopped.

    Leaves `config.json`, `generator.json`, `checkpoints/`, `history.json` and `overview.png`, a
    row of generated images per class. Several processes all call this; each reads its own part of
    the images, and the first one writes.

    Args:
      config: what decides the outcome.
      out: the run's folder; one that all processes share.
      mesh: the devices, as of `train_in`; they do not change the outcome.
      shard_state: likewise.
      upkeep: how often checkpoints are written, and what is done about trouble.
      command: the command line to repeat it, for the record.
      progress: where to tell how far it is.

    Raises:
      UserError: a source or folder that cannot be used, or a batch that does not divide by the
        devices.
    """
    progress = progress or Silent()
    if mesh is not None:
        check_batch(config.gan.batch_size, mesh)
    together(lambda: claim_folder(out, config) if is_first() else None)
    with ExitStack() as stack:
        if is_first():  # the others cannot get so far without it
            together(lambda: stack.enter_context(hold(out, command=command)))
        else:
            together(lambda: None)
        return _train(config, out, mesh, shard_state, upkeep, command, progress)


def _train(
    config: TrainConfig,
    out: Path,
    mesh: Mesh | None,
    shard_state: bool,
    upkeep: Upkeep,
    command: str,
    progress: Progress,
) -> Trained:
    dataset, description = together(lambda: _described(config, progress))
    begin_with = together(lambda: _begin_with(config, progress))
    if is_first():
        write_json_atomically(out / "config.json", to_json(config))
        if command:
            write_bytes_atomically(out / COMMAND, f"{command}\n".encode())
    progress.say(f"T(x) in the discriminator: {_policy(config)}")
    fit, held_out = _hold_out(dataset, config, progress)
    gan = train_in(
        out,
        description,
        fit,
        jax.random.key(config.seed),
        held_out=held_out,
        begin_with=begin_with,
        mesh=mesh,
        shard_state=shard_state,
        upkeep=upkeep,
        progress=progress,
    )
    sheet = _overview(gan, config.seed)
    if is_first():
        write_json_atomically(out / "history.json", {"metrics": gan.history, "looks": gan.signs})
        write_bytes_atomically(out / "overview.png", png(sheet))
    return gan


def _hold_out(
    dataset: Any, config: TrainConfig, progress: Progress
) -> tuple[Any, sources.Dataset | None]:
    """Keep a part of each class to choose the best generator by, where there are enough images."""
    if not config.validation_fraction:
        return dataset, None
    fit, held_out = splits.hold_out(dataset, config.validation_fraction, seed=config.seed)
    if len(held_out) < 2:
        progress.say(
            f"too few images to hold any out ({len(dataset)} in all): the last state is kept"
        )
        return dataset, None
    return fit, held_out.take(np.arange(len(held_out)))


def _begin_with(config: TrainConfig, progress: Progress) -> Trained | None:
    return (config.init_from and load(Path(config.init_from), say=progress.say)) or None


def _overview(gan: Trained, seed: int) -> np.ndarray:
    """Draw a row of images per class: uint8 `[height, width, channels]`."""
    description = gan.description
    rows = description.classes or COLUMNS
    images, labels = gan.sample(jax.random.key(seed), rows * COLUMNS)
    order = np.argsort(labels, kind="stable") if description.classes else np.arange(len(labels))
    sheet = images[order].reshape(rows, COLUMNS, *images.shape[1:])
    return sheet.transpose(0, 2, 1, 3, 4).reshape(
        rows * description.size, COLUMNS * description.size, description.channels
    )


def dry_run(config: TrainConfig, out: Path, progress: Progress) -> list[str]:
    """Say what a training would do, without doing it: lines to print."""
    claim_folder(out, config)
    dataset = _dataset(config, progress)
    description = describe(config.gan, dataset, conditional=config.conditional)
    state = jax.eval_shape(description.build().init, jax.random.key(0))
    held = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    held += dataset.images.nbytes
    return [
        f"images: {len(dataset)}, {'x'.join(map(str, dataset.images.shape[1:]))}, "
        f"{len(dataset.class_names)} classes",
        f"parameters: generator {parameter_count(state.generator):,}, "
        f"discriminator {parameter_count(state.discriminator):,}",
        f"updates: {config.gan.updates:,} of each network, {config.gan.batch_size} images each",
        f"T(x) in the discriminator: {_policy(config)}",
        f"memory for states and images: about {max(held / 1e9, 0.01):.2f} GB, "
        "activations and compilation apart",
        json.dumps(to_json(config), indent=2),
    ]


def synthesize(
    run: Path,
    out: Path,
    *,
    count: int,
    seed: int = 0,
    command: str = "",
    progress: Progress | None = None,
) -> None:
    """Write labelled images from a trained GAN, with a manifest; no training image is read.

    Raises:
      UserError: `run` holds no GAN, `out` is in use, or `count` is below 1.
    """
    progress = progress or Silent()
    if count < 1:
        raise UserError(f"--count must be at least 1, not {count}")
    check_free(out)
    gan = load(run, say=progress.say)
    description = gan.description
    images, labels = gan.sample(jax.random.key(seed), count, progress)
    facts: dict[str, Any] = {
        "generator": str(run),
        "trained_on": description.source,
        "updates": gan.update,
        "seed": seed,
        "command": command,
    }
    with progress.stage("write", count, "images") as tick:
        names = description.class_names or ("all",)
        write_labelled_images(out, images, labels, names, facts=facts, tick=tick)


def _described(
    config: TrainConfig, progress: Progress
) -> tuple[sources.Dataset | sources.Unread, Description]:
    """Return the images, unread where each process is to read its part, and what they make."""
    if jax.process_count() == 1:
        dataset = _dataset(config, progress)
        return dataset, describe(config.gan, dataset, conditional=config.conditional)
    unread = loader.unread_at_network_size(sources.unread(config.source, data_dir=config.data_dir))
    if config.per_class is not None:
        unread = some_per_class(unread, config.per_class, seed=config.seed)
    one = unread.take(np.zeros(1, np.int64))
    return unread, describe(config.gan, one, conditional=config.conditional)


def _dataset(config: TrainConfig, progress: Progress) -> sources.Dataset:
    with progress.stage("read the images", 0, "images") as tick:
        source = sources.load(
            config.source, data_dir=config.data_dir, tell=lambda done, total: tick(done)
        )
    dataset = loader.at_network_size(source).train
    if config.per_class is None:
        return dataset
    return some_per_class(dataset, config.per_class, seed=config.seed)


def _policy(config: TrainConfig) -> str:
    return policy.describe(POLICIES[config.gan.augment], config.gan.augment_strength)
