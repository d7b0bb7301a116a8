"""The report of a restoration: one file, in words first, with every number and every picture."""

import base64
import copy
import io
import re
from html.parser import HTMLParser
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from ganjax.report import restoration
from ganjax.report.restored_pictures import LARGEST, difference, laid_out
from ganjax.report.restored_words import signed, similarity


class Shown(NamedTuple):
    name: str
    original: np.ndarray
    degraded: np.ndarray
    restored: dict
    psnr: dict


def interval(mean, half):
    return {"mean": mean, "low": mean - half, "high": mean + half}


def method(name, kind, psnr, ssim, distance, accuracy, weight=None):
    gained = kind != "degraded"
    return {
        "name": name, "weight": weight, "kind": kind, "psnr": interval(psnr, 0.2),
        "ssim": interval(ssim, 0.01), "feature_distance": interval(distance, 0.1),
        "psnr_gain": interval(psnr - 20, 0.1) if gained else None,
        "ssim_gain": interval(ssim - 0.4, 0.01) if gained else None,
        "accuracy": interval(accuracy, 0.01), "seconds": 3.0 if gained else None,
        "recovered": interval((accuracy - 0.6) / 0.3, 0.02) if gained else None,
    }  # fmt: skip


@pytest.fixture(name="results")
def make_results():
    return {
        "schema": 1, "source": "folder:<BSD>", "degradation": "noise:25",
        "degradation_in_words": "Gaussian noise of sigma 25", "images": 68, "height": None,
        "width": None, "channels": 1, "command": "ganjax restore evaluate RUN folder:BSD",
        "features": "a classifier", "clean_accuracy": interval(0.9, 0.01), "notes": ["Left out."],
        "methods": [
            method("degraded", "degraded", 20.0, 0.4, 60.0, 0.6),
            method("non-local means", "classical", 27.0, 0.74, 18.0, 0.7),
            method("total variation", "classical", 26.0, 0.70, 22.0, 0.65),
            method("w0.03", "restored", 28.0, 0.8, 5.0, 0.84, 0.03),
            method("w0", "restored", 29.0, 0.84, 12.0, 0.87, 0.0),
        ],
    }  # fmt: skip


def make_pictures(height=20, width=16, channels=1, names=("w0", "w0.03")):
    rng = np.random.default_rng(0)
    original = rng.integers(40, 200, (height, width, channels), dtype=np.uint8)
    restored = {name: original + np.uint8(i + 3) for i, name in enumerate(names)}
    shown = Shown("a <b>.png", original, original + np.uint8(20), restored, {
        "degraded": 20.5, **dict.fromkeys(names, 29.25),
    })  # fmt: skip
    crops = ("here", *[original[:8, :8]] * 4)
    return {"typical": [shown] * 6, "worst": [shown], "best": [shown], "invented": [crops]}


class Page(HTMLParser):
    """The open tags of a page, which must all be closed, and its pictures."""

    void = frozenset({"meta", "link", "img", "line", "circle", "path", "rect", "br", "i"})

    def __init__(self, html):
        super().__init__()
        self.open, self.images, self.ids, self.anchors = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids += [given["id"]] if "id" in given else []
        self.anchors += [given["href"][1:]] if given.get("href", "").startswith("#") else []
        self.images += [given] if tag == "img" else []
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.void:
            assert self.open.pop() == tag


def text(html):
    html = re.sub(r"<style>.*</style>", "", html, flags=re.S)
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_the_page_is_one_sound_file(results):
    html = restoration.build(results, make_pictures())
    page = Page(html)
    assert page.open == []
    assert set(page.anchors) <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    for outside in ("http://", "https://", "<script", "@import", "url(", "<b>.png", "<BSD>"):
        assert outside not in html
    assert all(image["alt"] and image["src"].startswith("data:") for image in page.images)
    # At most 4 of a kind: original, degraded, 2 restored and 3 differences each; 4 crops
    assert len(page.images) == (4 + 1 + 1) * 7 + 4


def test_the_answer_stands_in_words(results):
    found = restoration.answer(results)
    assert (found["kind"], found["word"]) == ("yes", "Nearer to the originals")
    assert found["lines"] == [
        "The restored images are 9.00 dB nearer to the originals than the degraded ones (95% "
        "interval 8.90 to 9.10): 29.00 dB of PSNR instead of 20.00. On a typical image the squared "
        "error is 7.94 times smaller.",
        "Their likeness in structure, SSIM, is 0.840, +0.440 over the degraded images’ (95% "
        "interval +0.430 to +0.450); 1 would be the originals themselves.",
        "The best of the classical methods, non-local means, reaches 27.00 dB: the restorer is "
        "2.00 dB better.",
        "A classifier that learnt from clean images names 90.0% of the originals rightly, 60.0% of "
        "the degraded images and 87.0% of the restored ones: 90% of what it had lost (95% interval "
        "88% to 92%).",
        "Adversarial training of weight 0.03 changed the PSNR by −1.00 dB, and the distance to "
        "real images from 12 to 5.",
    ]


@pytest.mark.parametrize(
    ("gain", "kind", "said"),
    [
        ((-1, 0.2), "no", "1.00 dB farther from the originals than the degraded ones (95% "),
        ((0.1, 0.2), "unclear", "0.10 dB nearer to the originals than the degraded ones (95% "),
    ],
)
def test_no_gain_is_said_as_plainly(results, gain, kind, said):
    results["methods"][-1]["psnr_gain"] = interval(*gain)
    found = restoration.answer(results)
    assert found["kind"] == kind
    assert said in found["lines"][0]


