"""Generator, discriminator and classifier: one step of each against the equations, solved apart."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from small_players import (
    BATCH,
    BATCHES,
    CLASSES,
    IMAGES,
    LABELS,
    OTHERS,
    RATE,
    SIDE,
    assert_close,
    curved_answers,
    descended,
    fixed_latents,
    linear_generator,
    made_by,
    minus_log_probability,
    norm,
    normal_latents,
    told_discriminator,
    weighed,
)

from ganjax import training
from ganjax.ops import augment, losses, policy
from ganjax.training.three_player import PlayerTerms, three_player
from ganjax.typing import Batch, PartlyLabelled

KEY = jax.random.key(0)
BRIGHTER = (policy.Transform(augment.random_brightness, 0.5),)
STILL = optax.set_to_zero()
GAMES = {"hinge": losses.hinge, "relativistic": losses.relativistic}


def build(terms, *, latents=fixed_latents, **settings):
    players = ("generator", "discriminator", "classifier")
    sgd = {f"{player}_optimizer": optax.sgd(RATE) for player in players}
    return three_player(
        linear_generator(latents), told_discriminator(), curved_answers(CLASSES),
        terms=terms, **{**sgd, **settings},
    )  # fmt: skip


def params(state):
    return tuple(
        player["params"] for player in (state.generator, state.discriminator, state.classifier)
    )


def at_half_the_ramp(state):
    return replace(state, step=jnp.int32(250))


def told(discriminator, images, labels):
    return told_discriminator().apply({"params": discriminator}, images, labels)[0]


def answers(classifier, images):
    return curved_answers(CLASSES).apply({"params": classifier}, images)[0]


def sure_of_itself(state):
    """The same with a classifier whose claims are no matter of chance."""
    own = state.classifier["params"]
    return replace(state, classifier={"params": {**own, "U": 1e4 * own["U"]}})


@pytest.mark.parametrize("loss", GAMES.values(), ids=GAMES)
@pytest.mark.parametrize("pairs", [0.0, 0.3])
def test_the_discriminator_tells_real_pairs_from_made_and_claimed_ones(loss, pairs):
    joint = build(PlayerTerms(pairs=pairs), loss=loss)
    state = sure_of_itself(joint.init(KEY))
    g, d, c = params(state)
    claimed = jnp.argmax(answers(c, OTHERS), axis=1)
    assert (claimed != LABELS).any()

    @jax.value_and_grad
    def objective(d):
        real = told(d, IMAGES, LABELS)
        made = jnp.mean(loss.discriminator(real, told(d, made_by(g), LABELS)))
        paired = jnp.mean(loss.discriminator(real, told(d, OTHERS, claimed)))
        return (1 - pairs) * made + pairs * paired

    value, gradient = objective(d)
    after, metrics = joint.step(state, BATCHES["unlabelled too"], KEY)
    assert_close(params(after)[1], descended(d, gradient))
    assert_close(metrics["discriminator_gradient"], norm(gradient))
    if not pairs:
        assert_close(metrics["discriminator_loss"], value)


@pytest.mark.parametrize("loss", GAMES.values(), ids=GAMES)
@pytest.mark.parametrize("pairs", [0.0, 0.3])
def test_the_classifier_learns_from_labels_from_made_images_and_from_being_taken_for_real(
    loss, pairs
):
    terms = PlayerTerms(generated=0.8, ramp=500, pairs=pairs)
    joint = build(terms, loss=loss, discriminator_optimizer=STILL)
    state = at_half_the_ramp(joint.init(KEY))
    g, d, c = params(state)

    def taken_for_real(c):
        p, value = jax.nn.softmax(answers(c, OTHERS)), 0.0
        real = [told(d, IMAGES, LABELS)] if loss.relativistic else []
        for label in range(CLASSES):
            claimed = jnp.full(BATCH, label)
            value += p[:, label] * loss.generator(told(d, OTHERS, claimed), *real)
        return jnp.mean(value)

    @jax.value_and_grad
    def objective(c):
        value = minus_log_probability(answers(c, IMAGES), LABELS)
        value += 0.4 * minus_log_probability(answers(c, made_by(g)), LABELS)
        return value + pairs * taken_for_real(c)

    _, gradient = objective(c)
    after, metrics = joint.step(state, BATCHES["unlabelled too"], KEY)
    assert_close(params(after)[1], d)
    assert_close(params(after)[2], descended(c, gradient))
    assert_close(metrics["classifier_gradient"], norm(gradient))
    labelled = minus_log_probability(answers(c, IMAGES), LABELS)
    assert_close(metrics["classifier_loss"], labelled)


@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
def test_the_generator_meets_both_others_as_they_have_become(batch):
    joint = build(PlayerTerms(generator_weight=0.6, pairs=0.3), loss=losses.hinge)
    state = joint.init(KEY)
    after, metrics = joint.step(state, batch, KEY)
    g, _, _ = params(state)
    moved, d, c = params(after)

    def solved(g):
        images = made_by(g)
        a, a_of = jax.value_and_grad(lambda x: -jnp.mean(told(d, x, LABELS)))(images)
        b, c_of = jax.value_and_grad(lambda x: minus_log_probability(answers(c, x), LABELS))(images)
        pull = weighed(a_of, c_of, 0.6)
        gradient = jax.grad(lambda params: jnp.sum(made_by(params) * pull))(g)
        return descended(g, gradient), jnp.stack([a, b]), jnp.stack([norm(a_of), norm(c_of)])

    expected, values, norms = solved(g)
    assert_close(moved, expected)
    assert_close(jnp.stack([metrics["generator_loss"], metrics["generated_class_loss"]]), values)
    assert_close(after.norms, jnp.stack([jnp.zeros(2), 0.9 * norms]))


@pytest.mark.parametrize(("ramp", "factor"), [(0, 1.0), (500, 0.5), (100, 1.0)])
def test_made_images_come_in_over_the_ramp(ramp, factor):
    joint = build(PlayerTerms(generated=0.8, ramp=ramp), discriminator_optimizer=STILL)
    state = joint.init(KEY)
    state = at_half_the_ramp(state) if ramp else state
    g, _, c = params(state)
    labelled, made = (
        jax.grad(lambda c, x=x: minus_log_probability(answers(c, x), LABELS))(c)
        for x in (IMAGES, made_by(g))
    )
    gradient = jax.tree.map(lambda own, other: own + factor * 0.8 * other, labelled, made)
    after, _ = joint.step(state, BATCHES["labelled alone"], KEY)
    assert_close(params(after)[2], descended(c, gradient))


def test_claims_are_drawn_by_the_classifiers_probabilities():
    steps = {pairs: build(PlayerTerms(pairs=pairs)).step for pairs in (0.0, 0.5)}
    state = build(PlayerTerms()).init(KEY)
    moved = {
        pairs: [
            float(step(state, BATCHES["unlabelled too"], jax.random.key(seed))[1][
                "discriminator_gradient"
            ])
            for seed in range(3)
        ]
        for pairs, step in steps.items()
    }  # fmt: skip
    assert len(set(moved[0.0])) == 1
    assert len(set(moved[0.5])) > 1
    sure = [
        float(steps[0.5](sure_of_itself(state), BATCHES["unlabelled too"], jax.random.key(seed))[1][
            "discriminator_gradient"
        ])
        for seed in range(3)
    ]  # fmt: skip
    assert len(set(sure)) == 1


def test_the_classifier_alone_trains_as_any_classifier():
    terms = PlayerTerms(generated=0.0)
    joint = build(terms, classifier_optimizer=optax.adam(1e-2))
    alone = training.classifier(curved_answers(CLASSES), optimizer=optax.adam(1e-2))
    state = joint.init(KEY)
    plain = replace(alone.init(KEY), variables=state.classifier)
    step, plain_step = joint.step, alone.step
    for turn in range(3):
        state, metrics = step(state, BATCHES["unlabelled too"], jax.random.key(turn))
        plain, expected = plain_step(plain, Batch(IMAGES, LABELS), KEY)
        assert_close(metrics["classifier_loss"], expected["loss"])
    assert_close(state.classifier, plain.variables)


def test_pseudo_labels_add_the_cross_entropy_of_images_that_are_sure():
    terms = {"generated": 0.0, "ramp": 0}
    more = {"pseudo_labels": 1.0, "confidence": 0.4}
    without, weighed = (build(PlayerTerms(**terms, **own)) for own in ({}, more))
    batch = BATCHES["unlabelled too"]
    state = without.init(KEY)
    after = weighed.step(state, batch, KEY)[0]
    logits = answers(params(state)[2], batch.unlabelled)
    wanted = np.eye(CLASSES)[np.asarray(LABELS)].mean(axis=0)
    found = np.asarray(jax.nn.softmax(logits))
    settled = found * wanted / found.mean(axis=0)
    settled /= settled.sum(axis=1, keepdims=True)
    sure = settled.max(axis=1) >= 0.4
    assert 0 < sure.sum() < len(sure)
    rows = jnp.arange(len(sure)), settled.argmax(axis=1)
    assert_close(after.shares[0], 0.9 * wanted)
    gradient = jax.grad(
        lambda own: jnp.mean(sure * -jax.nn.log_softmax(answers(own, batch.unlabelled))[rows])
    )(params(state)[2])
    plain = params(without.step(state, batch, KEY)[0])[2]
    expected = jax.tree.map(lambda own, step: own - RATE * step, plain, gradient)
    assert_close(params(after)[2], expected, rtol=1e-4)


@pytest.fixture(scope="module")
def trained():
    """Six steps with every term: the functions, the states and what each step told."""
    terms = PlayerTerms(generated=0.5, ramp=5, pairs=0.4, consistency=1.0, pseudo_labels=1.0)
    adam = {f"{player}_optimizer": optax.adam(0.03) for player in ("generator", "classifier")}
    joint = build(
        terms, loss=losses.non_saturating, latents=normal_latents, augment=BRIGHTER, ema_decay=0.2,
        **adam,
    )  # fmt: skip
    states, told = [joint.init(KEY)], []
    for turn in range(6):
        state, metrics = joint.step(states[-1], BATCHES["unlabelled too"], jax.random.key(turn))
        states.append(state)
        told.append(metrics)
    return joint, states, told


def test_all_that_is_told_is_finite(trained):
    _, _, told = trained
    assert all(np.isfinite(value) for metrics in told for value in metrics.values())
    assert set(told[0]) == {
        "discriminator_loss", "generator_loss", "classifier_loss", "generated_class_loss",
        "real_logits", "fake_logits", "overfit",
        "discriminator_gradient", "generator_gradient", "classifier_gradient",
        "generator_adversarial", "generator_classification", "generator_cosine",
        "discriminator_conflicts", "generator_conflicts",
    }  # fmt: skip


def test_conflicts_of_the_generator_are_counted(trained):
    _, states, told = trained
    apart = np.array([metrics["generator_cosine"] < 0 for metrics in told])
    for state, metrics, expected in zip(states[1:], told, apart.cumsum(), strict=True):
        assert state.conflicts.tolist() == [0, expected]
        assert metrics["generator_conflicts"] == expected
        assert metrics["discriminator_conflicts"] == 0


def test_the_averaged_classifier_answers(trained):
    joint, states, _ = trained
    expected = params(states[0])[2]
    for state, decay in zip(states[1:5], [1 / 10, 2 / 11, 0.2, 0.2], strict=True):
        expected = jax.tree.map(
            lambda old, new, decay=decay: decay * old + (1 - decay) * new,
            expected,
            params(state)[2],
        )
        assert_close(state.ema_classifier, expected)
    state = states[-1]
    assert_close(joint.classify(state, OTHERS), answers(state.ema_classifier, OTHERS))
    assert norm(state.ema_classifier["U"] - params(state)[2]["U"]) > 1e-3
    assert_close(joint.logits(state, OTHERS, LABELS), told_now(state))


def told_now(state):
    return told(params(state)[1], OTHERS, LABELS)


def test_image_i_is_the_same_in_every_batch(trained):
    joint, states, _ = trained
    sample = joint.sample
    together = sample(states[-1], KEY, LABELS)
    assert together.shape == (BATCH, SIDE, SIDE, 1)
    parts = [sample(states[-1], KEY, LABELS[i : i + 4], i) for i in (0, 4)]
    assert_close(together, jnp.concatenate(parts))


def test_without_unlabelled_images_there_are_no_claims():
    game, none = (build(PlayerTerms(pairs=pairs)) for pairs in (0.5, 0.0))
    state = none.init(KEY)
    one, other = (joint.step(state, BATCHES["labelled alone"], KEY)[0] for joint in (game, none))
    assert_close(params(one), params(other))


def test_another_number_of_unlabelled_images_is_refused():
    joint = build(PlayerTerms())
    batch = PartlyLabelled(IMAGES, LABELS, OTHERS[:5])
    with pytest.raises(ValueError, match="as many unlabelled images as labelled ones, or none"):
        jax.eval_shape(joint.step, jax.eval_shape(joint.init, KEY), batch, KEY)
