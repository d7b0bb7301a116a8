"""A generator that is trained beside a classifier: what all such trainings share."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ganjax.models import Generator, Model
from ganjax.ops import classes, spread
from ganjax.training.balance import balance
from ganjax.training.gan import GAN
from ganjax.training.state import JointState
from ganjax.training.updates import descend, follow
from ganjax.typing import Array, Key, Metrics, Params, PartlyLabelled, Variables


class Joint(NamedTuple):
    """A generator and a classifier that are trained together, as pure functions.

    Attributes:
      init: `key -> JointState`.
      step: `(state, batch, key, *, axis_name=None) -> (state, metrics)`; all players are updated
        once. The batch is a `PartlyLabelled`, whose unlabelled images are as many as the labelled
        ones or none. With `axis_name`, under `pmap`, it is this device's part of the batch.
      sample: `(state, key, labels, first=0) -> images`, as of `ganjax.training.GAN`.
      logits: `(state, images, labels) -> logits [batch]`, real or generated.
      classify: `(state, images) -> logits [batch, classes]`, of the averaged parameters.
    """

    init: Callable[[Key], JointState]
    step: Callable[..., tuple[JointState, Metrics]]
    sample: Callable[..., Array]
    logits: Callable[..., Array]
    classify: Callable[[JointState, Array], Array]

    def as_gan(self) -> GAN:
        """Return the functions of the GAN in it, for whatever only draws or scores images."""
        return GAN(self.init, self.step, self.sample, self.logits)


class Made(NamedTuple):
    """Generated images of a step, and the way back from a gradient to them.

    Attributes:
      images: float32 `[batch, height, width, channels]`.
      pull_back: gradient to the images -> gradient to the generator's parameters.
      updates: the generator's new batch statistics.
    """

    images: Array
    pull_back: Callable[[Array], tuple[Params]]
    updates: Variables


class Pulled(NamedTuple):
    """The generator after a step, and what two objectives wanted of it."""

    params: Params
    optimizer: optax.OptState
    norms: Array
    conflict: Array
    metrics: Metrics


def init_joint(
    key: Key,
    generator: Generator,
    discriminator: Model,
    classes_of: Callable[[Array], Array],
    generator_optimizer: optax.GradientTransformation,
    discriminator_optimizer: optax.GradientTransformation,
    classifier: Model | None = None,
    classifier_optimizer: optax.GradientTransformation | None = None,
) -> JointState:
    """Return a fresh state; without a classifier of its own, the discriminator classifies.

    `classes_of` reads the class logits off the outputs of whichever classifies.
    """
    generator_key, discriminator_key, classifier_key = jax.random.split(key, 3)
    g, d = generator.init(generator_key), discriminator.init(discriminator_key)
    c = classifier.init(classifier_key) if classifier else {}
    answering = (c or d)["params"]

    def answers(key: Key) -> Array:
        images = generator.apply(g, generator.sample_latents(key, 1), jnp.zeros(1, jnp.int32))[0]
        return classes_of((classifier or discriminator).apply(c or d, images)[0])

    outcomes = jax.eval_shape(answers, key).shape[1]
    return JointState(
        step=jnp.zeros((), jnp.int32),
        generator=g,
        discriminator=d,
        ema_generator=jax.tree.map(jnp.array, g),  # copies: all may be donated
        generator_optimizer=generator_optimizer.init(g["params"]),
        discriminator_optimizer=discriminator_optimizer.init(d["params"]),
        real_average=jnp.zeros(()),
        fake_average=jnp.zeros(()),
        probability=jnp.zeros(()),
        classifier=c,
        classifier_optimizer=classifier_optimizer.init(answering) if classifier_optimizer else (),
        ema_classifier=jax.tree.map(jnp.array, answering),
        norms=jnp.zeros((2, 2)),
        conflicts=jnp.zeros(2, jnp.int32),
        shares=jnp.zeros((2, outcomes)),
    )


def images_of(batch: PartlyLabelled) -> tuple[Array, Array, Array, bool]:
    """Return the labelled images, their labels, the real ones to be imitated, and if these are
    without labels: the unlabelled images, or without any the labelled ones."""
    labelled, labels, unlabelled = batch
    if not unlabelled.shape[0]:
        return labelled, labels, labelled, False
    if unlabelled.shape != labelled.shape:
        raise ValueError(
            f"a batch needs as many unlabelled images as labelled ones, or none: {labelled.shape} "
            f"and {unlabelled.shape}"
        )
    return labelled, labels, unlabelled, True


def generate(
    generator: Generator, variables: Variables, key: Key, labels: Array, axis_name: str | None
) -> Made:
    """Make images of the labels of a batch."""
    first = spread.first(labels.shape[0], axis_name)
    latents = generator.sample_latents(key, labels.shape[0], first=first)

    def forward(params: Params):
        return generator.apply(
            {**variables, "params": params}, latents, labels, train=True, **on_axis(axis_name)
        )

    return Made(*jax.vjp(forward, variables["params"], has_aux=True))


def pull_generator(
    state: JointState,
    made: Made,
    adversarial: Callable[[Array], Array],
    classification: Callable[[Array], Array],
    weight: float,
    optimizer: optax.GradientTransformation,
    axis_name: str | None,
) -> Pulled:
    """Update the generator by two objectives on its images, balanced at the images."""
    metrics: Metrics = {}
    metrics["generator_loss"], wanted = jax.value_and_grad(adversarial)(made.images)
    metrics["generated_class_loss"], of_class = jax.value_and_grad(classification)(made.images)
    both = balance(wanted, of_class, weight, state.norms[1], state.step, axis_name=axis_name)
    gradient = spread.mean(made.pull_back(both.gradient)[0], axis_name)
    params, optimizer_state = descend(
        optimizer, gradient, state.generator_optimizer, state.generator["params"]
    )
    metrics["generator_gradient"] = optax.tree.norm(gradient)
    metrics |= named("generator", both.metrics)
    return Pulled(params, optimizer_state, both.norms, both.conflict, metrics)


def pseudo_labels(
    state: JointState, labels: Array, settled: Array, align: bool, axis_name: str | None
) -> tuple[Array, Array]:
    """Prepare the averaged classifier's answers for images without label to stand for labels.

    Args:
      state: before the step.
      labels: of the labelled images of a batch.
      settled: logits `[batch, classes]` for those without.
      align: correct them, so that on average classes are as common as among the labels.
      axis_name: of a batch that is spread over devices.

    Returns:
      The logits, and the state's new `shares`.
    """
    known = jax.nn.one_hot(labels, settled.shape[1])
    found = jnp.stack([known.mean(axis=0), jax.nn.softmax(settled).mean(axis=0)])
    shares = follow(state.shares, spread.mean(found, axis_name), state.step)
    return (classes.aligned(settled, *shares) if align else settled), shares


def count_conflicts(conflicts: Array) -> Metrics:
    """Return the metrics that count conflicts so far, int32 scalars."""
    return {"discriminator_conflicts": conflicts[0], "generator_conflicts": conflicts[1]}


def sample(
    generator: Generator, state: JointState, key: Key, labels: Array, first: int | Array = 0
) -> Array:
    """Draw images from the averaged generator; image i is number `first + i` of the key."""
    latents = generator.sample_latents(key, labels.shape[0], first=first)
    return generator.apply(state.ema_generator, latents, labels)[0]


def named(player: str, metrics: Metrics) -> Metrics:
    """Put a player's name before those of metrics."""
    return {f"{player}_{name}": value for name, value in metrics.items()}


def on_axis(axis_name: str | None) -> dict[str, str]:
    """Return what a model's `apply` is told where a batch is spread over an axis."""
    return {"axis_name": axis_name} if axis_name else {}
