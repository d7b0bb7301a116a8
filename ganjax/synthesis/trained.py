"""A generator in a folder: trained there, found there again, sampled without its training set.

FOLDER/generator.json   the networks, the classes, the size: what is needed to sample
FOLDER/checkpoints/     the whole training state, and what was recorded on the way
FOLDER/weights.*        the weights of both networks alone, when it is finished
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from ganjax.config import Upkeep
from ganjax.data.loader import Parts, Resident, shuffled_order, to_device
from ganjax.data.sources import Dataset, Unread
from ganjax.data.stream import Stream
from ganjax.errors import UserError
from ganjax.models import parameter_count
from ganjax.progress import Progress, Silent
from ganjax.synthesis import description as descriptions
from ganjax.synthesis.description import Description
from ganjax.synthesis.reference import reference
from ganjax.synthesis.sample import balanced_labels, sample_images
from ganjax.synthesis.weights import write_weights
from ganjax.training import GAN, GANState, guard
from ganjax.training.checkpoint import Checkpoints
from ganjax.training.distributed import agreed, is_first, together
from ganjax.training.feed import Feed, device_limit, place_on_one, steps_at_once
from ganjax.training.loop import Looks, Series, train
from ganjax.training.sharding import (
    compile_look,
    compile_steps,
    everywhere,
    init_state,
    own_parts,
    place_data,
    place_drawn,
    to_host,
)
from ganjax.training.watch import COLLAPSED, sampling_variables, with_sampling_variables
from ganjax.typing import Key


@dataclass(frozen=True)
class Trained:
    """A GAN's functions with the state that training left.

    Attributes:
      description: what it makes.
      gan: its functions.
      state: its state; where held-out images chose, images are drawn from the best generator.
      update: the update that this generator is from.
      history: the step `update` and the mean of each metric since the one before.
      signs: what the looks at it saw, at each `update`.
    """

    description: Description
    gan: GAN
    state: GANState
    update: int
    history: Series
    signs: Series

    def sample(self, key: Key, count: int, progress: Progress | None = None):
        """Draw images of all classes in turn: uint8 `[count, ...]` and int32 labels `[count]`."""
        labels = balanced_labels(count, self.description.classes or 1)
        with (progress or Silent()).stage("generate", count, "images") as tick:
            return sample_images(self.gan, self.state, key, labels, tick=tick), labels

    def parameters(self) -> dict[str, int]:
        """Count the parameters of both networks."""
        return {
            "generator": parameter_count(self.state.generator),
            "discriminator": parameter_count(self.state.discriminator),
        }


def train_in(
    folder: Path,
    description: Description,
    dataset: Dataset | Unread,
    key: Key,
    *,
    held_out: Dataset | None = None,
    begin_with: Trained | None = None,
    mesh: Mesh | None = None,
    shard_state: bool = False,
    upkeep: Upkeep = Upkeep(),
    progress: Progress | None = None,
) -> Trained:
    """Train a GAN on a data set, or go on from the newest checkpoint in the folder.

    The devices change nothing but the time and the rounding of sums; what one number of them began,
    another may finish. A set that `upkeep.device_memory` has no room for is streamed, which changes
    nothing at all.

    Args:
      folder: where the description and the checkpoints are kept; one that all processes share.
      description: what `describe` returned.
      dataset: the training images; where they are unread, only this process's part is read.
      key: of the initial weights and of every step.
      held_out: images that are never trained on; they choose which state of the generator is kept.
        None keeps the last.
      begin_with: a GAN of the same shape whose weights to begin with, and nothing else of it.
      mesh: the devices that each batch is spread over, of `ganjax.training.sharding.make_mesh`; one
        device by default. With several processes, all of them call this.
      shard_state: also spread the parameters and the optimizers' state over the mesh.
      upkeep: how often checkpoints are written, and what is done about trouble.
      progress: where to tell how far it is.

    Returns:
      The trained GAN; with a mesh, its state in host memory.

    Raises:
      UserError: the batch does not divide by the devices, or the training diverged.
      Interrupted: a signal asked to stop; the same call goes on.
    """
    progress = progress or Silent()
    updates, rhythm = description.updates, description.rhythm()
    own = descriptions.compiled(description)
    init, call, look = own if mesh is None else _compiled_over(description, mesh, shard_state)
    init_key, train_key = jax.random.split(key)
    data = together(lambda: _data(dataset, key, description, mesh, upkeep, progress))
    if is_first():
        descriptions.write(folder, description, dataset.labels)
    looks = None
    if held_out is not None:
        compared = reference(dataset, held_out, key)
        if mesh is not None:
            compared = everywhere(compared, mesh)
        looks = Looks(lambda state: look(state, compared), rhythm.look_every)
    state = init(init_key)
    if begin_with is not None:
        state = _begin_with(state, begin_with)
    with progress.stage("train the GAN", updates, "updates") as tick:
        found = train(
            call,
            state,
            data,
            train_key,
            updates=updates,
            steps_per_call=rhythm.steps_per_call,
            anchor_every=rhythm.anchor_every,
            looks=looks,
            tick=tick,
            say=progress.say,
            folder=folder / "checkpoints",
            upkeep=upkeep,
        )
    guarded = found.state if mesh is None else to_host(found.state)
    gan = conclude(description, guarded, found.history, found.signs)
    warn_of_collapse(gan, progress)
    if is_first():
        leave_weights(folder, gan)
    return gan


def _data(
    dataset: Dataset | Unread,
    key: Key,
    description: Description,
    mesh: Mesh | None,
    upkeep: Upkeep,
    progress: Progress,
) -> Resident | Parts | Feed:
    """Put the images on the devices; where they take too much room there, let them stream."""
    order = shuffled_order(len(dataset), key)
    batch_size, devices = description.config.batch_size, 1 if mesh is None else mesh.size
    image = description.size**2 * description.channels
    held, limit = image * len(order) // devices, device_limit(upkeep.device_memory)
    if agreed(held <= limit):
        if mesh is None:
            return to_device(dataset.take(order))
        return place_data(lambda rows: dataset.take(order[rows]), len(order), mesh)
    progress.say(
        f"the images would take {held / 1e9:.3g} GB of each device, of which {limit / 1e9:.3g} GB "
        "are theirs (--device-memory): they are streamed"
    )
    at_once = steps_at_once(
        description.rhythm().steps_per_call, image * batch_size // devices, limit
    )
    parts, own = (1, (0,)) if mesh is None else (mesh.size, own_parts(mesh))
    stream = Stream(
        dataset, order, batch_size, parts=parts, own=own, ahead=at_once, workers=upkeep.workers
    )
    place = place_on_one if mesh is None else partial(place_drawn, mesh=mesh)
    return Feed(stream, place, at_once)


def conclude(
    description: Description, guarded: guard.Guarded[GANState], history: Series, signs: Series
) -> Trained:
    """Return a trained GAN that draws its images from the best generator that was seen."""
    state, update = guarded.state, int(guarded.step)
    if np.isfinite(guarded.quality):
        state, update = with_sampling_variables(state, guarded.best), int(guarded.best_step)
    return Trained(description, description.build(), state, update, history, signs)


def warn_of_collapse(gan: Trained, progress: Progress) -> None:
    """Say so where the generator that was kept makes one image per class."""
    variety = dict(zip(gan.signs["update"], gan.signs.get("variety", []), strict=False))
    kept = variety.get(gan.update)
    if kept is not None and kept < COLLAPSED:
        progress.say(
            f"the GAN has collapsed: within a class, its images vary {kept:.2f} times as much as "
            "real ones. Give T(x) (--gan.augment diffaugment), a --gan.r1-weight above 0, or more "
            "images"
        )


def leave_weights(folder: Path, gan: Trained) -> None:
    """Write the weights of both networks as safetensors and JSON, for whatever reads those."""
    facts = {"source": gan.description.source, "update": gan.update}
    trees = {
        "generator": sampling_variables(gan.state),
        "discriminator": gan.state.discriminator,
    }
    write_weights(folder, trees, facts)


def load(folder: Path, *, say: Callable[[str], None] = lambda line: None) -> Trained:
    """Load a trained GAN from the folder it was trained in; its training images are not needed.

    Args:
      folder: of a training, or of a study's replicate.
      say: told of checkpoints that are damaged and were passed over.

    Raises:
      UserError: the folder holds no trained generator.
    """
    folder = Path(folder)
    description = descriptions.read(folder)
    if not (folder / "checkpoints").is_dir():
        raise UserError(f"{folder} has no checkpoint yet: run its 'ganjax train' again")
    like = jax.eval_shape(descriptions.functions(description).init, jax.random.key(0))
    store = Checkpoints(folder / "checkpoints", say=say)
    try:
        found = store.restore(like=like)
    except FileNotFoundError as error:
        raise UserError(f"{folder}: {error}; run its 'ganjax train' again") from None
    finally:
        store.close()
    record = found.record
    return conclude(description, found.state, record["history"], record["signs"])


def _begin_with(state: guard.Guarded[GANState], other: Trained) -> guard.Guarded[GANState]:
    """Return a fresh state with another GAN's weights, its optimizers and counters its own."""

    def weights(own: Any, given: Any) -> Any:
        def place(mine: jax.Array, theirs: jax.Array) -> jax.Array:
            return jax.device_put(np.array(theirs), mine.sharding)

        if jax.tree.map(np.shape, own) != jax.tree.map(np.shape, given):
            raise UserError(
                "--init-from: its networks are of another shape; give the same image size, "
                "channels, classes, --gan.network, --gan.width and --gan.latent-size"
            )
        return jax.tree.map(place, own, given)

    own, given = state.state, other.state
    begun = replace(
        own,
        generator=weights(own.generator, sampling_variables(given)),
        discriminator=weights(own.discriminator, given.discriminator),
        ema_params=weights(own.ema_params, given.ema_params),
    )
    return replace(state, state=begun, best=weights(state.best, sampling_variables(given)))


@cache
def _compiled_over(
    description: Description, mesh: Mesh, shard_state: bool
) -> descriptions.Compiled:
    """Compile a training for a mesh."""
    f = descriptions.functions(description)
    return descriptions.Compiled(
        lambda key: init_state(f.init, key, mesh, shard_state=shard_state),
        compile_steps(f.step, f.draw, mesh, shard_state=shard_state),
        compile_look(f.look, mesh, shard_state=shard_state),
    )
