"""`ganjax train`: a GAN, and a classifier if wanted, from a source into a folder."""

import json
import math
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from ganjax import recipe
from ganjax.config import COMMAND, TrainConfig, Upkeep, claim_folder, to_json
from ganjax.data import quarantine, sources, splits
from ganjax.data.atomic import write_bytes_atomically, write_json_atomically
from ganjax.data.export import png
from ganjax.data.lock import hold
from ganjax.models import parameter_count
from ganjax.progress import Progress, Silent
from ganjax.synthesis.classifiers import leave_calibration
from ganjax.synthesis.description import Description, describe
from ganjax.synthesis.train_images import TrainImages, find_images, one_of
from ganjax.synthesis.trained import Trained, load, train_in
from ganjax.training.distributed import is_first, together
from ganjax.training.sharding import check_batch

COLUMNS = 10
"""Images of each class in the overview picture."""


def train(
    config: TrainConfig,
    out: Path,
    *,
    images: sources.Source | None = None,
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
      images: the images themselves, of `ganjax.data.from_arrays` or `load`; by default those of
        `config.source`, which otherwise is but their name.
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
    together(lambda: claim_folder(out, config) if is_first() else None)
    with ExitStack() as stack:
        if is_first():  # the others cannot get so far without it
            together(lambda: stack.enter_context(hold(out, command=command)))
        else:
            together(lambda: None)
        return _train(config, out, images, mesh, shard_state, upkeep, command, progress)


def _train(
    config: TrainConfig,
    out: Path,
    images: sources.Source | None,
    mesh: Mesh | None,
    shard_state: bool,
    upkeep: Upkeep,
    command: str,
    progress: Progress,
) -> Trained:
    found, description = together(lambda: _described(config, images, upkeep.cache, progress))
    dataset = found.labelled
    if mesh is not None:
        check_batch(description.batch_size, mesh)
    begin_with = together(lambda: _begin_with(config, progress))
    if is_first():
        write_json_atomically(out / "config.json", to_json(config))
        if command:
            write_bytes_atomically(out / COMMAND, f"{command}\n".encode())
        quarantine.write(out, dataset.bad)
    for line in _in_words(description, dataset):
        progress.say(line)
    fit, held_out = _hold_out(dataset, config, progress)
    gan = train_in(
        out,
        description,
        fit,
        jax.random.key(config.seed),
        unlabelled=found.unlabelled,
        held_out=held_out,
        begin_with=begin_with,
        mesh=mesh,
        shard_state=shard_state,
        upkeep=upkeep,
        progress=progress,
    )
    sheet = _overview(gan, config.seed)
    if is_first():
        if description.joint is not None:
            leave_calibration(out, lambda images: gan.classify(images)[None], held_out)
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
    (images, unlabelled), description = _described(config, None, True, progress)
    hidden = 0 if unlabelled is None else len(unlabelled)
    shape = (description.size, description.size, description.channels)
    state = jax.eval_shape(description.build().init, jax.random.key(0))
    held = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    held += (len(images) + hidden) * math.prod(shape)
    return [
        f"images: {len(images)}, {'x'.join(map(str, shape))}, {len(images.class_names)} classes"
        + (f"; {hidden:,} more without labels" if hidden else ""),
        f"parameters: generator {parameter_count(state.generator):,}, "
        f"discriminator {parameter_count(state.discriminator):,}",
        *_in_words(description, images),
        f"memory for states and images: about {max(held / 1e9, 0.01):.2f} GB, "
        "activations and compilation apart",
        json.dumps(to_json(config), indent=2),
    ]


def _described(
    config: TrainConfig, given: sources.Source | None, cache: bool, progress: Progress
) -> tuple[TrainImages, Description]:
    """Return the images, yet to be read, and what is made of them."""
    images = find_images(config, given, cache, progress)
    count = len(images.labelled)
    described = describe(
        config.gan,
        one_of(images),
        conditional=config.conditional,
        images=count,
        objective=config.objective,
        joint=config.joint,
    )
    return images, described


def _in_words(description: Description, images: sources.Unread) -> list[str]:
    gan, joint = description.config, description.joint
    return [
        gan.in_words(len(images) / len(images.class_names)),
        *([] if joint is None else [joint.in_words(description.objective)]),
        f"T(x) in the discriminator: {recipe.policy_in_words(gan)}",
    ]
