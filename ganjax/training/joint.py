"""One training with two objectives, generation and classification, over one discriminator.

The discriminator's trunk answers both questions: real or generated, and which class. Where the
third player is a classifier of its own, see `ganjax.training.three_player`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from ganjax.models import Generator, Model
from ganjax.ops import classes, losses, spread
from ganjax.ops import policy as policies
from ganjax.training.balance import balance
from ganjax.training.game import Rules, Turn, discriminator_loss, generator_loss
from ganjax.training.gan import adam
from ganjax.training.penalties import Penalty
from ganjax.training.players import (
    Joint,
    count_conflicts,
    generate,
    images_of,
    init_joint,
    named,
    on_axis,
    pseudo_labels,
    pull_generator,
    sample,
)
from ganjax.training.state import JointState
from ganjax.training.updates import averaged, averaged_variables, descend, follow_logits, risen
from ganjax.typing import Array, Key, Metrics, Params, PartlyLabelled, Variables


class Heads(NamedTuple):
    """How a discriminator's outputs are read.

    Attributes:
      source: `(outputs, labels or None) -> logits [batch]`, of being real, and of its class where
        that is told.
      classes: `outputs -> logits [batch, classes]`.
    """

    source: Callable[[Array, Array | None], Array]
    classes: Callable[[Array], Array]


def _projected(outputs: Array, labels: Array | None) -> Array:
    own, base, of_each = jnp.split(outputs, [outputs.shape[1] // 2, outputs.shape[1] // 2 + 1], 1)
    told = lax.stop_gradient(jax.nn.softmax(own))
    if labels is not None:
        told = jax.nn.one_hot(labels, own.shape[1], dtype=own.dtype)
    return base[:, 0] + jnp.sum(told * of_each, axis=1)


BESIDE_CLASSES = Heads(_projected, lambda outputs: outputs[:, : outputs.shape[1] // 2])
"""A head for the K classes (arXiv 1610.09585), one output "real", and K more that are added to it
by the image's class (arXiv 1802.05637); of an image without label, by the class head's answer.
By the paper's one output, that knows no class, samples of a class all come to look alike."""

GENERATED_IS_A_CLASS = Heads(
    lambda outputs, labels: classes.some_class(outputs), lambda outputs: outputs
)
"""K classes, and "generated" is class K + 1 (arXiv 1606.03498)."""


class ClassTerms(NamedTuple):
    """What counts as classification, beside the labelled images, and how much.

    Attributes:
      weight: of the discriminator's classification against its adversarial objective, in [0, 1], by
        the rule of `ganjax.training.balance`.
      generator_weight: likewise of the generator's, whose images are to be of their class.
      generated: factor of the cross-entropy of generated images in the discriminator's
        classification.
      consistency: factor of the disagreement about two transforms of an image without label.
      entropy: factor of how unsure the answer for such an image is.
      pseudo_labels: factor of the cross-entropy of such an image by the class that the averaged
        classifier is sure of (arXiv 2001.07685).
      confidence: the probability from which it is.
      aligned: correct its answers by how common classes are among the labels (arXiv 1911.09785).
      ramp: updates over which that factor rises from 0, as first answers teach nothing.
    """

    weight: float = 0.5
    generator_weight: float = 0.5
    generated: float = 0.0
    consistency: float = 0.0
    entropy: float = 0.0
    pseudo_labels: float = 0.0
    confidence: float = 0.95
    aligned: bool = True
    ramp: int = 1000


def auxiliary(
    generator: Generator,
    discriminator: Model,
    *,
    terms: ClassTerms = ClassTerms(generated=1.0),
    loss: losses.Loss = losses.non_saturating,
    augment: policies.Policy = (),
    augment_strength: float = 1.0,
    penalties: Sequence[Penalty] = (),
    generator_optimizer: optax.GradientTransformation | None = None,
    discriminator_optimizer: optax.GradientTransformation | None = None,
    ema_decay: float = 0.999,
) -> Joint:
    """Build the functions of a GAN with an auxiliary classifier (AC-GAN, arXiv 1610.09585).

        discriminator:  (1 - w) [mean loss_D(s(T(x), y), s(T(G(z, y)), y)) + penalties]
                        + w [mean -log p(y | T(x)) + generated * mean -log p(y | T(G(z, y)))]
        generator:      (1 - w) mean loss_G(s(T(G(z, y)), y)) + w mean -log p(y | T(G(z, y)))

    p is the head for classes, s that for real or generated, which is told the class by projection
    (arXiv 1802.05637; the paper's is not told, and samples of a class come to look alike). Real
    images of the first line are the unlabelled ones, where a batch has any; then s goes by the
    mean over the classes as p answers, of generated images too. The weights act on gradients, by
    the rule of `ganjax.training.balance`, as the paper's plain sum lets one head starve the other.

    Args:
      generator: latents and labels to images.
      discriminator: images to `[batch, 2 classes + 1]`: the classes, one output of being real,
        and what each class adds to it.
      terms: what counts as classification, and how much.
      loss: per-example losses on logits, one of `ganjax.losses`.
      augment: T(x), a policy of `ganjax.policy`; `()` for none.
      augment_strength: factor on the limits of `augment`.
      penalties: of the discriminator's adversarial objective, of `ganjax.training.penalties`.
      generator_optimizer: `adam()` by default: 2e-4, beta1 0.5.
      discriminator_optimizer: likewise.
      ema_decay: decay per step of the averages, of the generator (its batch statistics too) for
        sampling and of the discriminator for classifying.

    Returns:
      The functions `init`, `step`, `sample`, `logits` and `classify`.
    """
    rules = Rules(loss, tuple(penalties), None)
    return _two_heads(
        generator, discriminator, BESIDE_CLASSES, None, rules, terms,
        partial(policies.apply, augment, strength=augment_strength),
        generator_optimizer or adam(), discriminator_optimizer or adam(), ema_decay,
    )  # fmt: skip


