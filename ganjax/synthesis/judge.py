"""A classifier of the real training images, to say of generated ones what they show."""

import hashlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ganjax import models, training
from ganjax.data.dataset import Dataset, Unread
from ganjax.data.loader import Resident, normalise, sample_batch, shuffled_order, to_device
from ganjax.ops import policy
from ganjax.progress import Progress, Silent
from ganjax.synthesis.reference import LARGEST
from ganjax.training.loop import repeat
from ganjax.typing import Array, Batch, Key

AT_A_TIME = 500
"""Images that a network sees together: one shape, compiled once, whatever their number."""

WIDTH, BATCH = 32, 64
EPOCHS, FEWEST_UPDATES, MOST_UPDATES = 10, 400, 2000
STEPS_PER_CALL = 50

STRENGTH = 0.25
"""Of the classical policy. At its limits images move so far that fewer are recognised: on
Fashion-MNIST 63 % and not 68 % after 10 images per class, 71 % and not 82 % after 100, 80 % and not
88 % after 20,000 in all."""

MOST_TRAINED_ON = 20_000


class Judge(NamedTuple):
    """A classifier of the training images.

    Attributes:
      logits: uint8 images `[n, height, width, channels]` to logits, float32 `[n, classes]`.
      sha256: of its weights.
      trained_on: how many images it learnt from.
      accuracy: on held-out images; None where there are none.
    """

    logits: Callable[[np.ndarray], np.ndarray]
    sha256: str
    trained_on: int
    accuracy: float | None


def train_judge(
    train: Dataset | Unread,
    held_out: Dataset | None,
    key: Key,
    *,
    progress: Progress | None = None,
) -> Judge:
    """Train a classifier on the training images, to say of generated ones what they show.

    Ten passes over at most 20,000 images, but 400 to 2,000 updates, slight moves and changes of
    exposure, and a learning rate that falls along a cosine.

    Args:
      train: the training images, of two classes or more.
      held_out: others, to tell how good it is.
      key: of its weights and batches.
      progress: where to tell how far it is.
    """
    some = train.take(shuffled_order(len(train), key)[:MOST_TRAINED_ON])
    updates = min(max(EPOCHS * len(some) // BATCH, FEWEST_UPDATES), MOST_UPDATES)
    updates -= updates % STEPS_PER_CALL
    size, channels = some.images.shape[1], some.images.shape[3]
    init, call, apply = _classifier(size, channels, len(some.class_names), updates)
    init_key, train_key = jax.random.split(key)
    state, data = init(init_key), to_device(some)
    with (progress or Silent()).stage("train a classifier", updates, "updates") as tick:
        for done in range(STEPS_PER_CALL, updates + 1, STEPS_PER_CALL):
            state, _ = call(state, data, train_key, steps=STEPS_PER_CALL)
            jax.block_until_ready(state)  # or it would be told before it is done
            tick(done)
    logits = _in_batches(lambda x: apply(state, x))
    accuracy = None
    if held_out is not None and len(held_out):
        accuracy = float(np.mean(logits(held_out.images).argmax(axis=1) == held_out.labels))
    return Judge(logits, checksum(state.variables), len(some), accuracy)


@cache
def _classifier(
    size: int, channels: int, classes: int, updates: int
) -> tuple[Callable, Callable, Callable]:
    """Return the jitted `init` and many-step call of a classifier, and `(state, uint8) -> logits`.

    Larger images than 32 pixels a side are averaged down first.
    """
    side = min(size, LARGEST)
    classifier = training.classifier(
        models.conv_classifier(size=side, channels=channels, classes=classes, width=WIDTH),
        augment=policy.classical(),
        optimizer=optax.adam(optax.cosine_decay_schedule(1e-3, updates)),
    )

    def shrunk(images: Array) -> Array:
        factor = images.shape[1] // side
        cells = images.reshape(-1, side, factor, side, factor, channels)
        return jnp.mean(cells, axis=(2, 4))

    def draw(key: Key, data: Resident) -> Batch:
        batch = sample_batch(key, data, BATCH)
        return Batch(shrunk(batch.images), batch.labels)

    def logits(state: Any, images: Array) -> Array:
        return classifier.logits(state, shrunk(normalise(images)))

    step = partial(classifier.step, strength=STRENGTH)
    return jax.jit(classifier.init), repeat(step, draw), logits


def _in_batches(call: Callable[[Array], Array]) -> Callable[[np.ndarray], np.ndarray]:
    """Compile a function of uint8 images, and call it for so many at a time."""
    compiled = jax.jit(call)

    def apply(images: np.ndarray) -> np.ndarray:
        found = []
        for start in range(0, max(len(images), 1), AT_A_TIME):
            part = images[start : start + AT_A_TIME]
            missing = AT_A_TIME - len(part)
            padded = np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0)))
            found.append(np.asarray(compiled(padded), np.float32)[: len(part)])
        return np.concatenate(found)

    return apply


def checksum(variables: Any) -> str:
    """Return the SHA-256 of nested arrays, in hexadecimal.

    It is that of, for each array by the order of its path, the line `PATH DTYPE SHAPE` and the
    array's bytes.
    """
    found = hashlib.sha256()
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
    for name, leaf in sorted(named.items()):
        array = np.asarray(leaf, order="C")
        shape = "x".join(map(str, array.shape))
        found.update(f"{name} {array.dtype} {shape}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()
