"""What is no finite number is left out, gone back from, and in the end given up."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import models, training
from ganjax.config import Upkeep
from ganjax.data.loader import Resident, sample_batch
from ganjax.models import Model
from ganjax.training import guard, loop
from ganjax.typing import Batch

KEY = jax.random.key(0)
SHAPE = {"size": 8, "channels": 1, "classes": 2}
IMAGES = jax.random.randint(jax.random.key(1), (16, 8, 8, 1), 0, 256).astype(jnp.uint8)
DATA = Resident(IMAGES, jnp.arange(16, dtype=jnp.int32) % 2)
GOOD = Batch(jax.random.uniform(KEY, (4, 8, 8, 1), minval=-1), jnp.int32([0, 1, 0, 1]))
BAD_IMAGES = GOOD._replace(images=GOOD.images.at[2, 3, 3].set(jnp.nan))
MAGIC = 0.12345
MARKED = GOOD._replace(images=GOOD.images.at[0, 0, 0].set(MAGIC))


@jax.custom_vjp
def poison(values, bad):
    """Return the values as they are, with gradients that are none where `bad`."""
    return values


poison.defvjp(
    lambda values, bad: (values, bad),
    lambda bad, gradient: (jnp.where(bad, jnp.nan, gradient), None),
)


def networks():
    return (
        models.mlp_generator(**SHAPE, widths=(16,), latent_size=4),
        models.mlp_discriminator(**SHAPE, widths=(16,)),
    )


def poisoned_discriminator(model: Model) -> Model:
    """Return a discriminator whose parameters' gradients are none where a batch holds the mark."""

    def apply(variables, images, labels, **settings):
        bad = jnp.any(images[:, 0, 0] == MAGIC)
        params = jax.tree.map(lambda leaf: poison(leaf, bad), variables["params"])
        return model.apply({**variables, "params": params}, images, labels, **settings)

    return Model(model.init, apply)


@pytest.fixture(scope="module")
def plain():
    gan = training.gan(*networks())
    return gan, jax.jit(guard.skip_bad(gan.step))


def begin(gan):
    state = gan.init(KEY)
    return guard.guard(state, best=jax.tree.map(jnp.array, state.ema_generator))


def check_left_out(step, guarded, batch):
    """Check that an update changes nothing but the counters, and that the next one is done."""
    after, metrics = step(guarded, batch, KEY)
    assert (int(after.skipped), int(after.in_a_row)) == (1, 1)
    assert (int(metrics["skipped"]), int(metrics["skipped_in_a_row"])) == (1, 1)
    assert int(after.step) == int(guarded.step) + 1
    before = guarded.state.__class__(**{**vars(guarded.state), "step": after.step})
    chex.assert_trees_all_equal(after.state, before)
    again, metrics = step(after, GOOD, KEY)
    assert (int(again.skipped), int(again.in_a_row)) == (1, 0)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(again.state))
    moved = jax.tree.map(
        lambda a, b: jnp.abs(a - b).max(), again.state.ema_generator, guarded.state.ema_generator
    )
    assert max(jax.tree.leaves(moved)) > 0


def test_a_good_update_is_the_one_without_a_guard(plain):
    gan, step = plain
    state = jax.jit(gan.init)(KEY)
    expected, expected_metrics = jax.jit(gan.step)(state, GOOD, KEY)
    after, metrics = step(begin(gan), GOOD, KEY)
    chex.assert_trees_all_equal(after.state, expected)
    chex.assert_trees_all_equal(
        {name: metrics[name] for name in expected_metrics}, expected_metrics
    )
    assert (int(after.skipped), int(after.in_a_row)) == (0, 0)


def test_bad_images_are_left_out(plain):
    check_left_out(plain[1], begin(plain[0]), BAD_IMAGES)


def test_bad_gradients_of_the_discriminator_are_left_out():
    generator, discriminator = networks()
    gan = training.gan(generator, poisoned_discriminator(discriminator))
    step = jax.jit(guard.skip_bad(gan.step))
    _, metrics = step(begin(gan), MARKED, KEY)
    assert np.isnan(metrics["discriminator_gradient"])
    assert np.isfinite(metrics["discriminator_loss"])
    check_left_out(step, begin(gan), MARKED)


def test_bad_gradients_of_the_generator_are_left_out():
    generator, discriminator = networks()

    def apply(variables, latents, labels, **settings):
        images, updates = generator.apply(variables, latents, labels, **settings)
        return poison(images, jnp.all(labels == 1)), updates

    gan = training.gan(generator._replace(apply=apply), discriminator)
    marked = GOOD._replace(labels=jnp.ones(4, jnp.int32))
    step = jax.jit(guard.skip_bad(gan.step))
    _, metrics = step(begin(gan), marked, KEY)
    assert np.isnan(metrics["generator_gradient"])
    assert np.isfinite(metrics["generator_loss"])
    check_left_out(step, begin(gan), marked)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_lost_parameters_leave_every_update_out(plain, network):
    gan, step = plain
    guarded = begin(gan)
    lost = jax.tree.map(lambda leaf: leaf * jnp.nan, getattr(guarded.state, network))
    state = guarded.state.__class__(**{**vars(guarded.state), network: lost})
    guarded = guard.guard(state, guarded.best)
    for number in (1, 2, 3):
        guarded, _ = step(guarded, GOOD, KEY)
        assert int(guarded.in_a_row) == number


