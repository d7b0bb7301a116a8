"""What a GAN is looked at with: images to compare with, and a classifier of them that sees."""

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from ganjax import models, training
from ganjax.data.loader import Resident, sample_batch, shuffled_order, to_device
from ganjax.data.sources import Dataset, Unread
from ganjax.ops import policy
from ganjax.training.loop import repeat
from ganjax.training.watch import Features, Reference
from ganjax.typing import Array, Batch, Key, Variables

MOST = 500
"""Images of each kind that are looked at."""

MOST_TRAINED_ON = 2000
"""Images that the classifier learns from."""

LARGEST = 32
"""Side in pixels that larger images are averaged down to before they are seen."""

UPDATES, BATCH = 400, 64
WIDTH, FEATURES = 16, 64


def reference(seen: Dataset | Unread, held_out: Dataset, key: Key) -> Reference:
    """Train a small classifier on training images, to see generated images with.

    What it takes to tell the classes apart is what images are compared by: features of a network
    with random weights rank a GAN's states hardly better than chance.

    Args:
      seen: images that the GAN trains on, in any order; some of them are read.
      held_out: images that it does not, likewise.
      key: of the classifier, and of the images that are looked at.
    """
    init_key, train_key, looks_key = jax.random.split(key, 3)
    some = _some(seen, MOST_TRAINED_ON, key)
    size, channels = some.images.shape[1], some.images.shape[3]
    init, call = _classifier(size, channels, max(2, len(some.class_names)))
    state, _ = call(init(init_key), to_device(some), train_key, steps=UPDATES)
    return Reference(
        to_device(some.take(np.arange(min(len(some), MOST)))),
        to_device(_some(held_out, MOST, key)),
        state.variables,
        looks_key,
    )


def _some(dataset: Dataset | Unread, most: int, key: Key) -> Dataset:
    return dataset.take(shuffled_order(len(dataset), key)[:most])


@cache
def features(size: int, channels: int) -> Features:
    """Return the function that sees images of a size, whatever their classes."""
    side = min(size, LARGEST)
    model = models.conv_features(size=side, channels=channels, width=WIDTH, features=FEATURES)

    def see(variables: Variables, images: Array) -> Array:
        return model.apply(variables, _shrink(images, side))[0]

    return see


@cache
def _classifier(size: int, channels: int, classes: int) -> tuple[Callable, Callable]:
    """Return the jitted `init` and many-step call of a classifier."""
    side = min(size, LARGEST)
    model = models.conv_classifier(
        size=side, channels=channels, classes=classes, width=WIDTH, features=FEATURES
    )
    classifier = training.classifier(model, augment=policy.classical())

    def draw(key: Key, data: Resident) -> Batch:
        batch = sample_batch(key, data, BATCH)
        return Batch(_shrink(batch.images, side), batch.labels)

    return jax.jit(classifier.init), repeat(classifier.step, draw)


def _shrink(images: Array, size: int) -> Array:
    """Average images down to `size` pixels a side."""
    count, side, _, channels = images.shape
    factor = side // size
    return jnp.mean(images.reshape(count, size, factor, size, factor, channels), axis=(2, 4))
