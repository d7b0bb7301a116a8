"""Candidates differ in nothing but their ratio and their strength, and compile once together."""

from functools import cache
from itertools import pairwise

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ganjax import training
from ganjax.data.loader import Resident, normalise
from ganjax.models import Model
from ganjax.ops import augment, policy
from ganjax.study.competition import (
    Images,
    Ways,
    competition,
    mixed_batch,
    row_weights,
)
from ganjax.training import ClassifierState

CLASSES, SIZE, BATCH, SEEDS, STEPS, EMA_DECAY = 3, 8, 8, 2, 4, 0.6
CANDIDATES = ((0.0, 0.0), (0.5, 1.0), (0.25, 0.5), (0.5, 1.0))
"""Two are the same, on purpose."""

JITTED_BATCH = jax.jit(mixed_batch, static_argnums=4)


def resident(seed: int, count: int) -> Resident:
    """Blurred stripes, one kind per class, in noise: learnable, but not at once."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    images = rng.integers(0, 200, (count, SIZE, SIZE, 1))
    for image, label in zip(images, labels, strict=True):
        image[label::CLASSES] += 55
    return Resident(jnp.asarray(images, jnp.uint8), jnp.asarray(labels, jnp.int32))


IMAGES = Images(fit=resident(0, 12), generated=resident(1, 30), validation=resident(2, 21))


@cache
def tiny_classifier():
    """One hidden layer and one transform, because they compile quickly."""

    def init(key):
        first, second = jax.random.split(key)
        return {
            "params": {
                "hidden": 0.1 * jax.random.normal(first, (SIZE * SIZE, 16)),
                "bias": jnp.zeros(16),
                "out": 0.1 * jax.random.normal(second, (16, CLASSES)),
            }
        }

    def apply(variables, images, labels=None, *, train=False):
        del labels, train
        p = variables["params"]
        flat = images.reshape(images.shape[0], -1)
        return jnp.tanh(flat @ p["hidden"] + p["bias"][None]) @ p["out"], {}

    return training.classifier(
        Model(init, apply),
        augment=(policy.Transform(augment.random_brightness, 0.3),),
        optimizer=optax.adam(3e-3),
    )


def build(count: int, ema_decay: float = EMA_DECAY):
    return competition(
        tiny_classifier(), candidates=count, seeds=SEEDS, batch_size=BATCH, ema_decay=ema_decay
    )


def ways(candidates) -> Ways:
    ratios, strengths = (jnp.asarray(column) for column in zip(*candidates, strict=True))
    return Ways(ratios, strengths, jnp.zeros(len(candidates)), jnp.ones(len(candidates)))


def compete(functions, candidates, calls=3):
    """Return the entrants at the start and after every call, as host copies."""
    entrants = functions.init(jax.random.key(5))
    seen, accuracies = [jax.device_get(entrants)], []
    for _ in range(calls):
        entrants, metrics = functions.advance(
            entrants, (IMAGES, ways(candidates)), jax.random.key(6), steps=STEPS
        )
        seen.append(jax.tree.map(np.array, entrants))
        accuracies.append(np.array(metrics["accuracy"]))
    return seen, accuracies


@pytest.fixture(scope="module")
def functions():
    return build(len(CANDIDATES))


@pytest.fixture(scope="module")
def trained(functions):
    return compete(functions, CANDIDATES)


def of(tree, candidate):
    return jax.tree.map(lambda leaf: leaf[candidate], tree)


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
def test_a_batch_has_exactly_the_generated_images_of_its_ratio(ratio):
    real = Resident(jnp.zeros((5, 2, 2, 1), jnp.uint8), jnp.zeros(5, jnp.int32))
    generated = Resident(jnp.full((7, 2, 2, 1), 255, jnp.uint8), jnp.ones(7, jnp.int32))
    for seed in range(3):
        batch = JITTED_BATCH(jax.random.key(seed), real, generated, jnp.float32(ratio), 32)
        expected = np.arange(32) < round(ratio * 32)
        np.testing.assert_array_equal(batch.labels, expected)
        np.testing.assert_allclose(
            batch.images[:, 0, 0, 0], np.where(expected, 1.0, -1.0), atol=1e-6
        )


def test_a_slot_holds_the_same_image_whatever_the_ratio():
    key = jax.random.key(3)
    real_only, half, generated_only = (
        mixed_batch(key, IMAGES.fit, IMAGES.generated, jnp.float32(ratio), 16)
        for ratio in (0.0, 0.5, 1.0)
    )
    np.testing.assert_array_equal(half.images[8:], real_only.images[8:])
    np.testing.assert_array_equal(half.labels[8:], real_only.labels[8:])
    np.testing.assert_array_equal(half.images[:8], generated_only.images[:8])
    assert not np.array_equal(half.images[:8], real_only.images[:8])


def test_balanced_draws_show_every_class_equally_often():
    labels = jnp.asarray([0] * 90 + [1] * 9 + [3], jnp.int32)  # no image of class 2
    real = Resident(jnp.zeros((100, 2, 2, 1), jnp.uint8), labels)
    drawn = [
        JITTED_BATCH(
            jax.random.key(0),
            real,
            real,
            jnp.float32(0),
            6000,
            row_weights(labels, jnp.float32(balanced), jnp.float32(1)),
        )
        for balanced in (0, 1)
    ]
    as_they_are, balanced = (np.bincount(batch.labels, minlength=4) / 6000 for batch in drawn)
    np.testing.assert_allclose(as_they_are, [0.9, 0.09, 0, 0.01], atol=0.02)
    np.testing.assert_allclose(balanced, [1 / 3, 1 / 3, 0, 1 / 3], atol=0.03)


def test_a_part_of_the_real_images_is_the_same_part_of_each_class():
    labels = jnp.asarray([0, 1, 0, 0, 2, 0, 1], jnp.int32)
    half = row_weights(labels, jnp.float32(0), jnp.float32(0.5))
    np.testing.assert_allclose(half, np.array([1, 1, 1, 0, 1, 0, 0]) * 7 / 4)
    balanced = row_weights(labels, jnp.float32(1), jnp.float32(0.5))
    np.testing.assert_allclose(balanced, np.array([1, 2, 1, 0, 2, 0, 0]) * 7 / 6)
    everything = row_weights(labels, jnp.float32(0), jnp.float32(1))
    np.testing.assert_array_equal(everything, np.ones(7))


def test_accuracy_on_validation_is_the_mean_over_classes():
    functions = build(len(CANDIDATES))
    tail = Resident(*(leaf[jnp.asarray([0, 3, 6, 9, 1, 2])] for leaf in IMAGES.validation))
    entrants, metrics = functions.advance(
        functions.init(jax.random.key(5)),
        (IMAGES._replace(validation=tail), ways(CANDIDATES)),
        jax.random.key(6),
        steps=STEPS,
    )
    variables = entrants.average
    logits = [functions.logits(of(variables, i), tail.images) for i in range(len(CANDIDATES))]
    answers = np.argmax(logits, axis=-1)
    right = answers == np.asarray(tail.labels)
    by_class = [right[..., np.asarray(tail.labels) == c].mean(axis=-1) for c in range(CLASSES)]
    np.testing.assert_allclose(metrics["accuracy"], np.mean(by_class, axis=(0, 2)), rtol=1e-5)


def test_labels_of_a_batch_belong_to_its_images():
    def tagged(count, start):  # an image's pixels tell which it is
        numbers = np.arange(start, start + count)
        images = np.broadcast_to(numbers[:, None, None, None], (count, 2, 2, 1))
        return Resident(jnp.asarray(images, jnp.uint8), jnp.asarray(numbers % 7, jnp.int32))

    batch = mixed_batch(jax.random.key(0), tagged(40, 0), tagged(60, 100), jnp.float32(0.5), 64)
    numbers = np.round((np.asarray(batch.images)[:, 0, 0, 0] + 1) * 127.5).astype(int)
    np.testing.assert_array_equal(batch.labels, numbers % 7)
    assert (numbers[:32] >= 100).all()
    assert (numbers[32:] < 40).all()
    assert len(set(numbers)) > 20


def test_all_candidates_start_from_the_same_weights_and_seeds_from_different_ones(trained):
    start = trained[0][0]
    for candidate in range(1, len(CANDIDATES)):
        chex.assert_trees_all_equal(of(start.state, candidate), of(start.state, 0))
    kernels = [leaf for leaf in jax.tree.leaves(start.state.variables) if leaf[0, 0].std() > 0]
    assert kernels
    assert all(not np.array_equal(leaf[0, 0], leaf[0, 1]) for leaf in kernels)


def test_candidates_with_the_same_numbers_get_identical_results(trained):
    end = trained[0][-1]
    chex.assert_trees_all_equal(of(end, 1), of(end, 3))


def test_candidates_with_other_numbers_get_other_results(trained):
    end = trained[0][-1]
    for other in (1, 2):
        leaves = jax.tree.leaves(of(end.state.variables, other))
        same = jax.tree.leaves(of(end.state.variables, 0))
        assert any(not np.allclose(a, b) for a, b in zip(leaves, same, strict=True))


def test_every_candidate_has_taken_the_same_number_of_updates(trained):
    for call, entrants in enumerate(trained[0]):
        np.testing.assert_array_equal(
            entrants.state.step, np.full((len(CANDIDATES), SEEDS), call * STEPS)
        )


def test_what_a_candidate_reaches_does_not_depend_on_who_else_competes(trained):
    seen, accuracies = trained
    alone, own = compete(build(1), CANDIDATES[1:2])
    np.testing.assert_allclose(
        np.array(own)[:, 0], np.array(accuracies)[:, 1], atol=1.01 / (SEEDS * 21)
    )
    chex.assert_trees_all_close(
        of(alone[1].state.variables, 0), of(seen[1].state.variables, 1), atol=1e-4
    )
    np.testing.assert_allclose(alone[-1].probability[0], seen[-1].probability[1], rtol=0.01)


def test_averages_follow_the_weights_of_every_update_and_soon_forget_where_they_began():
    functions, candidates = build(1), CANDIDATES[1:2]
    entrants = functions.init(jax.random.key(5))
    expected = jax.tree.map(np.array, entrants.state.variables)
    for step in range(15):
        entrants, _ = functions.advance(
            entrants, (IMAGES, ways(candidates)), jax.random.key(6), steps=1
        )
        decay = min(EMA_DECAY, (1 + step) / (10 + step))
        expected = jax.tree.map(
            lambda old, new, decay=decay: decay * old + (1 - decay) * np.asarray(new),
            expected,
            entrants.state.variables,
        )
    chex.assert_trees_all_close(entrants.average, expected, rtol=1e-4, atol=1e-5)
    assert 1 / 10 < EMA_DECAY < 15 / 24, "the first steps have another decay than the last"


def test_without_averaging_the_last_weights_answer():
    last = compete(build(1, ema_decay=0.0), CANDIDATES[1:2], calls=1)[0][-1]
    chex.assert_trees_all_equal(last.average, last.state.variables)


def test_best_variables_are_those_of_the_recorded_update(trained):
    seen, _ = trained
    end = seen[-1]
    for candidate in range(len(CANDIDATES)):
        call = int(end.update[candidate]) // STEPS
        assert call in (1, 2, 3)
        chex.assert_trees_all_equal(of(end.best, candidate), of(seen[call].average, candidate))


def test_recorded_accuracy_and_probability_are_what_the_best_variables_give(trained):
    end = trained[0][-1]
    labels = IMAGES.validation.labels
    for candidate in range(len(CANDIDATES)):
        accuracies, probabilities = [], []
        for seed in range(SEEDS):
            variables = of(of(end.best, candidate), seed)
            logits = tiny_classifier().logits(
                ClassifierState(jnp.zeros((), jnp.int32), variables, ()),
                normalise(IMAGES.validation.images),
            )
            accuracies.append(float((logits.argmax(-1) == labels).mean()))
            right = jax.nn.softmax(logits)[jnp.arange(len(labels)), labels]
            probabilities.append(float(right.mean()))
        np.testing.assert_allclose(end.accuracy[candidate], np.mean(accuracies), atol=1e-6)
        np.testing.assert_allclose(end.probability[candidate], np.mean(probabilities), rtol=1e-4)


def test_what_is_kept_is_where_the_right_class_was_likeliest(trained):
    """The entrants' own state tells what each call reached: its accuracy is that of the kept one
    only where the probability rose."""
    seen, accuracies = trained
    for (before, after), accuracy in zip(pairwise(seen), accuracies, strict=True):
        rose = after.probability > before.probability
        assert (after.probability >= before.probability).all()
        np.testing.assert_allclose(after.accuracy, np.where(rose, accuracy, before.accuracy))


def test_all_calls_share_one_compiled_program(functions, trained):
    assert functions.advance._cache_size() == 1
    assert functions.init._cache_size() == 1


def test_taking_turns_and_side_by_side_agree(trained, monkeypatch):
    seen, accuracies = trained
    monkeypatch.setattr("ganjax.study.competition.LARGEST_SIDE_BY_SIDE", SIZE - 1)
    turns, own = compete(build(len(CANDIDATES)), CANDIDATES)
    np.testing.assert_allclose(own, accuracies, atol=1.01 / (SEEDS * 21))
    chex.assert_trees_all_close(turns[1].state.variables, seen[1].state.variables, atol=1e-4)
    np.testing.assert_allclose(turns[-1].probability, seen[-1].probability, rtol=0.01)
    chex.assert_trees_all_equal(of(turns[-1], 1), of(turns[-1], 3))


def test_logits_of_all_seeds_are_each_ones_own(functions, trained):
    chosen = of(trained[0][-1].best, 1)
    images = resident(9, 21).images
    found = functions.logits(chosen, images)
    assert found.shape == (SEEDS, 21, CLASSES)
    assert found.dtype == jnp.float32
    for seed in range(SEEDS):
        state = ClassifierState(jnp.zeros((), jnp.int32), of(chosen, seed), ())
        own = tiny_classifier().logits(state, normalise(images))
        np.testing.assert_allclose(found[seed], own, rtol=1e-4, atol=1e-5)
