"""One network for both objectives: its step against the equations, solved apart."""

from dataclasses import replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax
from small_players import (
    BATCH,
    BATCHES,
    CLASSES,
    IMAGES,
    LABELS,
    LATENTS,
    OTHERS,
    PIXELS,
    RATE,
    SIDE,
    assert_close,
    curved_answers,
    curved_features,
    descended,
    fixed_latents,
    hidden,
    linear_generator,
    made_by,
    minus_log_probability,
    norm,
    normal_latents,
    weighed,
)

from ganjax import training
from ganjax.models import Model
from ganjax.ops import augment, losses, policy
from ganjax.training import guard, penalties
from ganjax.training.joint import ClassTerms, auxiliary, semi_supervised
from ganjax.typing import Batch, PartlyLabelled

KEY = jax.random.key(0)
BRIGHTER = (policy.Transform(augment.random_brightness, 0.5),)
BOTH = pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)


def build(objective, terms, *, latents=fixed_latents, **settings):
    settings = {
        "generator_optimizer": optax.sgd(RATE),
        "discriminator_optimizer": optax.sgd(RATE),
        "terms": terms,
        **settings,
    }
    if objective is auxiliary:
        return auxiliary(linear_generator(latents), curved_answers(2 * CLASSES + 1), **settings)
    answers, features = curved_answers(CLASSES), curved_features()
    return semi_supervised(linear_generator(latents), answers, features, **settings)


def outputs(params, images):
    return hidden(params, images) @ params["U"]


def entropy(logits):
    p = jax.nn.softmax(logits)
    return -jnp.mean(jnp.sum(p * jnp.log(p), axis=1))


def of_class_logits(objective, found):
    return found[:, :CLASSES] if objective is auxiliary else found


def of_source_logit(objective, found, labels):
    """The middle output, and the one of the class; or the log of Z, the odds of all classes to one.

    Without labels, the mean of the outputs of the classes, as probable as the classes are found.
    """
    if objective is semi_supervised:
        return jnp.log(jnp.sum(jnp.exp(found), axis=1))
    added = found[:, CLASSES + 1 :]
    if labels is not None:
        return found[:, CLASSES] + added[jnp.arange(len(labels)), labels]
    probable = lax.stop_gradient(jax.nn.softmax(found[:, :CLASSES]))
    return found[:, CLASSES] + jnp.sum(probable * added, axis=1)


def slope(source, params, images):
    """R1, the mean of |grad D|^2, of images that do not influence each other."""
    found = jax.grad(lambda x: jnp.sum(source(params, x)))(images)
    return jnp.mean(jnp.sum(found**2, axis=(1, 2, 3)))


def solved(objective, batch, g, d):
    """Both players after a step, and all that goes into it, from the equations alone."""
    loss = LOSSES[objective]
    unlabelled = len(batch.unlabelled) > 0
    real = batch.unlabelled if unlabelled else batch.images

    def source(params, images):
        return of_source_logit(objective, outputs(params, images), None if unlabelled else LABELS)

    def class_of(params, images):
        return of_class_logits(objective, outputs(params, images))

    def adversarial(params):
        value = jnp.mean(loss.discriminator(source(params, real), source(params, made_by(g))))
        return value + (R1 / 2 * slope(source, params, real) if objective is auxiliary else 0.0)

    def classification(params):
        value = minus_log_probability(class_of(params, IMAGES), LABELS)
        value += 0.7 * minus_log_probability(class_of(params, made_by(g)), LABELS)
        return value + 0.2 * entropy(class_of(params, real))

    adversarial_value, a = jax.value_and_grad(adversarial)(d)
    classification_value, c = jax.value_and_grad(classification)(d)
    d_after = descended(d, weighed(a, c, 0.3))

    def adversarial_of(images):
        if objective is auxiliary:
            return jnp.mean(loss.generator(source(d_after, images)))
        apart = hidden(d_after, real).mean(axis=0) - hidden(d_after, images).mean(axis=0)
        return jnp.sum(apart**2)

    def classification_of(images):
        return minus_log_probability(class_of(d_after, images), LABELS)

    made = made_by(g)
    a_of, c_of = jax.grad(adversarial_of)(made), jax.grad(classification_of)(made)
    pull = weighed(a_of, c_of, 0.6)
    g_after = descended(g, jax.grad(lambda params: jnp.sum(made_by(params) * pull))(g))
    return d_after, g_after, {
        "adversarial_value": adversarial_value,
        "classifier_loss": classification_value,
        "generator_loss": adversarial_of(made),
        "generated_class_loss": classification_of(made),
        "discriminator_adversarial": norm(a),
        "discriminator_classification": norm(c),
        "generator_adversarial": norm(a_of),
        "generator_classification": norm(c_of),
    }  # fmt: skip


