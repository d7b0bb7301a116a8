"""The arms that were trained together with a GAN: their numbers, their words, or nothing."""

import copy
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from ganjax import report
from ganjax.report import joint as laid_out
from ganjax.report import words
from ganjax.report.joint import joint
from ganjax.training import balance

HEADING = "Trained together with a GAN"
STYLE = (Path(laid_out.__file__).parent / "style.css").read_text()


@pytest.fixture(name="results", scope="module")
def make(make_results, with_joint):
    return with_joint(make_results(None, replicates=3))


def text(html):
    """Return the words of a page."""
    html = re.sub(r"<style>.*</style>", "", html, flags=re.S)
    return " ".join(re.sub(r"<[^>]*>", "", html).split())


def test_both_objectives_over_time_share_their_axes(results):
    arms = joint(results)["arms"]
    assert [own["arm"] for own in arms] == ["auxiliary", "three-player", "semi-supervised"]
    assert [chart.title for chart in arms[0]["charts"]] == [
        "Auxiliary: accuracy", "Auxiliary: distance",
    ]  # fmt: skip
    (line,) = arms[2]["charts"][1].lines
    assert (len(line.paths), line.colour, line.last) == (4, words.colour("semi-supervised"), "6.00")
    changed = copy.deepcopy(results)
    changed["joint"]["auxiliary"]["signs"][0]["distance"][0] = 70.0
    highest = [own["charts"][1].y.high for own in joint(changed)["arms"]]
    assert highest[0] > 70
    assert len(set(highest)) == 1


def test_the_sentence_says_what_became_of_both(results):
    assert joint(results)["arms"][0]["progress"] == (
        "Both got better over the training: accuracy went from 34.0% to 91.0%, the distance of the "
        "images from 20.2 to 6.0."
    )
    changed = copy.deepcopy(results)
    for signs in changed["joint"]["auxiliary"]["signs"]:
        signs["distance"] = signs["distance"][::-1]
    said = joint(changed)["arms"][0]["progress"]
    assert said.startswith("The classifier got better, the images did not")


def test_conflicts_are_counted_for_the_players_that_have_two_objectives(results):
    auxiliary, three_player, _ = joint(results)["arms"]
    assert auxiliary["conflicts"] == [
        "the network that classifies and judges in 50% of all updates "
        "(600 of 1,200, mean cosine −0.10)",
        "the generator in 75% of all updates (900 of 1,200, mean cosine −0.10)",
    ]
    assert [said.split(" in ")[0] for said in three_player["conflicts"]] == ["the generator"]
    assert [chart.title for chart in three_player["pulls"]] == [
        "Three-player: pull on the generator"
    ]
    adversarial, classification = auxiliary["pulls"][0].lines
    assert (adversarial.last, classification.last) == ("0.90", "1.60")


def test_the_rule_that_is_told_is_the_one_that_is_followed():
    assert laid_out.MOST_SCALED == balance.LARGEST_FACTOR


def test_one_plot_has_a_dot_per_weight_and_a_ring_per_replicate(results):
    cost = joint(results)["cost"]
    assert [group.name for group in cost["chart"].groups] == [
        "Auxiliary", "Three-player", "Semi-supervised",
    ]  # fmt: skip
    assert [group.colour for group in cost["chart"].groups] == [4, 5, 6]
    for group in cost["chart"].groups:
        assert [dot.label for dot in group.dots] == ["0", "0.5", "1"]
        assert [len(dot.rings) for dot in group.dots] == [3, 3, 3]
        xs, ys = zip(*((dot.x, dot.y) for dot in group.dots), strict=True)
        assert list(xs) == sorted(xs)
        assert ys[0] < ys[2] < ys[1]
    html = report.build(results)
    assert html.count('<circle class="mark"') - report.build({**results, "joint": None}).count(
        '<circle class="mark"'
    ) == 9  # fmt: skip


def test_what_each_objective_cost_the_other(results):
    cost = joint(results)["cost"]
    assert cost["lines"][0]["text"] == (
        "the best classifier came from weight 0.5 (91.0%, Fréchet distance 8.1), the images "
        "nearest to real ones from weight 0 (61.0%, Fréchet distance 4.1). So the best classifier "
        "cost 4.0 in distance, and the best images cost 30.0 points of accuracy. Validation chose "
        "weight 0.5."
    )
    assert [row["times"] for row in cost["rows"][0]["weights"]] == [0, 3, 0]
    changed = copy.deepcopy(results)
    for tried in changed["joint"]["three-player"]["tried"]:
        tried[1]["distance"] = 0.5
        tried[1]["probability"] = 0.1
    changed["joint"]["three-player"]["tried"][0][2]["probability"] = 0.99
    assert joint(changed)["cost"]["lines"][1]["text"] == (
        "weight 0.5 gave both the best classifier and the images nearest to real ones (91.0%, "
        "Fréchet distance 0.5): there neither objective cost the other anything. Validation chose "
        "weight 0 in 2 of 3 replicates, weight 1 in 1."
    )
    changed["joint"]["three-player"]["chosen"] = [1.0, 1.0, 1.0]  # one for all
    told = joint(changed)["cost"]
    assert told["lines"][1]["text"].endswith("Validation chose weight 1.")
    assert [row["times"] for row in told["rows"][1]["weights"]] == [0, 0, 3]


