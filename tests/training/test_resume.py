"""A training cut anywhere, on one device or eight, goes on to the very same end, bit by bit."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import models, training
from ganjax.config import GANConfig, TrainConfig
from ganjax.data.loader import sample_batch, to_device
from ganjax.data.sources import Dataset
from ganjax.errors import UserError
from ganjax.ops import augment, policy
from ganjax.synthesis import train_run
from ganjax.synthesis.description import describe
from ganjax.synthesis.trained import load, train_in
from ganjax.training import loop, sharding

KEY = jax.random.key(0)
UPDATES, CUTS = 12, (1, 3, 4, 7, 11)
BRIGHTER = (policy.Transform(augment.random_brightness, 0.2),)


def some(count, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 8, 8, 1), np.uint8)
    return Dataset("toy", images, np.arange(count, dtype=np.int32) % 2, ("left", "right"))


SEEN, HELD_OUT = some(24, 0), some(8, 1)


@pytest.fixture(scope="module", params=[1, 8], ids=["1 device", "8 devices"])
def mesh(request):
    return None if request.param == 1 else sharding.make_mesh(8)


def cut_after(monkeypatch, updates):
    """Let trainings end after so many updates, as if killed with a checkpoint there."""
    monkeypatch.setattr("ganjax.synthesis.trained.train", stopping(updates))


def stopping(updates):
    def train(*given, **named):
        found = loop.train(*given, **{**named, "updates": updates})
        raise KeyboardInterrupt(found)

    return train


@pytest.fixture(scope="module")
def gan_run(mesh):
    config = GANConfig(width=8, latent_size=4, batch_size=8, updates=UPDATES)
    description = describe(config, SEEN)
    return partial(
        train_in, description=description, dataset=SEEN, key=KEY, held_out=HELD_OUT, mesh=mesh
    )


@pytest.fixture(scope="module")
def whole_gan(gan_run, tmp_path_factory):
    return gan_run(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("cut", CUTS)
def test_a_gan_cut_anywhere_ends_the_same(gan_run, whole_gan, cut, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        cut_after(patch, cut)
        with pytest.raises(KeyboardInterrupt):
            gan_run(tmp_path)
    found = gan_run(tmp_path)
    chex.assert_trees_all_equal(found.state, whole_gan.state)
    assert found.update == whole_gan.update
    assert found.history == whole_gan.history
    assert found.signs == whole_gan.signs
    again = load(tmp_path)
    chex.assert_trees_all_equal(jax.device_get(again.state), jax.device_get(whole_gan.state))


@pytest.fixture(scope="module")
def classifier_run(mesh):
    model = models.conv_classifier(size=8, channels=1, classes=2, width=4)
    classifier = training.classifier(model, augment=BRIGHTER)
    draw = partial(sample_batch, batch_size=8)
    if mesh is None:
        init, call, data = (
            jax.jit(classifier.init),
            loop.repeat(classifier.step, draw),
            to_device(SEEN),
        )
    else:
        init = partial(sharding.init_state, classifier.init, mesh=mesh)
        call = sharding.compile_steps(classifier.step, draw, mesh)
        data = sharding.place_data(SEEN.take, len(SEEN), mesh)
    return lambda updates, folder: loop.train(
        call, init(KEY), data, KEY, updates=updates, steps_per_call=1, folder=folder
    )


@pytest.fixture(scope="module")
def whole_classifier(classifier_run):
    return classifier_run(UPDATES, None)


@pytest.mark.parametrize("cut", CUTS)
def test_a_classifier_cut_anywhere_ends_the_same(classifier_run, whole_classifier, cut, tmp_path):
    classifier_run(cut, tmp_path)
    found = classifier_run(UPDATES, tmp_path)
    chex.assert_trees_all_equal(found.state, whole_classifier.state)
    assert found.history == whole_classifier.history


def test_a_run_can_begin_with_anothers_weights_and_nothing_else(tmp_path):
    gan = GANConfig(width=8, latent_size=4, batch_size=4, updates=4, augment="none")
    first = train_run.train(TrainConfig("digits", per_class=6, gan=gan), tmp_path / "first")
    config = TrainConfig("digits", per_class=6, seed=1, init_from=str(tmp_path / "first"), gan=gan)
    seen = []

    def spy(call, state, *given, **named):
        seen.append(jax.device_get(state))
        return loop.train(call, state, *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganjax.synthesis.trained.train", spy)
        train_run.train(config, tmp_path / "second")
    (begun,) = seen
    expected = jax.device_get(first.state.ema_generator)
    chex.assert_trees_all_equal(begun.state.ema_generator, expected)
    chex.assert_trees_all_equal(begun.state.generator, expected)
    chex.assert_trees_all_equal(
        begun.state.discriminator, jax.device_get(first.state.discriminator)
    )
    assert int(begun.step) == 0
    assert all(not leaf.any() for leaf in jax.tree.leaves(begun.state.generator_optimizer))
    wider = TrainConfig(
        "digits", per_class=6, init_from=str(tmp_path / "first"), gan=GANConfig(width=16)
    )
    with pytest.raises(UserError, match="--init-from: its networks are of another shape"):
        train_run.train(wider, tmp_path / "third")


def test_a_run_that_goes_on_with_another_configuration_is_shown_the_difference(tmp_path):
    gan = GANConfig(width=8, latent_size=4, batch_size=4, updates=2, augment="none")
    train_run.train(TrainConfig("digits", per_class=6, gan=gan), tmp_path / "run")
    other = TrainConfig("digits", per_class=6, validation_fraction=0.3, gan=gan)
    with pytest.raises(UserError, match=r"another run \(validation_fraction: 0.1, not 0.3\)"):
        train_run.train(other, tmp_path / "run")


def test_the_state_that_is_kept_is_the_one_nearest_to_held_out_images(whole_gan):
    distances = dict(zip(whole_gan.signs["update"], whole_gan.signs["distance"], strict=True))
    assert whole_gan.update == min(distances, key=lambda update: distances[update])
    assert int(whole_gan.state.step) == UPDATES


def test_without_held_out_images_the_last_state_is_kept(tmp_path):
    gan = GANConfig(width=8, latent_size=4, batch_size=4, updates=3, augment="none")
    config = TrainConfig("digits", per_class=6, validation_fraction=0, gan=gan)
    found = train_run.train(config, tmp_path / "run")
    assert found.update == 3
    assert found.signs == {"update": []}
    assert jnp.isfinite(jax.tree.leaves(found.state.ema_generator)[0]).all()
