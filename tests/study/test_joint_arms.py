"""Arms that are trained together with a GAN: in a real, tiny study of digits."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ganjax.config import ClassifierConfig, GANConfig, JointConfig, StudyConfig
from ganjax.errors import UserError
from ganjax.progress import Silent
from ganjax.study import joint_arms
from ganjax.study.record import Record
from ganjax.study.run import study
from ganjax.synthesis import trained, trained_on

CONFIG = StudyConfig(
    source="digits",
    per_class=4,
    replicates=3,
    unlabelled=40,
    pool=20,
    leak_detector=False,
    arms=("semi-supervised",),
    joint_weights=(0.0, 0.5),
    gan=GANConfig(width=8, updates=4, batch_size=8),
    classifier=ClassifierConfig(
        width=4, updates=4, evaluations=2, batch_size=16, seeds=2, learning_curve=False,
        ratios=(0.0, 0.5), strengths=(0.0, 0.5),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("joint") / "study"
    return out, study(CONFIG, out)


def test_joint_arms_stand_beside_the_four_and_leave_the_verdict_alone(run):
    _, found = run
    assert list(found["arms"]) == ["real", "classical", "generated", "both", "semi-supervised"]
    decisive = [row for row in found["comparisons"] if row["decisive"]]
    assert [(row["arm"], row["baseline"]) for row in decisive] == [("both", "classical")]
    pairs = {(row["arm"], row["baseline"]) for row in found["comparisons"]}
    assert {("semi-supervised", "classical"), ("semi-supervised", "both")} <= pairs
    assert any("semi-supervised" in line for line in found["verdict"]["details"])


def test_they_see_as_many_labelled_images_as_all_others(run):
    _, found = run
    assert {arm["examples"] for arm in found["arms"].values()} == {4 * 16}
    assert found["arms"]["semi-supervised"]["updates"] == 8
    assert found["joint"]["semi-supervised"]["updates"] == 8


def test_of_all_weights_validation_chose_the_likeliest_over_all_replicates(run):
    out, found = run
    ledger = (out / "sealed_test.json").read_text()
    every = found["joint"]["semi-supervised"]["tried"]
    best_of_all = max(range(2), key=lambda i: sum(tried[i]["probability"] for tried in every))
    for tried, chosen in zip(
        found["joint"]["semi-supervised"]["tried"],
        found["arms"]["semi-supervised"]["chosen"],
        strict=True,
    ):
        assert [row["weight"] for row in tried] == [0.0, 0.5]
        assert all(row["distance"] > 0 for row in tried)
        best = tried[best_of_all]
        assert chosen["weight"] == best["weight"]
        assert chosen["validation_probability"] == best["probability"]
        told = {"weight": best["weight"], "update": best["update"]}
        assert json.dumps(told) in json.dumps(json.loads(ledger))


def test_what_the_sealed_test_saw_is_the_kept_classifier(run):
    out, _ = run
    record = Record.load(out / "replicates" / "1")
    assert record is not None
    row = record.predictions[record.arms.index("semi-supervised")]
    np.testing.assert_array_equal(row[0], row[1])  # one training stands for all seeds
    chosen = record.joint["semi-supervised"]["kept"]["weight"]
    folder = out / "replicates" / "1" / f"semi-supervised-{chosen:g}"
    gan = trained.load(folder)
    draw = trained_on.parts(folder, Silent())
    own = np.mean(gan.classify(draw.held_out.images).argmax(axis=1) == draw.held_out.labels)
    kept = record.joint["semi-supervised"]["kept"]["accuracy"]
    assert own == pytest.approx(kept)  # equally many of each class: the mean over classes
    assert len(draw.unlabelled) == 40
    assert (draw.unlabelled.labels == -1).all()


def test_the_network_is_the_studys_classifier(run):
    _, found = run
    plain = found["classifier"]["parameters"]
    assert found["joint"]["semi-supervised"]["parameters"]["discriminator"] == plain


def test_one_weight_is_the_objectives_own_and_costs_no_distance():
    one = replace(CONFIG, joint_weights=None, joint=JointConfig(class_weight=0.7))
    assert joint_arms.weights_of(one, "semi-supervised") == (0.7,)
    assert joint_arms.weights_of(one, "three-player") == (0.5,)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"arms": ("semi-supervised",), "unlabelled": None}, "--unlabelled rest"),
        ({"arms": ("real",), "joint_weights": None}, "--arms semi-supervised"),
        ({"arms": ("real",)}, "--joint-weights and --joint settings are of the arms auxiliary"),
        ({"arms": ("nobody",)}, "auxiliary, three-player, semi-supervised, not 'nobody'"),
        ({"joint_weights": (0.5, 1.5)}, "from 0 to 1"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(given, words):
    with pytest.raises(UserError, match=words):
        replace(CONFIG, **given)


def test_arms_may_be_given_with_commas_and_in_any_order():
    arms = replace(CONFIG, arms=("both,semi-supervised", "auxiliary")).arms
    assert arms == ("real", "classical", "generated", "both", "auxiliary", "semi-supervised")
