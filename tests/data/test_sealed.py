"""The careless developer's ways to a second look at the test set, all closed."""

import copy
import json
import pickle

import numpy as np
import pytest

from ganjax.data.sealed import SealedTest
from ganjax.data.sources import Dataset
from ganjax.errors import SealedTestError


def dataset(count: int = 12) -> Dataset:
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
    return Dataset("x", images, np.arange(count, dtype=np.int32) % 2, ("ant", "bee"))


def zeros(images):
    return np.zeros(len(images), np.int32)


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "sealed_test.json"


def test_one_look_gives_labels_and_predictions(ledger):
    judgement = SealedTest(dataset(), ledger).judge(0, {"epoch": 3}, lambda x: x[:, 0, 0, 0])
    np.testing.assert_array_equal(judgement.labels, dataset().labels)
    np.testing.assert_array_equal(judgement.predictions, dataset().images[:, 0, 0, 0])


def test_harmless_facts():
    sealed = SealedTest(dataset())
    assert len(sealed) == 12
    assert sealed.counts == (6, 6)
    assert sealed.class_names == ("ant", "bee")
    assert sealed.fingerprint == SealedTest(dataset()).fingerprint
    assert sealed.fingerprint != SealedTest(dataset(10)).fingerprint


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("second", [{"epoch": 3}, {"epoch": 4}])
def test_no_second_look(ledger, kept, second):
    sealed = SealedTest(dataset(), ledger if kept else None)
    sealed.judge(0, {"epoch": 3}, zeros)
    with pytest.raises(SealedTestError, match="already opened for replicate 0"):
        sealed.judge(0, second, zeros)
    sealed.judge(1, {"epoch": 3}, zeros)  # another replicate has its own look


def test_the_choice_is_written_before_the_look(ledger):
    def predict(images):
        assert json.loads(ledger.read_text())["looks"] == {"0": {"epoch": 3}}
        return zeros(images)

    SealedTest(dataset(), ledger).judge(0, {"epoch": 3}, predict)


def test_a_failed_look_is_a_look(ledger):
    sealed = SealedTest(dataset(), ledger)
    with pytest.raises(ZeroDivisionError):
        sealed.judge(0, {"epoch": 3}, lambda images: 1 / 0)
    with pytest.raises(SealedTestError):
        sealed.judge(0, {"epoch": 3}, zeros)


def test_after_a_crash_only_the_same_look_is_repeated(ledger):
    SealedTest(dataset(), ledger).judge(0, {"epoch": 3}, zeros)
    with pytest.raises(SealedTestError, match=r"\{'epoch': 3\}, not \{'epoch': 4\}"):
        SealedTest(dataset(), ledger).judge(0, {"epoch": 4}, zeros)
    SealedTest(dataset(), ledger).judge(0, {"epoch": 3}, zeros)


def test_a_ledger_belongs_to_one_test_set(ledger):
    SealedTest(dataset(), ledger).judge(0, {}, zeros)
    with pytest.raises(SealedTestError, match="another test set"):
        SealedTest(dataset(10), ledger)


def test_a_choice_that_cannot_be_written_shows_nothing(ledger):
    looked = []
    with pytest.raises(TypeError):
        SealedTest(dataset(), ledger).judge(0, {"model": object()}, looked.append)
    assert not looked


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
def test_no_copies(way):
    with pytest.raises(SealedTestError):
        way(SealedTest(dataset()))


def test_nothing_on_it_is_an_image():
    sealed = SealedTest(dataset())
    assert not hasattr(sealed, "__dict__")
    assert not hasattr(sealed, "images")
    assert not hasattr(sealed, "labels")
    found = [getattr(sealed, name) for name in dir(sealed) if name != "__abstractmethods__"]
    assert not any(isinstance(value, (np.ndarray, Dataset)) for value in found)
    assert repr(sealed) == "SealedTest(12 images, 2 classes)"
    with pytest.raises(TypeError):
        iter(sealed)
    with pytest.raises(TypeError):
        sealed[0]


def test_later_changes_to_the_data_do_not_reach_it():
    own = dataset()
    sealed = SealedTest(own)
    own.images[:] = 0
    assert sealed.judge(0, {}, lambda images: images[:, 0, 0, 0]).predictions.any()


def test_predictions_of_another_length():
    with pytest.raises(SealedTestError, match="last axis"):
        SealedTest(dataset()).judge(0, {}, lambda images: np.zeros(3))
