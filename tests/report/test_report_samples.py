"""What the report says of the samples: which were used, whether they are copies or carry T(x)."""

import copy
import html as entities
import re

import numpy as np
import pytest

from ganjax import report
from ganjax.report import samples


def words(html):
    """Return a page's text without its tags."""
    bare = re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.S)
    return " ".join(entities.unescape(bare).split())


def without_drops(told):
    told = copy.deepcopy(told)
    for row in told["replicates"]:
        for reason in ("copies", "unselected"):
            row["selection"][f"{reason}_dropped"] = [0] * 10
    return told


def test_where_nothing_was_thrown_away_it_says_so(make_results, make_samples):
    results = {**make_results(True), "samples": without_drops(make_samples())}
    text = words(report.build(results))
    assert "Nothing was thrown away" in text
    assert "Called copies" not in text


def test_what_was_thrown_away_is_counted_for_every_replicate(make_results):
    text = words(report.build(make_results(True)))
    assert "All samples were used, except those that lie as near to one training image" in text
    assert "1 all 5,000 4 2 all 5,000 4" in text
    assert "about one is called a copy all the same" in text


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("agreement", "the 50% were kept that a classifier of the training images is surest of"),
        ("discriminator", "the 50% were kept that the discriminator takes for the most real"),
        ("validation", "chosen in each replicate on its validation images"),
    ],
)
def test_the_way_of_selecting_is_said(make_results, make_samples, select, said):
    results = {**make_results(True), "samples": make_samples(select)}
    text = words(report.build(results))
    assert said in text
    assert "the best 50% 5,000 7,000 4" in text


def test_what_validation_chose_is_framed_among_all_scores(make_results, make_samples):
    results = {**make_results(True), "samples": make_samples("validation", replicates=2)}
    found = samples.kept(results, {})["chosen"]
    assert [name for name, _ in found["rows"]] == [
        "all", "agreement with the label", "agreement, the best 50%", "discriminator, the best 50%",
    ]  # fmt: skip
    assert [[cell["text"] for cell in cells] for _, cells in found["rows"]] == [
        ["23.4%", "23.4%"], ["–", "–"], ["43.5%", "43.5%"], ["53.4%", "53.4%"],
    ]  # fmt: skip
    framed = [[cell["best"] for cell in cells] for _, cells in found["rows"]]
    assert framed == [[False] * 2, [False] * 2, [True] * 2, [False] * 2]
    assert "the test images had no part in it" in words(report.build(results))


def test_what_could_not_be_had_is_told_with_its_replicate(make_results):
    results = make_results(True)
    results["samples"] = copy.deepcopy(results["samples"])
    results["samples"]["replicates"][2]["selection"]["notes"] = ["copies were kept <b>"]
    html = report.build(results)
    assert "Replicate 3: copies were kept <b>." in words(html)
    assert "<b>" not in html


def test_kept_and_dropped_samples_are_shown_by_class_and_reason(
    make_results, make_pictures, make_dropped
):
    pictures = {**make_pictures(), **make_dropped()}
    html = report.build(make_results(True), pictures)
    for kind in ("Kept", "Not selected"):
        assert html.count(f'alt="{kind}: samples of class') == 10
    assert html.count('alt="Called a copy: samples of class 0"') == 1
    assert html.count('alt="Called a copy: samples of class') == 1
    assert html.count('alt="The training images nearest to them"') == 1
    found = samples.kept(make_results(True), pictures)["pictures"]
    widths = [cell and cell["width"] for cell in found["rows"][0]["cells"]]
    assert widths == sorted(widths, reverse=True)  # of 8, 3 and 2 images: each as large as any
    assert widths[0] > 95
    assert 30 < widths[1] < 40
    assert found["rows"][1]["cells"][2] is None


@pytest.mark.parametrize(("classes", "channels", "size"), [(2, 3, 64), (100, 1, 8)])
def test_few_and_many_classes_of_dropped_samples(
    make_results, make_pictures, make_dropped, classes, channels, size
):
    results = make_results(None, classes=classes, channels=channels)
    shape = {"classes": classes, "channels": channels, "size": size}
    html = report.build(results, {**make_pictures(**shape), **make_dropped(**shape)})
    assert html.count('alt="Kept: samples of class') == min(classes, 24)
    assert ("The first 24 of 100 classes of which any was thrown away" in html) == (classes > 24)
    assert len(html) < 1_000_000


