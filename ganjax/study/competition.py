"""The training of all candidates of a replicate at once, in one compiled program.

Replicates side by side run this program each in a row of its own (`training.side_by_side`).

Candidates differ only in a few traced numbers: the ratio of generated images, the strength of the
transforms, which real images are drawn and how often. Their initial weights, their draws of real
images and their numbers of updates are the same. All train side by side by `vmap`; but on a CPU,
where products of many large matrices are slower than their parts, candidates on larger images take
turns within the same compiled call.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ganjax.data.loader import Resident, normalise
from ganjax.ops import classes
from ganjax.synthesis.classifying import logits_of_seeds
from ganjax.training import Classifier, ClassifierState
from ganjax.training.updates import averaged
from ganjax.typing import Array, Batch, Key, Metrics, Variables

LARGEST_SIDE_BY_SIDE = 16
"""Side in pixels up to which `vmap` over candidates is the faster way on a CPU (measured: 1.4 to 2
times faster at 8 pixels, 1.3 times slower at 32)."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Entrants:
    """All classifiers of a replicate: arrays lead with `[candidates, seeds]`.

    Attributes:
      state: the classifiers as they are now.
      average: their variables, the parameters averaged over the updates: by these they answer.
      best: the averages at the candidate's best evaluation so far.
      probability: float32 `[candidates]`, of the right class on validation there, mean over seeds:
        the greatest so far.
      accuracy: float32 `[candidates]`, likewise the validation accuracy.
      update: int32 `[candidates]`, when that was.
    """

    state: ClassifierState
    average: Variables
    best: Variables
    probability: Array
    accuracy: Array
    update: Array


class Images(NamedTuple):
    """What a replicate trains on and chooses by; uint8 on the device."""

    fit: Resident
    generated: Resident
    validation: Resident


class Ways(NamedTuple):
    """How the candidates train, float32 `[candidates]` each.

    Attributes:
      ratios: part of each batch that is generated.
      strengths: of the transforms.
      balanced: 1 where each class is drawn equally often, 0 where each image is.
      parts: of each class's real images, the part that is drawn from, above 0, at most 1.
    """

    ratios: Array | np.ndarray
    strengths: Array | np.ndarray
    balanced: Array | np.ndarray
    parts: Array | np.ndarray


class Trainee(NamedTuple):
    """A classifier in training, and the average of its variables."""

    state: ClassifierState
    average: Variables


class Competition(NamedTuple):
    """The pure functions of a competition.

    Attributes:
      init: `key -> Entrants`.
      advance: `(entrants, (images, Ways), key, *, steps) -> (entrants, metrics)`, jitted: `steps`
        updates of every classifier, then one look at the validation part. The metrics are its
        accuracies, the mean over classes, `{"accuracy": [candidates]}`. The entrants are donated.
      logits: `(variables [seeds], images uint8) -> float32 [seeds, images, classes]`, jitted.
    """

    init: Callable[[Key], Entrants]
    advance: Callable[..., tuple[Entrants, Metrics]]
    logits: Callable[[Variables, Array], Array]


def competition(
    classifier: Classifier, *, candidates: int, seeds: int, batch_size: int, ema_decay: float
) -> Competition:
    """Build the functions that train `candidates` times `seeds` classifiers.

    Args:
      classifier: the functions of one classifier.
      candidates: how many ways to train compete.
      seeds: classifiers per candidate.
      batch_size: images per update, real and generated together.
      ema_decay: decay per update of the averaged parameters, reached gradually; 0 for the last.

    Returns:
      The functions `init`, `advance` and `logits`.
    """

    @jax.jit
    def init(key: Key) -> Entrants:
        states = jax.vmap(classifier.init)(jax.random.split(key, seeds))
        return _begin(states, candidates)

    @partial(jax.jit, static_argnames="steps", donate_argnums=0)
    def advance(
        entrants: Entrants, data: tuple[Images, Ways], key: Key, *, steps: int
    ) -> tuple[Entrants, Metrics]:
        images, ways = data
        keys = jax.random.split(key, seeds)  # the same for every candidate: batches are paired

        def one_candidate(inputs):
            trainees, way = inputs
            draw = partial(
                mixed_batch,
                real=images.fit,
                generated=images.generated,
                ratio=way.ratios,
                batch_size=batch_size,
                weights=row_weights(images.fit.labels, way.balanced, way.parts),
            )
            train = partial(
                _train, classifier, draw, images.validation, way.strengths, steps, ema_decay
            )
            return jax.vmap(train)(trainees, keys)

        across = _across(images.fit.images.shape[1])
        trainees = Trainee(entrants.state, entrants.average)
        trainees, probability, accuracy = across(one_candidate, (trainees, ways))
        probability, accuracy = probability.mean(axis=1), accuracy.mean(axis=1)
        return _keep_best(entrants, trainees, probability, accuracy), {"accuracy": accuracy}

    @jax.jit
    def logits(variables: Variables, images: Array) -> Array:
        return logits_of_seeds(classifier, variables, normalise(images))

    return Competition(init, advance, logits)


