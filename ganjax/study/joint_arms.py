"""Arms whose classifiers are trained together with a GAN, beside those of the competition.

They have the study's classifier for a network, see as many labelled images as the classifiers of
all other arms, and validation chooses alike: in each replicate the best update of each weight of
classification, and of several weights the one that is best in the mean over replicates.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.config import JOINT, JointConfig, Objective, StudyConfig, Upkeep
from ganjax.data.loader import normalise
from ganjax.data.splits import Draw
from ganjax.errors import UserError
from ganjax.metrics import Moments, frechet_distance, moments
from ganjax.ops import classes
from ganjax.progress import Progress
from ganjax.study.finalists import Finalist
from ganjax.synthesis.description import Description, describe
from ganjax.synthesis.reference import features, reference
from ganjax.synthesis.trained import Trained, load, train_in
from ganjax.typing import Key

MOST_COMPARED = 2000
"""Images of each kind that a Frechet distance rests on, at most."""


EYES, SAMPLES = 101, 102
"""Numbers of the keys of what measures distances; those of the trainings are below."""


class Joined(NamedTuple):
    """A joint training that was chosen: its classifier, and what is told of it."""

    finalist: Finalist
    told: dict[str, Any]


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
) -> dict[str, list[dict[str, Any]]]:
    """Train a GAN and classifier for each joint arm and weight, or go on where they stopped.

    Args:
      config: of the study.
      draw: of the replicate; its validation part chooses, its unlabelled images are learnt from.
      folder: of the replicate; each training is in one of its own, named as its arm.
      key: of the replicate's joint trainings.
      upkeep: how often checkpoints are written, and what is done about trouble.
      progress: where to tell how far they are.

    Returns:
      For each arm an entry per weight, JSON values: `weight`; `update` and `generator_update`, what
      was kept; `accuracy` of that classifier on validation and `probability` of the right class
      there, means over classes; `distance`, Frechet's, of its samples to the replicate's real
      images, on the features of a classifier of its training images (null for a single weight).
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for objective in joint_arms(config):
        weights = weights_of(config, objective)
        far = _distance_to(draw, key) if len(weights) > 1 else None
        tried = []
        for weight in weights:
            progress.say(f"arm {objective}, weight of classification {weight:g}")
            trained = train_in(
                folder / folder_name(config, objective, weight),
                describe_arm(config, objective, draw, weight),
                draw.fit,
                jax.random.fold_in(key, JOINT.index(objective)),
                unlabelled=draw.unlabelled,
                held_out=draw.validation,
                upkeep=upkeep,
                progress=progress,
            )
            tried.append({
                "weight": weight,
                "update": trained.classifier_update,
                "generator_update": trained.update,
                **_on_validation(trained, draw),
                "distance": None if far is None else far(trained),
            })  # fmt: skip
        found[objective] = tried
    return found


def folder_name(config: StudyConfig, objective: Objective, weight: float) -> str:
    """Name the folder of a joint training, from the replicate's on."""
    several = len(weights_of(config, objective)) > 1
    return f"{objective}-{weight:g}" if several else objective


def finalist(
    config: StudyConfig, objective: Objective, own: dict[str, Any], folder: Path
) -> Joined:
    """Return the classifier of one weight as what its arm sends to the sealed test.

    Args:
      config: of the study.
      objective: the arm.
      own: what `train_arms` told of that weight.
      folder: of the replicate.

    Returns:
      The finalist, and what is told of its training, JSON values: `kept`, `history`, `signs` and
      `parameters`.

    Raises:
      UserError: the classifier that validation saw is there no more.
    """
    name = folder_name(config, objective, own["weight"])
    trained = load(folder / name)
    if (trained.classifier_update, trained.update) != (own["update"], own["generator_update"]):
        raise UserError(
            f"{folder / name} no longer holds the classifier of update {own['update']} that was "
            "chosen: its newest checkpoint is damaged; begin the study again with a new --out"
        )
    choice = {"weight": own["weight"], "update": own["update"]}
    facts = {**choice, "accuracy": own["accuracy"], "probability": own["probability"]}
    return Joined(
        Finalist(choice, facts, partial(_answer, trained), folder=name),
        {
            "kept": facts,
            "history": trained.history,
            "signs": trained.signs,
            "parameters": trained.parameters(),
        },
    )


def _answer(trained: Trained, images: np.ndarray) -> np.ndarray:
    return trained.classify(images)[None]


def _weight_name(objective: Objective) -> str:
    """Name the weight that decides between two objectives: the third player shares the generator
    alone."""
    return "generator_class_weight" if objective == "three-player" else "class_weight"


def _on_validation(trained: Trained, draw: Draw) -> dict[str, float]:
    """Return accuracy and probability of the right class, both means over classes."""
    logits = jnp.asarray(trained.classify(draw.validation.images))
    probability, accuracy = classes.score(logits, jnp.asarray(draw.validation.labels))
    return {"accuracy": float(accuracy), "probability": float(probability)}


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