def test_an_audit_is_one_sentence_with_the_smallest_share_that_would_show(make_results):
    results = make_results(True, replicates=3)
    results["samples"] = copy.deepcopy(results["samples"])
    second = results["samples"]["replicates"][1]["copies"]
    second |= {"holds_copies": True, "called_copies": 90, "share": 0.081, "copying_z": -5.0,
               "copying": -5.0}  # fmt: skip
    results["samples"]["replicates"][2]["copies"] = {"not_audited": "there are only 4"}
    text = words(report.build(results))
    assert "In 1 of 2 replicates they are, in part" in text
    assert (
        "Replicate 1: 12 of 1,000 samples lie as near to one training image as a copy; of as many "
        "new real images it would be about 10. No sign of copies; a share of 2.2% would have shown."
    ) in text
    assert "They hold copies: about 8.1% (a share of 2.2% would have shown)." in text
    assert "(C_T = −5.0; arXiv 2004.05675)" in text
    assert "Replicate 3: Not looked into: there are only 4." in text


def test_no_audit_at_all_says_why(make_results):
    results = make_results(True)
    for row in results["samples"]["replicates"]:
        row["copies"] = {"not_audited": "there are only 5 training images"}
    text = words(report.build(results))
    assert "Are they copies? It was not looked into: there are only 5 training images." in text


def test_each_transform_has_its_share_interval_and_verdict(make_results):
    html = report.build(make_results(True))
    text = words(html)
    assert 'aria-label="brightness up to ±0.25: 2% (0 to 5)"' in html
    for row in ("samples do not carry it", "the detector cannot see it", "cannot tell"):
        assert row in text
    assert "No change was found on the samples" in text
    assert "First replicate: 1,000 samples" in text


def test_a_leak_is_said_in_words(make_results):
    results = make_results(True)
    block = results["samples"]["replicates"][0]["leaks"]["transforms"][0]
    block |= {"share": 0.4, "low": 0.3, "high": 0.5, "verdict": "leaks"}
    text = words(report.build(results))
    assert "its samples carry brightness up to ±0.25" in text
    assert "40% (30 to 50)" in text
    assert "No change was found" not in text


def test_where_leaks_were_not_looked_for_it_says_why(make_results):
    results = make_results(True)
    results["samples"]["replicates"][0]["leaks"] = {"not_looked_for": "the leak detector was off"}
    text = words(report.build(results))
    assert "Whether this one does was not looked into: the leak detector was off." in text


@pytest.mark.parametrize("found", [None, {}, {"replicates": []}, {"replicates": [{}, {}]}])
def test_results_of_earlier_versions_have_no_such_section(make_results, make_pictures, found):
    results = {**make_results(None), "samples": found}
    text = words(report.build(results, make_pictures()))
    for heading in ("thrown away", "Are they copies?", "Do they carry T(x)?"):
        assert heading not in text


def test_pictures_without_any_dropped_sample_are_no_gallery(make_results, make_pictures):
    nothing = {
        "dropped": np.zeros((0, 8, 8, 1), np.uint8), "dropped_labels": np.zeros(0, np.int32),
        "dropped_copies": np.zeros(0, bool), "nearest": np.zeros((0, 8, 8, 1), np.uint8),
    }  # fmt: skip
    html = report.build(make_results(True), {**make_pictures(), **nothing})
    assert "Kept: samples" not in html
    assert "Samples called copies" not in html


def test_samples_that_lie_nearer_on_the_whole_are_no_simple_no(make_results):
    results = make_results(True, replicates=3)
    for row in results["samples"]["replicates"][:2]:
        row["copies"] |= {"copying": -4.2, "copying_z": -4.2}
    text = words(report.build(results))
    assert "No sign of single copies, but on the whole the samples lie nearer" in text
    assert "(2 of 3 replicates)" in text
    assert text.count("C_T = −4.2") == 2
