import copy
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from ganjax import report
from ganjax.report import answer, words
from ganjax.study.arms import CONTROL

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Checks that tags are balanced and keeps what a reader, or a loader, would see."""

    def __init__(self, html):
        super().__init__()
        self.open, self.text, self.attributes, self.tags = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["style"], ["script"]):
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.mark.parametrize(
    ("helps", "word", "kind"),
    [(True, "Yes, they help", "yes"), (False, "No, they do not help", "no"),
     (None, "Cannot tell", "unclear")],
)  # fmt: skip
def test_each_verdict_has_its_word_its_interval_and_its_advice(
    make_results, make_pictures, helps, word, kind
):
    results = make_results(helps)
    html = report.build(results, make_pictures())
    page = Page(html)
    assert word in page.words
    assert ("div", "class", f"answer {kind}") in page.attributes
    row = results["comparisons"][0]
    numbers = [words.points(row[name]) for name in ("difference", "low", "high")]
    sentence = "by {} points (95% interval {} to {} )".format(*numbers)
    assert sentence in page.words
    assert "{} ({} to {})".format(*numbers) in page.words
    for detail in results["verdict"]["details"]:
        assert detail in page.words
    assert page.words.index(word) < page.words.index("What was compared")
    assert "What to do next" in page.words


def test_cannot_tell_says_which_command_would(make_results):
    html = report.build(make_results(None))
    assert "ganjax study digits --replicates 12 --seed 1 --out runs/digits-12" in html


def test_where_another_strength_did_as_well_it_does_not_ask_for_more_images(make_results):
    results = make_results(None)
    results["verdict"]["replicates_to_tell"] = None
    results["comparisons"][0]["rivals"] = [
        {"baseline": "without generated images, strength 0", "difference": -0.001, "low": -0.02,
         "high": 0.02}
    ]  # fmt: skip
    page = Page(report.build(results))
    assert "Collect more test images" not in page.words
    assert "another strength of the classical transforms did as well" in page.words


def test_where_noise_did_as_well_it_says_what_helps(make_results):
    results = make_results(None)
    results["verdict"]["replicates_to_tell"] = None
    results["comparisons"][0]["rivals"] = [
        {"baseline": "without generated images, strength 0", "difference": 0.02, "low": 0.01,
         "high": 0.03},
        {"baseline": CONTROL, "difference": -0.001, "low": -0.02, "high": 0.02},
    ]  # fmt: skip
    page = Page(report.build(results))
    assert "noise in their place did as well: what helps is that it regularises" in page.words
    assert "Both − noise in their place" in page.words
    assert "and against the same training with noise in their place" in page.words
    assert "and against noise in the place of generated images" in page.words


def test_without_enough_test_images_it_asks_for_more(make_results):
    results = make_results(None)
    results["verdict"]["replicates_to_tell"] = None
    assert "Collect more test images" in report.build(results)


def test_what_had_to_be_beaten_without_generated_images_is_shown(make_results):
    results = make_results(True)
    said = "they help only if all these lines lie right of zero"
    assert said not in report.build(results)  # earlier versions compared with one alone
    results["comparisons"][0]["rivals"] = [
        {"baseline": "without generated images, strength 0", "difference": 0.05, "low": 0.03,
         "high": 0.07},
        {"baseline": "without generated images, strength 0.25", "difference": 0.02, "low": -0.041,
         "high": 0.083},
    ]  # fmt: skip
    page = Page(report.build(results))
    assert said in page.words
    assert "Both − strength 0.25" in page.words
    assert "+2.0 (−4.1 to +8.3)" in page.words


def test_help_names_the_mix_that_validation_chose(make_results):
    page = Page(report.build(make_results(True)))
    assert "25% of each batch generated, classical transforms at strength 0.5" in page.words


def test_all_sections_are_there(make_results, make_pictures):
    page = Page(report.build(make_results(True), make_pictures()))
    headings = ("What was compared", "The images", "What was kept and what was thrown away",
                "Are they copies?", "Do they carry T(x)?", "Training", "Class by class",
                "What was chosen", "What it cost", "How far to trust this", "Words",
                "Repeat it")  # fmt: skip
    places = [page.words.rindex(heading) for heading in headings]
    assert all(places)
    ids = [value for _, name, value in page.attributes if name == "id"]
    links = [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert len(ids) == len(set(ids))
    assert links
    assert all(link.removeprefix("#") in ids for link in links)


def test_nothing_is_loaded_and_nothing_runs(make_results, make_pictures):
    html = report.build(make_results(None), make_pictures())
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html
    assert not re.search(r"url\(", html)
    page = Page(html)
    assert "script" not in page.tags
    loads = [v for _, name, v in page.attributes if name in ("src", "srcset", "href", "data")]
    assert loads
    assert all(value.startswith(("data:", "#")) for value in loads)
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]


def test_hostile_names_are_only_text(make_results, make_pictures, make_dropped):
    evil = "<script>alert('x')</script>"
    quote = '" onload="alert(1)'
    results = make_results(True, classes=2, names=[evil, quote])
    results["source"] = results["command"] = f"folder:{evil}"
    results["verdict"]["details"] = [evil]
    results["environment"]["device"] = evil
    results["policy"]["classical"] = evil
    results["arms"][evil] = results["arms"]["both"]
    html = report.build(results, {**make_pictures(classes=2), **make_dropped(classes=2)})
    assert html.count("Not selected: samples of class") == 2
    assert "<script" not in html
    page = Page(html)
    assert "script" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert evil in page.words


PARTS = ("classes", "samples", "arms", "comparisons", "validation", "gan", "classifier", "policy",
         "seconds", "environment", "config", "command", "counts", "image", "verdict")  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_part_leaves_its_section_out(make_results, make_pictures, part):
    results = make_results(None)
    del results[part]
    Page(report.build(results, make_pictures()))


def test_how_the_gans_were_trained_is_told_where_it_is_known(make_results):
    results = make_results(None)
    results["gan"]["in_words"] = "situation tiny: 15 training images per class"
    told = "How they were trained: situation tiny: 15 training images per class."
    assert told in report.build(results)
    assert "How they were trained" not in report.build(make_results(None))


@pytest.mark.parametrize("part", ["history", "parameters", "seeds", "updates"])
def test_missing_training_details_do_no_harm(make_results, part):
    results = make_results(None)
    for block in ("gan", "classifier"):
        results[block].pop(part, None)
    Page(report.build(results))


@pytest.mark.parametrize(
    "part", ["accuracy", "chosen", "confusion", "class_accuracy", "balanced_accuracy", "updates"]
)
def test_missing_parts_of_an_arm_do_no_harm(make_results, part):
    results = make_results(None)
    for arm in results["arms"].values():
        del arm[part]
    Page(report.build(results))


def test_the_least_that_can_be_reported(make_results):
    verdict = make_results(False)["verdict"]
    page = Page(report.build({"schema": 1, "source": "digits", "verdict": verdict}))
    assert verdict["text"] in page.words
    assert "The images" not in page.words


def test_values_that_are_missing_or_not_finite_are_left_out(make_results):
    results = make_results(None)
    for run in results["gan"]["history"]:
        run["generator_loss"][3] = float("nan")
        run["discriminator_loss"] = [None] * len(run["update"])
    for arm in results["arms"].values():
        for row in arm["class_accuracy"]:
            row[4] = None
    html = report.build(results)
    Page(html)
    assert "nan" not in re.sub(r"<style>.*</style>", "", html, flags=re.S).lower()
    assert "no test image" in html


def test_other_pairs_show_their_corrected_p_value_and_the_decisive_one_none(make_results):
    results = make_results(None)
    for p, row in zip((0.0004, 0.031), results["comparisons"][1:], strict=False):
        row["p_value_holm"] = p
    page = Page(report.build(results))
    assert "corrected p < 0.001" in page.words
    assert "corrected p = 0.031" in page.words
    assert page.words.count("corrected p ") == len(results["comparisons"]) - 1


def test_a_wasserstein_critic_is_explained_as_such(make_results):
    results = make_results(None)
    results["config"]["gan"]["loss"] = "wasserstein"
    assert "no natural scale" in report.build(results)


def test_updates_may_be_one_or_one_per_seed(make_results):
    results = make_results(None)
    results["arms"]["both"]["chosen"][0]["updates"] = [150, 1350]
    assert "150, 1,350" in report.build(results)


@pytest.mark.parametrize(("classes", "channels", "size"), [(2, 1, 8), (10, 3, 32), (100, 3, 8)])
def test_few_and_many_classes_grey_and_colour(make_results, make_pictures, classes, channels, size):
    results = make_results(None, classes=classes, channels=channels)
    pictures = make_pictures(classes=classes, channels=channels, size=size)
    html = report.build(results, pictures)
    page = Page(html)
    images = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert len([alt for alt in images if "images of class" in alt]) == 2 * min(classes, 24)
    assert all(images)
    assert len(html) < 1_000_000


def test_charts_have_words_for_those_who_do_not_see_them(make_results):
    page = Page(report.build(make_results(True)))
    charts = sum((name, value) == ("role", "img") for _, name, value in page.attributes)
    labels = [value for _, name, value in page.attributes if name == "aria-label"]
    assert charts >= 20
    assert any(re.match(r"Both: 9.\.\d% \(\d", label) for label in labels)
    assert ("html", "lang", "en") in page.attributes


def test_the_results_are_not_changed_and_json_is_enough(make_results, make_pictures):
    results = json.loads(json.dumps(make_results(None)))
    before = copy.deepcopy(results)
    pictures = make_pictures()
    assert report.build(results, pictures) == report.build(before, pictures)
    assert results == before


def test_write_replaces_all_or_nothing(make_results, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    broken = make_results(None)
    broken["comparisons"][0]["low"] = "no number"
    with pytest.raises((TypeError, ValueError)):
        report.write(path, broken, {})
    assert path.read_text() == "old"
    report.write(path, make_results(True), {"real": np.zeros((10, 2, 8, 8, 1), np.uint8)})
    assert "Yes, they help" in path.read_text(encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_command_is_repeated_with_other_replicates():
    command = "ganjax study folder:'my cats' --out=runs/a/ --replicates 5 --seed 3"
    expected = "ganjax study 'folder:my cats' --replicates 9 --seed 4 --out runs/a-9"
    assert answer.repeat(command, 9, 4) == expected
    assert answer.repeat("", 9, 4) == ""
    assert answer.repeat("an 'open quote", 9, 4) == ""


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123, "+1.2"), (-0.0031, "−0.3"), (0.0, "0.0"), (-0.0001, "0.0")]
)
def test_points_have_a_sign(value, text):
    assert words.points(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.61, "0.6 s"), (61.2, "61 s"), (118.4, "1 min 58 s"), (7500, "2 h 5 min")],
)
def test_durations_are_in_the_unit_of_a_person(seconds, text):
    assert words.duration(seconds) == text


def test_importing_the_room_loads_no_template_engine():
    code = (
        "import sys, ganjax.report; assert 'jinja2' not in sys.modules and 'PIL' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
