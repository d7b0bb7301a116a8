"""The rule that keeps two objectives at a balance, in numbers small enough to do by hand."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.training.balance import LARGEST_FACTOR, balance
from ganjax.training.updates import AVERAGES_DECAY

ADVERSARIAL = {"w": jnp.array([3.0, 0.0, 0.0]), "b": jnp.array([[4.0]])}  # of norm 5
CLASSIFICATION = {"w": jnp.array([0.0, 0.0, 1.0]), "b": jnp.array([[0.0]])}  # of norm 1
NONE, BEGINNING = jnp.zeros(2), jnp.int32(0)


@partial(jax.jit, static_argnames="weight")
def fresh(adversarial, classification, weight=0.5):
    """What two gradients come to in the first step of all."""
    return balance(adversarial, classification, weight, NONE, BEGINNING)


def times(factor, tree):
    return jax.tree.map(lambda leaf: factor * leaf, tree)


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.2, 0.5, 1.0])
def test_classification_is_brought_to_the_norm_of_the_adversarial_gradient(weight):
    found = fresh(ADVERSARIAL, CLASSIFICATION, weight)
    expected = (1 - weight) * flat(ADVERSARIAL) + weight * 5 * flat(CLASSIFICATION)
    close(flat(found.gradient), expected)


def test_at_the_ends_one_objective_is_left_alone():
    close(flat(fresh(ADVERSARIAL, CLASSIFICATION, 0.0).gradient), flat(ADVERSARIAL))
    alone = flat(fresh(ADVERSARIAL, CLASSIFICATION, 1.0).gradient)
    close(alone / np.linalg.norm(alone), flat(CLASSIFICATION))


def test_the_scale_of_classification_changes_nothing():
    expected = flat(fresh(ADVERSARIAL, CLASSIFICATION).gradient)
    for factor in (0.51, 49.0):  # within the bounds: the norms' ratio is 5
        close(flat(fresh(ADVERSARIAL, times(factor, CLASSIFICATION)).gradient), expected)


def test_the_scale_of_the_adversarial_objective_changes_no_direction():
    equal = times(5.0, CLASSIFICATION)
    expected = flat(fresh(ADVERSARIAL, equal).gradient)
    for factor in (1 / 9.9, 9.9):
        found = flat(fresh(times(factor, ADVERSARIAL), equal).gradient)
        close(found, factor * expected)


@pytest.mark.parametrize(("scale", "factor"), [(1e-2, LARGEST_FACTOR), (1e3, 1 / LARGEST_FACTOR)])
def test_nothing_is_blown_up_or_down_more_than_tenfold(scale, factor):
    own = times(scale, CLASSIFICATION)
    found = flat(fresh(ADVERSARIAL, own, 1.0).gradient)
    close(found, factor * flat(own))


def test_an_objective_with_nothing_left_to_say_adds_nothing():
    silent = times(0.0, CLASSIFICATION)
    found = fresh(ADVERSARIAL, silent)
    close(flat(found.gradient), flat(ADVERSARIAL) / 2)
    other = fresh(times(0.0, ADVERSARIAL), CLASSIFICATION)
    close(flat(other.gradient), flat(CLASSIFICATION) / 2 / LARGEST_FACTOR)
    neither = fresh(times(0.0, ADVERSARIAL), silent)
    for one in (found, other, neither):
        assert not one.conflict
        assert all(np.isfinite(value) for value in one.metrics.values())
    assert not flat(neither.gradient).any()


@pytest.mark.parametrize(("towards", "cosine"), [(1.0, 0.6), (0.0, 0.0), (-1.0, -0.6)])
def test_gradients_that_pull_apart_are_a_conflict(towards, cosine):
    other = {"w": jnp.array([towards, 0.0, 1.0 - abs(towards)]), "b": jnp.zeros((1, 1))}
    found = fresh(ADVERSARIAL, other)
    close(found.metrics["cosine"], cosine)
    assert bool(found.conflict) == (cosine < 0)
    close([found.metrics["adversarial"], found.metrics["classification"]], [5.0, 1.0])


def test_norms_are_averaged_over_steps_soon_at_first_and_slowly_later():
    rule = jax.jit(partial(balance, weight=0.5))
    norms, expected = NONE, np.zeros(2)
    for step, scale in enumerate([1.0, 10.0, 1.0, 1.0]):
        found = rule(ADVERSARIAL, times(scale, CLASSIFICATION), norms=norms, step=jnp.int32(step))
        decay = (1 + step) / (10 + step)
        norms, expected = found.norms, decay * expected + (1 - decay) * np.array([5.0, scale])
        close(norms, expected)
        factor = expected[0] / expected[1]
        mixed = (flat(ADVERSARIAL) + factor * scale * flat(CLASSIFICATION)) / 2
        close(flat(found.gradient), mixed)
    late = rule(ADVERSARIAL, CLASSIFICATION, norms=jnp.zeros(2), step=jnp.int32(10**6))
    close(late.norms, (1 - AVERAGES_DECAY) * np.array([5.0, 1.0]))


def test_at_the_first_step_the_average_is_no_nearer_to_0_for_one_than_for_the_other():
    close(fresh(ADVERSARIAL, CLASSIFICATION).norms, 0.9 * np.array([5.0, 1.0]))


def test_gradients_to_parts_of_a_batch_are_balanced_as_the_whole():
    keys = jax.random.split(jax.random.key(0), 3)
    images, towards, other = (jax.random.normal(key, (16, 4, 4, 1)) for key in keys)

    def losses(images, towards, other):
        one = jnp.mean(jnp.sum((images - towards) ** 2, axis=(1, 2, 3)))
        two = jnp.mean(jnp.sum(jnp.sin(3 * images + other), axis=(1, 2, 3)))
        return one, two

    def rule(images, towards, other, axis_name=None):
        gradients = (
            jax.grad(lambda images, own=own: losses(images, towards, other)[own])(images)
            for own in (0, 1)
        )
        return balance(*gradients, 0.3, jnp.ones(2), jnp.int32(7), axis_name=axis_name)

    whole = jax.jit(rule)(images, towards, other)
    parts = (array.reshape(8, 2, 4, 4, 1) for array in (images, towards, other))
    spread = jax.pmap(partial(rule, axis_name="devices"), "devices")(*parts)
    close(spread.norms, np.tile(whole.norms, (8, 1)))
    assert (np.asarray(spread.conflict) == whole.conflict).all()
    for name, value in whole.metrics.items():
        close(spread.metrics[name], np.full(8, value))
    # Of a mean over two images rather than sixteen, each gradient is eight times as large
    close(spread.gradient.reshape(16, 4, 4, 1), 8 * whole.gradient)
