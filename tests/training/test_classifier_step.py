"""The classifier's step against its written loss."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ganjax import training
from ganjax.models import Model
from ganjax.ops import policy
from ganjax.typing import Batch

KEY = jax.random.key(0)
PIXELS, CLASSES, BATCH = 16, 3, 6
IMAGES = jax.random.normal(jax.random.key(1), (BATCH, 4, 4, 1))
DATA = Batch(IMAGES, jnp.arange(BATCH, dtype=jnp.int32) % CLASSES)


def linear() -> Model:
    def init(key):
        return {"params": {"w": jax.random.normal(key, (PIXELS, CLASSES))}}

    def apply(variables, images, labels=None, *, train=False):
        return images.reshape(-1, PIXELS) @ variables["params"]["w"], {}

    return Model(init, apply)


def add(key, images, *, limit):
    return images + limit


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_step_descends_the_cross_entropy_of_transformed_images(strength):
    classifier = training.classifier(
        linear(), augment=(policy.Transform(add, 3.0),), optimizer=optax.sgd(0.1)
    )
    state = classifier.init(KEY)
    w = state.variables["params"]["w"]

    def loss(w):
        logits = (IMAGES + 3.0 * strength).reshape(BATCH, PIXELS) @ w
        return -jax.nn.log_softmax(logits)[jnp.arange(BATCH), DATA.labels].mean()

    value, gradient = jax.value_and_grad(loss)(w)
    after, metrics = jax.jit(classifier.step)(state, DATA, KEY, strength)
    np.testing.assert_allclose(metrics["loss"], value, rtol=1e-4)
    moved = after.variables["params"]["w"]
    np.testing.assert_allclose(moved, w - 0.1 * gradient, rtol=1e-4, atol=1e-5)
    assert int(after.step) == 1


def test_one_program_serves_every_strength():
    classifier = training.classifier(linear(), augment=policy.classical())
    step, state = jax.jit(classifier.step), classifier.init(KEY)
    losses = [float(step(state, DATA, KEY, jnp.float32(s))[1]["loss"]) for s in (0.0, 0.5, 1.0)]
    assert step._cache_size() == 1
    assert len(set(losses)) == 3


def test_a_step_is_a_pure_function():
    classifier = training.classifier(linear(), augment=policy.classical())
    state, step = classifier.init(KEY), jax.jit(classifier.step)
    before = jax.tree.map(np.array, (state, DATA))
    one, other = step(state, DATA, KEY), step(state, DATA, KEY)
    chex.assert_trees_all_equal(one, other)
    chex.assert_trees_all_equal(before, (state, DATA))


def test_several_classifiers_train_at_once_as_they_would_alone():
    classifier, data = training.classifier(linear()), DATA
    keys = jax.random.split(KEY, 2)
    states = jax.jit(jax.vmap(classifier.init))(keys)
    together, metrics = jax.jit(jax.vmap(classifier.step, in_axes=(0, None, 0)))(states, data, keys)
    step = jax.jit(classifier.step)

    def nth(tree, i):
        return jax.tree.map(lambda leaf: leaf[i], tree)

    for i in range(2):
        alone, alone_metrics = step(nth(states, i), data, keys[i])
        np.testing.assert_allclose(metrics["loss"][i], alone_metrics["loss"], rtol=1e-5)
        chex.assert_trees_all_close(nth(together.variables, i), alone.variables, atol=1e-4)
