"""`ganjax restore train`: restorers from a source, always one without an adversary."""

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from ganjax import recipe
from ganjax.config import (
    COMMAND,
    RestorationConfig,
    RestorerConfig,
    Upkeep,
    claim_folder,
    degradation_in_words,
    parse_degradation,
    to_json,
)
from ganjax.data import quarantine
from ganjax.data.atomic import write_bytes_atomically, write_json_atomically
from ganjax.data.dataset import Dataset
from ganjax.data.listing import Bad
from ganjax.data.lock import hold
from ganjax.data.natural import (
    NaturalImages,
    find_natural,
    refusal,
    split_by_image,
    too_small,
    training_tiles,
)
from ganjax.errors import UserError, quoted
from ganjax.models import parameter_count
from ganjax.progress import Progress, Silent
from ganjax.restoration.about import About, read_about, resolved, write_about
from ganjax.restoration.description import Description
from ganjax.restoration.seen import TEACHER, train_classifier
from ganjax.restoration.trained import WATCHED, TrainedRestorer, folder_of, train_in
from ganjax.training.distributed import is_first, together
from ganjax.training.sharding import check_batch

FEW = 0.05
"""Part of the images, the smallest ones, that may be left out so that patches are larger."""


LEAST_PATCH = 8
"""Side in pixels of the smallest patch."""


class Prepared(NamedTuple):
    """What a training of restorers begins with.

    Attributes:
      tiles: originals that patches are cut from.
      watched: patches of other images, uint8 `[n, patch, patch, channels]`.
      restorer: how restorers are trained, complete.
      images: how many are trained on.
      held_out: what the patches that watch are cut from.
      bad: images that were left out.
    """

    tiles: Dataset
    watched: np.ndarray
    restorer: RestorerConfig
    images: int
    held_out: NaturalImages
    bad: tuple[Bad, ...]


