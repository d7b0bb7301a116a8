"""What a restorer undoes and how it is built: all that is needed of it besides its weights."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax

from ganjax import recipe
from ganjax.config import RestorerConfig, parse_degradation
from ganjax.data.atomic import write_json_atomically
from ganjax.data.patches import sample_patches
from ganjax.errors import UserError, quoted
from ganjax.restoration.seen import feature_function
from ganjax.synthesis.rhythm import Rhythm, rhythm_of
from ganjax.training import Restoration, RestorationState
from ganjax.training.guard import Guarded, guard, skip_bad
from ganjax.training.loop import scan_steps
from ganjax.training.restoration import FeatureLoss
from ganjax.typing import Key

FILE = "restorer.json"


@dataclass(frozen=True)
class Description:
    """What a restorer undoes, and how it is built.

    Attributes:
      config: how it is trained, complete.
      degradation: what it undoes, by the grammar of `ganjax.config.degradations`.
      weight: of the adversarial loss; 0 for none.
      feature_weight: of the feature loss; 0 for none.
      features: folder of the feature network's weights; None without a feature loss.
      channels: 1 or 3.
      source: where the originals came from.
    """

    config: RestorerConfig
    degradation: str
    weight: float
    feature_weight: float
    features: str | None
    channels: int
    source: str

    def build(self) -> Restoration:
        """Return the training's functions; equal descriptions share them and their programs."""
        return _build(self)

    def rhythm(self) -> Rhythm:
        """Return what happens how often."""
        return rhythm_of(self.config.updates)

    @property
    def batch_size(self) -> int:
        """Patches per update; a description's configuration is complete."""
        assert self.config.batch_size is not None
        return self.config.batch_size


def write(folder: Path, description: Description, radius: int, multiple: int) -> None:
    """Write `restorer.json`: all that is needed to restore besides the weights."""
    stored = {"schema": 1, **asdict(description), "radius": radius, "multiple": multiple}
    write_json_atomically(folder / FILE, stored)


def read(folder: Path) -> Description:
    """Read what `write` wrote.

    Raises:
      UserError: the folder holds no restorer.
    """
    file = Path(folder) / FILE
    if not file.exists():
        raise UserError(
            f"{quoted(folder)} holds no restorer: give the --out of a 'ganjax restore train'"
        )
    names = ("degradation", "weight", "feature_weight", "features", "channels", "source")
    try:
        found = json.loads(file.read_text())
        return Description(
            config=RestorerConfig(**found["config"]), **{name: found[name] for name in names}
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{quoted(file)} is damaged ({error}): run its 'ganjax restore train' again"
        ) from None


@cache
def _build(description: Description) -> Restoration:
    seen = None
    if description.features is not None:
        features = feature_function(Path(description.features))
        seen = FeatureLoss(features, description.feature_weight)
    return recipe.restoration(
        description.config,
        parse_degradation(description.degradation),
        channels=description.channels,
        weight=description.weight,
        feature_loss=seen,
    )


class Functions(NamedTuple):
    """A guarded training's pure functions, yet to be compiled.

    Attributes:
      init: `key -> Guarded[RestorationState]`.
      step: `(guarded, batch, key, *, axis_name=None) -> (guarded, metrics)`.
      draw: `(key, data) -> Batch` of patches.
    """

    init: Callable[[Key], Guarded[RestorationState]]
    step: Callable
    draw: Callable[..., Any]


@cache
def functions(description: Description) -> Functions:
    """Return the functions that all trainings of a description share."""
    training, config = description.build(), description.config
    draw = partial(
        sample_patches,
        batch_size=description.batch_size,
        patch=config.patch,
        turned=config.turned,
    )
    return Functions(lambda key: guard(training.init(key)), skip_bad(training.step), draw)


class Compiled(NamedTuple):
    """The same, compiled: `call` is many steps, the state is donated."""

    init: Callable
    call: Callable


@cache
def compiled(description: Description) -> Compiled:
    """Return the jitted functions of a training on one device."""
    f = functions(description)
    call = jax.jit(scan_steps(f.step, f.draw), static_argnames="steps", donate_argnums=0)
    return Compiled(jax.jit(f.init), call)
