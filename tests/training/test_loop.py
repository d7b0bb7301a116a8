"""The loop and its checkpoints: a training cut anywhere goes on as if it had not been."""

import os
import shutil
import signal
from dataclasses import dataclass

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import models, training
from ganjax.config import Upkeep
from ganjax.interruption import Interrupted, honour_signals
from ganjax.ops import augment, policy
from ganjax.training import loop
from ganjax.training.checkpoint import Checkpoints, DiskFull
from ganjax.typing import Batch

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def data():
    images = jax.random.uniform(jax.random.key(1), (20, 8, 8, 1), minval=-1.0)
    return Batch(images, jnp.arange(20, dtype=jnp.int32) % 2)


@pytest.fixture(scope="module")
def gan():
    shape = {"size": 8, "channels": 1, "classes": 2}
    return training.gan(
        models.mlp_generator(**shape, widths=(16,), latent_size=4),
        models.mlp_discriminator(**shape, widths=(16,)),
        augment=(policy.Transform(augment.random_brightness, 0.2),),
    )


@pytest.fixture(scope="module")
def init(gan):
    return jax.jit(gan.init)


def draw(key, data):
    indices = jax.random.randint(key, (4,), 0, len(data.labels))
    return Batch(data.images[indices], data.labels[indices])


@pytest.fixture(scope="module")
def call(gan):
    return loop.repeat(gan.step, draw)


@pytest.fixture(scope="module")
def run(call, init, data):
    def run(updates, **settings):
        return loop.train(
            call, init(KEY), data, KEY, updates=updates, **{"steps_per_call": 2, **settings}
        )

    return run


@pytest.fixture(scope="module")
def uninterrupted(run):
    return run(12)


def test_metrics_are_recorded_for_every_call(uninterrupted):
    state, history = uninterrupted.state, uninterrupted.history
    assert int(state.step) == 12
    assert history["update"] == [2, 4, 6, 8, 10, 12]
    assert set(history) >= {"discriminator_loss", "generator_loss"}
    assert {len(values) for values in history.values()} == {6}
    assert np.isfinite(list(history.values())).all()


@pytest.mark.parametrize("cut", [2, 10])
def test_a_training_cut_and_resumed_equals_the_uninterrupted_one(run, uninterrupted, tmp_path, cut):
    run(cut, folder=tmp_path)
    resumed = run(12, folder=tmp_path)
    chex.assert_trees_all_equal(resumed.state, uninterrupted.state)
    assert resumed.history == uninterrupted.history


def test_a_cut_between_calls_gives_the_same_state(run, uninterrupted, tmp_path):
    run(3, folder=tmp_path)
    resumed = run(12, folder=tmp_path)
    chex.assert_trees_all_equal(resumed.state, uninterrupted.state)
    assert resumed.history["update"][:3] == [2, 3, 5]


def test_a_finished_training_is_returned_without_a_step(init, run, data, tmp_path):
    done = run(4, folder=tmp_path)

    def refuse(*args, **kwargs):
        raise AssertionError("no step is left to take")

    again = loop.train(refuse, init(KEY), data, KEY, updates=4, steps_per_call=2, folder=tmp_path)
    chex.assert_trees_all_equal(again.state, done.state)
    assert again.history == done.history


def test_a_training_killed_midway_goes_on_from_its_last_checkpoint(
    call, init, data, run, uninterrupted, tmp_path, monkeypatch
):
    calls = []

    def dies(*args, **kwargs):
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return call(*args, **kwargs)

    after_every_call = Upkeep(checkpoint_seconds=0)
    settings = {"updates": 12, "steps_per_call": 2, "folder": tmp_path, "upkeep": after_every_call}
    with pytest.raises(KeyboardInterrupt):
        loop.train(dies, init(KEY), data, KEY, **settings)
    assert Checkpoints(tmp_path).latest() == 6
    resumed = run(12, folder=tmp_path)
    chex.assert_trees_all_equal(resumed.state, uninterrupted.state)
    assert resumed.history == uninterrupted.history


def test_the_state_is_donated_but_data_and_key_stay_the_callers(call, init, data):
    state, key = init(KEY), jax.random.key(5)
    after, _ = call(state, data, key, steps=2)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.generator))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((after, data, key)))
    call(after, data, key, steps=2)  # what came out can go in again


def test_the_key_that_a_state_came_from_gives_it_again_after_donation(call, init, data):
    one, _ = call(init(KEY), data, KEY, steps=2)
    other, _ = call(init(KEY), data, KEY, steps=2)
    chex.assert_trees_all_equal(one, other)


def test_ticks_tell_the_steps_done_and_the_losses(run):
    told = []
    run(6, tick=lambda done, note="": told.append((done, note)))
    assert [done for done, _ in told] == [2, 4, 6]
    assert all("discriminator" in note and "generator" in note for _, note in told)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Count:
    step: jax.Array


