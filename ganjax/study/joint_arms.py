"""Arms whose classifiers are trained together with a GAN, beside those of the competition.

They have the study's classifier for a network, see as many labelled images as the classifiers of
all other arms, and the same validation part chooses: of each weight of classification the best
update, and of several weights the best.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.config import JOINT, JointConfig, Objective, StudyConfig, Upkeep
from ganjax.data.loader import normalise
from ganjax.data.splits import Draw
from ganjax.metrics import Moments, frechet_distance, moments
from ganjax.ops import classes
from ganjax.progress import Progress
from ganjax.study.finalists import Finalist
from ganjax.synthesis.description import Description, describe
from ganjax.synthesis.reference import features, reference
from ganjax.synthesis.trained import Trained, train_in
from ganjax.typing import Key

MOST_COMPARED = 2000
"""Images of each kind that a Frechet distance rests on, at most."""


EYES, SAMPLES = 101, 102
"""Numbers of the keys of what measures distances; those of the trainings are below."""


@dataclass(frozen=True)
class Tried:
    """A joint training of one weight.

    Attributes:
      weight: of classification against the adversarial objective.
      trained: what it left.
      accuracy: of the classifier that was kept, on validation; the mean over classes.
      probability: of the right class there, likewise: what chose it.
      distance: Frechet distance of its samples to the replicate's real images, on the features of
        a classifier of its training images; None where only one weight was tried.
      folder: of the training, from the replicate's on.
    """

    weight: float
    trained: Trained
    accuracy: float
    probability: float
    distance: float | None
    folder: str

    def told(self) -> dict[str, Any]:
        """Return what is told of it, as JSON values."""
        return {
            "weight": self.weight,
            "update": self.trained.classifier_update,
            "generator_update": self.trained.update,
            "accuracy": self.accuracy,
            "probability": self.probability,
            "distance": self.distance,
        }


def joint_arms(config: StudyConfig) -> tuple[Objective, ...]:
    """Return the arms of a study whose classifiers are trained together with a GAN."""
    return tuple(name for name in JOINT if name in config.arms)


def weights_of(config: StudyConfig, objective: Objective) -> tuple[float, ...]:
    """Return the weights of classification that an arm tries."""
    if config.joint_weights is not None:
        return config.joint_weights
    own = getattr(config.joint.for_objective(objective), _weight_name(objective))
    return (own,)


def describe_arm(
    config: StudyConfig, objective: Objective, draw: Draw, weight: float | None = None
) -> Description:
    """Describe a joint training that sees as many labelled images as the study's classifiers."""
    own, gan = config.classifier, config.gan
    batch_size = gan.batch_size or own.batch_size
    updates = max(1, round(own.updates * own.batch_size / batch_size))
    joint: JointConfig = replace(config.joint, width=own.width, learning_rate=own.learning_rate)
    if objective != "three-player":
        joint = replace(joint, pairs=None)
    if weight is not None:
        given: Any = {_weight_name(objective): weight}
        joint = replace(joint, **given)
    gan = replace(gan, updates=updates, batch_size=batch_size)
    return describe(gan, draw.fit, objective=objective, joint=joint)


def train_arms(
    config: StudyConfig, draw: Draw, folder: Path, key: Key, upkeep: Upkeep, progress: Progress
) -> dict[str, tuple[Tried, ...]]:
    """Train a GAN and classifier for each joint arm and weight, or go on where they stopped.

    Args:
      config: of the study.
      draw: of the replicate; its validation part chooses, its unlabelled images are learnt from.
      folder: of the replicate; each training is in one of its own, named as its arm.
      key: of the replicate's joint trainings.
      upkeep: how often checkpoints are written, and what is done about trouble.
      progress: where to tell how far they are.
    """
    found: dict[str, tuple[Tried, ...]] = {}
    for objective in joint_arms(config):
        weights = weights_of(config, objective)
        far = _distance_to(draw, key) if len(weights) > 1 else None
        tried = []
        for weight in weights:
            progress.say(f"arm {objective}, weight of classification {weight:g}")
            name = objective if len(weights) == 1 else f"{objective}-{weight:g}"
            trained = train_in(
                folder / name,
                describe_arm(config, objective, draw, weight),
                draw.fit,
                jax.random.fold_in(key, JOINT.index(objective)),
                unlabelled=draw.unlabelled,
                held_out=draw.validation,
                upkeep=upkeep,
                progress=progress,
            )
            distance = None if far is None else far(trained)
            tried.append(Tried(weight, trained, *_on_validation(trained, draw), distance, name))
        found[objective] = tuple(tried)
    return found


def best(tried: tuple[Tried, ...]) -> Tried:
    """Return what validation chooses of an arm: as `ganjax.study.arms.choose`."""
    return max(tried, key=lambda own: own.probability)


def finalist(own: Tried) -> Finalist:
    """Return a joint training's classifier as what its arm sends to the sealed test."""
    choice = {"weight": own.weight, "update": own.trained.classifier_update}
    facts = {**choice, "accuracy": own.accuracy, "probability": own.probability}
    return Finalist(choice, facts, partial(_answer, own.trained), folder=own.folder)


def _answer(trained: Trained, images: np.ndarray) -> np.ndarray:
    return trained.classify(images)[None]


def _weight_name(objective: Objective) -> str:
    """Name the weight that decides between two objectives: the third player shares the generator
    alone."""
    return "generator_class_weight" if objective == "three-player" else "class_weight"


def _on_validation(trained: Trained, draw: Draw) -> tuple[float, float]:
    """Return accuracy and probability of the right class, both means over classes."""
    logits = jnp.asarray(trained.classify(draw.validation.images))
    probability, accuracy = classes.score(logits, jnp.asarray(draw.validation.labels))
    return float(accuracy), float(probability)


def _distance_to(draw: Draw, key: Key) -> Callable[[Trained], float]:
    """Return the Frechet distance of a GAN's samples to the images of a replicate.

    None of them is a test image. Those that the GAN was trained on are among them: small sets have
    no others, and all weights are measured alike.
    """
    size, channels = draw.fit.images.shape[2:]
    see = jax.jit(features(size, channels))
    seen_by = reference(draw.fit, draw.validation, jax.random.fold_in(key, EYES)).features

    def seen(images: np.ndarray) -> Moments:
        parts = np.array_split(images, max(1, -(-len(images) // 500)))
        found = [np.asarray(see(seen_by, normalise(jnp.asarray(part)))) for part in parts]
        return moments(np.concatenate(found))

    own = [part.images for part in (draw.fit, draw.validation, draw.unlabelled) if part is not None]
    together = np.concatenate(own)
    rows = np.random.default_rng(0).permutation(len(together))[:MOST_COMPARED]
    real = seen(together[rows])

    def distance(trained: Trained) -> float:
        images, _ = trained.sample(jax.random.fold_in(key, SAMPLES), len(rows))
        return float(frechet_distance(seen(images), real))

    return distance