def test_the_best_is_kept_and_what_is_no_number_is_not_best():
    keep = jax.jit(guard.keep_best)
    guarded = guard.guard(training.ClassifierState(jnp.int32(0), {}, ()), best={"w": jnp.zeros(2)})
    seen = []
    for step, quality in enumerate([3.0, jnp.nan, 1.0, 2.0, 1.0]):
        state = training.ClassifierState(jnp.int32(step), {}, ())
        guarded = keep(
            guard.Guarded(**{**vars(guarded), "state": state}),
            {"w": jnp.full(2, float(step))},
            jnp.float32(quality),
        )
        seen.append((float(guarded.quality), int(guarded.best_step), float(guarded.best["w"][0])))
    assert seen == [(3, 0, 0), (3, 0, 0), (1, 2, 2), (1, 2, 2), (1, 2, 2)]


# A training whose every step n is bad from a given one on, until it has gone back `cured` times.


def failing_call(gan, bad_from, cured):
    """Compile many steps: from one on images are no numbers, unless the key has turned."""
    turned = [jax.random.key_data(jax.random.fold_in(KEY, n)) for n in range(cured, 9)]

    def step(guarded, batch, key):
        images, root = batch
        lost = guarded.step >= bad_from
        for data in turned:
            lost &= jnp.any(jax.random.key_data(root) != data)
        poisoned = jnp.where(lost, jnp.nan, images.images)
        return guard.skip_bad(gan.step)(guarded, images._replace(images=poisoned), key)

    def call(guarded, data, key, *, steps):
        def draw(batch_key, data):
            return sample_batch(batch_key, data, 4), key

        return loop.scan_steps(step, draw)(guarded, data, key, steps=steps)

    return jax.jit(call, static_argnames="steps", donate_argnums=0)


SETTINGS = {"updates": 80, "steps_per_call": 5, "anchor_every": 10}


def test_a_lost_training_goes_back_and_on_with_other_random_numbers(plain, tmp_path):
    gan, said = plain[0], []
    call = failing_call(gan, bad_from=23, cured=2)
    found = loop.train(
        call, begin(gan), DATA, KEY, **SETTINGS, folder=tmp_path, say=said.append,
        upkeep=Upkeep(keep=1, checkpoint_seconds=0),
    )  # fmt: skip
    assert found.roll_backs == 2
    assert int(found.state.step) == 80
    assert int(found.state.in_a_row) == 0
    assert found.history["update"] == list(range(5, 81, 5))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found.state.state))
    assert sum("20 updates in a row" in line and "back to update 20" in line for line in said) == 2


def test_a_training_that_stays_lost_is_given_up_with_what_was_seen(plain, tmp_path):
    gan = plain[0]
    call = failing_call(gan, bad_from=23, cured=9)
    with pytest.raises(guard.Diverged, match=r"no finite numbers, after 3 returns .*update 20 is"):
        loop.train(call, begin(gan), DATA, KEY, **SETTINGS, folder=tmp_path)
    with pytest.raises(guard.Diverged, match="in a row before update 45"):
        loop.train(call, begin(gan), DATA, KEY, **SETTINGS)  # nowhere to go back to


def test_a_training_that_went_back_is_the_same_when_it_is_cut(plain, tmp_path):
    gan = plain[0]
    call = failing_call(gan, bad_from=23, cured=1)
    run = partial(loop.train, call, data=DATA, key=KEY)
    whole = run(state=begin(gan), **SETTINGS, folder=tmp_path / "whole")
    for updates in (35, 60):  # before it has gone back, and after
        folder = tmp_path / str(updates)
        run(state=begin(gan), **{**SETTINGS, "updates": updates}, folder=folder)
        found = run(state=begin(gan), **SETTINGS, folder=folder)
        chex.assert_trees_all_equal(found.state, whole.state)
        assert (found.history, found.roll_backs) == (whole.history, 1)


def test_of_several_trainings_only_the_lost_ones_turn(plain):
    keys = jax.random.split(KEY, 3)
    turned = guard.other_randomness(keys, np.array([0, 1, 2]))
    same = jax.random.key_data(turned) == jax.random.key_data(keys)
    assert same.all(axis=1).tolist() == [True, False, False]
    assert guard.other_randomness(KEY, np.zeros((), int)) is KEY
    expected = jax.random.fold_in(KEY, 2)
    np.testing.assert_array_equal(
        jax.random.key_data(guard.other_randomness(KEY, np.array(2))),
        jax.random.key_data(expected),
    )


def test_metrics_that_are_no_numbers_are_left_out_of_means_and_written_as_none(plain):
    gan = plain[0]
    call = failing_call(gan, bad_from=3, cured=9)
    found = loop.train(call, begin(gan), DATA, KEY, updates=10, steps_per_call=5)
    assert np.isfinite(found.history["generator_loss"][0])
    assert found.history["generator_loss"][1] is None
    assert found.history["skipped"] == [2, 7]