LOSSES, R1 = {auxiliary: losses.hinge, semi_supervised: losses.minimax}, 0.5
TERMS = ClassTerms(weight=0.3, generator_weight=0.6, generated=0.7, entropy=0.2)


@BOTH
@pytest.mark.parametrize("objective", LOSSES)
def test_both_updates_descend_the_written_objectives(objective, batch):
    how = {"loss": losses.hinge, "penalties": [penalties.r1(R1)]} if objective is auxiliary else {}
    joint = build(objective, TERMS, **how)
    state = joint.init(KEY)
    d_expected, g_expected, expected = solved(
        objective, batch, state.generator["params"], state.discriminator["params"]
    )
    after, metrics = joint.step(state, batch, jax.random.key(1))
    assert_close(after.discriminator["params"], d_expected)
    assert_close(after.generator["params"], g_expected)
    penalty = R1 / 2 * metrics["r1"] if objective is auxiliary else 0.0
    assert_close(metrics["discriminator_loss"] + penalty, expected.pop("adversarial_value"))
    assert_close({name: metrics[name] for name in expected}, expected)
    norms = [
        [expected[f"{player}_{own}"] for own in ("adversarial", "classification")]
        for player in ("discriminator", "generator")
    ]
    assert_close(after.norms, 0.9 * np.array(norms, np.float32))


def test_without_classification_it_is_a_gan_whose_discriminator_projects_the_class():
    answers = curved_answers(2 * CLASSES + 1)

    def projected(variables, images, labels=None, **how):
        found = answers.apply(variables, images, **how)[0]
        return of_source_logit(auxiliary, found, labels), {}

    sgd = {"generator_optimizer": optax.sgd(RATE), "discriminator_optimizer": optax.sgd(RATE)}
    alone = training.gan(linear_generator(), Model(answers.init, projected), **sgd)
    joint = build(auxiliary, ClassTerms(weight=0.0, generator_weight=0.0))
    state = joint.init(KEY)
    plain = replace(alone.init(KEY), generator=state.generator, discriminator=state.discriminator)
    after, metrics = joint.step(state, BATCHES["labelled alone"], KEY)
    expected, named = alone.step(plain, Batch(IMAGES, LABELS), KEY)
    assert_close(after.generator, expected.generator)
    assert_close(after.discriminator, expected.discriminator)
    for name, value in named.items():
        assert_close(metrics[name], value)


def test_with_classification_alone_it_trains_as_a_classifier():
    """Adam ignores the scale, which stands still at its bound where the other gradient is large."""
    adam = optax.adam(1e-2)
    terms = ClassTerms(weight=1.0)
    how = {"discriminator_optimizer": adam, "penalties": [penalties.r1(1e4)]}
    joint = build(semi_supervised, terms, **how)
    alone = training.classifier(curved_answers(CLASSES), optimizer=adam)
    state = joint.init(KEY)
    plain = replace(alone.init(KEY), variables=state.discriminator)
    steps = joint.step, alone.step
    for turn in range(3):
        state, metrics = steps[0](state, BATCHES["unlabelled too"], jax.random.key(turn))
        plain, expected = steps[1](plain, Batch(IMAGES, LABELS), KEY)
        assert metrics["discriminator_adversarial"] > 10 * metrics["discriminator_classification"]
        assert_close(metrics["classifier_loss"], expected["loss"])
    assert_close(state.discriminator, plain.variables)


