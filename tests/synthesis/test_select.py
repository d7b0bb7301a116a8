"""Filters on what networks say, duplicates, and the choice of a filter by validation."""

import numpy as np
import pytest

from ganjax.errors import UserError
from ganjax.synthesis.select import (
    Candidates,
    Filter,
    agrees,
    best_of_each_class,
    choose_filter,
    distinct,
    keep,
    own_log_probability,
    rejection_probability,
    thresholds,
    values,
)

LOGITS = np.log([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.4, 0.35, 0.25]])
LABELS = np.array([0, 1, 1, 0])


def test_the_probability_of_the_own_label_is_the_softmax_of_the_logits():
    found = np.exp(own_log_probability(LOGITS + 5, LABELS))
    np.testing.assert_allclose(found, [0.7, 0.3, 0.6, 0.4])
    extreme = own_log_probability(np.array([[1e4, 0.0], [0.0, 1e4]]), np.array([0, 0]))
    np.testing.assert_allclose(extreme, [0, -1e4])


def test_agreement_keeps_where_the_most_probable_class_is_the_label():
    assert agrees(LOGITS, LABELS).tolist() == [True, False, True, True]
    kept = keep(Filter("agreement"), Candidates(LABELS, LOGITS))
    assert kept.tolist() == [True, False, True, True]


def test_a_fraction_of_each_class_is_kept_the_best_of_it_and_of_equals_the_first():
    kept = keep(Filter("agreement", 0.5), Candidates(LABELS, LOGITS))
    assert kept.tolist() == [True, False, True, False]
    scores = np.array([3.0, 1.0, 2.0, 2.0, 2.0, 9.0])
    labels = np.array([0, 0, 0, 0, 0, 1])
    kept = keep(Filter("discriminator", 0.4), Candidates(labels, scores=scores))
    assert kept.tolist() == [True, False, True, False, False, True]
    assert best_of_each_class(scores, labels, 0.01).tolist() == [True, *[False] * 4, True]
    assert keep(Filter(), Candidates(labels)).all()


def test_by_its_threshold_a_sample_is_judged_as_among_all():
    rng = np.random.default_rng(0)
    labels, ranked = rng.integers(0, 3, 200), rng.normal(size=200)
    for fraction in (0.01, 0.3, 1.0):
        found = thresholds(ranked, labels, fraction, classes=4)
        assert found[3] == -np.inf  # of which nothing is known
        kept = best_of_each_class(ranked, labels, fraction)
        np.testing.assert_array_equal(ranked >= found[labels], kept)


def test_rejection_keeps_the_wanted_fraction_of_each_class_and_the_more_real_rather():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 2000)
    scores = rng.normal(size=4000) + 5 * labels
    found = rejection_probability(scores, labels, keep=0.3)
    assert ((found >= 0) & (found <= 1)).all()
    for label in (0, 1):
        own = labels == label
        assert found[own].mean() == pytest.approx(0.3, abs=1e-6)
        order = np.argsort(scores[own])
        assert (np.diff(found[own][order]) >= 0).all()
    candidates = Candidates(labels, scores=scores)
    kept = keep(Filter("rejection", 0.3), candidates, seed=1)
    assert kept.mean() == pytest.approx(0.3, abs=0.03)
    np.testing.assert_array_equal(kept, keep(Filter("rejection", 0.3), candidates, seed=1))
    assert (kept != keep(Filter("rejection", 0.3), candidates, seed=2)).any()
    assert (rejection_probability(scores, labels, keep=1.0) == 1).all()


def test_rejection_turns_the_generators_distribution_into_the_real_one():
    rng = np.random.default_rng(0)
    made = rng.normal(0, 2, 200_000)  # the real ones are N(0, 1), and the discriminator perfect
    logits = -np.square(made) / 2 + np.square(made) / 8 + np.log(2)
    labels = np.zeros(len(made), int)
    kept = keep(Filter("rejection", 0.45), Candidates(labels, scores=logits))
    assert made.std() == pytest.approx(2, abs=0.02)
    assert made[kept].std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("how", "candidates", "said"),
    [
        (Filter("agreement"), Candidates(LABELS), "needs a classifier's logits"),
        (Filter("discriminator"), Candidates(LABELS), "needs the discriminator's logits"),
        (Filter("rejection"), Candidates(LABELS), "needs the discriminator's logits"),
    ],
)
def test_what_a_filter_looks_at_must_be_given(how, candidates, said):
    with pytest.raises(UserError, match=said):
        keep(how, candidates)


