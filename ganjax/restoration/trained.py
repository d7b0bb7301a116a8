"""A restorer in a folder: trained there, found there again.

RUN/weight-0/, RUN/weight-0.003/ ...    one for each adversarial weight, and in each
  restorer.json    what it undoes and how it is built
  checkpoints/     the whole training state, and what was recorded on the way
  weights.*        the weights alone, when it is finished
  samples/         patches that it was never trained on, restored, as it went on
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from ganjax import recipe
from ganjax.config import Upkeep, degradation_in_words, parse_degradation
from ganjax.data.atomic import write_bytes_atomically
from ganjax.data.export import png
from ganjax.data.loader import normalise
from ganjax.data.sources import Dataset
from ganjax.errors import UserError, quoted
from ganjax.models import Restorer, parameter_count
from ganjax.progress import Progress, Silent
from ganjax.restoration import description as descriptions
from ganjax.restoration.description import Compiled, Description
from ganjax.restoration.tiling import Network
from ganjax.synthesis.judge import checksum
from ganjax.synthesis.placing import Drawing, place_images
from ganjax.synthesis.weights import write_weights
from ganjax.training import RestorationState
from ganjax.training.checkpoint import Checkpoints
from ganjax.training.distributed import is_first, together
from ganjax.training.loop import Looks, Series, train
from ganjax.training.sharding import compile_steps, everywhere, init_state, to_host
from ganjax.typing import Array, Key

WATCHED = 64
"""Patches of other images, at most, that a training is watched by."""

SHOWN = 8
"""Of these, how many are drawn."""


@dataclass(frozen=True)
class TrainedRestorer:
    """A restorer with the state that training left.

    Attributes:
      description: what it undoes and how it is built.
      network: its network.
      state: its state.
      history: the step `update` and the mean of each metric since the one before.
      signs: at each `update`, PSNR in dB of other images' patches, `psnr` restored and
        `degraded_psnr` as they were.
    """

    description: Description
    network: Restorer
    state: RestorationState
    history: Series
    signs: Series

    def restore(self, images: Array) -> Array:
        """Return estimates of the originals: pure.

        Args:
          images: degraded ones, float32 `[batch, height, width, channels]`, nominally in [-1, 1],
            of any height and width.

        Returns:
          Float32 of the same shape, nominally in [-1, 1], not clipped.
        """
        return _restore(self.description)(self.state, images)

    def as_network(self) -> Network:
        """Return it as far as images and files need to know it."""
        own = self.network
        return Network(self.restore, self.description.channels, own.radius, own.multiple)

    def checksum(self) -> str:
        """Return the SHA-256 of the weights that images are restored by, in hexadecimal."""
        return checksum({**self.state.restorer, "params": self.state.ema_params})

    def in_words(self) -> str:
        """Say which one it is."""
        own = self.description
        against = f"trained with adversarial weight {own.weight:g}" if own.weight else "plain"
        degradation = degradation_in_words(parse_degradation(own.degradation))
        return f"against {degradation}, {against}, {int(self.state.step):,} updates"

    def facts(self) -> dict[str, Any]:
        """Return what a manifest should tell of it, as JSON values."""
        own = self.description
        return {
            "trained_on": own.source,
            "degradation": own.degradation,
            "adversarial_weight": own.weight,
            "updates": int(self.state.step),
        }

    def parameters(self) -> dict[str, int]:
        """Count the parameters of its networks."""
        found = {"restorer": parameter_count(self.state.restorer)}
        if self.state.discriminator:
            found["discriminator"] = parameter_count(self.state.discriminator)
        return found


def folder_of(run: Path, weight: float) -> Path:
    """Return where the restorer of an adversarial weight is."""
    return Path(run) / f"weight-{float(weight)!r}".removesuffix(".0")


def weights_in(run: Path) -> list[float]:
    """Return the adversarial weights of a run's restorers, least first.

    Raises:
      UserError: it has none.
    """
    found = []
    for file in Path(run).glob(f"weight-*/{descriptions.FILE}"):
        if (file.parent / "checkpoints").is_dir():
            with suppress(ValueError):  # somebody's copy of one
                found.append(float(file.parent.name.removeprefix("weight-")))
    if not found:
        raise UserError(
            f"{quoted(run)} holds no trained restorer: give the --out of a 'ganjax restore train'"
        )
    return sorted(found)


def train_in(
    folder: Path,
    description: Description,
    tiles: Dataset,
    watched: np.ndarray,
    key: Key,
    *,
    mesh: Mesh | None = None,
    shard_state: bool = False,
    upkeep: Upkeep = Upkeep(),
    progress: Progress | None = None,
) -> TrainedRestorer:
    """Train a restorer, or go on from the newest checkpoint in the folder.

    Args:
      folder: where the description and the checkpoints are kept; one that all processes share.
      description: what is trained.
      tiles: originals of one size, uint8, that patches are cut from.
      watched: patches of other originals, uint8 `[n, patch, patch, channels]`; nothing is chosen
        by them.
      key: of the initial weights and of every step.
      mesh: the devices that each batch is spread over; one by default. They change nothing but the
        time and the rounding of sums.
      shard_state: also spread the parameters and the optimizers' state over the mesh.
      upkeep: how often checkpoints are written, and what is done about trouble.
      progress: where to tell how far it is.

    Returns:
      The trained restorer; with a mesh, its state in host memory.

    Raises:
      UserError: the batch does not divide by the devices, or the training diverged.
      Interrupted: a signal asked to stop; the same call goes on.
    """
    progress = progress or Silent()
    rhythm = description.rhythm()
    own = descriptions.compiled(description)
    init, call = own if mesh is None else _compiled_over(description, mesh, shard_state)
    init_key, train_key, look_key = jax.random.split(key, 3)
    drawing = Drawing(
        description.batch_size, rhythm.steps_per_call, int(np.prod(tiles.images.shape[1:]))
    )
    data = together(lambda: place_images(tiles, None, key, drawing, mesh, upkeep, progress))
    network = recipe.restorer(description.config, description.channels)
    if is_first():
        descriptions.write(folder, description, network.radius, network.multiple)
    look = _look(folder, description, watched, look_key, mesh)
    name = "train a restorer without an adversary"
    if description.weight:
        name = f"train a restorer against an adversary of weight {description.weight:g}"
    with progress.stage(name, description.config.updates, "updates") as tick:
        found = train(
            call,
            init(init_key),
            data,
            train_key,
            updates=description.config.updates,
            steps_per_call=rhythm.steps_per_call,
            anchor_every=rhythm.anchor_every,
            looks=Looks(look, rhythm.look_every),
            tick=tick,
            say=progress.say,
            folder=folder / "checkpoints",
            upkeep=upkeep,
        )
    guarded = found.state if mesh is None else to_host(found.state)
    trained = TrainedRestorer(description, network, guarded.state, found.history, found.signs)
    if is_first():
        leave_weights(folder, trained)
    return trained


def leave_weights(folder: Path, trained: TrainedRestorer) -> None:
    """Write the weights as safetensors and JSON, for whatever reads those."""
    state = trained.state
    trees = {"restorer": {**state.restorer, "params": state.ema_params}}
    if state.discriminator:
        trees["discriminator"] = dict(state.discriminator)
    own = trained.description
    facts = {"source": own.source, "degradation": own.degradation, "update": int(state.step)}
    write_weights(folder, trees, facts)


def load(
    run: Path, weight: float | None = None, *, say: Callable[[str], None] = lambda line: None
) -> TrainedRestorer:
    """Load a restorer from the run it was trained in; its training images are not needed.

    Args:
      run: the --out of `ganjax restore train`.
      weight: of the adversarial loss; by default the largest that the run has.
      say: told of checkpoints that are damaged and were passed over.

    Raises:
      UserError: the folder holds no such restorer.
    """
    there = weights_in(run)
    weight = there[-1] if weight is None else weight
    if weight not in there:
        raise UserError(
            f"{quoted(run)} has no restorer of adversarial weight {weight:g}: give "
            f"{' or '.join(f'{own:g}' for own in there)}"
        )
    folder = folder_of(run, weight)
    # The feature loss is of the training alone: what it needs may be gone
    description = replace(descriptions.read(folder), features=None)
    like = jax.eval_shape(descriptions.functions(description).init, jax.random.key(0))
    store = Checkpoints(folder / "checkpoints", say=say)
    try:
        found = store.restore(like=like)
    except FileNotFoundError as error:
        raise UserError(f"{folder}: {error}; run its 'ganjax restore train' again") from None
    finally:
        store.close()
    done, wanted = int(found.state.state.step), description.config.updates
    if done < wanted:
        say(f"{quoted(folder)} is not finished: {done:,} of {wanted:,} updates")
    network = recipe.restorer(description.config, description.channels)
    record = found.record
    return TrainedRestorer(
        description, network, found.state.state, record["history"], record["signs"]
    )


def _look(
    folder: Path, description: Description, watched: np.ndarray, key: Key, mesh: Mesh | None
) -> Callable[[Any], tuple[Any, dict[str, Array]]]:
    """Return what looks at a state: PSNR of other images, a few of which it draws."""
    watched = watched[:WATCHED]
    degrade = recipe.degrade_by(parse_degradation(description.degradation))
    degraded = jax.jit(degrade)(key, normalise(jnp.asarray(watched)))
    if mesh is not None:
        degraded = everywhere(np.asarray(degraded), mesh)
    see = _watch(description)

    def look(guarded: Any) -> tuple[Any, dict[str, Array]]:
        restored, psnr, before = see(guarded.state, degraded, watched)
        if is_first():
            sheet = _sheet(np.asarray(degraded)[:SHOWN], np.asarray(restored)[:SHOWN], watched)
            update = int(guarded.step)
            write_bytes_atomically(folder / "samples" / f"{update:07d}.png", png(sheet))
        return guarded, {"psnr": psnr, "degraded_psnr": before}

    return look


@cache
def _watch(description: Description) -> Callable:
    """Compile `(state, degraded, uint8 originals) -> restored, its PSNR, that of the degraded`."""
    restore = description.build().restore

    def psnr(images: Array, originals: Array) -> Array:
        squares = jnp.square(jnp.clip(images, -1, 1) - originals)
        return jnp.mean(10 * jnp.log10(4 / jnp.maximum(jnp.mean(squares, axis=(1, 2, 3)), 1e-10)))

    @jax.jit
    def watch(state: RestorationState, degraded: Array, originals: Array):
        restored, originals = restore(state, degraded), normalise(originals)
        return restored, psnr(restored, originals), psnr(degraded, originals)

    return watch


@cache
def _restore(description: Description) -> Callable[[RestorationState, Array], Array]:
    return jax.jit(description.build().restore)


def _sheet(degraded: np.ndarray, restored: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Draw rows of degraded, restored and original patches: uint8."""
    rows = [_to_bytes(degraded), _to_bytes(restored), originals[: len(degraded)]]
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)


def _to_bytes(images: np.ndarray) -> np.ndarray:
    return np.clip(np.round((images + 1) * 127.5), 0, 255).astype(np.uint8)


@cache
def _compiled_over(description: Description, mesh: Mesh, shard_state: bool) -> Compiled:
    """Compile a training for a mesh."""
    f = descriptions.functions(description)
    return Compiled(
        lambda key: init_state(f.init, key, mesh, shard_state=shard_state),
        compile_steps(f.step, f.draw, mesh, shard_state=shard_state),
    )