def zero():
    return Count(jnp.zeros((), jnp.int32))


def count_call():
    def step(state, batch, key):
        return Count(state.step + 1), {"seen": state.step.astype(jnp.float32)}

    return loop.repeat(step, lambda key, data: data)


def test_metrics_are_means_over_a_call():
    _, metrics = count_call()(zero(), jnp.zeros(1), KEY, steps=4)
    assert float(metrics["seen"]) == 1.5  # of 0, 1, 2, 3


def test_steps_that_divide_the_updates_compile_one_program(tmp_path):
    settings = {"steps_per_call": 2, "folder": tmp_path}
    for updates in (4, 10):  # from the start, then resumed
        call = count_call()
        loop.train(call, zero(), jnp.zeros(1), KEY, updates=updates, **settings)
        assert call._cache_size() == 1


def test_a_rest_compiles_one_program_more_and_is_taken():
    call = count_call()
    found = loop.train(call, zero(), jnp.zeros(1), KEY, updates=12, steps_per_call=5)
    assert call._cache_size() == 2
    assert int(found.state.step) == 12
    assert found.history == {"update": [5, 10, 12], "seen": [2.0, 7.0, 10.5]}


def test_a_checkpoint_gives_back_what_was_saved(gan, init, tmp_path):
    state = init(KEY)
    store = Checkpoints(tmp_path / "deep" / "folder")
    assert store.latest() is None
    store.save(3, state, {"update": [1, 2, 3], "loss": [0.5, 0.25, 1e-9]})
    abstract = jax.eval_shape(gan.init, KEY)
    step, found, history, passed_over = store.restore(like=abstract)
    store.close()
    assert step == 3
    chex.assert_trees_all_equal(found, state)
    chex.assert_trees_all_equal_shapes_and_dtypes(found, state)
    assert history == {"update": [1, 2, 3], "loss": [0.5, 0.25, 1e-9]}
    assert passed_over == []


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    store = Checkpoints(tmp_path, keep=2)
    for step in (1, 2, 3):
        store.save(step, {"step": jnp.int32(step)}, {"update": [step]})
    store.close()
    folders = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert folders == {"2", "3"}


def test_restoring_from_nothing_says_where_nothing_was(tmp_path):
    store = Checkpoints(tmp_path)
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        store.restore(like={"step": jnp.int32(0)})
    store.close()


def full_after(monkeypatch, calls):
    """Let the disk be full from the given look at it on, for ever or until it is undone."""
    seen, usage = [], shutil.disk_usage("/")

    def look(folder):
        seen.append(folder)
        return usage._replace(free=0) if len(seen) > calls else usage

    monkeypatch.setattr(shutil, "disk_usage", look)


def test_on_a_full_disk_a_training_stops_and_what_was_saved_stays(
    run, uninterrupted, tmp_path, monkeypatch
):
    full_after(monkeypatch, 2)
    with pytest.raises(DiskFull, match=r"0 MB left; that of update 4 is whole"):
        run(12, folder=tmp_path, upkeep=Upkeep(checkpoint_seconds=0))
    monkeypatch.undo()
    resumed = run(12, folder=tmp_path)
    chex.assert_trees_all_equal(resumed.state, uninterrupted.state)


def test_or_it_goes_on_as_long_as_there_is_something_to_compute(run, tmp_path, monkeypatch):
    full_after(monkeypatch, 2)
    said, upkeep = [], Upkeep(checkpoint_seconds=0, on_disk_full="go-on")
    with pytest.raises(DiskFull):  # the end of it must be kept
        run(12, folder=tmp_path, upkeep=upkeep, say=said.append)
    assert len(said) == 3
    assert all(line.endswith("going on without") for line in said)


def test_a_signal_is_heeded_after_the_call_with_the_state_saved(
    call, init, data, uninterrupted, run, tmp_path
):
    calls = []

    def signalled(*given, **named):
        calls.append(given)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return call(*given, **named)

    settings = {"updates": 12, "steps_per_call": 2, "folder": tmp_path}
    with honour_signals(), pytest.raises(Interrupted, match="SIGTERM"):
        loop.train(signalled, init(KEY), data, KEY, **settings)
    assert len(calls) == 3
    assert Checkpoints(tmp_path).latest() == 6
    resumed = run(12, folder=tmp_path)
    chex.assert_trees_all_equal(resumed.state, uninterrupted.state)
    assert resumed.history == uninterrupted.history


def test_a_signal_ends_a_training_without_a_folder_too(call, init, data):
    def signalled(*given, **named):
        os.kill(os.getpid(), signal.SIGINT)
        return call(*given, **named)

    with honour_signals(), pytest.raises(Interrupted, match="SIGINT"):
        loop.train(signalled, init(KEY), data, KEY, updates=12, steps_per_call=2)
