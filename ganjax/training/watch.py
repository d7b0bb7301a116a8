"""A look at a training: how near held-out images a GAN is, how varied, how much learnt by heart,
and how well a classifier that is trained with it does."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ganjax.data.loader import Resident, normalise
from ganjax.metrics.energy import (
    class_energy_distance,
    energy_distance,
    nearest_of_own_class,
)
from ganjax.ops import classes as on_classes
from ganjax.training import guard
from ganjax.training.gan import GAN
from ganjax.training.players import Joint
from ganjax.training.state import GANState, JointState
from ganjax.typing import Array, Key, Params, Variables

Features = Callable[[Variables, Array], Array]
"""`(variables, images in [-1, 1]) -> features [images, d]`."""


COLLAPSED = 0.1
"""Variety below which each class has become one image (on Fashion-MNIST, 20 per class: 0.25 to 0.33
in trainings that go well, 0.01 to 0.05 in collapsed ones)."""


class Reference(NamedTuple):
    """What a GAN is compared with, on the device.

    Attributes:
      seen: images that it trains on.
      held_out: images that it never trains on; they decide which state is kept.
      features: the variables of the network that looks at them.
      key: of the images that it makes for a look, the same at every one.
    """

    seen: Resident
    held_out: Resident
    features: Variables
    key: Key


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Both:
    """The best generator and the best classifier of a joint training, each of its own update.

    Attributes:
      generator: variables that images are drawn from.
      classifier: averaged parameters that predictions are made by.
      probability: float32 scalar, that they gave the right class of held-out images, the mean over
        classes; -1 before the first look.
      step: int32 scalar, the classifier's update.
    """

    generator: Variables
    classifier: Params
    probability: Array
    step: Array


def to_keep(state: GANState) -> Any:
    """Return what is kept of a fresh state, until a look finds a better one."""
    if not isinstance(state, JointState):
        return state.ema_generator
    none = jnp.full((), -1.0, jnp.float32)
    return Both(state.ema_generator, state.ema_classifier, none, jnp.zeros((), jnp.int32))


def with_best(guarded: guard.Guarded) -> GANState:
    """Return a state with the generator, and the classifier, that looks found best.

    Each as it is where no look has told; on the host, not in compiled code.
    """
    state, best = guarded.state, guarded.best
    if isinstance(state, JointState):
        if best.probability >= 0:
            state = replace(state, ema_classifier=best.classifier)
        best = best.generator
    return replace(state, ema_generator=best) if jnp.isfinite(guarded.quality) else state


def look_at_both(
    joint: Joint, look: Callable[..., tuple[guard.Guarded, dict[str, Array]]]
) -> Callable[..., tuple[guard.Guarded, dict[str, Array]]]:
    """Build the function that looks at a joint training, and keeps the best of both players.

    Args:
      joint: its functions.
      look: of `look_at`, for its generator.

    Returns:
      `(guarded state, Reference) -> (guarded state, signs)`, pure. The classifier kept is the one
      that gave the right class of held-out images the highest probability. Signs beside those of
      `look_at`: `accuracy` on held-out images and that `probability`, both means over classes.
    """

    def look_both(guarded: guard.Guarded, reference: Reference):
        held = reference.held_out
        logits = joint.classify(guarded.state, normalise(held.images))
        probability, accuracy = on_classes.score(logits, held.labels)

        best: Both = guarded.best
        new = replace(
            best,
            classifier=guarded.state.ema_classifier,
            probability=probability,
            step=guarded.step,
        )
        better = probability > best.probability
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), new, best)
        looked, signs = look(replace(guarded, best=best.generator), reference)
        looked = replace(looked, best=replace(best, generator=looked.best))
        return looked, signs | {"accuracy": accuracy, "probability": probability}

    return look_both


def look_at(
    gan: GAN | Joint, features: Features, classes: int | None
) -> Callable[..., tuple[guard.Guarded, dict[str, Array]]]:
    """Build the function that looks at a GAN, and keeps its generator where none was better.

    Args:
      gan: its functions.
      features: sees images as a classifier of the same classes does.
      classes: how many the GAN is told of; None for one without labels.

    Returns:
      `(guarded state, Reference) -> (guarded state, signs)`, pure. The signs are float32 scalars:

      - `distance`, the energy distance of generated to held-out images, the less the better; where
        there are labels, that of all images plus the mean of that within each class;
      - `variety`, how far generated images of a class lie from their nearest neighbours, in units
        of how far real ones do: near 1 where all is well, 0 where each class is one image;
      - `by_heart`, how much better the discriminator knows its training images than held-out ones,
        (D(seen) - D(held out)) / (D(seen) - D(generated)): 0 for not at all, 1 where held-out
        images are as strange to it as generated ones (arXiv 2006.06676, r_v).
    """

    def look(guarded: guard.Guarded, reference: Reference):
        state: GANState = guarded.state
        seen, held_out = reference.seen, reference.held_out
        made = gan.sample(state, reference.key, seen.labels)

        def see(images: Array) -> Array:
            return features(reference.features, images)

        real, held = normalise(seen.images), normalise(held_out.images)
        made_seen, held_seen = see(made), see(held)
        distance = energy_distance(made_seen, held_seen)
        if classes is not None:
            distance += class_energy_distance(
                made_seen, seen.labels, held_seen, held_out.labels, classes
            )
        nearest = [nearest_of_own_class(x, seen.labels) for x in (made_seen, see(real))]
        d_seen, d_held, d_made = (
            jnp.mean(gan.logits(state, images, labels))
            for images, labels in (
                (real, seen.labels), (held, held_out.labels), (made, seen.labels),
            )
        )  # fmt: skip
        signs = {
            "distance": distance,
            "variety": nearest[0] / nearest[1],
            "by_heart": (d_seen - d_held) / (d_seen - d_made),
        }
        return guard.keep_best(guarded, state.ema_generator, distance), signs

    return look
