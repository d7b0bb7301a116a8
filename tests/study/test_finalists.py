"""The one look: predictions and calibration of any classifiers, whatever made them."""

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp, softmax

from ganjax import metrics
from ganjax.data.dataset import Dataset
from ganjax.data.sealed import SealedTest
from ganjax.errors import SealedTestError
from ganjax.study.finalists import Finalist, choose_temperatures, look
from ganjax.synthesis.classifying import pooled

LABELS = np.arange(40, dtype=np.int32) % 4
IMAGES = (LABELS * 50 + np.arange(40) % 3).astype(np.uint8)[:, None, None, None]
DATA = Dataset("numbers", IMAGES, LABELS, tuple("abcd"))


def guesser(seeds, *, noise):
    """Know the class by the pixel, in noise of its own for every seed."""
    asked = []

    def answer(images):
        asked.append(len(images))
        told = np.eye(4)[images[:, 0, 0, 0] // 50]
        drawn = [np.random.default_rng(i).normal(size=told.shape) for i in range(seeds)]
        return (4 * told + noise * np.stack(drawn)).astype(np.float32)

    return answer, asked


@pytest.fixture
def arms():
    (sharp, asked), (vague, _) = guesser(2, noise=3), guesser(1, noise=6)
    return {
        "real": Finalist({"ratio": 0}, {}, sharp),
        "same": Finalist({"ratio": 0}, {}, sharp),
        "alone": Finalist({"objective": "auxiliary"}, {}, vague),
    }, asked


def test_predictions_are_each_seeds_and_one_seed_counts_for_all(arms):
    arms, asked = arms
    seen = look(arms, dict.fromkeys(arms, 1.0), SealedTest(DATA), 0)
    assert asked == [40]  # once for two arms that chose the same
    assert (seen.predictions.shape, seen.predictions.dtype) == ((3, 2, 40), np.int32)
    np.testing.assert_array_equal(seen.labels, LABELS)
    for row, own in zip(seen.predictions, arms.values(), strict=True):
        expected = np.broadcast_to(own.answer(IMAGES).argmax(axis=-1), (2, 40))
        np.testing.assert_array_equal(row, expected)


def test_calibration_is_of_the_mean_over_seeds(arms):
    arms, _ = arms
    temperatures = choose_temperatures(arms, DATA)
    seen = look(arms, temperatures, SealedTest(DATA), 0)
    for arm, own in arms.items():
        logits = own.answer(IMAGES)
        together = logsumexp(log_softmax(logits, axis=-1), axis=0) - np.log(len(logits))
        np.testing.assert_allclose(pooled(logits), together, atol=1e-5)
        np.testing.assert_allclose(
            softmax(together, axis=-1), softmax(logits, axis=-1).mean(axis=0), atol=1e-6
        )
        assert temperatures[arm] == pytest.approx(metrics.temperature(together, LABELS), rel=1e-4)
        for name, t in (("before", 1.0), ("after", temperatures[arm])):
            found = seen.calibration[arm][name]
            bins = metrics.reliability(softmax(together / t, axis=-1), LABELS)
            assert found["error"] == pytest.approx(bins.error, abs=1e-4)
            assert found["counts"] == bins.counts.tolist()
            assert [x is None for x in found["accuracy"]] == np.isnan(bins.accuracy).tolist()


def test_the_choice_is_written_down_and_no_second_look_is_had(arms, tmp_path):
    arms, _ = arms
    sealed = SealedTest(DATA, tmp_path / "ledger.json")
    look(arms, dict.fromkeys(arms, 1.0), sealed, 3)
    assert '"objective": "auxiliary"' in (tmp_path / "ledger.json").read_text()
    with pytest.raises(SealedTestError, match="already opened for replicate 3"):
        look(arms, dict.fromkeys(arms, 1.0), sealed, 3)