def all_white_or_black(key, images, *, limit):
    return jnp.full_like(images, jax.random.rademacher(key, (), jnp.float32))


def test_consistency_weighs_the_disagreement_about_two_transforms():
    how = {"augment": (policy.Transform(all_white_or_black, 1.0),)}
    without, weighed_twice = (
        build(semi_supervised, ClassTerms(consistency=weight), **how) for weight in (0.0, 2.0)
    )
    state = without.init(KEY)
    one, other = (
        joint.step(state, BATCHES["unlabelled too"], KEY)[1]["classifier_loss"]
        for joint in (without, weighed_twice)
    )
    white, black = jax.nn.softmax(
        outputs(state.discriminator["params"], jnp.array([[1.0], [-1.0]]) * jnp.ones((1, PIXELS)))
    )
    turned = (other - one) / 2 / jnp.sum((white - black) ** 2) * BATCH
    assert 1 <= round(float(turned)) < BATCH  # images that are white once and black once
    assert_close(turned, jnp.round(turned), atol=1e-3)


@pytest.mark.parametrize("aligned", [True, False])
def test_pseudo_labels_are_the_averaged_classifiers_where_it_is_sure(aligned):
    terms = {"pseudo_labels": 2.0, "confidence": 0.6, "aligned": aligned, "ramp": 4}
    without, weighed = (build(semi_supervised, ClassTerms(**own)) for own in ({}, terms))
    batch = BATCHES["unlabelled too"]
    state = replace(without.init(KEY), step=jnp.int32(3))  # three quarters of the ramp
    shifted = jax.tree.map(lambda leaf: 1.5 * leaf, state.ema_classifier)
    state = replace(state, ema_classifier=shifted)
    after, metrics = weighed.step(state, batch, KEY)
    _, plain = without.step(state, batch, KEY)
    settled = np.asarray(jax.nn.softmax(outputs(shifted, batch.unlabelled)))
    wanted, found = np.eye(CLASSES)[np.asarray(LABELS)].mean(axis=0), settled.mean(axis=0)
    assert_close(after.shares, (1 - 4 / 13) * np.stack([wanted, found]))
    if aligned:
        settled = settled * wanted / found
        settled /= settled.sum(axis=1, keepdims=True)
    sure = settled.max(axis=1) >= 0.6
    assert 0 < sure.sum() < len(sure)
    answers = jax.nn.log_softmax(outputs(state.discriminator["params"], batch.unlabelled))
    own = -np.asarray(answers)[np.arange(len(sure)), settled.argmax(axis=1)]
    expected = 2.0 * 0.75 * np.mean(sure * own)
    assert_close(metrics["classifier_loss"] - plain["classifier_loss"], expected, rtol=1e-4)


@pytest.mark.parametrize(("name", "passes"), [("labelled alone", 3), ("unlabelled too", 4)])
def test_each_pass_draws_its_own_transforms_and_no_others(name, passes):
    """Labelled images that are imitated too are seen once; else each kind of images is."""
    keys = []

    def record(key, images, *, limit):
        jax.debug.callback(lambda data: keys.append(tuple(data.tolist())), jax.random.key_data(key))
        return images

    joint = build(auxiliary, ClassTerms(generated=1.0), augment=(policy.Transform(record, 1.0),))
    joint.step(joint.init(KEY), BATCHES[name], jax.random.key(1))
    jax.effects_barrier()
    assert len(set(keys)) == passes * BATCH


@pytest.fixture(scope="module", params=[auxiliary, semi_supervised])
def trained(request):
    """Both objectives, six steps: the functions, the states and what each step told."""
    terms = ClassTerms(generated=0.5, consistency=1.0, entropy=0.1, pseudo_labels=1.0)
    joint = build(
        request.param, terms, latents=normal_latents, augment=BRIGHTER, ema_decay=0.2,
        generator_optimizer=optax.adam(0.03), discriminator_optimizer=optax.adam(0.03),
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
        "real_logits", "fake_logits", "overfit", "discriminator_gradient", "generator_gradient",
        "discriminator_adversarial", "discriminator_classification", "discriminator_cosine",
        "generator_adversarial", "generator_classification", "generator_cosine",
        "discriminator_conflicts", "generator_conflicts",
    }  # fmt: skip


