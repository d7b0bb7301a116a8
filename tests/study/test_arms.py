"""Who competes, how validation chooses, and what the arm with generated images has to beat."""

import numpy as np
import pytest

from ganjax.config import ClassifierConfig, study_preset
from ganjax.study.arms import (
    CONTROL,
    PARTS,
    RIVAL,
    WITH,
    WITHOUT,
    Candidate,
    choose,
    line_up,
    only_measured,
    part_name,
    rivals,
)

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


@pytest.mark.parametrize(("ratios", "strengths"), GRIDS)
@pytest.mark.parametrize("unbalanced", [False, True])
def test_every_way_to_train_without_generated_images_is_a_rival(ratios, strengths, unbalanced):
    candidates, arms = line_up(ratios, strengths, unbalanced=unbalanced)
    found = rivals(candidates, arms[WITHOUT])
    assert sorted(i for (i,) in found.values()) == sorted(arms[WITHOUT])
    assert not any(candidates[i].ratio for (i,) in found.values())
    assert all(name.startswith(RIVAL) and only_measured(name) for name in found)


def test_rivals_are_named_by_what_they_differ_in():
    candidates, arms = line_up((0.0, 0.5), (0.0, 0.125), unbalanced=True)
    names = [name.removeprefix(RIVAL) for name in rivals(candidates, arms[WITHOUT])]
    assert names == ["0, classes as they are", "0", "0.125"]
    candidates, arms = line_up((0.0, 0.5), (0.0, 0.125))
    names = [name.removeprefix(RIVAL) for name in rivals(candidates, arms[WITHOUT])]
    assert names == ["0", "0.125"]


def test_arms_compete_and_points_of_the_learning_curve_do_not():
    assert all(map(only_measured, [*map(part_name, PARTS), CONTROL]))
    _, arms = line_up((0.0, 0.5), (0.0, 1.0), unbalanced=True)
    assert not any(map(only_measured, arms))
