"""What a generator makes and how it is built: all that is needed of it besides its weights."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganjax import recipe
from ganjax.config import GANConfig
from ganjax.data.atomic import write_json_atomically
from ganjax.data.loader import sample_batch
from ganjax.data.sources import Dataset
from ganjax.errors import UserError
from ganjax.synthesis.reference import features
from ganjax.training import GAN, GANState
from ganjax.training.guard import Guarded, guard, skip_bad
from ganjax.training.loop import scan_steps
from ganjax.training.watch import look_at, sampling_variables
from ganjax.typing import Batch, Key

CALLS = 40
"""Compiled calls that a training is cut into, at least: as often it tells how far it is."""

MOST_STEPS_PER_CALL = 50
"""So that a call takes seconds at most, and a signal to stop is heard soon."""

LOOKS = 20
"""Times that a training is looked at, if its calls allow."""

ANCHORS = 5
"""States on the way that a lost training may go back to."""


class Rhythm(NamedTuple):
    """What happens how often in a training, in updates."""

    steps_per_call: int
    look_every: int
    anchor_every: int


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

    @property
    def updates(self) -> int:
        """The updates of each network; a description's configuration is complete."""
        assert self.config.updates is not None
        return self.config.updates

    def build(self) -> GAN:
        """Return the GAN's functions; equal descriptions share them, and what they compile to."""
        return _build(self)

    def rhythm(self) -> Rhythm:
        """Return what happens how often: by the configuration alone, so that it repeats."""
        updates = self.updates
        steps = max(1, min(updates // CALLS, MOST_STEPS_PER_CALL))

        def calls(times: int) -> int:
            return max(1, round(updates / times / steps)) * steps

        return Rhythm(steps, calls(LOOKS), calls(ANCHORS))


def describe(
    config: GANConfig,
    dataset: Dataset,
    *,
    conditional: bool = True,
    images: int | None = None,
) -> Description:
    """Describe the generator that a configuration would train on a data set.

    Args:
      config: what is not given in it is filled in by the images.
      dataset: the training images, or one of them.
      conditional: whether the generator knows the labels.
      images: how many training images there are; by default as many as `dataset` has.
    """
    _, height, width, channels = dataset.images.shape
    if height != width:
        raise UserError(f"a GAN makes square images, not {height}x{width}")
    names = dataset.class_names if conditional else ()
    per_class = (len(dataset) if images is None else images) / len(dataset.class_names)
    config = config.for_data(height, per_class)
    config = replace(config, precision=recipe.precision(config.precision))
    return Description(config, height, channels, tuple(names), dataset.name)


def write(folder: Path, description: Description, labels: np.ndarray) -> None:
    """Write `generator.json`: all that is needed to sample besides the weights.

    Args:
      folder: of the generator.
      description: what it makes.
      labels: of its training images, int32 `[n]`, to count them by class.
    """
    counts = np.bincount(labels, minlength=description.classes or 1).tolist()
    stored = {"schema": 1, **asdict(description), "counts": counts}
    write_json_atomically(folder / "generator.json", stored)


def read(folder: Path) -> Description:
    """Read what `write` wrote.

    Raises:
      UserError: the folder holds no generator.
    """
    file = Path(folder) / "generator.json"
    if not file.exists():
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
    )


@cache
def _build(description: Description) -> GAN:
    return recipe.gan(
        description.config,
        size=description.size,
        channels=description.channels,
        classes=description.classes,
    )


class Functions(NamedTuple):
    """A guarded training's pure functions, yet to be compiled.

    Attributes:
      init: `key -> Guarded[GANState]`.
      step: `(guarded, batch, key, *, axis_name=None) -> (guarded, metrics)`.
      draw: `(key, data) -> Batch`.
      look: `(guarded, Reference) -> (guarded, signs)`.
    """

    init: Callable[[Key], Guarded[GANState]]
    step: Callable
    draw: Callable[..., Batch]
    look: Callable


@cache
def functions(description: Description) -> Functions:
    """Return the functions that all trainings of a description share."""
    gan = description.build()

    def init(key: Key) -> Guarded[GANState]:
        state = gan.init(key)
        return guard(state, best=jax.tree.map(jnp.array, sampling_variables(state)))

    return Functions(
        init,
        skip_bad(gan.step),
        partial(sample_batch, batch_size=description.config.batch_size),
        look_at(gan, features(description.size, description.channels), description.classes),
    )


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
