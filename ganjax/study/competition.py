"""The training of all candidates of a replicate at once, in one compiled program.

Candidates differ only in two traced numbers, the ratio of generated images and the strength of the
transforms; their initial weights, their draws of real images and their numbers of updates are the
same. All train side by side by `vmap`; but on a CPU, where products of many large matrices are
slower than their parts, candidates on larger images take turns within the same compiled call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from ganjax.data.loader import Resident, normalise
from ganjax.training import Classifier, ClassifierState
from ganjax.typing import Array, Batch, Key, Variables

LARGEST_SIDE_BY_SIDE = 16
"""Side in pixels up to which `vmap` over candidates is the faster way on a CPU (measured: 1.4 to 2
times faster at 8 pixels, 1.3 times slower at 32)."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Entrants:
    """All classifiers of a replicate: arrays lead with `[candidates, seeds]`.

    Attributes:
      state: the classifiers as they are now.
      best: their variables at the candidate's best evaluation so far.
      accuracy: float32 `[candidates]`, validation accuracy there, mean over seeds.
      loss: float32 `[candidates]`, validation cross-entropy there, mean over seeds.
      update: int32 `[candidates]`, when that was.
    """

    state: ClassifierState
    best: Variables
    accuracy: Array
    loss: Array
    update: Array


class Images(NamedTuple):
    """What a replicate trains on and chooses by; uint8 on the device."""

    fit: Resident
    generated: Resident
    validation: Resident


class Competition(NamedTuple):
    """The pure functions of a competition.

    Attributes:
      init: `key -> Entrants`.
      advance: `(entrants, images, ratios, strengths, key, *, steps) -> (entrants, accuracy)`,
        jitted: `steps` updates of every classifier, then one look at the validation part, whose
        accuracies `[candidates]` it returns. The entrants are donated.
      predict: `(variables [entries, seeds], images uint8) -> int32 [entries, seeds, images]`.
    """

    init: Callable[[Key], Entrants]
    advance: Callable[..., tuple[Entrants, Array]]
    predict: Callable[[Variables, Array], Array]


def competition(
    classifier: Classifier, *, candidates: int, seeds: int, batch_size: int
) -> Competition:
    """Build the functions that train `candidates` times `seeds` classifiers.

    Args:
      classifier: the functions of one classifier.
      candidates: how many ways to train compete.
      seeds: classifiers per candidate.
      batch_size: images per update, real and generated together.

    Returns:
      The functions `init`, `advance` and `predict`.
    """

    @jax.jit
    def init(key: Key) -> Entrants:
        states = jax.vmap(classifier.init)(jax.random.split(key, seeds))
        state = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf[None], (candidates, *leaf.shape)), states
        )
        return Entrants(
            state=state,
            best=state.variables,
            accuracy=jnp.full(candidates, -1.0, jnp.float32),
            loss=jnp.full(candidates, jnp.inf, jnp.float32),
            update=jnp.zeros(candidates, jnp.int32),
        )

    def train(
        state: ClassifierState, ratio: Array, strength: Array, key: Key, images: Images, steps: int
    ) -> tuple[ClassifierState, Array, Array]:
        def body(state: ClassifierState, _):
            batch_key, step_key = jax.random.split(jax.random.fold_in(key, state.step))
            batch = mixed_batch(batch_key, images.fit, images.generated, ratio, batch_size)
            return classifier.step(state, batch, step_key, strength)[0], None

        state, _ = lax.scan(body, state, None, length=steps)
        logits = classifier.logits(state, normalise(images.validation.images))
        labels = images.validation.labels
        accuracy = jnp.mean(jnp.argmax(logits, axis=-1) == labels)
        loss = jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))
        return state, accuracy, loss

    @partial(jax.jit, static_argnames="steps", donate_argnums=0)
    def advance(
        entrants: Entrants, images: Images, ratios: Array, strengths: Array, key: Key, *, steps: int
    ) -> tuple[Entrants, Array]:
        keys = jax.random.split(key, seeds)  # the same for every candidate: batches are paired

        def one_candidate(inputs):
            states, ratio, strength = inputs
            return jax.vmap(lambda state, key: train(state, ratio, strength, key, images, steps))(
                states, keys
            )

        across = _across(images.fit.images.shape[1])
        state, accuracy, loss = across(one_candidate, (entrants.state, ratios, strengths))
        accuracy, loss = accuracy.mean(axis=1), loss.mean(axis=1)
        better = (accuracy > entrants.accuracy) | (
            (accuracy == entrants.accuracy) & (loss < entrants.loss)
        )

        def keep(new: Array, old: Array) -> Array:
            return jnp.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)

        best = Entrants(
            state=state,
            best=jax.tree.map(keep, state.variables, entrants.best),
            accuracy=keep(accuracy, entrants.accuracy),
            loss=keep(loss, entrants.loss),
            update=keep(state.step[:, 0], entrants.update),
        )
        return best, accuracy

    @jax.jit
    def predict(variables: Variables, images: Array) -> Array:
        def one(variables: Variables) -> Array:
            state = ClassifierState(jnp.zeros((), jnp.int32), variables, ())
            logits = lax.map(
                lambda image: classifier.logits(state, normalise(image[None]))[0],
                images,
                batch_size=500,
            )
            return jnp.argmax(logits, axis=-1).astype(jnp.int32)

        return lax.map(jax.vmap(one), variables)

    return Competition(init, advance, predict)


def mixed_batch(
    key: Key, real: Resident, generated: Resident, ratio: Array, batch_size: int
) -> Batch:
    """Draw a batch whose first `round(ratio * batch_size)` images are generated, the rest real.

    Slot i draws the same real image whatever the ratio, so that arms see the same real images
    wherever they see one.

    Args:
      key: a typed key.
      real: the training images.
      generated: the generated ones.
      ratio: float32 scalar in [0, 1], may be traced.
      batch_size: images in all.

    Returns:
      A normalised batch.
    """
    real_key, generated_key = jax.random.split(key)
    of_real = jax.random.randint(real_key, (batch_size,), 0, real.labels.shape[0])
    of_generated = jax.random.randint(generated_key, (batch_size,), 0, generated.labels.shape[0])
    is_generated = jnp.arange(batch_size) < jnp.round(ratio * batch_size)
    images = jnp.where(
        is_generated[:, None, None, None],
        generated.images[of_generated],
        real.images[of_real],
    )
    labels = jnp.where(is_generated, generated.labels[of_generated], real.labels[of_real])
    return Batch(normalise(images), labels)


def _across(size: int) -> Callable:
    """Return the faster way to map over candidates on images of `size` pixels a side."""
    if jax.default_backend() == "cpu" and size > LARGEST_SIDE_BY_SIDE:
        return lax.map
    return lambda function, inputs: jax.vmap(function)(inputs)
