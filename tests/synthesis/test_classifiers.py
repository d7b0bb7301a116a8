"""Classifiers in folders: those of a GAN's own training, and of other numbers of seeds."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from ganjax import recipe
from ganjax.config import ClassifierConfig
from ganjax.data.dataset import Dataset
from ganjax.errors import UserError
from ganjax.metrics import temperature
from ganjax.synthesis import classifiers
from ganjax.synthesis.classifiers import (
    Described,
    Kept,
    leave_calibration,
    leave_classifiers,
    load_classifier,
)
from ganjax.synthesis.classifying import pooled
from ganjax.training import ClassifierState

DESCRIBED = Described(
    ClassifierConfig(width=4, seeds=2), 8, 1, ("ant", "bee", "cat"), "folder:x", (6, 6)
)
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)


@pytest.fixture(scope="module")
def variables():
    own = recipe.classifier(DESCRIBED.config, size=8, channels=1, classes=3)
    return jax.jit(jax.vmap(own.init))(jax.random.split(jax.random.key(0), 2)).variables


@pytest.fixture
def replicate(tmp_path, variables):
    """A replicate's folder with two arms, one of which is a training of its own."""
    folder = tmp_path / "study" / "replicates" / "0"
    arms = {
        "real": Kept(variables, 1.5, {"probability": 0.5}),
        "auxiliary": Kept(None, 2.5, {"probability": 0.75}, "auxiliary"),
    }
    leave_classifiers(folder, DESCRIBED, arms)
    return folder


def test_what_is_left_is_found_again_with_all_that_is_needed(replicate, variables):
    found = load_classifier(replicate, arm="real")
    assert found.class_names == DESCRIBED.class_names
    assert (found.size, found.channels, found.source) == (8, 1, "folder:x")
    assert (found.temperature, found.unpadded) == (1.5, (6, 6))
    own = recipe.classifier(DESCRIBED.config, size=8, channels=1, classes=3)
    images = IMAGES.astype(np.float32) / 127.5 - 1
    answers = jax.jit(found.answer)(images)
    assert answers.shape == (2, 5, 3)
    logits = jax.jit(own.logits)
    for seed in range(2):
        one = jax.tree.map(lambda leaf, seed=seed: leaf[seed], variables)
        state = ClassifierState(0, one, ())
        np.testing.assert_allclose(answers[seed], logits(state, images), rtol=1e-5, atol=1e-6)
    together = jax.jit(found.logits)(IMAGES)
    np.testing.assert_allclose(together, pooled(answers), rtol=1e-4)


def test_an_arm_may_be_a_training_in_a_folder_of_its_own(replicate, monkeypatch):
    loaded = []

    def of_training(folder, say, temperature=None):
        loaded.append(folder)
        return replace(load_classifier(replicate, arm="real"), temperature=temperature or 9.0)

    monkeypatch.setattr(classifiers, "_of_training", of_training)
    found = load_classifier(replicate)  # before a verdict, the best on validation
    assert loaded == [replicate / "auxiliary"]
    assert found.temperature == 2.5
    assert "arm auxiliary of replicate 0 (the best on validation" in found.name


def test_a_finished_study_decides_by_its_verdict(replicate):
    rows = [{"arm": "auxiliary", "baseline": "real", "decisive": True}]
    for helps in (False, None):
        results = {"comparisons": rows, "verdict": {"helps": helps}}
        (replicate.parents[1] / "results.json").write_text(json.dumps(results))
        found = load_classifier(replicate.parents[1])
        assert found.name == "arm real of replicate 0 (generated images were not found to help)"


@pytest.mark.parametrize(
    ("change", "said"),
    [({"schema": 9}, "has schema 9, not 1"), ({"size": None, "arms": 3}, "cannot be read: ")],
)
def test_words_of_another_version_are_refused(replicate, change, said):
    file = replicate / "classifiers" / "weights.json"
    told = json.loads(file.read_text())
    told["facts"] |= change
    file.write_text(json.dumps(told))
    with pytest.raises(UserError, match=said):
        load_classifier(replicate)


def test_the_temperature_of_a_training_is_chosen_on_what_it_held_out(tmp_path):
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(1, 30, 3)).astype(np.float32) * 5, rng.integers(0, 3, 30)
    held_out = Dataset("x", np.zeros((30, 8, 8, 1), np.uint8), labels.astype(np.int32), ("a",) * 3)
    found = leave_calibration(tmp_path, lambda images: logits, held_out)
    assert found == pytest.approx(temperature(logits[0], labels), rel=1e-4)
    stored = json.loads((tmp_path / "calibration.json").read_text())
    assert stored == {"temperature": found, "images": 30}


def test_a_training_that_held_nothing_out_has_no_temperature(tmp_path):
    assert leave_calibration(tmp_path, lambda images: None, None) == 1.0
    assert json.loads((tmp_path / "calibration.json").read_text())["images"] == 0
