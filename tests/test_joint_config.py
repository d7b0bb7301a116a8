"""What can be set of a joint training, and what cannot: one line each."""

import json
from dataclasses import replace

import pytest

from ganjax.config import JOINT, GANConfig, JointConfig, StudyConfig, TrainConfig, to_json
from ganjax.errors import UserError

REST = {"unlabelled": "rest"}


def refusal(make, **values) -> str:
    with pytest.raises(UserError) as error:
        make(**values)
    assert "\n" not in str(error.value)
    return str(error.value)


def train(objective, **values):
    return TrainConfig("digits", objective=objective, **values)


def study(*arms, **values):
    return StudyConfig("digits", arms=arms, **values)


def test_each_objective_has_its_own_defaults():
    of = {name: JointConfig().for_objective(name) for name in JOINT}
    assert all(None not in vars(own).values() for own in of.values())
    assert [of[name].class_weight for name in JOINT] == [0.9, 0.5, 0.9]
    assert {own.generator_class_weight for own in of.values()} == {0.5}
    assert [of[name].generated for name in JOINT] == [1.0, 0.5, 0.0]
    assert [of[name].pseudo_labels for name in JOINT] == [0.0, 0.0, 1.0]
    assert [of[name].consistency for name in JOINT] == [0.0, 0.0, 1.0]
    assert {(own.entropy, own.pairs) for own in of.values()} == {(0.0, 0.0)}


@pytest.mark.parametrize("objective", JOINT)
def test_what_is_given_wins_over_the_defaults_even_if_it_is_0(objective):
    given = JointConfig(width=8, class_weight=0.0, generated=0.0, consistency=2.0, ramp=0)
    own = given.for_objective(objective)
    pseudo = 1.0 if objective == "semi-supervised" else 0.0
    rest = {"entropy": 0.0, "pseudo_labels": pseudo, "pairs": 0.0}
    assert own == replace(given, generator_class_weight=0.5, **rest)
    assert own.for_objective(objective) == own


@pytest.mark.parametrize("objective", ["gan", *JOINT])
def test_a_training_survives_json(objective):
    own = JointConfig() if objective == "gan" else JointConfig(width=8, consistency=0.25)
    config = train(objective, joint=own, per_class=4, unlabelled=None if objective == "gan" else 9)
    stored = json.loads(json.dumps(to_json(config), allow_nan=False))
    assert stored["objective"] == objective
    plain = {"gan": GANConfig(**stored["gan"]), "joint": JointConfig(**stored["joint"])}
    assert TrainConfig(**{**stored, **plain, "reading": config.reading}) == config


def test_the_arms_of_a_study_survive_json_and_come_in_one_order():
    config = study("semi-supervised,auxiliary", "both", **REST)
    assert config.arms == ("real", "classical", "generated", "both", "auxiliary", "semi-supervised")
    assert config == study("auxiliary", "semi-supervised", "auxiliary", **REST)
    assert tuple(json.loads(json.dumps(to_json(config)))["arms"]) == config.arms
    assert study(*config.arms, **REST) == config


PARTS = ["class_weight", "generator_class_weight", "confidence", "pairs", "ema_decay"]


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_part_is_from_0_to_1(name, value):
    flag = f"--joint.{name.replace('_', '-')}"
    assert f"{flag} must be from 0 to 1, not {value}" in refusal(JointConfig, **{name: value})
    for end in (0.0, 1.0):
        assert getattr(JointConfig(**{name: end}), name) == end


@pytest.mark.parametrize("name", ["generated", "consistency", "entropy", "pseudo_labels"])
@pytest.mark.parametrize("value", [-0.1, float("inf"), float("nan")])
def test_a_factor_is_at_least_0(name, value):
    flag = f"--joint.{name.replace('_', '-')}"
    assert f"{flag} must be at least 0, not {value}" in refusal(JointConfig, **{name: value})


def test_a_classifier_has_a_channel_and_a_ramp_does_not_fall():
    assert "width must be at least 1, not 0" in refusal(JointConfig, width=0)
    assert "ramp must be at least 0, not -1" in refusal(JointConfig, ramp=-1)


ADAPTIVE = GANConfig(augment_adaptive=True)
PAIRS, THREE = JointConfig(pairs=0.5), GANConfig(loss="three_terms")
NEARBY, HINGE = GANConfig(latent_consistency_weight=5.0), GANConfig(loss="hinge")
TRAININGS = [
    ("acgan", {}, "objective must be one of gan, auxiliary, three-player, semi-supervised, not"),
    ("semi-supervised", {}, "--objective semi-supervised needs images without labels: give --un"),
    ("gan", REST, "--unlabelled is for trainings that learn from images without labels: give"),
    ("gan", {"joint": JointConfig(width=8)}, "--joint settings need an --objective of auxiliary"),
    ("auxiliary", {"conditional": False}, "--objective auxiliary needs labels: leave out --no-"),
    ("auxiliary", {"joint": PAIRS}, "--joint.pairs is of three-player, not of auxiliary: leave"),
    ("semi-supervised", {**REST, "joint": PAIRS}, "--joint.pairs is of three-player, not of semi"),
    ("three-player", {"joint": PAIRS}, "--joint.pairs is about images without labels: give --unl"),
    ("three-player", {"joint": JointConfig(entropy=1.0)}, "are not for three-player, whose class"),
    ("three-player", {"joint": JointConfig(class_weight=0.0)}, "--joint.class-weight and"),
    ("auxiliary", {"gan": ADAPTIVE}, "--gan.augment-adaptive is not for auxiliary: leave it out"),
    ("three-player", {"gan": NEARBY}, "--gan.latent-consistency-weight is not for three-player"),
    ("auxiliary", {"gan": THREE}, "--gan.loss three_terms is not for auxiliary: leave it out"),
    ("semi-supervised", {**REST, "gan": HINGE}, "--gan.loss hinge is not for semi-supervised"),
]


@pytest.mark.parametrize(("objective", "values", "said"), TRAININGS)
def test_a_training_that_cannot_be_is_refused(objective, values, said):
    assert said in refusal(train, objective=objective, **values)


STUDIES = [
    (("acgan",), {}, "arms must be one of real, classical, generated, both, auxiliary, three-pl"),
    (("semi-supervised",), {}, "--arms semi-supervised needs images without labels: give --unlabe"),
    (
        ("both",),
        REST,
        "--unlabelled is for arms that learn from images without labels: give --arms",
    ),
    (("three-player",), {"joint": JointConfig(pairs=0.5)}, "--joint.pairs is about images without"),
    (("auxiliary",), {"gan": ADAPTIVE}, "--gan.augment-adaptive is not for auxiliary"),
]


@pytest.mark.parametrize(("arms", "values", "said"), STUDIES)
def test_a_study_that_cannot_be_is_refused(arms, values, said):
    with pytest.raises(UserError) as error:
        study(*arms, **values)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_joint_training_says_what_it_is():
    own = JointConfig(width=8, class_weight=0.25).for_objective("semi-supervised")
    assert own.in_words("semi-supervised") == (
        "objective semi-supervised: a classifier of width 8 is trained too; weights: "
        "classification 0.25, classification for the generator 0.5, consistency 1, "
        "pseudo-labels 1"
    )
    none = JointConfig(generator_class_weight=0.0, generated=0.0).for_objective("three-player")
    assert none.in_words("three-player").endswith("weights: none")
