"""Accuracies against hand-computed values and scikit-learn."""

import doctest
import sys

import numpy as np
import pytest
from sklearn import metrics as oracle

from ganjax.errors import UserError
from ganjax.metrics import accuracy, balanced_accuracy, class_accuracy, confusion_matrix

CLASSES = 5


@pytest.fixture(params=[0, 1, 2])
def answers(request):
    """Labels of unequal classes and predictions that are right about two times out of three."""
    rng = np.random.default_rng(request.param)
    labels = rng.choice(CLASSES, size=300, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    guesses = rng.integers(CLASSES, size=300)
    return labels, np.where(rng.random(300) < 0.6, labels, guesses)


def test_examples():
    assert doctest.testmod(sys.modules["ganjax.metrics.accuracy"]).failed == 0


def test_agrees_with_scikit_learn(answers):
    labels, predictions = answers
    assert accuracy(labels, predictions) == oracle.accuracy_score(labels, predictions)
    np.testing.assert_allclose(
        class_accuracy(labels, predictions, CLASSES),
        oracle.recall_score(labels, predictions, average=None),
    )
    np.testing.assert_allclose(
        balanced_accuracy(labels, predictions),
        oracle.balanced_accuracy_score(labels, predictions),
    )
    np.testing.assert_array_equal(
        confusion_matrix(labels, predictions, CLASSES),
        oracle.confusion_matrix(labels, predictions),
    )


def test_rows_are_the_true_classes():
    matrix = confusion_matrix([0, 0, 0, 2], [1, 1, 0, 2], 3)
    np.testing.assert_array_equal(matrix, [[1, 2, 0], [0, 0, 0], [0, 0, 1]])


def test_absent_class_is_nan_and_does_not_count():
    labels, predictions = [0, 0, 2, 2], [0, 1, 2, 3]
    np.testing.assert_allclose(
        class_accuracy(labels, predictions, 4), [0.5, np.nan, 0.5, np.nan], equal_nan=True
    )
    assert balanced_accuracy(labels, predictions) == 0.5


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([], [], "non-empty"),
        ([0, 1], [0], "same length"),
        ([[0], [1]], [[0], [1]], "one class number per image"),
        ([0, 1], [0.2, 0.8], "argmax"),
        ([0, -1], [0, 1], "integers from 0"),
    ],
)
def test_refuses(labels, predictions, message):
    with pytest.raises(UserError, match=message):
        accuracy(labels, predictions)


def test_refuses_unknown_class():
    with pytest.raises(UserError, match="class 3 is not one of the 3 classes"):
        confusion_matrix([0, 1], [0, 3], 3)
