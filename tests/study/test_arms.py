"""Who competes, and how validation chooses: both sides of the comparison at one strength."""

import numpy as np
import pytest

from ganjax.config import ClassifierConfig, study_preset
from ganjax.study.arms import WITH, WITHOUT, Candidate, choose, choose_for_arms, line_up

GRIDS = [
    ((0.0, 0.5), (0.0, 1.0)),
    ((0.0, 0.25, 0.5), (0.0, 0.25, 0.5)),
    ((0.0, 0.25, 0.5, 0.75), (0.0, 0.5, 1.0)),
    ((0.0, 1.0), (0.0, 0.1, 0.5, 2.0)),
    ((0.0, 0.1, 0.2, 0.3, 0.4, 0.5), (0.0, 3.0)),
]


@pytest.mark.parametrize(("ratios", "strengths"), GRIDS)
@pytest.mark.parametrize("unbalanced", [False, True])
def test_with_generated_images_there_is_every_strength_that_there_is_without(
    ratios, strengths, unbalanced
):
    candidates, arms = line_up(ratios, strengths, unbalanced=unbalanced)
    assert all(len(set(own)) == len(own) for own in arms.values())
    for i in arms[WITHOUT]:
        alike = [
            candidates[j] for j in arms[WITH] if candidates[j].strength == candidates[i].strength
        ]
        assert {own.ratio for own in alike} == set(ratios[1:])


@pytest.mark.parametrize(("ratios", "strengths"), GRIDS)
def test_every_arm_may_choose_what_a_smaller_one_of_its_side_may(ratios, strengths):
    _, arms = line_up(ratios, strengths)
    assert set(arms["real"]) <= set(arms["classical"])
    assert set(arms["generated"]) <= set(arms["both"])


@pytest.mark.parametrize(("ratios", "strengths"), GRIDS)
def test_arms_hold_what_their_names_say(ratios, strengths):
    candidates, arms = line_up(ratios, strengths)
    assert [candidates[i] for i in arms["real"]] == [Candidate(0.0, 0.0)]
    assert all(candidates[i].ratio == 0 for i in arms["classical"])
    assert [candidates[i] for i in arms["classical"]] == [Candidate(0.0, s) for s in strengths]
    assert [candidates[i] for i in arms["generated"]] == [Candidate(r, 0.0) for r in ratios[1:]]
    assert {candidates[i] for i in arms["both"]} == {
        Candidate(r, s) for r in ratios[1:] for s in strengths
    }


@pytest.mark.parametrize(("ratios", "strengths"), GRIDS)
def test_no_candidate_is_trained_twice_or_in_vain(ratios, strengths):
    candidates, arms = line_up(ratios, strengths)
    assert len(set(candidates)) == len(candidates)
    assert not set(arms["classical"]) & set(arms["both"])
    assert set().union(*arms.values()) == set(range(len(candidates)))


@pytest.mark.parametrize("preset", ["quick", "standard", "thorough"])
def test_line_up_of_every_preset_has_the_four_arms(preset):
    config = study_preset(preset, "digits").classifier
    assert isinstance(config, ClassifierConfig)
    _, arms = line_up(config.ratios, config.strengths)
    assert list(arms) == ["real", "classical", "generated", "both"]


@pytest.mark.parametrize(("ratios", "strengths"), GRIDS)
def test_where_classes_differ_in_size_both_sides_draw_them_equally_often(ratios, strengths):
    candidates, arms = line_up(ratios, strengths, unbalanced=True)
    assert [candidates[i] for i in arms["real"]] == [Candidate(0.0, 0.0, balanced=False)]
    assert set(arms["real"]) <= set(arms[WITHOUT])
    assert len(arms[WITHOUT]) == len(strengths) + 1
    for arm in (WITH, WITHOUT, "generated"):
        assert all(candidates[i].balanced for i in set(arms[arm]) - set(arms["real"]))
    assert not any(candidate.balanced for candidate in line_up(ratios, strengths)[0])


def test_who_is_surest_of_the_right_class_over_all_replicates_is_chosen():
    first, second = [0.1, 0.8, 0.7], [0.2, 0.5, 0.9]
    assert choose((0, 1, 2), np.array([first])) == 1
    assert choose((0, 1, 2), np.array([first, second])) == 2
    assert choose((0, 1, 2), np.array([second, first])) == 2


def test_of_equal_candidates_the_first_is_chosen():
    assert choose((3, 2, 1), np.full((2, 4), 0.5)) == 1


def test_an_arm_never_chooses_from_another_arms_candidates():
    assert choose((0, 1), np.array([[0.1, 0.2, 1.0]])) == 1


def chosen(probability):
    """Return what each arm chooses among ratios 0, 0.25, 0.5 with strengths 0, 1, row by row."""
    candidates, arms = line_up((0.0, 0.25, 0.5), (0.0, 1.0))
    table = dict(
        zip([(r, s) for r in (0, 0.25, 0.5) for s in (0, 1)], np.ravel(probability), strict=True)
    )
    found = choose_for_arms(
        candidates, arms, np.array([[table[own.ratio, own.strength] for own in candidates]])
    )
    return {arm: (candidates[i].ratio, candidates[i].strength) for arm, i in found.items()}


def test_the_best_strength_without_generated_images_binds_the_arm_with_them():
    found = chosen([[0.6, 0.7], [0.9, 0.7], [0.8, 0.75]])
    assert found == {
        "real": (0, 0), "classical": (0, 1), "generated": (0.25, 0), "both": (0.5, 1)
    }  # fmt: skip
    found = chosen([[0.7, 0.6], [0.5, 0.9], [0.6, 0.9]])
    assert found == {
        "real": (0, 0), "classical": (0, 0), "generated": (0.5, 0), "both": (0.5, 0)
    }  # fmt: skip


def test_where_not_even_balance_is_worth_it_the_strength_is_none():
    candidates, arms = line_up((0.0, 0.5), (0.0, 1.0), unbalanced=True)
    best = candidates.index(Candidate(0.0, 0.0))
    found = choose_for_arms(candidates, arms, np.eye(len(candidates))[[best]])
    assert found[WITHOUT] == best
    assert candidates[found[WITH]] == Candidate(0.5, 0.0, balanced=True)
