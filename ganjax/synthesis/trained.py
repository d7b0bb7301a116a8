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
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from ganjax.config import JOINT, Upkeep
from ganjax.data.loader import normalise
from ganjax.data.sources import Dataset, Unread
from ganjax.errors import UserError
from ganjax.models import parameter_count
from ganjax.progress import Progress, Silent
from ganjax.synthesis import description as descriptions
from ganjax.synthesis.classifying import in_batches
from ganjax.synthesis.description import Description
from ganjax.synthesis.placing import Drawing, place_images
from ganjax.synthesis.reference import reference
from ganjax.synthesis.sample import balanced_labels, sample_images
from ganjax.synthesis.weights import write_weights
from ganjax.training import GAN, GANState, Joint, JointState, guard
from ganjax.training.checkpoint import Checkpoints
from ganjax.training.distributed import is_first, together
from ganjax.training.loop import Looks, Series, train
from ganjax.training.sharding import (
    compile_look,
    compile_steps,
    everywhere,
    init_state,
    to_host,
)
from ganjax.training.watch import COLLAPSED, Both, to_keep, with_best
from ganjax.typing import Key


@dataclass(frozen=True)
class Trained:
    """A GAN's functions with the state that training left.

    Attributes:
      description: what it makes.
      gan: its functions.
      state: its state; where held-out images chose, images are drawn from the best generator.
      update: the update that this generator is from.
      classifier_update: the one that its classifier is from; None for a GAN alone.
      history: the step `update` and the mean of each metric since the one before.
      signs: what the looks at it saw, at each `update`.
    """

    description: Description
    gan: GAN
    state: GANState
    update: int
    history: Series
    signs: Series
    classifier_update: int | None = None

    def sample(self, key: Key, count: int, progress: Progress | None = None):
        """Draw images of all classes in turn: uint8 `[count, ...]` and int32 labels `[count]`."""
        labels = balanced_labels(count, self.description.classes or 1)
        with (progress or Silent()).stage("generate", count, "images") as tick:
            return sample_images(self.gan, self.state, key, labels, tick=tick), labels

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Return logits `[n, classes]`, float32, of images uint8 `[n, height, width, channels]`.

        Raises:
          UserError: it was trained without a classifier.
        """
        if self.description.joint is None:
            raise UserError(
                f"this run has no classifier: train it with --objective {', '.join(JOINT[:-1])} or "
                f"{JOINT[-1]}"
            )
        return in_batches(partial(_classify(self.description), self.state), axis=0)(images)

    def parameters(self) -> dict[str, int]:
        """Count the parameters of all networks."""
        found = {
            "generator": parameter_count(self.state.generator),
            "discriminator": parameter_count(self.state.discriminator),
        }
        if isinstance(self.state, JointState) and self.state.classifier:
            found["classifier"] = parameter_count(self.state.classifier)
        return found


def train_in(
    folder: Path,
    description: Description,
    dataset: Dataset | Unread,
    key: Key,
    *,
    unlabelled: Dataset | Unread | None = None,
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
      unlabelled: images without labels, for a joint training; None for none.
      held_out: images that are never trained on; they choose which state of the generator is kept,
        and which of the classifier. None keeps the last.
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
    drawing = Drawing(
        description.batch_size,
        rhythm.steps_per_call,
        description.size**2 * description.channels,
    )
    own = descriptions.compiled(description)
    init, call, look = own if mesh is None else _compiled_over(description, mesh, shard_state)
    init_key, train_key = jax.random.split(key)
    data = together(lambda: place_images(dataset, unlabelled, key, drawing, mesh, upkeep, progress))
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
    name = "train the GAN" if description.joint is None else "train the GAN and a classifier"
    with progress.stage(name, updates, "updates") as tick:
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


def conclude(
    description: Description, guarded: guard.Guarded[GANState], history: Series, signs: Series
) -> Trained:
    """Return a training with the best generator, and the best classifier, that was seen."""
    update = classified = int(guarded.step)
    if np.isfinite(guarded.quality):
        update = int(guarded.best_step)
    if isinstance(guarded.best, Both) and guarded.best.probability >= 0:
        classified = int(guarded.best.step)
    return Trained(
        description,
        description.gan(),
        with_best(guarded),
        update,
        history,
        signs,
        None if description.joint is None else classified,
    )


def warn_of_collapse(gan: Trained, progress: Progress) -> None:
    """Say so where the generator that was kept makes one image per class."""
    variety = dict(zip(gan.signs["update"], gan.signs.get("variety", []), strict=False))
    kept = variety.get(gan.update)
    if kept is not None and kept < COLLAPSED:
        progress.say(
            f"the GAN has collapsed: within a class, its images vary {kept:.2f} times as much as "
            f"real ones. {_against_collapse(gan.description)}"
        )


def _against_collapse(description: Description) -> str:
    """Say what to do about a collapse."""
    if description.objective == "semi-supervised":
        return "Its classifier may be good all the same; for images, give another --objective"
    if description.config.loss != "relativistic":
        return "Give --gan.loss relativistic"
    if description.config.augment == "none" or description.config.augment_adaptive:
        return "Give T(x) always (--gan.augment diffaugment), or more images"
    return "Give more images"


def leave_weights(folder: Path, gan: Trained) -> None:
    """Write the weights of both networks as safetensors and JSON, for whatever reads those."""
    facts = {"source": gan.description.source, "update": gan.update}
    trees = {
        "generator": gan.state.ema_generator,
        "discriminator": gan.state.discriminator,
    }
    if isinstance(gan.state, JointState):
        players = gan.state.classifier or gan.state.discriminator
        trees["classifier"] = {**players, "params": gan.state.ema_classifier}
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
                "channels, classes, --objective, --gan.network, --gan.width, --gan.latent-size and "
                "--joint.width"
            )
        return jax.tree.map(place, own, given)

    own, given = state.state, other.state
    begun = replace(
        own,
        generator=weights(own.generator, given.ema_generator),
        discriminator=weights(own.discriminator, given.discriminator),
        ema_generator=weights(own.ema_generator, given.ema_generator),
    )
    if isinstance(begun, JointState) and isinstance(given, JointState):
        player = given.classifier and {**given.classifier, "params": given.ema_classifier}
        begun = replace(
            begun,
            classifier=weights(begun.classifier, player),
            ema_classifier=weights(begun.ema_classifier, given.ema_classifier),
        )
    return replace(state, state=begun, best=jax.tree.map(jnp.copy, to_keep(begun)))


@cache
def _classify(description: Description) -> Callable:
    """Compile `(state, uint8 images) -> logits`."""
    joint = description.build()
    assert isinstance(joint, Joint)
    return jax.jit(lambda state, images: joint.classify(state, normalise(images)))


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