def train(
    config: RestorationConfig,
    out: Path,
    *,
    mesh: Mesh | None = None,
    shard_state: bool = False,
    upkeep: Upkeep = Upkeep(),
    command: str = "",
    progress: Progress | None = None,
) -> list[TrainedRestorer]:
    """Train a restorer for each adversarial weight, or go on where the same configuration stopped.

    All see the same patches with the same random numbers. Leaves `config.json`, and for each weight
    a folder of `ganjax.restoration.trained`. Several processes all call this.

    Args:
      config: what decides the outcome.
      out: the run's folder; one that all processes share.
      mesh: the devices; they do not change the outcome.
      shard_state: likewise.
      upkeep: how often checkpoints are written, and what is done about trouble.
      command: the command line to repeat it, for the record.
      progress: where to tell how far it is.

    Returns:
      The restorers, that without an adversary first.

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
        return _train(config, out, mesh, shard_state, upkeep, command, progress)


def _train(
    config: RestorationConfig,
    out: Path,
    mesh: Mesh | None,
    shard_state: bool,
    upkeep: Upkeep,
    command: str,
    progress: Progress,
) -> list[TrainedRestorer]:
    images = together(lambda: _read(config, progress))
    prepared = together(lambda: _prepare(config, images))
    restorer, channels = prepared.restorer, images.channels
    if mesh is not None:
        assert restorer.batch_size is not None
        check_batch(restorer.batch_size, mesh, option="--restorer.batch-size")
    about = About(
        resolved(config.source),
        config.data_dir and str(Path(config.data_dir).expanduser().resolve()),
        images.split,
        prepared.held_out.files,
        prepared.watched,
    )
    together(lambda: _check_same(out, about) if is_first() else None)
    if is_first():
        write_json_atomically(out / "config.json", to_json(config))
        if command:
            write_bytes_atomically(out / COMMAND, f"{command}\n".encode())
        quarantine.write(out, prepared.bad)
        write_about(out, about)
    for line in _in_words(config, prepared, channels):
        progress.say(line)
    features = together(lambda: _features(config, images, prepared.held_out, out, progress))
    found = []
    for weight in config.adversarial_weights:
        own, folder = (config.feature_weight, features), folder_of(out, weight)
        description = Description(
            restorer, config.degradation, weight, *own, channels, config.source
        )
        trained = train_in(
            folder,
            description,
            prepared.tiles,
            prepared.watched,
            jax.random.key(config.seed),
            mesh=mesh,
            shard_state=shard_state,
            upkeep=upkeep,
            progress=progress,
        )
        if is_first():
            history = {"metrics": trained.history, "looks": trained.signs}
            write_json_atomically(folder / "history.json", history)
        found.append(trained)
    return found


def _check_same(out: Path, about: About) -> None:
    """Raise where a run began with other images: it would be evaluated on some of those."""
    try:
        earlier = read_about(out)
    except UserError:  # a new run, or what it told is damaged
        return
    same = earlier.held_out == about.held_out and np.array_equal(earlier.watched, about.watched)
    if not same and any(out.glob("weight-*/checkpoints/*")):
        raise UserError(
            f"{quoted(about.source)} has other images than when {quoted(out)} began: give a new "
            "folder with --out"
        )


def _features(
    config: RestorationConfig,
    images: NaturalImages,
    held_out: NaturalImages,
    out: Path,
    progress: Progress,
) -> str | None:
    """Train the classifier of the feature loss; return the folder of its weights."""
    if not config.feature_weight:
        return None
    folder = out / "features"
    if is_first():
        train_classifier(
            config.source,
            images.images[0].shape,
            data_dir=config.data_dir,
            place=folder,
            without=held_out.images,
            seed=TEACHER,
            progress=progress,
        )
    return str(folder)


def _read(config: RestorationConfig, progress: Progress) -> NaturalImages:
    with progress.stage("read the images", 0, "images") as tick:
        found = find_natural(
            config.source,
            data_dir=config.data_dir,
            split=config.split,
            prefer="train",
            channels=config.channels,
            to_grey=config.channels == 1,
            on_bad=config.on_bad,
            tell=lambda done, total: tick(done),
            say=progress.say,
        )
    for line in found.notes:
        progress.say(line)
    return found


def _prepare(config: RestorationConfig, images: NaturalImages) -> Prepared:
    """Cut the images into what is trained on and what watches."""
    sides = images.shorter_sides
    if max(sides) < LEAST_PATCH:
        raise UserError(
            f"{quoted(config.source)} has no image of at least {LEAST_PATCH}x{LEAST_PATCH} pixels, "
            "the smallest patch that is trained on: give larger images"
        )
    smallest = int(np.quantile(sides, FEW, method="lower"))
    restorer = config.restorer.for_images(max(smallest, LEAST_PATCH))
    patch = restorer.patch
    bad = too_small(images, patch=patch)
    if bad and config.on_bad == "fail":
        raise refusal(config.source, bad[0])
    fit, held_out = split_by_image(
        images.only(np.flatnonzero(sides >= patch)),
        fraction=config.validation_fraction,
        seed=config.seed,
    )
    tiles, others = (training_tiles(own, patch=patch).pixels for own in (fit, held_out))
    middle = (others.shape[1] - patch) // 2
    some = np.linspace(0, len(others) - 1, min(WATCHED, len(others))).astype(int)
    return Prepared(
        Dataset(config.source, tiles, np.zeros(len(tiles), np.int32), ("image",)),
        others[some][:, middle : middle + patch, middle : middle + patch],
        replace(restorer, precision=recipe.precision(restorer.precision)),
        len(fit),
        held_out,
        (*images.bad, *bad),
    )


def dry_run(config: RestorationConfig, out: Path, progress: Progress) -> list[str]:
    """Say what a training would do, without doing it: lines to print."""
    claim_folder(out, config)
    images = _read(config, progress)
    prepared = _prepare(config, images)
    network = recipe.restorer(prepared.restorer, images.channels)
    count = parameter_count(jax.eval_shape(network.init, jax.random.key(0)))
    return [
        *_in_words(config, prepared, images.channels),
        f"parameters: {count:,}; an output pixel sees {network.radius} pixels in each direction",
        json.dumps(to_json(config), indent=2),
    ]


def _in_words(config: RestorationConfig, prepared: Prepared, channels: int) -> list[str]:
    adversaries = [f"{weight:g}" for weight in config.adversarial_weights if weight]
    beside = f", and against adversaries of weight {', '.join(adversaries)}" if adversaries else ""
    return [
        f"images: {prepared.images:,} to train on, {len(prepared.held_out):,} to watch by, "
        f"{'grey' if channels == 1 else 'colour'}"
        + (f"; {quarantine.summary(prepared.bad)}" if prepared.bad else ""),
        f"degradation: {degradation_in_words(parse_degradation(config.degradation))}",
        f"restorers: without an adversary{beside}",
        prepared.restorer.in_words(),
        *_too_far(prepared.restorer, channels),
    ]


def _too_far(restorer: RestorerConfig, channels: int) -> list[str]:
    """Say so where a network sees farther than its patches reach."""
    seen = 2 * recipe.restorer(restorer, channels).radius + 1
    if seen <= restorer.patch:
        return []
    return [
        f"an output pixel sees {seen}x{seen} pixels, more than a patch: a smaller "
        "--restorer.depth does as well on such images"
    ]
