"""What samples must pass: judged one by one, by a classifier, the discriminator, and the audit."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from ganjax.data.sources import load
from ganjax.synthesis.audit import Audit
from ganjax.synthesis.closeness import auditor
from ganjax.synthesis.judge import Judge, checksum, train_judge
from ganjax.synthesis.screening import Ranking, screen_of, words
from ganjax.synthesis.select import Filter
from ganjax.synthesis.sift import COPY, KEPT, UNSELECTED

LABELS = np.array([0, 1, 0, 1])
SCORES = np.array([1.0, 2.0, 3.0, 4.0])


@pytest.fixture(scope="module")
def digits():
    train = load("digits").train
    return train.take(np.random.default_rng(0).permutation(len(train)))


def judge(logits):
    return Judge(lambda images: np.array(logits), "", 0, None)


def test_by_agreement_alone_the_most_probable_class_must_be_the_label(digits):
    says = Ranking(Filter("agreement"), judge([[2, 1], [2, 1], [1, 2], [1, 2]]), None)
    found = screen_of(None, says)(digits.images[:4], LABELS, SCORES)
    assert found.tolist() == [KEPT, UNSELECTED, UNSELECTED, KEPT]


@pytest.mark.parametrize(
    ("how", "thresholds", "kept"),
    [
        (Filter("discriminator"), [2.0, 4.0], [False, False, True, True]),
        (Filter("discriminator"), [-np.inf, 2.0], [True, True, True, True]),
        (Filter("agreement", 0.5), np.log([0.6, 0.2]), [True, True, False, True]),
    ],
)
def test_by_a_threshold_each_class_has_its_own(digits, how, thresholds, kept):
    logits = np.log([[0.7, 0.3], [0.7, 0.3], [0.5, 0.5], [0.5, 0.5]])
    says = Ranking(how, judge(logits), np.array(thresholds))
    found = screen_of(None, says)(digits.images[:4], LABELS, SCORES)
    assert (found == KEPT).tolist() == kept


def test_copies_are_called_copies_whether_selected_or_not(digits):
    by = auditor(digits.take(np.arange(300)), digits.take(np.arange(300, 500)))
    images = digits.images[[0, 600, 1, 601]]
    nothing = Ranking(Filter("discriminator"), None, np.array([np.inf, np.inf]))
    assert screen_of(by, None)(images, LABELS, SCORES).tolist() == [COPY, KEPT, COPY, KEPT]
    found = screen_of(by, nothing)(images, LABELS, SCORES)
    assert found.tolist() == [COPY, UNSELECTED, COPY, UNSELECTED]


@pytest.fixture(scope="module")
def judges(digits):
    train, held_out = digits.take(np.arange(400)), digits.take(np.arange(400, 800))
    return [train_judge(train, own, jax.random.key(0)) for own in (held_out, None)]


def test_a_judge_recognises_digits_that_it_was_not_trained_on(digits, judges):
    one, other = judges
    assert one.accuracy > 0.93
    assert other.accuracy is None
    assert one.trained_on == 400
    assert one.sha256 == other.sha256
    logits = one.logits(digits.images[400:800])
    assert logits.shape == (400, 10)
    found = (logits.argmax(axis=1) == digits.labels[400:800]).mean()
    assert found == pytest.approx(one.accuracy)
    np.testing.assert_array_equal(one.logits(digits.images[400:407]), logits[:7])


def test_a_checksum_is_of_names_kinds_and_shapes_too():
    tree = {"a": np.zeros(4, np.float32), "b": {"c": np.ones(2, np.int32)}}
    others = (
        {**tree, "a": np.zeros((2, 2), np.float32)},
        {**tree, "a": np.zeros(4, np.int32)},
        {"a": tree["a"], "b": {"d": tree["b"]["c"]}},
    )
    assert checksum(tree) == checksum(dict(reversed(tree.items())))
    assert len({checksum(each) for each in (tree, *others)}) == 4


FOUND = Audit(
    looked_at=1000, called_copies=60, mirrored=3, share=0.05, holds_copies=True, p_value=0.0005,
    smallest_share=0.007, threshold=0.6, false_alarms=0.01, training_images=500, compared_with=500,
    held_out=100, left_out=0, copying=-1.0, copying_z=-2.0, authenticity=0.7,
    authenticity_of_held_out=0.7,
)  # fmt: skip


def test_what_an_audit_found_is_said_in_a_line():
    assert words(FOUND) == (
        "copies: 60 of 1,000 samples are as near to one training image as a copy, 10 would be by "
        "chance: about 5.0% are copies (p = 0.001)"
    )
    few = replace(FOUND, called_copies=9, holds_copies=False, p_value=0.4)
    assert words(few).endswith(": no sign of copying (p = 0.40; 0.7% would show)")
    near = words(replace(few, copying=-5.12, copying_z=-9.0))
    assert near.endswith("lie nearer to the training images than held-out ones do (C_T = -5.1)")
    assert words(replace(few, copying=None, copying_z=None)) == words(few)