def semi_supervised(
    generator: Generator,
    discriminator: Model,
    features: Model,
    *,
    terms: ClassTerms = ClassTerms(),
    augment: policies.Policy = (),
    augment_strength: float = 1.0,
    penalties: Sequence[Penalty] = (),
    generator_optimizer: optax.GradientTransformation | None = None,
    discriminator_optimizer: optax.GradientTransformation | None = None,
    ema_decay: float = 0.999,
) -> Joint:
    """Build the functions of a classifier of K + 1 classes, the last one "generated".

    Salimans et al. 2016, arXiv 1606.03498, section 5. With log Z(x) the logit of being of some
    class (`ganjax.ops.classes.some_class`), x_l labelled and x_u unlabelled images:

        discriminator:  (1 - w) [mean softplus(-log Z(T(x_u))) + softplus(log Z(T(G(z, y))))]
                        + w [mean -log p(y | T(x_l)) + pseudo_labels * mean -log p(y' | T(x_u))
                             + consistency * disagreement + ...],  where p'(y' | T'(x_u)) is sure
        generator:      (1 - w) |mean f(T(x_u)) - mean f(T(G(z, y)))|^2
                        + w mean -log p(y | T(G(z, y)))

    f are the discriminator's own features: the generator matches their means instead of fooling
    it. The paper's generator has no labels, which `generator_weight=0` and a generator without
    classes give; here it has, so that it can also be sampled by class. p' is the averaged
    classifier.

    Args:
      generator: latents and labels to images.
      discriminator: images to `[batch, classes]`.
      features: images to `[batch, n]`, of the same variables: a layer of the discriminator.
      terms: what counts as classification, and how much.
      augment: as of `auxiliary`, and all that follow.

    Returns:
      The functions `init`, `step`, `sample`, `logits` and `classify`.
    """
    rules = Rules(losses.non_saturating, tuple(penalties), None)
    return _two_heads(
        generator, discriminator, GENERATED_IS_A_CLASS, features, rules, terms,
        partial(policies.apply, augment, strength=augment_strength),
        generator_optimizer or adam(), discriminator_optimizer or adam(), ema_decay,
    )  # fmt: skip


