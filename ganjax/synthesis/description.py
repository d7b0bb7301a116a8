"""What a generator makes and how it is built: all that is needed of it besides its weights."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganjax import recipe
from ganjax.config import JOINT_CUSTOMS, GANConfig, JointConfig, Objective
from ganjax.data.atomic import write_json_atomically
from ganjax.data.loader import sample_batch
from ganjax.data.partly import sample_partly_labelled
from ganjax.data.sources import Dataset
from ganjax.errors import UserError
from ganjax.synthesis.reference import features
from ganjax.synthesis.rhythm import Rhythm, rhythm_of
from ganjax.training import GAN, GANState, Joint
from ganjax.training.guard import Guarded, guard, skip_bad
from ganjax.training.loop import scan_steps
from ganjax.training.watch import look_at, look_at_both, to_keep
from ganjax.typing import Key

FILE = "generator.json"


@dataclass(frozen=True)
class Description:
    """What a generator makes, and how it is built.

    Attributes:
      config: the GAN's configuration.
      size: side of its images in pixels.
      channels: 1 or 3.
      class_names: what the labels mean; empty for a generator without labels.
      source: where its training images came from.
      objective: "gan", or what a classifier was trained with it for.
      joint: how that classifier is trained, complete; None for a GAN alone.
    """

    config: GANConfig
    size: int
    channels: int
    class_names: tuple[str, ...]
    source: str
    objective: Objective = "gan"
    joint: JointConfig | None = None

    @property
    def classes(self) -> int | None:
        """The number of classes, or None without labels."""
        return len(self.class_names) or None

    @property
    def updates(self) -> int:
        """The updates of each network; a description's configuration is complete."""
        assert self.config.updates is not None
        return self.config.updates

    @property
    def batch_size(self) -> int:
        """The real images per update, likewise."""
        assert self.config.batch_size is not None
        return self.config.batch_size

    def build(self) -> GAN | Joint:
        """Return the training's functions; equal descriptions share them and their programs."""
        return _build(self)

    def gan(self) -> GAN:
        """Return the functions of the GAN, whatever it is trained with."""
        built = self.build()
        return built.as_gan() if isinstance(built, Joint) else built

    def rhythm(self) -> Rhythm:
        """Return what happens how often."""
        return rhythm_of(self.updates)


def describe(
    config: GANConfig,
    dataset: Dataset,
    *,
    conditional: bool = True,
    images: int | None = None,
    objective: Objective = "gan",
    joint: JointConfig = JointConfig(),
) -> Description:
    """Describe the generator that a configuration would train on a data set.

    Args:
      config: what is not given in it is filled in by the images.
      dataset: the training images, or one of them.
      conditional: whether the generator knows the labels.
      images: how many training images there are; by default as many as `dataset` has.
      objective: what is trained.
      joint: how the classifier is, where one is.

    Raises:
      UserError: the images are not square, or the objective needs at least two classes.
    """
    _, height, width, channels = dataset.images.shape
    if height != width:
        raise UserError(f"a GAN makes square images, not {height}x{width}")
    names = dataset.class_names if conditional else ()
    per_class = (len(dataset) if images is None else images) / len(dataset.class_names)
    if objective != "gan":
        config = replace(config, **{
            name: value for name, value in JOINT_CUSTOMS.items() if getattr(config, name) is None
        })  # fmt: skip
    if objective == "semi-supervised" and config.loss is None:
        config = replace(config, loss="non_saturating")  # that of class K + 1, and its penalties
    config = config.for_data(height, per_class)
    config = replace(config, precision=recipe.precision(config.precision))
    if objective == "gan":
        return Description(config, height, channels, tuple(names), dataset.name)
    if len(names) < 2:
        raise UserError(
            f"--objective {objective} needs labels of at least two classes; {dataset.name} has "
            f"{len(names)}: give --objective gan"
        )
    own = joint.for_objective(objective)
    return Description(config, height, channels, tuple(names), dataset.name, objective, own)


def write(folder: Path, description: Description, labels: np.ndarray) -> None:
    """Write `generator.json`: all that is needed to sample besides the weights.

    Args:
      folder: of the generator.
      description: what it makes.
      labels: of its training images, int32 `[n]`, to count them by class.
    """
    counts = np.bincount(labels, minlength=description.classes or 1).tolist()
    stored = {"schema": 1, **asdict(description), "counts": counts}
    write_json_atomically(folder / FILE, stored)


def has_generator(folder: Path) -> bool:
    """Whether a folder holds a generator, trained or in training."""
    return (Path(folder) / FILE).exists()


def read(folder: Path) -> Description:
    """Read what `write` wrote.

    Raises:
      UserError: the folder holds no generator.
    """
    file = Path(folder) / FILE
    if not has_generator(folder):
        raise UserError(
            f"{folder} holds no trained generator: give the --out of a 'ganjax train', or "
            "RUN/replicates/0 of a 'ganjax study'"
        )
    found = json.loads(file.read_text())
    return Description(
        config=GANConfig(**found["config"]),
        size=found["size"],
        channels=found["channels"],
        class_names=tuple(found["class_names"]),
        source=found["source"],
        objective=found.get("objective", "gan"),  # runs of earlier versions are of GANs
        joint=JointConfig(**found["joint"]) if found.get("joint") else None,
    )


@cache
def _build(description: Description) -> GAN | Joint:
    config, size, channels = description.config, description.size, description.channels
    if description.joint is None:
        return recipe.gan(config, size=size, channels=channels, classes=description.classes)
    return recipe.joint_training(
        description.objective,
        config,
        description.joint,
        size=size,
        channels=channels,
        classes=len(description.class_names),
    )


class Functions(NamedTuple):
    """A guarded training's pure functions, yet to be compiled.

    Attributes:
      init: `key -> Guarded[GANState]`.
      step: `(guarded, batch, key, *, axis_name=None) -> (guarded, metrics)`.
      draw: `(key, data) -> Batch`, or a `PartlyLabelled` for a joint training.
      look: `(guarded, Reference) -> (guarded, signs)`.
    """

    init: Callable[[Key], Guarded[GANState]]
    step: Callable
    draw: Callable[..., Any]
    look: Callable


@cache
def functions(description: Description) -> Functions:
    """Return the functions that all trainings of a description share."""
    training, batch_size = description.build(), description.batch_size
    draw: Callable[..., Any] = partial(sample_batch, batch_size=batch_size)
    see = features(description.size, description.channels)
    look = look_at(training, see, description.classes)
    if isinstance(training, Joint):
        draw = partial(sample_partly_labelled, batch_size=batch_size, unlabelled_size=batch_size)
        look = look_at_both(training, look)

    def init(key: Key) -> Guarded[GANState]:
        state = training.init(key)
        return guard(state, best=jax.tree.map(jnp.array, to_keep(state)))

    return Functions(init, skip_bad(training.step), draw, look)


class Compiled(NamedTuple):
    """The same, compiled for one device: `call` is many steps, the state is donated."""

    init: Callable
    call: Callable
    look: Callable


@cache
def compiled(description: Description) -> Compiled:
    """Return the jitted functions of a training on one device."""
    f = functions(description)
    call = jax.jit(scan_steps(f.step, f.draw), static_argnames="steps", donate_argnums=0)
    return Compiled(jax.jit(f.init), call, jax.jit(f.look, donate_argnums=0))
