"""A gain in real images: exact on a curve that is a line, careful where little is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
from test_study_results import make_records

from ganjax.study.arms import PARTS, Entry, part_name
from ganjax.study.worth import worth

IMAGES = 4000


def records_with(per_doubling, gain, *, noise=0.0):
    """Records whose learning curve rises by so much per doubling; one right answer per image."""
    found = []
    rng = np.random.default_rng(0)
    for record in make_records(gain=gain, images=IMAGES):
        rows, entries = [], dict(record.entries)
        for part in PARTS:
            skill = 0.7 + per_doubling * np.log2(part) + noise * rng.normal()
            right = np.arange(IMAGES) < round(skill * IMAGES)
            rows.append(np.where(right, record.labels, (record.labels + 1) % 4)[None].repeat(2, 0))
            entries[part_name(part)] = Entry(0, 10, 0.9, 0.3)
        predictions = np.concatenate([record.predictions, np.array(rows, np.int32)])
        found.append(replace(record, entries=entries, predictions=predictions))
    return found


def test_a_gain_as_large_as_that_of_twice_the_images_is_worth_as_many_more():
    found = worth(records_with(0.04, 0.04), fit_per_class=15)
    assert found["per_doubling"]["estimate"] == pytest.approx(0.04, abs=1e-3)
    assert found["more"]["estimate"] == pytest.approx(15, rel=0.3)
    assert found["more"]["low"] < found["more"]["estimate"] < found["more"]["high"]
    assert [point["images"] for point in found["points"]] == [3.8, 7.5, 15]
    assert [point["accuracy"] for point in found["points"]] == pytest.approx([0.62, 0.66, 0.7])
    assert "real images per class (from" in found["text"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_no_gain_is_worth_nothing():
    found = worth(records_with(0.04, -0.05), fit_per_class=15)
    assert found["more"] == {"estimate": 0.0, "low": 0.0, "high": 0.0}
    assert "brought nothing" in found["text"]


def test_where_more_real_images_bring_nothing_no_number_is_made_up():
    found = worth(records_with(-0.01, 0.03), fit_per_class=15)
    assert found["more"]["estimate"] is None
    assert "no sign that more real images of this kind would help" in found["text"]


def test_a_curve_is_not_followed_for_ever():
    found = worth(records_with(0.002, 0.1), fit_per_class=15)
    assert found["more"]["high"] is None
    assert "more than 100 times as many" in found["text"]


def test_without_a_learning_curve_nothing_is_said():
    assert worth(make_records(), fit_per_class=15) is None