def test_conflicts_are_counted(trained):
    _, states, told = trained
    apart = np.array([
        [metrics[f"{player}_cosine"] < 0 for player in ("discriminator", "generator")]
        for metrics in told
    ])  # fmt: skip
    assert 0 < apart.sum() < apart.size
    for state, metrics, expected in zip(states[1:], told, apart.cumsum(axis=0), strict=True):
        assert state.conflicts.tolist() == expected.tolist()
        own = [metrics["discriminator_conflicts"], metrics["generator_conflicts"]]
        assert np.array(own).tolist() == expected.tolist()


def test_averages_follow_by_the_decay_and_classify(trained):
    joint, states, _ = trained

    def parameters_of(state):
        return {"classifier": state.discriminator["params"], "generator": state.generator["params"]}

    expected = parameters_of(states[0])
    for taken, (state, decay) in enumerate(
        zip(states[1:5], [1 / 10, 2 / 11, 0.2, 0.2], strict=True)
    ):
        assert int(state.step) == taken + 1
        expected = jax.tree.map(
            lambda old, new, decay=decay: decay * old + (1 - decay) * new,
            expected,
            parameters_of(state),
        )
        averages = {"classifier": state.ema_classifier, "generator": state.ema_generator["params"]}
        assert_close(averages, expected)
    state = states[-1]
    found = joint.classify(state, OTHERS)
    assert found.shape == (BATCH, CLASSES)
    assert_close(found, outputs(state.ema_classifier, OTHERS)[:, :CLASSES])
    assert norm(state.ema_classifier["U"] - state.discriminator["params"]["U"]) > 1e-3


def test_it_tells_how_real_an_image_is(trained):
    joint, states, _ = trained
    state = states[-1]
    found = outputs(state.discriminator["params"], OTHERS)
    objective = auxiliary if found.shape[1] > CLASSES else semi_supervised
    for labels in (LABELS, (LABELS + 1) % CLASSES):
        expected = of_source_logit(objective, found, labels)
        assert_close(joint.logits(state, OTHERS, labels), expected)


def test_image_i_is_the_same_in_every_batch(trained):
    joint, states, _ = trained
    sample = joint.sample
    together = sample(states[-1], KEY, LABELS)
    assert together.shape == (BATCH, SIDE, SIDE, 1)
    parts = [sample(states[-1], KEY, LABELS[i : i + 4], i) for i in (0, 4)]
    assert_close(together, jnp.concatenate(parts))
    own = linear_generator().apply(states[-1].ema_generator, LATENTS, LABELS)[0]
    assert norm(together - own) > 0.1  # these latents are the key's own


@pytest.mark.parametrize("part", ["images", "unlabelled"])
def test_a_bad_batch_is_left_out_whole(trained, part):
    joint, states, _ = trained
    batch = BATCHES["unlabelled too"]
    bad = batch._replace(**{part: getattr(batch, part).at[3].set(jnp.nan)})
    state = states[-1]
    after, metrics = guard.skip_bad(joint.step)(guard.guard(state), bad, KEY)
    assert int(after.skipped) == int(metrics["skipped"]) == 1
    assert int(after.step) == int(state.step) + 1
    chex.assert_trees_all_equal(replace(after.state, step=state.step), state)


def test_another_number_of_unlabelled_images_is_refused():
    joint = build(semi_supervised, ClassTerms())
    batch = PartlyLabelled(IMAGES, LABELS, OTHERS[:5])
    with pytest.raises(ValueError, match="as many unlabelled images as labelled ones, or none"):
        jax.eval_shape(joint.step, jax.eval_shape(joint.init, KEY), batch, KEY)
