"""Which filter a replicate's samples pass, chosen by what a classifier learns on its own draw.

For each filter a small classifier learns from real training images and from samples that the filter
keeps, half and half, with the same initial weights and draws. The filter whose classifier gives the
right class the highest probability on the validation part is chosen, as among a study's candidates
(`ganjax.study.arms.choose`). The test set has no part in it.
"""

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from ganjax import recipe
from ganjax.config import ClassifierConfig
from ganjax.data.loader import Resident, normalise, to_device
from ganjax.data.splits import Draw
from ganjax.progress import Progress
from ganjax.study.competition import mixed_batch, row_weights
from ganjax.synthesis.closeness import Auditor
from ganjax.synthesis.judge import Judge
from ganjax.synthesis.sample import labels_in_turn, sampled
from ganjax.synthesis.select import (
    Candidates,
    Choice,
    Filter,
    choose_filter,
    keep,
    own_log_probability,
)
from ganjax.synthesis.trained import Trained
from ganjax.training.loop import repeat
from ganjax.typing import Array, Batch, Key

FILTERS = (
    Filter(),
    Filter("agreement"),
    Filter("agreement", 0.5),
    Filter("agreement", 0.25),
    Filter("discriminator", 0.5),
)
"""What is chosen from, the simplest first."""

UPDATES = 300
"""Of each classifier."""

KEPT, FEWEST_OF_A_CLASS = 500, 10
"""Samples that a classifier learns from, of all classes alike; and of each class at least."""

STRICTEST = 4
"""Samples are made for one that the strictest filter keeps."""


def choose(
    config: ClassifierConfig,
    gan: Trained,
    draw: Draw,
    judge: Judge,
    copies: Auditor | None,
    key: Key,
    progress: Progress,
) -> Choice:
    """Choose a filter for a GAN's samples by the validation part of its draw.

    Args:
      config: of the study's classifiers; that of the choice is one of them, with transforms of the
        middle strength.
      gan: trained on the draw.
      draw: its training images, and those that choose.
      judge: the classifier that "agreement" asks.
      copies: drops copies first; None keeps them.
      key: of the samples and of the classifiers.
      progress: where to tell how far it is.

    Returns:
      The choice, with the score of every filter: the probability of the right class, the mean over
      classes. A filter that leaves a class empty has none.

    Raises:
      UserError: no filter has a score.
    """
    sample_key, train_key = jax.random.split(key)
    fit, validation = draw
    classes = len(fit.class_names)
    each = max(KEPT // classes, FEWEST_OF_A_CLASS)
    images, candidates = _candidates(
        gan, judge, copies, sample_key, np.full(classes, STRICTEST * each)
    )
    real = to_device(fit)

    def score(how: Filter) -> float:
        kept = np.flatnonzero(keep(how, candidates))
        of_class = [kept[candidates.labels[kept] == label] for label in range(classes)]
        if not all(map(len, of_class)):
            return float("nan")
        rows = np.concatenate([np.resize(own, each) for own in of_class])
        made = Resident(jax.device_put(images[rows]), jax.device_put(candidates.labels[rows]))
        logits = _learnt(config, classes, real, made, train_key)(validation.images)
        right = np.exp(own_log_probability(logits, validation.labels))
        present = np.unique(validation.labels)
        return float(np.mean([right[validation.labels == label].mean() for label in present]))

    with progress.stage("choose a filter", len(FILTERS), "filters") as tick:

        def validate(how: Filter) -> float:
            found = score(how)
            tick(FILTERS.index(how) + 1)
            return found

        return choose_filter(FILTERS, validate)


def _candidates(
    gan: Trained, judge: Judge, copies: Auditor | None, key: Key, counts: np.ndarray
) -> tuple[np.ndarray, Candidates]:
    """Draw samples, and ask the networks of them; copies are left out."""
    labels = labels_in_turn(counts)
    drawn = list(sampled(gan.gan, gan.state, key, labels, scored=True))
    images, scores = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    if copies is not None:
        own = ~copies.copies(copies.closeness(images))
        images, labels, scores = images[own], labels[own], scores[own]
    return images, Candidates(labels, judge.logits(images), scores)


def _learnt(
    config: ClassifierConfig, classes: int, real: Resident, made: Resident, key: Key
) -> Callable[[np.ndarray], np.ndarray]:
    """Train a classifier on real images and samples; return its logits as a function of images."""
    _, size, _, channels = real.images.shape
    init, call, apply = _classifier(config, size, channels, classes)
    init_key, train_key = jax.random.split(key)
    state, _ = call(init(init_key), (real, made), train_key, steps=UPDATES)
    return lambda images: np.asarray(apply(state, images))


@cache
def _classifier(
    config: ClassifierConfig, size: int, channels: int, classes: int
) -> tuple[Callable, Callable, Callable]:
    """Return the jitted `init` and many-step call, and `(state, uint8 images) -> logits`."""
    classifier = recipe.classifier(config, size=size, channels=channels, classes=classes)
    strength = config.strengths[len(config.strengths) // 2]

    def draw(key: Key, data: tuple[Resident, Resident]) -> Batch:
        real, made = data
        half = jnp.float32(0.5)
        weights = row_weights(real.labels, jnp.float32(1), jnp.float32(1))
        return mixed_batch(key, real, made, half, config.batch_size, weights)

    def step(state, batch: Batch, key: Key):
        return classifier.step(state, batch, key, strength)

    @jax.jit
    def logits(state, images: Array) -> Array:
        return classifier.logits(state, normalise(images))

    return jax.jit(classifier.init), repeat(step, draw), logits
