"""A network that tells which transforms were applied to an image, whatever else was.

It learns on real images, of which each transform is applied to a half, by itself. Samples differ
from real images in other ways too, which a network may take for a transform: so it only sees images
that were blurred and made noisy at random.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ganjax import models
from ganjax.data.dataset import Dataset, Unread
from ganjax.data.loader import (
    Resident,
    normalise,
    sample_batch,
    shuffled_order,
    to_device,
    to_uint8,
)
from ganjax.errors import UserError
from ganjax.models import Model
from ganjax.ops import policy as policies
from ganjax.progress import Progress, Silent
from ganjax.training import ClassifierState
from ganjax.training.loop import repeat
from ganjax.typing import Array, Batch, Key, Metrics, Variables

UPDATES, BATCH, WIDTH = 1500, 128, 16
STEPS_PER_CALL = 50

MOST_TRAINED_ON = 10_000

AT_A_TIME = 250
"""Images that the network answers on together: one shape, compiled once, whatever their number."""

NOISE = 0.2
"""Largest standard deviation of the noise that images are seen with; 2 is from black to white."""


class Detector(NamedTuple):
    """A network that tells which transforms were applied to an image.

    Attributes:
      policy: the transforms, one answer each.
      strength: factor on their limits.
      variables: of the network.
    """

    policy: policies.Policy
    strength: float
    variables: Variables

    def answers(self, images: np.ndarray, key: Key, applied: np.ndarray) -> np.ndarray:
        """Ask of images which transforms they went through, after some were applied.

        Args:
          images: uint8 `[n, size, size, channels]`.
          key: of the transforms, and of the blur and noise that images are seen with.
          applied: bool `[n, transforms]`, which are applied first.

        Returns:
          Estimated probabilities, float64 `[n, transforms]`.
        """
        answer = _answering(self.policy, self.strength, images.shape[1], images.shape[3])

        def one(own: Key, part: np.ndarray, on: np.ndarray) -> np.ndarray:
            return np.asarray(answer(self.variables, part, on, own), np.float64)

        return _in_parts(one, key, images, applied)

    def apply(self, images: np.ndarray, key: Key, applied: np.ndarray) -> np.ndarray:
        """Apply transforms: uint8 images as of `answers` to uint8 images."""
        change = _changing(self.policy, self.strength)
        return _in_parts(lambda *given: np.asarray(change(*given)), key, images, applied)


def _in_parts(
    call: Callable[[Key, np.ndarray, np.ndarray], np.ndarray],
    key: Key,
    images: np.ndarray,
    applied: np.ndarray,
) -> np.ndarray:
    """Call a function of a key, images and what is applied to them for some images at a time."""
    found = []
    for start in range(0, len(images), AT_A_TIME):
        part, on = (values[start : start + AT_A_TIME] for values in (images, applied))
        missing = AT_A_TIME - len(part)
        padded = np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0)))
        own = jax.random.fold_in(key, start)
        found.append(call(own, padded, np.pad(on, ((0, missing), (0, 0))))[: len(part)])
    return np.concatenate(found)


def train_detector(
    policy: policies.Policy,
    train: Dataset | Unread,
    key: Key,
    *,
    strength: float = 1.0,
    updates: int = UPDATES,
    progress: Progress | None = None,
) -> Detector:
    """Train a network to tell which transforms were applied to real images.

    Args:
      policy: T(x).
      train: real images, padded to the networks' size; some of them are read.
      key: of its weights, batches and transforms.
      strength: factor on the limits, as in the GAN's training.
      updates: of the network.
      progress: where to tell how far it is.

    Raises:
      UserError: the policy is empty, or the strength not above 0.
    """
    if not policy or not strength > 0:
        raise UserError("a leak can be looked for only where T(x) does something: give transforms")
    some = train.take(shuffled_order(len(train), key)[:MOST_TRAINED_ON])
    size, channels = some.images.shape[1], some.images.shape[3]
    init, call = _training(policy, float(strength), size, channels, updates)
    init_key, train_key = jax.random.split(key)
    state, data = init(init_key), to_device(some)
    with (progress or Silent()).stage("train a leak detector", updates, "updates") as tick:
        for done in range(0, updates, STEPS_PER_CALL):
            steps = min(STEPS_PER_CALL, updates - done)
            state, _ = call(state, data, train_key, steps=steps)
            jax.block_until_ready(state)  # or it would be told before it is done
            tick(done + steps)
    return Detector(policy, float(strength), state.variables)


def transformed(
    policy: policies.Policy, strength: float, key: Key, images: Array, applied: Array
) -> Array:
    """Apply to each image the transforms that are chosen for it, and let it be of 8 bits again.

    Args:
      policy: the transforms, in order.
      strength: factor on their limits.
      key: image i draws from `fold_in(key, i)`.
      images: float `[n, size, size, channels]` in [-1, 1].
      applied: bool `[n, transforms]`.

    Returns:
      The images, clipped to [-1, 1] as those of a generator are.
    """

    def one(number: Array, image: Array, chosen: Array) -> Array:
        image_key, batch_of_one = jax.random.fold_in(key, number), image[None]
        for index, transform in enumerate(policy):
            limit = transform.limit * strength * chosen[index]  # 0 returns the image exactly
            own_key = jax.random.fold_in(image_key, index)
            batch_of_one = transform.op(own_key, batch_of_one, limit=limit)
        return batch_of_one[0]

    return normalise(to_uint8(jax.vmap(one)(jnp.arange(len(images)), images, applied)))


def _degraded(key: Key, images: Array) -> Array:
    """Blur images and make them noisy, each as much as it happens."""
    blur_key, noise_key, amount_key = jax.random.split(key, 3)
    shape, size = (len(images), 1, 1, 1), images.shape[1]
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    rows = padded[:, :size] + 2 * padded[:, 1:-1] + padded[:, 2:]
    blurred = (rows[:, :, :size] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 16
    blur = jax.random.uniform(blur_key, shape)
    noise = NOISE * jax.random.uniform(amount_key, shape)
    return images + blur * (blurred - images) + noise * jax.random.normal(noise_key, images.shape)


def _network(policy: policies.Policy, size: int, channels: int) -> Model:
    outputs = max(2, len(policy))  # a classifier has two at least
    return models.conv_classifier(size=size, channels=channels, classes=outputs, width=WIDTH)


@cache
def _training(
    policy: policies.Policy, strength: float, size: int, channels: int, updates: int
) -> tuple[Callable, Callable]:
    """Return the jitted `init` and many-step call of a detector."""
    model = _network(policy, size, channels)
    optimizer = optax.adam(optax.cosine_decay_schedule(1e-3, updates))

    def init(key: Key) -> ClassifierState:
        variables = model.init(key)
        return ClassifierState(
            jnp.zeros((), jnp.int32), variables, optimizer.init(variables["params"])
        )

    def step(state: ClassifierState, batch: Batch, key: Key) -> tuple[ClassifierState, Metrics]:
        which_key, transform_key, degrade_key = jax.random.split(key, 3)
        applied = jax.random.bernoulli(which_key, 0.5, (len(batch.images), len(policy)))
        images = transformed(policy, strength, transform_key, batch.images, applied)
        images = _degraded(degrade_key, images)

        def loss(params):
            logits = model.apply({**state.variables, "params": params}, images)[0]
            logits = logits[:, : len(policy)]
            return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, applied))

        params = state.variables["params"]
        value, gradient = jax.value_and_grad(loss)(params)
        change, optimizer_state = optimizer.update(gradient, state.optimizer, params)
        variables = {**state.variables, "params": optax.apply_updates(params, change)}
        return ClassifierState(state.step + 1, variables, optimizer_state), {"loss": value}

    def draw(key: Key, data: Resident) -> Batch:
        return sample_batch(key, data, BATCH)

    return jax.jit(init), repeat(step, draw)


@cache
def _answering(policy: policies.Policy, strength: float, size: int, channels: int) -> Callable:
    """Return the jitted `(variables, uint8 images, applied, key) -> answers [n, transforms]`."""
    model = _network(policy, size, channels)

    @jax.jit
    def answer(variables: Variables, images: Array, applied: Array, key: Key) -> Array:
        transform_key, degrade_key = jax.random.split(key)
        seen = transformed(policy, strength, transform_key, normalise(images), applied)
        logits = model.apply(variables, _degraded(degrade_key, seen))[0]
        return jax.nn.sigmoid(logits[:, : len(policy)])

    return answer


@cache
def _changing(policy: policies.Policy, strength: float) -> Callable:
    """Return the jitted `(key, uint8 images, applied) -> uint8 images`."""

    @jax.jit
    def change(key: Key, images: Array, applied: Array) -> Array:
        return to_uint8(transformed(policy, strength, key, normalise(images), applied))

    return change