def test_one_weight_has_no_plot_but_all_the_rest(make_results, with_joint):
    found = joint(with_joint(make_results(None), weights=(0.5,)))
    assert found["cost"] is None
    assert len(found["arms"]) == 3
    assert found["arms"][0]["kept"] == (
        "Kept: the classifier of training step 400, 380, 360, 340, 320; "
        "the generator of training step 380."
    )


def test_the_page_tells_it_and_how_many_images_had_no_labels(results):
    said = text(report.build(results))
    assert said.count("1,234") == 3  # the facts, the section, how far to trust it
    assert "was trained in seven ways" in said
    assert "those trained together with a GAN as many as show them the same number" in said
    assert "the two pulled in opposite directions on the generator in 75% of all updates" in said
    assert "How the classifiers did that were trained together with a GAN is told below" in said
    assert "Three-player − Both" in said
    assert said.count("Semi-supervised: accuracy") == 1


def test_the_weights_that_were_chosen_stand_in_the_table(results):
    html = report.build(results)
    assert html.count('<th scope="col">Weight</th><th scope="col">Best after step</th>') == 1
    assert "<td>–</td><td>–</td><td>0.5</td><td>400</td><td>90.0%</td>" in html


def test_without_such_arms_nothing_speaks_of_them(make_results):
    html = report.build(make_results(None))
    assert "together with a GAN" not in html
    assert "#joint" not in html
    assert "without labels" not in html.lower()
    assert "was trained in four ways" in text(html)
    assert "<th scope=\"col\">Weight</th>" not in html  # fmt: skip
    assert joint({"joint": None}) is None


@pytest.mark.parametrize("part", ["tried", "history", "signs", "config", "parameters", "in_words"])
def test_what_a_record_does_not_tell_is_left_out(results, part):
    less = copy.deepcopy(results)
    for own in less["joint"].values():
        del own[part]
    assert HEADING in report.build(less)


def test_values_that_are_missing_are_passed_over(results):
    less = copy.deepcopy(results)
    for own in less["joint"].values():
        own["history"][0] = {}
        own["signs"][1]["distance"] = [None] * 20
        own["signs"][2]["accuracy"][3] = float("nan")
        own["tried"][0] = []
        own["tried"][1][1]["distance"] = None
    html = report.build(less)
    assert "nan" not in re.sub(r"<style>.*</style>", "", html, flags=re.S).lower()
    rings = [len(dot.rings) for dot in joint(less)["cost"]["chart"].groups[0].dots]
    assert rings == [2, 0, 2]  # of one replicate the dot itself


def colours(css):
    """Return the page's colour and those of the arms, as linear light."""

    def linear(name):
        code = re.search(rf"--{name}: #(\w{{6}})", css)[1]
        part = np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)]) / 255
        return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)

    return linear("page"), [linear(f"c{i}") for i in range(len(words.ARMS))]


MODES = dict(zip(("light", "dark"), STYLE.split("prefers-color-scheme: dark", 1), strict=True))

# What is seen without one kind of cones (Machado et al. 2009), of linear light
SEEN_BY = {
    "all": np.eye(3),
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
}


@pytest.mark.parametrize("mode", MODES)
def test_every_arm_has_a_colour_that_stands_out_from_the_page(mode):
    page, arms = colours(MODES[mode])
    light = [float(c @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in (page, *arms)]
    contrast = [max(light[0], c) / min(light[0], c) for c in light[1:]]
    assert min(contrast) >= 3  # what WCAG 2 asks of graphics


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("eyes", SEEN_BY)
def test_arms_that_share_a_plot_differ_for_all_eyes(mode, eyes):
    def perceived(colour):  # Oklab, https://bottosson.github.io/posts/oklab
        cones = np.array(
            [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.63]]
        )
        to_lab = [[0.2105, 0.7936, -0.0041], [1.978, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
        seen = np.clip(np.asarray(SEEN_BY[eyes]) @ colour, 0, 1)
        return np.asarray(to_lab) @ np.cbrt(cones @ seen)

    joint_arms = [perceived(colour) for colour in colours(MODES[mode])[1][4:]]
    assert len(joint_arms) == 3
    pairs = itertools.combinations(joint_arms, 2)
    assert min(float(np.linalg.norm(a - b)) for a, b in pairs) > 0.1