def test_none_and_rejection_rank_nothing():
    for how in (Filter(), Filter("rejection")):
        with pytest.raises(UserError, match="ranks no samples"):
            values(how, Candidates(LABELS, LOGITS, np.zeros(4)))


@pytest.mark.parametrize(
    ("name", "fraction", "said"),
    [
        ("best", None, "filter must be one of none, agreement, discriminator, rejection"),
        ("none", 0.5, "a filter of none keeps everything"),
        ("agreement", 0.0, "must be above 0 and at most 1, not 0.0"),
        ("discriminator", 1.5, "must be above 0 and at most 1, not 1.5"),
    ],
)
def test_filters_that_make_no_sense_are_refused(name, fraction, said):
    with pytest.raises(UserError, match=said):
        Filter(name, fraction)


def test_a_filter_says_what_it_is():
    assert [str(each) for each in (Filter(), Filter("agreement"), Filter("discriminator"))] == [
        "none", "agreement", "discriminator, 50%",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def pictures():
    """Pictures of soft squares, each of which has its own."""
    squares = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1)).astype(float)
    sharp = squares.repeat(4, axis=1).repeat(4, axis=2)
    return ((sharp + np.roll(sharp, 1, axis=1) + np.roll(sharp, 1, axis=2)) / 3).astype(np.uint8)


class TestDistinct:
    def test_different_pictures_are_all_kept(self, pictures):
        assert distinct(pictures).all()
        assert distinct(pictures[:6], others=pictures[6:]).all()

    @pytest.mark.parametrize("mirrored", [False, True])
    @pytest.mark.parametrize("noise", [0, 2])
    def test_of_each_other_the_first_is_kept(self, pictures, mirrored, noise):
        copy = pictures[2] + np.random.default_rng(0).integers(0, noise + 1, (32, 32, 1))
        copy = copy.clip(0, 255).astype(np.uint8)
        images = np.concatenate([pictures[:5], (copy[:, ::-1] if mirrored else copy)[None]])
        assert distinct(images).tolist() == [True] * 5 + [False]

    @pytest.mark.parametrize("mirrored", [False, True])
    def test_of_training_images_none_is_kept(self, pictures, mirrored):
        others = pictures[4:8, :, ::-1] if mirrored else pictures[4:8]
        kept = distinct(pictures[:6], others=others)
        assert kept.tolist() == [True] * 4 + [False] * 2

    def test_a_duplicate_of_a_dropped_one_is_judged_by_those_that_are_kept(self, pictures):
        images = pictures[[0, 1, 1, 0]]
        assert distinct(images, others=pictures[:1]).tolist() == [False, True, False, False]

    def test_tiny_images_are_compared_by_their_pixels(self):
        images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3)).astype(np.uint8)
        assert distinct(images[[0, 1, 2, 0]]).tolist() == [True, True, True, False]


def test_the_filter_of_the_best_score_on_validation_is_chosen_and_of_equals_the_simplest():
    filters = [
        Filter(),
        Filter("agreement"),
        Filter("discriminator", 0.5),
        Filter("agreement", 0.5),
    ]
    scores = {filters[0]: 0.7, filters[1]: 0.8, filters[2]: np.nan, filters[3]: 0.8}
    choice = choose_filter(filters, scores.__getitem__)
    assert choice.filter == Filter("agreement")
    assert [each for each, _ in choice.scores] == filters
    assert [score for _, score in choice.scores][:2] == [0.7, 0.8]


def test_there_must_be_something_to_choose_from_and_by():
    with pytest.raises(UserError, match="one filter or more, each given once"):
        choose_filter([], float)
    with pytest.raises(UserError, match="one filter or more, each given once"):
        choose_filter([Filter(), Filter()], lambda how: 1.0)
    with pytest.raises(UserError, match="no filter has a score on validation"):
        choose_filter([Filter()], lambda how: np.nan)
