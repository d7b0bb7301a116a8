"""The sheet of a set has a row per class, whatever the classes are called."""

import io

import numpy as np
import pytest
from PIL import Image

from ganjax.report import survey
from ganjax.report.survey import LABEL_WIDTH, class_sheet, preview


def images(count, size=8, channels=1, value=100):
    return np.full((count, size, size, channels), value, np.uint8)


def drawn(rows, names):
    return np.asarray(Image.open(io.BytesIO(class_sheet(rows, names))))


@pytest.mark.parametrize("channels", [1, 3])
def test_small_images_are_enlarged_by_whole_factors_and_rows_may_differ(channels):
    sheet = drawn([images(3, channels=channels), images(0, channels=channels)], ["a", "b"])
    assert sheet.shape == (4 + 2 * 52, LABEL_WIDTH + 3 * 52, 3)
    assert (sheet[4:52, LABEL_WIDTH : LABEL_WIDTH + 48] == 100).all()
    assert (sheet[4:52, LABEL_WIDTH + 48 : LABEL_WIDTH + 52] == 255).all()
    assert (sheet[56:, LABEL_WIDTH:] == 255).all()


def test_large_images_stay_as_they_are():
    assert drawn([images(2, size=64)], ["a"]).shape == (4 + 68, LABEL_WIDTH + 2 * 68, 3)


@pytest.mark.parametrize("name", ["シップ\u202e", "x" * 10_000, "", "naïve"])
def test_any_name_is_drawn_in_its_column(name):
    plain, named = drawn([images(2)], [""]), drawn([images(2)], [name])
    np.testing.assert_array_equal(named[:, LABEL_WIDTH - 2 :], plain[:, LABEL_WIDTH - 2 :])
    assert (named != plain).any() == bool(name)


def test_many_classes_are_cut_short_and_it_is_said(monkeypatch):
    monkeypatch.setattr(survey, "MOST_ROWS", 3)
    assert len(drawn([images(1)] * 3, list("abc"))) == 4 + 3 * 52
    five = drawn([images(1)] * 5, list("abcde"))
    assert len(five) == 4 + 4 * 52
    assert (five[4 + 3 * 52 :] < 128).any()


def test_a_preview_is_sixteen_by_eight_characters_of_two_colours():
    image = np.zeros((32, 32, 3), np.uint8)
    image[::2] = image[1::2] = (255, 0, 0)
    image[2::4] = image[3::4] = (0, 0, 255)
    text = preview(image)
    assert text.plain == ("▀" * 16 + "\n") * 8
    assert {span.style for span in text.spans} == {"rgb(255,0,0) on rgb(0,0,255)"}
