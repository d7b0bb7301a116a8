"""Temperatures and calibration errors whose values can be written down."""

import doctest
import sys

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax

from ganjax.errors import UserError
from ganjax.metrics import expected_calibration_error, reliability, temperature


def all_of_one_margin(margin: float, right: int, images: int, classes: int = 2):
    """Logits that give one class a margin over all others, right on some of the images."""
    labels = np.arange(images) % classes
    answered = np.where(np.arange(images) < right, labels, (labels + 1) % classes)
    return margin * np.eye(classes)[answered], labels


def slope(logits, labels, t):
    """The derivative of the loss by 1 / t: the sum of (p - y) z, and of the belief in t = 1."""
    y = np.eye(logits.shape[1])[labels]
    likelihood = np.sum((softmax(logits / t, axis=1) - y) * logits)
    return likelihood - t * np.log(t) / 0.5**2


@pytest.mark.parametrize(("right", "images"), [(30, 40), (9, 10), (2, 3)])
def test_a_confidence_that_is_right_needs_no_temperature_however_few_there_are(right, images):
    margin = np.log(right / (images - right))  # of two classes: sigmoid(margin) is the accuracy
    found = temperature(*all_of_one_margin(margin, right, images))
    np.testing.assert_allclose(found, 1, rtol=1e-4)


@pytest.mark.parametrize(("margin", "part"), [(4, 0.75), (0.5, 0.9), (9, 0.75)])
def test_of_many_images_confidence_becomes_the_part_that_is_right(margin, part):
    found = temperature(*all_of_one_margin(margin, int(part * 20_000), 20_000))
    np.testing.assert_allclose(found, margin / np.log(part / (1 - part)), rtol=5e-3)


def test_of_many_classes_the_likeliest_class_gets_the_part_that_is_right():
    logits, labels = all_of_one_margin(7.0, 8000, 10_000, classes=10)
    found = softmax(logits / temperature(logits, labels), axis=1).max()
    np.testing.assert_allclose(found, 0.8, rtol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_root_of_the_derivative_on_any_logits(seed):
    rng = np.random.default_rng(seed)
    images = (3, 10, 40, 300)[seed]
    logits, labels = rng.normal(size=(images, 5)) * 4, rng.integers(0, 5, images)
    labels[: images // 2] = logits[: images // 2].argmax(axis=1)
    expected = brentq(lambda t: slope(logits, labels, t), 0.06, 19)
    np.testing.assert_allclose(temperature(logits, labels), expected, rtol=1e-4)


def test_it_is_the_least_over_the_whole_range():
    logits, labels = all_of_one_margin(40.0, 995, 1000)
    logits[:5] *= 0.01
    grid = np.exp(np.linspace(np.log(0.05), np.log(20), 4001))
    losses = [
        -log_softmax(logits / t, axis=1)[np.arange(1000), labels].sum() + 2 * np.log(t) ** 2
        for t in grid
    ]
    np.testing.assert_allclose(temperature(logits, labels), grid[np.argmin(losses)], rtol=2e-3)


def test_where_all_are_right_more_images_allow_more_confidence_but_never_all():
    found = [temperature(*all_of_one_margin(3.0, n, n)) for n in (1, 10, 100, 10_000)]
    assert 1 > found[0] > 0.9
    assert found == sorted(found, reverse=True)
    assert found[-1] > 0.05


def test_where_all_are_wrong_confidence_goes_as_far_as_it_may():
    logits, labels = all_of_one_margin(30.0, 0, 500)
    np.testing.assert_allclose(temperature(logits, labels), 20, rtol=1e-3)


def test_a_constant_beside_the_logits_changes_nothing():
    logits, labels = all_of_one_margin(4.0, 30, 40)
    np.testing.assert_allclose(temperature(logits + 100, labels), temperature(logits, labels))


def test_logits_that_say_nothing_are_left_as_they_are():
    assert temperature(np.zeros((6, 3)), [0, 1, 2, 0, 1, 2]) == 1.0


def test_huge_logits_do_not_overflow():
    logits, labels = all_of_one_margin(1e6, 1, 2)
    assert temperature(logits, labels) == pytest.approx(20, rel=1e-3)


def test_labels_drawn_from_the_probabilities_need_no_temperature():
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(20_000, 3)) * 2
    labels = (log_softmax(logits, axis=1) + rng.gumbel(size=logits.shape)).argmax(axis=1)
    assert temperature(logits, labels) == pytest.approx(1, abs=0.03)
    assert expected_calibration_error(softmax(logits, axis=1), labels) < 0.015


def test_bins_are_of_equal_width_and_closed_above():
    sure = np.array([0.5, 0.6, 0.61, 0.8, 1.0])
    found = reliability(np.stack([sure, 1 - sure], axis=1), [0, 0, 1, 0, 1], bins=5)
    assert found.counts.tolist() == [0, 0, 2, 2, 1]
    np.testing.assert_allclose(found.confidence, [np.nan, np.nan, 0.55, 0.705, 1.0])
    np.testing.assert_allclose(found.accuracy, [np.nan, np.nan, 1.0, 0.5, 0.0])


def test_the_error_is_the_mean_gap_weighted_by_images():
    sure = np.array([0.55, 0.55, 0.95, 0.95, 0.95, 0.95])
    probabilities = np.stack([sure, 1 - sure], axis=1)
    found = expected_calibration_error(probabilities, [0, 1, 0, 0, 0, 1], bins=10)
    np.testing.assert_allclose(found, 2 / 6 * 0.05 + 4 / 6 * 0.20)


def test_one_bin_compares_the_two_means():
    sure = np.array([0.6, 0.7, 0.8, 0.9])
    probabilities = np.stack([sure, 1 - sure], axis=1)
    found = expected_calibration_error(probabilities, [0, 0, 0, 1], bins=1)
    np.testing.assert_allclose(found, 0, atol=1e-12)


@pytest.mark.parametrize("call", [temperature, expected_calibration_error, reliability])
@pytest.mark.parametrize(
    ("values", "labels", "said"),
    [
        (np.zeros((0, 2)), [], "at least 1 image and 2 classes"),
        (np.ones((3, 1)), [0, 0, 0], "at least 1 image and 2 classes"),
        ([0.5, 0.5], [0, 1], "must be [images, classes]"),
        ([[0.5, np.nan]], [0], "must be finite"),
        ([[0.5, 0.5]], [2], "class numbers from 0 to 1"),
        ([[0.5, 0.5]], [0, 1], "1 images need 1 labels"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, values, labels, said):
    with pytest.raises(UserError) as error:
        call(values, np.asarray(labels, int))
    assert said in str(error.value)


def test_logits_in_place_of_probabilities_are_refused():
    with pytest.raises(UserError, match="for logits, pass their softmax"):
        expected_calibration_error([[3.0, -1.0]], [0])
    with pytest.raises(UserError, match="bins must be at least 1, not 0"):
        reliability([[0.5, 0.5]], [0], bins=0)


def test_examples_hold():
    assert doctest.testmod(sys.modules["ganjax.metrics.calibration"]).failed == 0