def _begin(states: ClassifierState, candidates: int) -> Entrants:
    """Let every candidate begin with the same classifiers, `[seeds]`."""
    state = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf[None], (candidates, *leaf.shape)), states
    )
    return Entrants(
        state=state,
        average=jax.tree.map(jnp.array, state.variables),  # copies: all are donated
        best=jax.tree.map(jnp.array, state.variables),
        probability=jnp.full(candidates, -1.0, jnp.float32),
        accuracy=jnp.full(candidates, -1.0, jnp.float32),
        update=jnp.zeros(candidates, jnp.int32),
    )


def _train(
    classifier: Classifier,
    draw: Callable[[Key], Batch],
    validation: Resident,
    strength: Array,
    steps: int,
    ema_decay: float,
    trainee: Trainee,
    key: Key,
) -> tuple[Trainee, Array, Array]:
    """Update one classifier; return it, its probability of the right class and its accuracy.

    Its average is what answers. Both figures are means over the classes of the validation part, so
    that in a long tail the small ones are heard too.
    """

    def body(trainee: Trainee, _):
        state, average = trainee
        batch_key, step_key = jax.random.split(jax.random.fold_in(key, state.step))
        after = classifier.step(state, draw(batch_key), step_key, strength)[0]
        params = averaged(average["params"], after.variables["params"], state.step, ema_decay)
        return Trainee(after, {**after.variables, "params": params}), None

    trainee, _ = lax.scan(body, trainee, None, length=steps)
    answering = replace(trainee.state, variables=trainee.average)
    logits = classifier.logits(answering, normalise(validation.images))
    return trainee, *classes.score(logits, validation.labels)


def _keep_best(
    entrants: Entrants, trainees: Trainee, probability: Array, accuracy: Array
) -> Entrants:
    """Go on with new states, and remember those of candidates that have never been better."""
    better = probability > entrants.probability
    state, average = trainees

    def keep(new: Array, old: Array) -> Array:
        return jnp.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return Entrants(
        state=state,
        average=average,
        best=jax.tree.map(keep, average, entrants.best),
        probability=keep(probability, entrants.probability),
        accuracy=keep(accuracy, entrants.accuracy),
        update=keep(state.step[:, 0], entrants.update),
    )


def mixed_batch(
    key: Key,
    real: Resident,
    generated: Resident,
    ratio: Array,
    batch_size: int,
    weights: Array | None = None,
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
      weights: how often each real image is drawn, float32 `[real]`, with mean 1; None for all
        equally often.

    Returns:
      A normalised batch.
    """
    real_key, generated_key = jax.random.split(key)
    of_real = jax.random.randint(real_key, (batch_size,), 0, real.labels.shape[0])
    if weights is not None:
        weighted = _weighted_rows(real_key, weights, batch_size)
        of_real = jnp.where(jnp.all(weights == 1), of_real, weighted)
    of_generated = jax.random.randint(generated_key, (batch_size,), 0, generated.labels.shape[0])
    is_generated = jnp.arange(batch_size) < jnp.round(ratio * batch_size)
    images = jnp.where(
        is_generated[:, None, None, None],
        generated.images[of_generated],
        real.images[of_real],
    )
    labels = jnp.where(is_generated, generated.labels[of_generated], real.labels[of_real])
    return Batch(normalise(images), labels)


def row_weights(labels: Array, balanced: Array, part: Array) -> Array:
    """Return how often each row of a set is drawn, float32 `[n]`, with mean 1.

    Args:
      labels: int32 `[n]`.
      balanced: above 0, classes are drawn equally often, else rows are.
      part: of each class's rows, the first so many are drawn, at least one.
    """
    order = jnp.argsort(labels, stable=True)
    begins, ends = (jnp.searchsorted(labels[order], labels, side=s) for s in ("left", "right"))
    rank = jnp.argsort(order) - begins  # within the class
    drawn = jnp.maximum(jnp.round(part * (ends - begins)), 1)
    weights = (rank < drawn) * jnp.where(balanced > 0, 1 / drawn, 1.0)
    return weights * (labels.shape[0] / jnp.sum(weights))


def _weighted_rows(key: Key, weights: Array, count: int) -> Array:
    """Draw rows, int32 `[count]`, each as often as its weight says; the weights' mean is 1."""
    rows = weights.shape[0]
    places = jax.random.uniform(key, (count,)) * rows
    return jnp.minimum(jnp.searchsorted(jnp.cumsum(weights), places, side="right"), rows - 1)


def _across(size: int) -> Callable:
    """Return the faster way to map over candidates on images of `size` pixels a side."""
    if jax.default_backend() == "cpu" and size > LARGEST_SIDE_BY_SIDE:
        return lax.map
    return lambda function, inputs: jax.vmap(function)(inputs)
