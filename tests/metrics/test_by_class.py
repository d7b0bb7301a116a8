"""A metric class by class, with classes that are missing or too small."""

import doctest
import sys

import numpy as np
import pytest

from ganjax.errors import UserError
from ganjax.metrics import (
    authenticity,
    by_class,
    frechet_distance,
    kernel_distance,
    manifold,
    moments,
    sliced_wasserstein,
)

RNG = np.random.default_rng(0)


def frechet(one, other):
    return frechet_distance(moments(one), moments(other))


METRICS = {
    "frechet": frechet,
    "kernel": lambda one, other: kernel_distance(one, other).value,
    "recall": lambda one, other: manifold(one, other).recall,
    "sliced": lambda one, other: sliced_wasserstein(one, other, projections=20),
    "authenticity": authenticity,
}


def labelled(images, classes=3, d=4):
    labels = np.arange(images) % classes
    return RNG.normal(size=(images, d)) + labels[:, None], labels


def test_examples():
    assert doctest.testmod(sys.modules["ganjax.metrics.by_class"]).failed == 0


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_class_gets_the_metric_of_its_images(metric):
    (one, labels), (other, other_labels) = labelled(60), labelled(75)
    found = by_class(metric, one, labels, other, other_labels, classes=3)
    expected = [metric(one[labels == c], other[other_labels == c]) for c in range(3)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_class_that_is_missing_or_too_small_is_nan(metric):
    (one, labels), (other, other_labels) = labelled(60), labelled(60)
    lonely = np.flatnonzero(labels == 1)[1:]
    labels, one = np.delete(labels, lonely), np.delete(one, lonely, axis=0)
    found = by_class(metric, one, labels, other, np.where(other_labels == 2, 3, other_labels),
                     classes=5)  # fmt: skip
    has_one = metric is METRICS["sliced"]  # which is defined for single images
    np.testing.assert_array_equal(np.isnan(found), [False, not has_one, True, True, True])


def test_shuffled_labels_move_it_alone():
    (one, labels), (other, other_labels) = labelled(600), labelled(600)
    right = by_class(frechet, one, labels, other, other_labels, classes=3)
    wrong = by_class(frechet, one, labels, other, RNG.permutation(other_labels), classes=3)
    assert wrong.mean() > 5 * right.mean()


def test_a_bad_metric_is_not_hidden():
    one, labels = labelled(12)

    def broken(real, generated):
        raise UserError("something else")

    with pytest.raises(UserError, match="something else"):
        by_class(broken, one, labels, one, labels, classes=3)


def test_refuses_what_are_no_labels():
    one, labels = labelled(12)
    with pytest.raises(UserError, match="12 images need 12 labels"):
        by_class(frechet, one, labels[1:], one, labels, classes=3)
    with pytest.raises(UserError, match="from 0 to 1; got 0 to 2"):
        by_class(frechet, one, labels, one, labels, classes=2)
