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


@pytest.mark.parametrize(("margin", "right", "images"), [(4, 30, 40), (0.5, 900, 1000), (9, 3, 4)])
def test_of_two_classes_and_one_margin_the_temperature_has_a_closed_form(margin, right, images):
    part = (right + 1 / 2) / (images + 1)
    logits, labels = all_of_one_margin(margin, right, images)
    expected = margin / np.log(part / (1 - part))
    np.testing.assert_allclose(temperature(logits, labels), expected, rtol=1e-4)


def test_of_many_classes_the_likeliest_class_gets_the_part_that_is_right():
    logits, labels = all_of_one_margin(7.0, 80, 100, classes=10)
    found = softmax(logits / temperature(logits, labels), axis=1).max()
    np.testing.assert_allclose(found, (80 + 1 / 10) / 101, rtol=1e-4)


@pytest.mark.parametrize("images", [1, 2, 20, 200])
def test_where_all_are_right_confidence_is_bounded_by_how_many_there_are(images):
    logits, labels = all_of_one_margin(3.0, images, images)
    sure = softmax(logits / temperature(logits, labels), axis=1).max()
    np.testing.assert_allclose(sure, (images + 1 / 2) / (images + 1), rtol=1e-3)


def test_where_all_are_wrong_confidence_goes_as_far_as_it_may():
    logits, labels = all_of_one_margin(3.0, 0, 50)
    np.testing.assert_allclose(temperature(logits, labels), 20, rtol=1e-3)


def test_it_is_the_root_of_the_derivative_on_any_logits():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(300, 5)) * 4, rng.integers(0, 5, 300)
    labels[:200] = logits[:200].argmax(axis=1)
    targets = (300 * np.eye(5)[labels] + 1 / 5) / 301

    def slope(t):  # d loss / d (1 / t)
        return np.mean(np.sum((softmax(logits / t, axis=1) - targets) * logits, axis=1))

    np.testing.assert_allclose(temperature(logits, labels), brentq(slope, 0.1, 19), rtol=1e-4)


def test_scaled_and_shifted_logits_ask_for_the_scale():
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(size=(200, 4)) * 2, rng.integers(0, 4, 200)
    labels[:150] = logits[:150].argmax(axis=1)
    once = temperature(logits, labels)
    np.testing.assert_allclose(temperature(3 * logits + 5, labels), 3 * once, rtol=1e-4)


def test_logits_that_say_nothing_are_left_as_they_are():
    assert temperature(np.zeros((6, 3)), [0, 1, 2, 0, 1, 2]) == 1.0


def test_huge_logits_do_not_overflow():
    logits, labels = all_of_one_margin(1e6, 5, 10)
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