def test_a_paired_gain_over_the_classical_method_is_told_with_its_interval(results):
    over = {"name": "non-local means", "psnr": interval(2.1, 0.3)}
    results["methods"][-1]["over_classical"] = over
    assert restoration.answer(results)["lines"][2].endswith(
        "reaches 27.00 dB; the restorer’s +2.10 dB beside it (95% interval +1.80 to +2.40)."
    )


def test_every_number_of_every_method_is_in_the_table(results):
    found = restoration.table(results)
    assert found["columns"] == ["PSNR, dB", "gain, dB", "SSIM", "gain", "Feature distance", "Time"]
    rows = {row["name"]: row["cells"] for row in found["rows"]}
    assert list(rows) == [
        "Degraded", "Non-local means", "Total variation", "Restored, weight 0.03",
        "Restored, plain",
    ]  # fmt: skip
    assert rows["Non-local means"][:2] == [("27.00", "26.80 to 27.20"), ("+7.00", "+6.90 to +7.10")]
    assert rows["Degraded"][1] == ("–", "")
    for own in results["methods"]:
        own["feature_distance"] = None
    assert "Feature distance" not in restoration.table(results)["columns"]


def test_fidelity_against_distance_by_weight(results):
    (restored, *classical) = restoration.tradeoff(results)["chart"].groups
    assert [dot.label for dot in restored.dots] == ["0", "0.03"]
    assert restored.dots[0].x > restored.dots[1].x
    assert restored.dots[0].y > restored.dots[1].y
    assert [group.name for group in classical] == ["Non-local means", "Total variation"]
    assert "It may invent texture." in text(restoration.build(results))
    for own in results["methods"]:
        own["feature_distance"] = None
    assert restoration.tradeoff(results)["chart"] is None
    assert "It may invent texture." in text(restoration.build(results))
    results["methods"] = [own for own in results["methods"] if not own["weight"]]
    assert restoration.tradeoff(results) is None
    assert "It may invent texture." not in text(restoration.build(results))


def test_what_is_missing_is_left_out(results):
    bare = {"methods": [{"name": "restored", "kind": "restored"}]}
    for given in ({}, bare, {**results, "methods": results["methods"][:1]}):
        html = restoration.build(given)
        assert Page(html).open == []
        assert "No restorer was evaluated." in html
    without = copy.deepcopy(results)
    without["clean_accuracy"] = None
    for own in without["methods"]:
        own["accuracy"] = own["recovered"] = None
        own["psnr"]["low"] = own["psnr"]["high"] = None
    html = restoration.build(without)
    assert "Worth to a classifier" not in html
    assert "nan" not in text(html).lower()
    assert "None" not in text(html)


def test_one_restorer_is_called_just_that(results):
    results["methods"] = [results["methods"][0], results["methods"][-1]]
    said = text(restoration.build(results, make_pictures(names=("w0",))))
    assert "Restored, plain" not in said
    assert "classical" not in said


def test_differences_are_stretched_by_one_stated_factor(results):
    found = laid_out(results, make_pictures())
    assert found["factor"] == 16
    html = restoration.build(results, make_pictures())
    assert "16 times as strong as it is" in html
    cells = found["shown"][0]["rows"][0]["cells"]
    assert [cell["note"] for cell in cells] == ["", "20.50 dB", "29.25 dB", "29.25 dB"]
    assert pixels(cells[2]["below"])[..., :3].max() == 3 * 16
    assert pixels(cells[1]["below"])[..., :3].min() == 255  # 20 x 16, cut
    assert difference(np.uint8([0, 255]), np.uint8([255, 250]), 8).tolist() == [255, 40]


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2]))))


@pytest.mark.parametrize("channels", [1, 3])
def test_of_a_large_image_the_worst_part_is_shown(results, channels):
    given = make_pictures(LARGEST + 60, 2 * LARGEST + 41, channels)
    shown = given["worst"][0]
    top, left = 40, 150
    shown.restored["w0"][top : top + LARGEST, left : left + LARGEST] += 30
    found = laid_out(results, given)
    assert found["in_part"]
    original, _, plain, _ = found["shown"][1]["rows"][0]["cells"]
    cut = shown.restored["w0"][top : top + LARGEST, left : left + LARGEST]
    np.testing.assert_array_equal(pixels(plain["picture"])[..., :channels], cut)
    whole = pixels(original["below"])
    assert whole.shape[:2] == (94, 149)
    assert whole[top // 2, left // 2, :3].tolist() == [213, 94, 0]


def test_identical_images_have_no_number(results):
    given = make_pictures()
    given["best"][0].psnr["w0"] = float("inf")
    assert laid_out(results, given)["shown"][2]["rows"][0]["cells"][2]["note"] == "identical"


def test_differences_of_nothing_have_no_sign():
    written = signed(similarity)
    assert [written(v) for v in (0.0, -0.0002, 0.0002, -0.02, 0.02)] == [
        "0.000", "0.000", "0.000", "−0.020", "+0.020",
    ]  # fmt: skip


def test_the_page_is_written_whole(tmp_path, results):
    path = tmp_path / "report.html"
    restoration.write(path, results, make_pictures())
    assert path.read_text("utf-8") == restoration.build(results, make_pictures())
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
