"""What every metric of features refuses, and in which words."""

import numpy as np
import pytest

from ganjax.errors import UserError
from ganjax.metrics import (
    TooFewImagesError,
    authenticity,
    copying_statistic,
    kernel_distance,
    manifold,
    moments,
    nearest,
    sliced_wasserstein,
)
from ganjax.metrics.checks import check_features, check_labels, check_sets

METRICS = {
    "authenticity": authenticity,
    "copying_statistic": lambda one, other: copying_statistic(one, one, other),
    "kernel_distance": kernel_distance,
    "manifold": manifold,
    "nearest": nearest,
    "sliced_wasserstein": sliced_wasserstein,
    "moments": lambda one, other: (moments(one), moments(other)),
}
GOOD = np.arange(60.0).reshape(20, 3)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(5), r"must be \[images, features\].*got \[5\]"),
        (np.zeros((20, 2, 2)), r"got \[20, 2, 2\]"),
        (np.where(np.eye(20, 3), np.nan, 1.0), "must be finite"),
        (np.where(np.eye(20, 3), np.inf, 1.0), "must be finite"),
        (np.full((20, 3), "cat"), "must be real numbers; got <U3"),
        (np.zeros((20, 3), complex), "must be real numbers; got complex128"),
    ],
)
def test_every_metric_refuses_what_are_no_features(metric, bad, message):
    for pair in ((bad, GOOD), (GOOD, bad)):
        with pytest.raises(UserError, match=message) as caught:
            metric(*pair)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_metric_names_a_set_without_images_as_too_small(metric):
    with pytest.raises(TooFewImagesError, match=r"at least one of each; got \[0, 3\]"):
        metric(GOOD, GOOD[:0])


@pytest.mark.parametrize("name", sorted(set(METRICS) - {"moments"}))
def test_every_metric_refuses_features_of_two_networks(name):
    with pytest.raises(UserError, match=r"sets of 3 and of .*2 features cannot"):
        METRICS[name](GOOD, GOOD[:, :2])


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_no_metric_changes_what_it_is_given(metric):
    one, other = GOOD.astype(np.float32), GOOD.astype(np.float32)[::-1] + 1
    kept = one.copy(), other.copy()
    metric(one, other)
    np.testing.assert_array_equal((one, other), kept)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float16, np.float64, bool])
def test_other_numbers_become_float64(kind):
    values = np.array([[0, 1], [1, 1]], kind)
    assert check_features(values).dtype == np.float64
    np.testing.assert_array_equal(check_features(values), [[0, 1], [1, 1]])


def test_sets_become_of_one_kind():
    single, double = np.zeros((2, 2), np.float32), np.zeros((2, 2))
    assert [own.dtype for own in check_sets(single, single)] == [np.float32] * 2
    assert [own.dtype for own in check_sets(single, double)] == [np.float64] * 2


def test_labels():
    assert check_labels(np.uint8([0, 2]), 2, 3).dtype == np.int64
    with pytest.raises(UserError, match=r"3 images need 3 labels; got shape \[2\]"):
        check_labels([0, 1], 3, 2)
    with pytest.raises(UserError, match="from 0 to 1; got 0 to 2"):
        check_labels([0, 2], 2, 2)
    with pytest.raises(UserError, match="from 0 to 1; got -1 to 1"):
        check_labels([-1, 1], 2, 2)
    with pytest.raises(UserError, match="integers from 0; got float64"):
        check_labels([0.0, 1.0], 2, 2)