def _two_heads(
    generator: Generator,
    discriminator: Model,
    heads: Heads,
    features: Model | None,
    rules: Rules,
    terms: ClassTerms,
    transform: Callable[..., Array],
    generator_optimizer: optax.GradientTransformation,
    discriminator_optimizer: optax.GradientTransformation,
    ema_decay: float,
) -> Joint:
    """Build what `auxiliary` and `semi_supervised` share; with `features`, those are matched."""

    def init(key: Key) -> JointState:
        return init_joint(
            key, generator, discriminator, heads.classes,
            generator_optimizer, discriminator_optimizer,
        )  # fmt: skip

    def step(
        state: JointState, batch: PartlyLabelled, key: Key, *, axis_name: str | None = None
    ) -> tuple[JointState, Metrics]:
        latents_key, real_key, fake_key, generator_key, penalty_key, class_key = jax.random.split(
            key, 6
        )
        labelled, labels, real, unlabelled = images_of(batch)
        first = spread.first(labels.shape[0], axis_name)
        see = partial(transform, first=first)
        g, d = state.generator, state.discriminator
        made = generate(generator, g, latents_key, labels, axis_name)

        def outputs(params: Params, images: Array) -> tuple[Array, Variables]:
            return discriminator.apply(
                {**d, "params": params}, images, train=True, **on_axis(axis_name)
            )

        def discriminate(params: Params, images: Array) -> tuple[Array, Variables]:
            found, updates = outputs(params, images)
            return heads.source(found, None if unlabelled else labels), updates

        def classify(params: Params, images: Array) -> Array:
            return heads.classes(outputs(params, images)[0])

        turn = Turn(
            discriminate, see, real, made.images, None,
            real_key, fake_key, generator_key, penalty_key, first,
        )  # fmt: skip
        # Without unlabelled images both objectives see the very same ones, and share the work
        seen = see(class_key if unlabelled else turn.real_key, labelled)

        shares = state.shares
        if terms.consistency or terms.entropy or terms.pseudo_labels:
            one, other = see(turn.real_key, real), see(turn.penalty_key, real)
        if terms.pseudo_labels:
            settled, shares = pseudo_labels(
                state, labels, classify(state.ema_classifier, one), terms.aligned, axis_name
            )

        def classification(params: Params) -> Array:
            value = jnp.mean(classes.cross_entropy(classify(params, seen), labels))
            if terms.generated:
                fake = classify(params, see(turn.fake_key, made.images))
                value += terms.generated * jnp.mean(classes.cross_entropy(fake, labels))
            if terms.consistency or terms.entropy or terms.pseudo_labels:
                answers, others = classify(params, one), classify(params, other)
                value += terms.consistency * jnp.mean(classes.disagreement(answers, others))
                value += terms.entropy * jnp.mean(classes.entropy(answers))
                if terms.pseudo_labels:
                    pseudo = classes.pseudo_cross_entropy(others, settled, terms.confidence)
                    value += terms.pseudo_labels * risen(state.step, terms.ramp) * jnp.mean(pseudo)
            return value

        (_, (d_updates, metrics)), adversarial = jax.value_and_grad(
            discriminator_loss, has_aux=True
        )(d["params"], rules, turn, state)
        metrics["classifier_loss"], gradient = jax.value_and_grad(classification)(d["params"])
        adversarial, gradient = spread.mean((adversarial, gradient), axis_name)
        shared = balance(adversarial, gradient, terms.weight, state.norms[0], state.step)
        d_params, d_optimizer = descend(
            discriminator_optimizer, shared.gradient, state.discriminator_optimizer, d["params"]
        )

        def adversarial_of(fake: Array) -> Array:
            if features is None:
                return generator_loss(fake, None, rules, turn, d_params)
            matched = partial(_mean_features, features, {**d, "params": d_params}, axis_name)
            return optax.tree.norm(
                matched(see(turn.generator_key, fake)) - matched(see(turn.real_key, real)),
                squared=True,
            )

        def class_of(fake: Array) -> Array:
            logits = classify(d_params, see(turn.generator_key, fake))
            return jnp.mean(classes.cross_entropy(logits, labels))

        pulled = pull_generator(
            state, made, adversarial_of, class_of, terms.generator_weight, generator_optimizer,
            axis_name,
        )  # fmt: skip
        metrics |= pulled.metrics | named("discriminator", shared.metrics)
        metrics["discriminator_gradient"] = optax.tree.norm(shared.gradient)
        metrics = spread.mean(metrics, axis_name)
        conflicts = state.conflicts + jnp.stack([shared.conflict, pulled.conflict])
        new_g = {**g, **made.updates, "params": pulled.params}
        state = replace(
            follow_logits(state, metrics),
            step=state.step + 1,
            generator=new_g,
            discriminator={**d, **d_updates, "params": d_params},
            ema_generator=averaged_variables(state.ema_generator, new_g, state.step, ema_decay),
            ema_classifier=averaged(state.ema_classifier, d_params, state.step, ema_decay),
            generator_optimizer=pulled.optimizer,
            discriminator_optimizer=d_optimizer,
            norms=jnp.stack([shared.norms, pulled.norms]),
            conflicts=conflicts,
            shares=shares,
        )
        return state, metrics | count_conflicts(conflicts)

    def logits(state: JointState, images: Array, labels: Array) -> Array:
        return heads.source(discriminator.apply(state.discriminator, images)[0], labels)

    def classify(state: JointState, images: Array) -> Array:
        variables = {**state.discriminator, "params": state.ema_classifier}
        return heads.classes(discriminator.apply(variables, images)[0])

    return Joint(init, step, partial(sample, generator), logits, classify)


def _mean_features(
    features: Model, variables: Variables, axis_name: str | None, images: Array
) -> Array:
    """Return the mean features of a whole batch, of which these images may be a part."""
    found = features.apply(variables, images, train=True, **on_axis(axis_name))[0]
    return spread.mean(jnp.mean(found, axis=0), axis_name)
