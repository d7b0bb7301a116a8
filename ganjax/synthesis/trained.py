"""A generator in a folder: trained there, found there again, sampled without its training set.

FOLDER/generator.json   the networks, the classes, the size: what is needed to sample
FOLDER/checkpoints/     the whole training state and its history
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path

import jax
from jax.sharding import Mesh

from ganjax import recipe
from ganjax.config import GANConfig
from ganjax.data.atomic import write_json_atomically
from ganjax.data.loader import Parts, Resident, sample_batch, shuffled_order, to_device
from ganjax.data.sources import Dataset, Unread
from ganjax.errors import UserError
from ganjax.models import parameter_count
from ganjax.progress import Progress, Silent
from ganjax.synthesis.sample import balanced_labels, sample_images
from ganjax.training import GAN, GANState
from ganjax.training.checkpoint import Checkpoints
from ganjax.training.distributed import is_first, together
from ganjax.training.loop import repeat, train
from ganjax.training.sharding import compile_steps, init_state, place_data, to_host
from ganjax.typing import Key

CALLS = 40
"""Compiled calls that a training is cut into: as often it tells how far it is."""


@dataclass(frozen=True)
class Description:
    """What a generator makes, and how it is built.

    Attributes:
      config: the GAN's configuration.
      size: side of its images in pixels.
      channels: 1 or 3.
      class_names: what the labels mean; empty for a generator without labels.
      source: where its training images came from.
    """

    config: GANConfig
    size: int
    channels: int
    class_names: tuple[str, ...]
    source: str

    @property
    def classes(self) -> int | None:
        """The number of classes, or None without labels."""
        return len(self.class_names) or None

    def build(self) -> GAN:
        """Return the GAN's functions; equal descriptions share them, and what they compile to."""
        return _build(self)


@dataclass(frozen=True)
class Trained:
    """A GAN's functions with the state that training left.

    Attributes:
      description: what it makes.
      gan: its functions.
      state: its state.
      history: the step `update` and the mean of each metric since the one before.
    """

    description: Description
    gan: GAN
    state: GANState
    history: dict[str, list[float]]

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


def describe(config: GANConfig, dataset: Dataset, *, conditional: bool = True) -> Description:
    """Describe the generator that a configuration would train on a data set."""
    _, height, width, channels = dataset.images.shape
    if height != width:
        raise UserError(f"a GAN makes square images, not {height}x{width}")
    names = dataset.class_names if conditional else ()
    config = replace(config.for_size(height), precision=recipe.precision(config.precision))
    return Description(config, height, channels, tuple(names), dataset.name)


def train_in(
    folder: Path,
    description: Description,
    dataset: Dataset | Unread,
    key: Key,
    *,
    mesh: Mesh | None = None,
    shard_state: bool = False,
    progress: Progress | None = None,
) -> Trained:
    """Train a GAN on a data set, or go on from the newest checkpoint in the folder.

    The devices change nothing but the time and the rounding of sums; what one number of them began,
    another may finish.

    Args:
      folder: where the description and the checkpoints are kept; one that all processes share.
      description: what `describe` returned.
      dataset: the training images; where they are unread, only this process's part is read.
      key: of the initial weights and of every step.
      mesh: the devices that each batch is spread over, of `ganjax.training.sharding.make_mesh`; one
        device by default. With several processes, all of them call this.
      shard_state: also spread the parameters and the optimizers' state over the mesh.
      progress: where to tell how far it is.

    Returns:
      The trained GAN; with a mesh, its state in host memory.

    Raises:
      UserError: the batch does not divide by the devices.
    """
    config = description.config
    gan = description.build()
    init_key, train_key = jax.random.split(key)
    order = shuffled_order(len(dataset), key)
    if mesh is None:
        init, call = compiled(description)
        state = init(init_key)
        data: Resident | Parts = to_device(dataset.take(order))
    else:
        data = together(
            lambda: place_data(lambda rows: dataset.take(order[rows]), len(dataset), mesh)
        )
        state = init_state(gan.init, init_key, mesh, shard_state=shard_state)
        call = _compiled_over(description, mesh, shard_state)
    if is_first():
        write_description(folder, description)
    with (progress or Silent()).stage("train the GAN", config.updates, "updates") as tick:
        state, history = train(
            call,
            state,
            data,
            train_key,
            updates=config.updates,
            steps_per_call=max(1, config.updates // CALLS),
            tick=tick,
            folder=folder / "checkpoints",
        )
    return Trained(description, gan, state if mesh is None else to_host(state), history)


def write_description(folder: Path, description: Description) -> None:
    """Write `generator.json`: all that `load` needs to know besides the checkpoint."""
    write_json_atomically(folder / "generator.json", {"schema": 1, **asdict(description)})


@cache
def _build(description: Description) -> GAN:
    return recipe.gan(
        description.config,
        size=description.size,
        channels=description.channels,
        classes=description.classes,
    )


@cache
def compiled(description: Description) -> tuple[Callable, Callable]:
    """Return the jitted `init` and many-step call, shared by all trainings of a description."""
    gan = description.build()
    draw = partial(sample_batch, batch_size=description.config.batch_size)
    return jax.jit(gan.init), repeat(gan.step, draw)


@cache
def _compiled_over(description: Description, mesh: Mesh, shard_state: bool) -> Callable:
    draw = partial(sample_batch, batch_size=description.config.batch_size)
    return compile_steps(description.build().step, draw, mesh, shard_state=shard_state)


def load(folder: Path) -> Trained:
    """Load a trained GAN from the folder it was trained in; its training images are not needed.

    Raises:
      UserError: the folder holds no trained generator.
    """
    folder = Path(folder)
    file = folder / "generator.json"
    if not file.exists():
        raise UserError(
            f"{folder} holds no trained generator: give the --out of a 'ganjax train', or "
            "RUN/replicates/0 of a 'ganjax study'"
        )
    found = json.loads(file.read_text())
    description = Description(
        config=GANConfig(**found["config"]),
        size=found["size"],
        channels=found["channels"],
        class_names=tuple(found["class_names"]),
        source=found["source"],
    )
    gan = description.build()
    abstract = jax.eval_shape(gan.init, jax.random.key(0))
    if not (folder / "checkpoints").is_dir():
        raise UserError(f"{folder} has no checkpoint yet: run its 'ganjax train' again")
    store = Checkpoints(folder / "checkpoints")
    if store.latest() is None:
        store.close()
        raise UserError(f"{folder} has no checkpoint yet: run its 'ganjax train' again")
    _, state, history = store.restore(like=abstract)
    store.close()
    return Trained(description, gan, state, history)
