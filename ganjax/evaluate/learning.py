"""The training of classifiers that evaluate: several alike, each kept at its best on validation.

They differ in their initial weights and batches only. The same compiled program trains those of
any set of as many images.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from ganjax import models, training
from ganjax.config.checks import at_least, positive
from ganjax.data.dataset import Dataset
from ganjax.data.loader import Resident, normalise, sample_batch, shuffled_order, to_device
from ganjax.errors import UserError
from ganjax.ops import policy
from ganjax.progress import Progress
from ganjax.training import ClassifierState
from ganjax.training.loop import scan_steps, train
from ganjax.typing import Array, Key, Metrics, Variables

PASSES = 10
FEWEST_UPDATES, MOST_UPDATES = 600, 4000

STRENGTH = 0.2
"""Of the classical policy. Width 16 on real images, one seed: 96.8 % of digits' test images are
right with it, 95.1 % without (30 per class: 93.7 and 93.5); of Fashion-MNIST at 100 per class 80.3
and 79.5. Where there is no time for ten passes it only costs: all of Fashion-MNIST, width 32, 3,000
updates: 89.1 with it, 89.9 without."""

LARGEST_SIDE_BY_SIDE = 16
"""Side in pixels up to which `vmap` over classifiers is the faster way on a CPU."""

AT_A_TIME = 500
"""Images that a network sees together: one shape, compiled once, whatever their number."""


@dataclass(frozen=True)
class Learning:
    """How classifiers are trained, all alike.

    Attributes:
      width: channels of the first of three convolutions.
      features: units of a dense layer before the last; None for none.
      batch_size: images per update.
      updates: of each classifier; None for ten passes over the images, but 600 to 4,000 updates.
      evaluations: how many times, evenly spaced, validation looks; the best state is kept.
      learning_rate: of Adam; it falls to 0 along a cosine.
      strength: of the classical policy that images pass, none of which mirrors; None for 0.2, or 0
        where 4,000 updates are fewer than ten passes.
      seed: of the initial weights and the batches.
    """

    width: int = 16
    features: int | None = None
    batch_size: int = 64
    updates: int | None = None
    evaluations: int = 10
    learning_rate: float = 2e-3
    strength: float | None = None
    seed: int = 0

    def __post_init__(self):
        at_least(self, 1, "width", "evaluations")
        at_least(self, 2, "batch_size")
        at_least(self, 0, "seed")
        if self.strength is not None:
            at_least(self, 0, "strength")
        positive(self, "learning_rate")
        if self.features is not None:
            at_least(self, 1, "features")
        if self.updates is not None:
            at_least(self, self.evaluations, "updates")

    def for_images(self, images: int) -> "Learning":
        """Return what it is for so many images, with nothing left open."""
        passes = PASSES * images // self.batch_size
        updates, strength = self.updates, self.strength
        if updates is None:
            updates = min(max(passes, FEWEST_UPDATES), MOST_UPDATES)
        if strength is None:
            strength = STRENGTH if passes <= MOST_UPDATES else 0.0
        updates = updates // self.evaluations * self.evaluations
        return replace(self, updates=updates, strength=strength)


class Learned(NamedTuple):
    """Classifiers at their best on validation.

    Attributes:
      variables: their weights; arrays lead with `[seeds]`.
      accuracy: float32 `[seeds]`, on validation.
      update: int32 `[seeds]`, when that was.
      learning: how they were trained, with nothing left open.
    """

    variables: Variables
    accuracy: np.ndarray
    update: np.ndarray
    learning: Learning


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Learners:
    """Classifiers in training: arrays lead with `[seeds]`.

    Attributes:
      state: as they are now.
      best: their variables at their best evaluation so far.
      accuracy: float32, validation accuracy there.
      loss: float32, validation cross-entropy there.
      update: int32, when that was.
    """

    state: ClassifierState
    best: Variables
    accuracy: Array
    loss: Array
    update: Array


class Program(NamedTuple):
    """The jitted functions of a training.

    Attributes:
      init: `key -> Learners`.
      advance: `(learners, (fit, validation), key, *, steps) -> (learners, metrics)`; the learners
        are donated.
    """

    init: Callable[[Key], Learners]
    advance: Callable[..., tuple[Learners, Metrics]]


def learn(
    learning: Learning,
    fit: Dataset,
    validation: Dataset,
    *,
    seeds: int,
    key: Key,
    progress: Progress,
    name: str,
) -> Learned:
    """Train classifiers, and keep each where it was best on validation.

    Args:
      learning: how they are trained.
      fit: images to train on, padded to the networks' size.
      validation: images to choose by, at least one.
      seeds: how many classifiers.
      key: of their initial weights and batches; the same for two sets of as many images gives them
        the same initial weights and the same rows.
      progress: where to tell how far it is.
      name: of what is being done, for a person.

    Raises:
      UserError: there is no image to choose by.
      Interrupted: a signal asked to stop.
    """
    if not len(validation):
        raise UserError(
            "no class has 5 real images to train on, so none can be spared to choose a training's "
            "best moment by: add images"
        )
    size, channels = fit.images.shape[1], fit.images.shape[3]
    learning = learning.for_images(len(fit))
    updates = learning.updates
    assert updates is not None
    seedless = replace(learning, seed=0)  # other seeds share what is compiled
    own = program(seedless, size, channels, len(fit.class_names), seeds)
    init_key, train_key = jax.random.split(key)
    shuffled = to_device(fit.take(shuffled_order(len(fit), train_key)))
    with progress.stage(name, updates, "updates") as tick:
        found = train(
            own.advance,
            own.init(init_key),
            (shuffled, to_device(validation)),
            train_key,
            updates=updates,
            steps_per_call=updates // learning.evaluations,
            tick=tick,
            note=lambda metrics: f"best on validation {metrics['accuracy'].max():.1%}",
        ).state
    return Learned(
        jax.tree.map(np.asarray, found.best),
        np.asarray(found.accuracy),
        np.asarray(found.update),
        learning,
    )


@cache
def program(learning: Learning, size: int, channels: int, classes: int, seeds: int) -> Program:
    """Return the functions that train `seeds` classifiers at once, with nothing left open."""
    assert learning.updates is not None
    assert learning.strength is not None
    model = network(learning, size, channels, classes)
    rate = optax.cosine_decay_schedule(learning.learning_rate, learning.updates)
    augment = policy.classical() if learning.strength else policy.none()
    classifier = training.classifier(model, augment=augment, optimizer=optax.adam(rate))
    steps_of_one = scan_steps(
        partial(classifier.step, strength=learning.strength),
        partial(sample_batch, batch_size=learning.batch_size),
    )
    side_by_side = size <= LARGEST_SIDE_BY_SIDE or jax.default_backend() != "cpu"
    across = jax.vmap if side_by_side else _one_after_another

    @jax.jit
    def init(key: Key) -> Learners:
        states = lax.map(classifier.init, jax.random.split(key, seeds))
        return Learners(
            state=states,
            best=jax.tree.map(jnp.array, states.variables),  # a copy: both are donated
            accuracy=jnp.full(seeds, -1.0, jnp.float32),
            loss=jnp.full(seeds, jnp.inf, jnp.float32),
            update=jnp.zeros(seeds, jnp.int32),
        )

    @partial(jax.jit, static_argnames="steps", donate_argnums=0)
    def advance(
        learners: Learners, data: tuple[Resident, Resident], key: Key, *, steps: int
    ) -> tuple[Learners, Metrics]:
        fit, validation = data

        def one(state: ClassifierState, own_key: Key) -> tuple[ClassifierState, Array, Array]:
            state, _ = steps_of_one(state, fit, own_key, steps=steps)
            logits = classifier.logits(state, normalise(validation.images))
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, validation.labels)
            right = jnp.argmax(logits, axis=-1) == validation.labels
            return state, jnp.mean(right), jnp.mean(losses)

        state, accuracy, loss = across(one)(learners.state, jax.random.split(key, seeds))
        return _keep_best(learners, state, accuracy, loss), {"accuracy": accuracy}

    return Program(init, advance)


def network(learning: Learning, size: int, channels: int, classes: int) -> models.Model:
    """Return the classifier that is trained."""
    return models.conv_classifier(
        size=size,
        channels=channels,
        classes=classes,
        width=learning.width,
        features=learning.features,
    )


def in_batches(see: Callable[[np.ndarray], Array], images: np.ndarray) -> np.ndarray:
    """Show images to a compiled function, some at a time.

    Args:
      see: uint8 `[500, ...]` to `[..., 500]`: the images are the last axis of what it returns.
      images: uint8 `[n, height, width, channels]`, n at least 1.

    Returns:
      What it returned, `[..., n]`.
    """
    found = []
    for start in range(0, len(images), AT_A_TIME):
        part = images[start : start + AT_A_TIME]
        missing = AT_A_TIME - len(part)
        padded = np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0)))
        found.append(np.asarray(see(padded))[..., : len(part)])
    return np.concatenate(found, axis=-1)


def _one_after_another(function: Callable) -> Callable:
    return lambda *inputs: lax.map(lambda one: function(*one), inputs)


def _keep_best(learners: Learners, state: ClassifierState, accuracy: Array, loss: Array):
    """Go on with new states, and remember those that have never been better."""
    better = (accuracy > learners.accuracy) | (
        (accuracy == learners.accuracy) & (loss < learners.loss)
    )

    def keep(new: Array, old: Array) -> Array:
        return jnp.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return Learners(
        state=state,
        best=jax.tree.map(keep, state.variables, learners.best),
        accuracy=keep(accuracy, learners.accuracy),
        loss=keep(loss, learners.loss),
        update=keep(state.step, learners.update),
    )
