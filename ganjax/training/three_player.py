"""A generator, a discriminator and a classifier of its own, trained together."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from ganjax.models import Generator, Model
from ganjax.ops import classes, losses, spread
from ganjax.ops import policy as policies
from ganjax.training.game import Rules, Turn, discriminator_loss, generator_loss
from ganjax.training.gan import adam
from ganjax.training.penalties import Penalty
from ganjax.training.players import (
    Joint,
    count_conflicts,
    generate,
    images_of,
    init_joint,
    on_axis,
    pseudo_labels,
    pull_generator,
    sample,
)
from ganjax.training.state import JointState
from ganjax.training.updates import averaged, averaged_variables, descend, follow_logits, risen
from ganjax.typing import Array, Key, Metrics, Params, PartlyLabelled, Variables


class PlayerTerms(NamedTuple):
    """What the classifier learns from, beside the labelled images, and what the generator is told.

    Attributes:
      generator_weight: of the classifier's answer on generated images in the generator's objective,
        in [0, 1], by the rule of `ganjax.training.balance`.
      generated: factor of the cross-entropy of generated images in the classifier's loss, the
        "pseudo discriminative loss" of Triple-GAN.
      ramp: updates over which that factor rises from 0, as first images teach nothing; likewise
        that of `pseudo_labels`.
      pairs: of Triple-GAN's other game, in [0, 1): the part that images without labels, with the
        classifier's labels, have in what the discriminator is to tell from real pairs; and the
        factor of the classifier's interest in being taken for real. 0 leaves it out.
      consistency: factor of the disagreement about two transforms of an image without label.
      pseudo_labels: factor of the cross-entropy of such an image by the class that the averaged
        classifier is sure of (arXiv 2001.07685).
      confidence: the probability from which it is.
      aligned: correct its answers by how common classes are among the labels (arXiv 1911.09785).
    """

    generator_weight: float = 0.5
    generated: float = 0.5
    ramp: int = 1000
    pairs: float = 0.0
    consistency: float = 0.0
    pseudo_labels: float = 0.0
    confidence: float = 0.95
    aligned: bool = True


def three_player(
    generator: Generator,
    discriminator: Model,
    classifier: Model,
    *,
    terms: PlayerTerms = PlayerTerms(),
    loss: losses.Loss = losses.non_saturating,
    augment: policies.Policy = (),
    augment_strength: float = 1.0,
    penalties: Sequence[Penalty] = (),
    generator_optimizer: optax.GradientTransformation | None = None,
    discriminator_optimizer: optax.GradientTransformation | None = None,
    classifier_optimizer: optax.GradientTransformation | None = None,
    ema_decay: float = 0.999,
) -> Joint:
    """Build the functions of three players: the tutorials' design, and Triple-GAN's.

    Li et al. 2017, arXiv 1703.02291. With x_l labelled and x_u unlabelled images, w, g, a for
    `generator_weight`, `generated` and `pairs`:

        discriminator:  (1 - a) mean loss_D(D(T(x_l), y), D(T(G(z, y)), y))
                        + a mean loss_D(D(T(x_l), y), D(T(x_u), y')) + penalties,  y' ~ C(x_u)
        classifier:     mean -log p(y | T(x_l)) + g mean -log p(y | T(G(z, y)))
                        + a mean sum_y p(y | T(x_u)) loss_G(D(T(x_u), y)) + consistency + ...
        generator:      (1 - w) mean loss_G(D(T(G(z, y)), y)) + w mean -log p(y | T(G(z, y)))

    The classifier shares no parameters with anybody, so only the generator is pulled by two
    objectives. The sum over classes is the paper's expectation, taken exactly.

    Args:
      generator: latents and labels to images.
      discriminator: images and labels to logits `[batch]`.
      classifier: images to logits `[batch, classes]`.
      terms: what is added, and how much.
      loss: per-example losses on logits, one of `ganjax.losses`.
      augment: T(x), a policy of `ganjax.policy`; `()` for none. All players see it.
      augment_strength: factor on the limits of `augment`.
      penalties: of the discriminator, of `ganjax.training.penalties`.
      generator_optimizer: `adam()` by default: 2e-4, beta1 0.5.
      discriminator_optimizer: likewise.
      classifier_optimizer: Adam(1e-3) by default.
      ema_decay: decay per step of the averages, of the generator (its batch statistics too) for
        sampling and of the classifier for classifying.

    Returns:
      The functions `init`, `step`, `sample`, `logits` and `classify`.
    """
    rules = Rules(loss, tuple(penalties), None)
    transform = partial(policies.apply, augment, strength=augment_strength)
    generator_optimizer = generator_optimizer or adam()
    discriminator_optimizer = discriminator_optimizer or adam()
    classifier_optimizer = classifier_optimizer or optax.adam(1e-3)

    def init(key: Key) -> JointState:
        return init_joint(
            key, generator, discriminator, lambda logits: logits,
            generator_optimizer, discriminator_optimizer, classifier, classifier_optimizer,
        )  # fmt: skip

    def step(
        state: JointState, batch: PartlyLabelled, key: Key, *, axis_name: str | None = None
    ) -> tuple[JointState, Metrics]:
        latents_key, real_key, fake_key, generator_key, penalty_key, class_key = jax.random.split(
            key, 6
        )
        class_key, claim_key = jax.random.split(class_key)
        labelled, labels, others, unlabelled = images_of(batch)
        pairs = terms.pairs if unlabelled else 0.0
        first = spread.first(labels.shape[0], axis_name)
        see = partial(transform, first=first)
        g, d, c = state.generator, state.discriminator, state.classifier
        made = generate(generator, g, latents_key, labels, axis_name)
        axis = on_axis(axis_name)

        def discriminate(params: Params, images: Array, labels: Array = labels):
            return discriminator.apply({**d, "params": params}, images, labels, train=True, **axis)

        def classify(params: Params, images: Array) -> tuple[Array, Variables]:
            return classifier.apply({**c, "params": params}, images, train=True, **axis)

        turn = Turn(
            discriminate, see, labelled, made.images, None,
            real_key, fake_key, generator_key, penalty_key, first,
        )  # fmt: skip
        of_others = see(class_key, others)
        answers = classify(c["params"], of_others)[0]
        shares = state.shares
        if terms.consistency or terms.pseudo_labels:
            again = see(penalty_key, others)
        if terms.pseudo_labels:
            settled, shares = pseudo_labels(
                state, labels, classify(state.ema_classifier, again)[0], terms.aligned, axis_name
            )

        def discriminator_value(params: Params):
            value, (updates, metrics) = discriminator_loss(params, rules, turn, state)
            if pairs:
                real = discriminate(params, see(turn.real_key, labelled))[0]
                numbers = first + jnp.arange(labels.shape[0])
                claimed = jax.vmap(
                    lambda i, row: jax.random.categorical(jax.random.fold_in(claim_key, i), row)
                )(numbers, answers)
                paired = discriminate(params, of_others, claimed)[0]
                game = metrics["discriminator_loss"]
                value += pairs * (jnp.mean(loss.discriminator(real, paired)) - game)
            return value, (updates, metrics)

        (_, (d_updates, metrics)), gradient = jax.value_and_grad(discriminator_value, has_aux=True)(
            d["params"]
        )
        gradient = spread.mean(gradient, axis_name)
        metrics["discriminator_gradient"] = optax.tree.norm(gradient)
        d_params, d_optimizer = descend(
            discriminator_optimizer, gradient, state.discriminator_optimizer, d["params"]
        )

        def taken_for_real(logits: Array) -> Array:
            """Return what loss_G says of each image with each class, by its probability."""
            beside: tuple[Array, ...] = ()
            if loss.relativistic:
                beside = (discriminate(d_params, see(turn.real_key, labelled))[0],)

            def of(label: Array) -> Array:
                claimed = jnp.full_like(labels, label)
                return loss.generator(discriminate(d_params, of_others, claimed)[0], *beside)

            of_class = jax.vmap(of, out_axes=1)(jnp.arange(logits.shape[1]))
            return jnp.sum(jax.nn.softmax(logits) * of_class, axis=1)

        def classifier_value(params: Params):
            logits, updates = classify(params, see(turn.real_key, labelled))
            value = jnp.mean(classes.cross_entropy(logits, labels))
            metrics: Metrics = {"classifier_loss": value}
            if terms.generated:
                fake = classify(params, see(turn.fake_key, made.images))[0]
                factor = terms.generated * risen(state.step, terms.ramp)
                value += factor * jnp.mean(classes.cross_entropy(fake, labels))
            if pairs or terms.consistency or terms.pseudo_labels:
                answers = classify(params, of_others)[0]
                if pairs:
                    value += pairs * jnp.mean(taken_for_real(answers))
                if terms.consistency:
                    change = classes.disagreement(answers, classify(params, again)[0])
                    value += terms.consistency * jnp.mean(change)
                if terms.pseudo_labels:
                    pseudo = classes.pseudo_cross_entropy(answers, settled, terms.confidence)
                    factor = terms.pseudo_labels * risen(state.step, terms.ramp)
                    value += factor * jnp.mean(pseudo)
            return value, (updates, metrics)

        (_, (c_updates, of_classifier)), gradient = jax.value_and_grad(
            classifier_value, has_aux=True
        )(c["params"])
        gradient = spread.mean(gradient, axis_name)
        metrics |= of_classifier
        metrics["classifier_gradient"] = optax.tree.norm(gradient)
        c_params, c_optimizer = descend(
            classifier_optimizer, gradient, state.classifier_optimizer, c["params"]
        )

        def class_of(fake: Array) -> Array:
            logits = classify(c_params, see(turn.generator_key, fake))[0]
            return jnp.mean(classes.cross_entropy(logits, labels))

        pulled = pull_generator(
            state,
            made,
            lambda fake: generator_loss(fake, None, rules, turn, d_params),
            class_of,
            terms.generator_weight,
            generator_optimizer,
            axis_name,
        )
        metrics = spread.mean(metrics | pulled.metrics, axis_name)
        conflicts = state.conflicts.at[1].add(pulled.conflict.astype(jnp.int32))
        new_g = {**g, **made.updates, "params": pulled.params}
        state = replace(
            follow_logits(state, metrics),
            step=state.step + 1,
            generator=new_g,
            discriminator={**d, **d_updates, "params": d_params},
            classifier={**c, **c_updates, "params": c_params},
            ema_generator=averaged_variables(state.ema_generator, new_g, state.step, ema_decay),
            ema_classifier=averaged(state.ema_classifier, c_params, state.step, ema_decay),
            generator_optimizer=pulled.optimizer,
            discriminator_optimizer=d_optimizer,
            classifier_optimizer=c_optimizer,
            norms=state.norms.at[1].set(pulled.norms),
            conflicts=conflicts,
            shares=shares,
        )
        return state, metrics | count_conflicts(conflicts)

    def logits(state: JointState, images: Array, labels: Array) -> Array:
        return discriminator.apply(state.discriminator, images, labels)[0]

    def classify(state: JointState, images: Array) -> Array:
        variables = {**state.classifier, "params": state.ema_classifier}
        return classifier.apply(variables, images)[0]

    return Joint(init, step, partial(sample, generator), logits, classify)
