"""The features that images are compared by: any function of images, or a network trained on them.

CACHE/features/KEY/weights.*   a trained network; KEY depends on every image and label that it
                               learnt from, on how, and on the version
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganjax import environment, models
from ganjax.data.dataset import Dataset
from ganjax.data.loader import normalise
from ganjax.errors import UserError, quoted
from ganjax.evaluate.learning import Learned, Learning, in_batches, learn, network
from ganjax.progress import Progress, Silent
from ganjax.synthesis.weights import WORDS, read_weights, write_weights
from ganjax.typing import Array

LEARNING = Learning(width=32, features=128, learning_rate=1e-3)
"""How the default network is trained; it has 128 features."""

RULES = 1
"""To be raised whenever the same images and `Learning` give other weights."""


class Seen(NamedTuple):
    """What a feature function says of images.

    Attributes:
      features: float32 `[n, d]`.
      predictions: the classes that it takes them for, int32 `[n]`; None where it is no classifier.
    """

    features: np.ndarray
    predictions: np.ndarray | None


@dataclass(frozen=True)
class Features:
    """A feature function with its name, which stands beside every figure.

    Attributes:
      look: uint8 images `[n, height, width, channels]` to what is seen.
      name: what it is, for a person.
      sha256: of its weights; None for a function without a file of them.
      facts: what else is known of it, as JSON values.
    """

    look: Callable[[np.ndarray], Seen]
    name: str
    sha256: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def see(self, images: np.ndarray) -> np.ndarray:
        """Return the features of uint8 images: float32 `[n, d]`."""
        return self.look(images).features


def of_function(function: Callable[[np.ndarray], Any]) -> Features:
    """Return a function of one's own as `Features`.

    Args:
      function: uint8 images `[n, height, width, channels]` to numbers `[n, d]`; where it returns
        anything else, looking raises `UserError`.
    """
    name = getattr(function, "__name__", type(function).__name__)

    def look(images: np.ndarray) -> Seen:
        return Seen(_checked(np.asarray(function(images), np.float32), len(images), name), None)

    return Features(look, name)


def train_features(
    fit: Dataset,
    validation: Dataset,
    *,
    learning: Learning = LEARNING,
    keep: bool = True,
    place: Path | None = None,
    progress: Progress | None = None,
) -> Features:
    """Return the default network: a classifier of real images, trained once and then kept.

    Its features are the units before its last layer; what it takes to tell the classes apart is
    what images are compared by.

    Args:
      fit: real images to train on, uint8, padded to the networks' size.
      validation: others, which choose the epoch.
      learning: how; with features.
      keep: look for it in a folder, and leave it there.
      place: that folder; by default one of the cache.
      progress: where to tell how far it is.

    Raises:
      UserError: there are too few images.
      Interrupted: a signal asked to stop.
    """
    place = place or environment.cache_folder() / "features" / _key(fit, validation, learning)
    if keep:
        try:
            return load_features(place)
        except UserError:  # not there, or damaged
            pass
    found = learn(
        learning,
        fit,
        validation,
        seeds=1,
        key=jax.random.key(learning.seed),
        progress=progress or Silent(),
        name="train the feature network",
    )
    trees = {"classifier": jax.tree.map(lambda leaf: leaf[0], found.variables)}
    facts = _facts(fit, found)
    try:
        if keep:
            write_weights(place, trees, facts)
            return load_features(place)
    except OSError:  # no room or permission: this run goes on, the next one trains it again
        pass
    with TemporaryDirectory() as passing:  # so that its checksum is that of the same file
        write_weights(Path(passing), trees, facts)
        return load_features(Path(passing))


def load_features(path: Path) -> Features:
    """Load a network that `train_features` kept, or one of the same form.

    Args:
      path: its folder, or the file of weights within.

    Raises:
      UserError: there is none, or it is damaged.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    found = read_weights(folder)
    about = json.loads((folder / WORDS).read_text())
    facts = about["facts"]
    if facts.get("kind") != "features":
        raise UserError(
            f"{quoted(folder)} holds weights, but not those of a feature network: give a folder "
            "that 'ganjax evaluate' names"
        )
    return _of_network(found["classifier"], facts, about["sha256"])


def _of_network(variables: Any, facts: Mapping[str, Any], sha256: str) -> Features:
    shape, learning = facts["network"], Learning(**facts["learning"])
    both = _both(replace(learning, seed=0), shape["size"], shape["channels"], shape["classes"])

    def look(images: np.ndarray) -> Seen:
        expected = (shape["size"], shape["size"], shape["channels"])
        if images.shape[1:] != expected:
            raise UserError(
                f"the feature network sees images of {_words(expected)}, not of "
                f"{_words(images.shape[1:])}: give another --features, or --size and --channels"
            )
        found = in_batches(partial(both, jax.tree.map(jnp.asarray, variables)), images)
        return Seen(found[:-1].T, found[-1].astype(np.int32))

    name = (
        f"{learning.features} units of a classifier trained on {facts['images']:,} images of "
        f"{facts['trained_on']}"
    )
    return Features(look, name, sha256, facts)


@cache
def _both(learning: Learning, size: int, channels: int, classes: int) -> Callable[..., Array]:
    """Return `(variables, images [n]) -> features, and as one more the class: [d + 1, n]`."""
    assert learning.features is not None
    classifier = network(learning, size, channels, classes)
    units = models.conv_features(
        size=size, channels=channels, width=learning.width, features=learning.features
    )

    @jax.jit
    def both(variables: Any, images: Array) -> Array:
        images = normalise(images)
        predictions = jnp.argmax(classifier.apply(variables, images)[0], axis=-1)
        features = units.apply(variables, images)[0]
        return jnp.concatenate([features.T, predictions[None].astype(features.dtype)])

    return both


def _facts(fit: Dataset, found: Learned) -> dict[str, Any]:
    return {
        "kind": "features",
        "network": {
            "size": fit.images.shape[1],
            "channels": fit.images.shape[3],
            "classes": len(fit.class_names),
        },
        "learning": asdict(found.learning),
        "class_names": list(fit.class_names),
        "trained_on": fit.name,
        "images": len(fit),
        "chosen_update": int(found.update[0]),
        "validation_accuracy": float(found.accuracy[0]),
    }


def _key(fit: Dataset, validation: Dataset, learning: Learning) -> str:
    """Name all that the weights depend on."""
    words = [RULES, environment.version("ganjax"), asdict(learning), fit.name, fit.class_names]
    digest = hashlib.sha256(json.dumps(words).encode())
    for part in (fit, validation):
        digest.update(repr(part.images.shape).encode())
        digest.update(np.ascontiguousarray(part.images).data)
        digest.update(np.ascontiguousarray(part.labels, "<i4").data)
    return digest.hexdigest()[:32]


def _checked(features: np.ndarray, images: int, name: str) -> np.ndarray:
    if features.ndim != 2 or len(features) != images or not features.shape[1]:
        raise UserError(
            f"the feature function {quoted(name)} returned {list(features.shape)} for {images} "
            "images; [images, features] is needed"
        )
    if not np.isfinite(features).all():
        raise UserError(f"the feature function {quoted(name)} returned NaN or infinity")
    return features


def _words(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]} pixels and {shape[2]} channel{'s' if shape[2] > 1 else ''}"
