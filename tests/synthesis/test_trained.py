"""A GAN trained in a folder is found there again, whole, without its training images."""

import json
from dataclasses import replace
from types import SimpleNamespace

import chex
import jax
import numpy as np
import pytest

from ganjax import synthesis
from ganjax.config import GANConfig
from ganjax.data.sources import Dataset
from ganjax.errors import UserError
from ganjax.synthesis import trained
from ganjax.synthesis.description import describe

KEY = jax.random.key(0)
CONFIG = GANConfig(width=8, latent_size=4, batch_size=4, updates=6, augment="none")


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, 8, 8, 1), np.uint8)
    return Dataset("toy", images, np.arange(20, dtype=np.int32) % 2, ("left", "right"))


@pytest.fixture(scope="module")
def description(dataset):
    return describe(CONFIG, dataset)


@pytest.fixture(scope="module")
def run(dataset, description, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, trained.train_in(folder, description, dataset, KEY)


def test_a_description_names_the_classes_and_fills_in_the_network(description):
    assert description.class_names == ("left", "right")
    assert (description.size, description.channels, description.classes) == (8, 1, 2)
    assert description.config.network == "mlp"
    assert description.config.width == 8


def test_an_unconditional_description_has_no_classes(dataset):
    description = describe(CONFIG, dataset, conditional=False)
    assert description.class_names == ()
    assert description.classes is None


def test_images_that_are_not_square_are_refused(dataset):
    tall = Dataset("tall", dataset.images[:, :, :4], dataset.labels, dataset.class_names)
    with pytest.raises(UserError, match="8x4"):
        describe(CONFIG, tall)


def test_training_leaves_its_state_and_history(run):
    _, gan = run
    assert int(gan.state.step) == CONFIG.updates
    assert gan.history["update"][-1] == CONFIG.updates
    assert gan.parameters()["generator"] > 0


def test_a_loaded_gan_makes_the_same_images_without_the_data(run):
    folder, gan = run
    found = synthesis.load(folder)
    assert found.description == gan.description
    assert found.history == gan.history
    chex.assert_trees_all_equal(found.state, gan.state)
    images, labels = gan.sample(KEY, 6)
    again, labels_again = found.sample(KEY, 6)
    np.testing.assert_array_equal(images, again)
    np.testing.assert_array_equal(labels, labels_again)
    assert images.shape == (6, 8, 8, 1)
    assert labels.tolist() == [0, 1, 0, 1, 0, 1]


def test_training_again_in_the_folder_returns_what_is_there(run, dataset, description):
    folder, gan = run
    again = trained.train_in(folder, description, dataset, KEY)
    chex.assert_trees_all_equal(again.state, gan.state)
    assert again.history == gan.history


def test_what_was_trained_is_written_in_plain_json(run):
    found = json.loads((run[0] / "generator.json").read_text())
    assert found["schema"] == 1
    assert found["class_names"] == ["left", "right"]
    assert found["config"]["updates"] == CONFIG.updates


def test_loading_from_a_folder_without_a_generator_says_what_to_give(tmp_path):
    with pytest.raises(UserError, match="holds no trained generator"):
        synthesis.load(tmp_path)


def test_loading_from_a_folder_that_does_not_exist_says_the_same(tmp_path):
    with pytest.raises(UserError, match="holds no trained generator"):
        synthesis.load(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_loading_before_the_first_checkpoint_says_to_train_again(run, tmp_path):
    (tmp_path / "generator.json").write_bytes((run[0] / "generator.json").read_bytes())
    with pytest.raises(UserError, match="no checkpoint yet"):
        synthesis.load(tmp_path)


def test_equal_descriptions_share_what_they_compile(description, dataset):
    assert describe(CONFIG, dataset).build() is description.build()


def test_a_generator_that_makes_one_image_per_class_is_told(run, dataset):
    _, gan = run
    said = []
    listener = SimpleNamespace(say=said.append)
    for variety, lines in ((0.3, 0), (0.04, 1), (None, 0)):
        signs = {"update": [gan.update], "variety": [variety]}
        trained.warn_of_collapse(replace(gan, signs=signs), listener)
        assert len(said) == lines
        said.clear()
