"""A survey says what is in a source, what a study could do with it, and what is wrong."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from ganjax.config import Reading
from ganjax.data import survey as room
from ganjax.data.dataset import Dataset, Source
from ganjax.data.decode import Header
from ganjax.data.listing import Bad
from ganjax.data.sources import load
from ganjax.data.survey import pictures, survey

NAMES = ("ant", "=cmd", "<script>")


def noise(count, seed, size=12):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3)).astype(np.uint8)


def dataset(counts, seed=0, name="some", split=None):
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    files = split and np.array([f"{split}/{i}.png" for i in range(len(labels))], object)
    return Dataset(name, noise(len(labels), seed), labels, NAMES[: len(counts)], files)


def surveyed(source, **reading):
    found = survey(source, Reading(**reading))
    json.dumps(asdict(found), allow_nan=False)  # whatever is in it
    return found


def saying(found, words):
    return [line for line in found.suggestions if words in line]


def test_digits_are_as_they_should_be():
    found = surveyed(load("digits"))
    assert found.source == "digits"
    assert sum(found.counts["train"]) == 1797
    assert list(found.counts) == ["train"]
    assert found.sizes == {"8x8": 1797}
    assert found.modes == {"L": 1797}
    assert (found.width, found.height, found.channels, found.padded) == (8, 8, 1, 8)
    assert found.imbalance == pytest.approx(183 / 174)
    assert not found.problems
    assert not found.suggestions
    assert not found.near_duplicates
    assert found.study.refused is None
    assert found.study.test_images == 719  # 40 % of every class
    assert found.study.largest_per_class == 104
    assert found.study.independent_per_class == 20


def test_what_the_images_were_and_what_they_become():
    kinds = {Header(40, 30, "P"): 20, Header(12, 12, "RGB"): 25, Header(40, 30, "L"): 15}
    found = surveyed(Source(dataset((30, 30)), notes=("cropped",), kinds=kinds))
    assert list(found.sizes.items()) == [("40x30", 35), ("12x12", 25)]
    assert list(found.modes) == ["RGB", "P", "L"]
    assert (found.width, found.padded, found.channels) == (12, 16, 3)
    assert found.notes == ["cropped"]


def test_a_study_of_a_source_with_its_own_test():
    source = Source(dataset((30, 40)), dataset((6, 9), 1), dataset((5, 5), 2))
    study = surveyed(source).study
    assert (study.test_images, study.fewest_test_images) == (15, 6)
    assert (study.largest_per_class, study.independent_per_class) == (35, 7)


def test_too_few_test_images_refuse_a_study():
    found = surveyed(Source(dataset((30, 4))))
    assert "test images" in found.study.refused
    assert saying(found, "a study would refuse it")
    assert not found.problems  # it can be trained on


def test_imbalance_and_small_classes_are_pointed_out():
    found = surveyed(Source(dataset((300, 25, 12))))
    assert found.imbalance == 25
    assert saying(found, "25 times")
    assert saying(found, "1 class has fewer than 20 images to train on (<script>: 12)")
    empty = surveyed(Source(dataset((30, 30, 0))))
    assert empty.imbalance is None
    assert saying(empty, "<script>: 0")


def test_few_test_images_are_told_with_what_they_can_show():
    (line,) = saying(surveyed(Source(dataset((100, 100)), dataset((50, 50), 1))), "test images")
    assert "of 100 test images" in line
    assert "±5.9%" in line


def test_copies_within_and_across_splits():
    train, test = dataset((30, 30), split="train"), dataset((10, 10), 1, split="test")
    train.images[1] = train.images[0]
    train.images[59] = train.images[2]
    test.images[4] = train.images[7]
    test.images[5] = np.clip(train.images[40] * 1.03, 0, 255)
    found = surveyed(Source(train, test))
    assert [(c.split, c.within, c.exact, c.near) for c in found.copies] == [
        ("train", "train", 2, 0),
        ("test", "test", 0, 0),
        ("test", "train", 1, 1),
    ]
    assert [[image["file"] for image in group] for group in found.duplicates] == [
        ["train/0.png", "train/1.png"],
        ["train/2.png", "train/59.png"],
        ["train/7.png", "test/4.png"],
    ]
    assert found.two_labels == [found.duplicates[1]]
    assert found.leaking == [[found.duplicates[2][1], found.duplicates[2][0]]]
    assert found.leaking[0][0] == {"split": "test", "row": 4, "label": 0, "file": "test/4.png"}
    assert len(found.near_duplicates) == len(found.near_two_labels) == 1
    assert saying(found, "2 images of train are copies")
    assert saying(found, "(train/2.png is ant, train/59.png =cmd): correct one")
    assert saying(found, "1 of 20 test images is nearly the same")
    (problem,) = found.problems
    assert "1 of 20 test images is in train too" in problem


def test_allowed_leakage_is_no_problem_but_is_told():
    source = Source(dataset((30, 30)), dataset((10, 10)))  # of the same noise
    assert len(surveyed(source).problems) == 1
    found = surveyed(source, allow_leakage=True)
    assert not found.problems
    assert saying(found, "20 of 20 test images are in train too")


def test_bad_images_are_all_listed_and_too_many_are_a_problem():
    bad = [Bad("train", 1, f"train/b\n{i}.png", "is no image") for i in range(3)]
    source = Source(dataset((30, 30)), bad=(*bad, Bad("test", -1, "x.png", "is a folder")))
    found = surveyed(source)
    assert found.bad_counts == [0, 3]
    assert len(found.bad) == 4
    assert found.bad[0]["file"] == r"train/b\n0.png"
    assert not found.problems
    assert "--on-bad skip" in surveyed(source, on_bad="fail").problems[0]
    many = surveyed(Source(dataset((30, 30)), bad=tuple(bad) * 2))
    assert "6 of the 36 images of class =cmd" in many.problems[0]


def test_what_is_listed_is_bounded(monkeypatch):
    monkeypatch.setattr(room, "MOST_LISTED", 4)
    train = dataset((40, 40))
    train.images[:20] = train.images[:1]
    for first in range(20, 40, 2):
        train.images[first + 1] = train.images[first]
    found = surveyed(Source(train))
    assert [len(group) for group in found.duplicates] == [4, 2, 2, 2]
    assert found.copies[0].exact == 19 + 10


def test_pictures_are_spread_over_each_class():
    train = dataset((10, 2, 0))
    shown = pictures(train, 4)
    assert [own.shape for own in shown] == [(4, 12, 12, 3), (2, 12, 12, 3), (0, 12, 12, 3)]
    np.testing.assert_array_equal(shown[0], train.images[[0, 3, 6, 9]])
