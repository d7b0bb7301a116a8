"""The same picture twice is found, within and across splits, and a leaking test is refused."""

from pathlib import Path

import numpy as np
import pytest

from ganjax.config import Reading
from ganjax.data import sources
from ganjax.data.dataset import Dataset, Source
from ganjax.data.duplicates import Place, check_leakage, find, leakage
from ganjax.errors import UserError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "cifar10_folder"
NAMES = ("ant", "bee")


def noise(count, seed):
    return np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 1)).astype(np.uint8)


def dataset(images, split=None, labels=None):
    labels = np.arange(len(images)) % 2 if labels is None else np.array(labels)
    files = None
    if split is not None:
        files = np.array([f"{split}/{i}.png" for i in range(len(images))], object)
    return Dataset("some", images, labels.astype(np.int32), NAMES, files)


def brighter(images):
    return np.clip(images * 1.03 + 2, 0, 255).astype(np.uint8)


def leaking(named=True):
    """Ten training images, five to choose by, ten to test on: 3 leak exactly, 2 nearly."""
    train, validation, test = noise(10, 0), noise(5, 1), noise(10, 2)
    test[[0, 1]] = train[[4, 4]]
    test[2] = validation[3]
    test[3] = brighter(train[7])
    test[4] = brighter(validation[1])
    train[9] = train[8]
    names = ("train", "validation", "test") if named else (None,) * 3
    return Source(dataset(train, names[0]), dataset(test, names[2]), dataset(validation, names[1]))


def refused(source, **kwargs):
    with pytest.raises(UserError) as caught:
        check_leakage(source, Reading(**kwargs))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_exact_groups_go_through_all_splits():
    found = find(leaking().splits())
    groups = [[str(found.place(image)) for image in group] for group in found.exact_groups()]
    assert groups == [
        ["train/4.png", "test/0.png", "test/1.png"],
        ["train/8.png", "train/9.png"],
        ["validation/3.png", "test/2.png"],
    ]
    assert found.place(4) == Place("train", 4, 0, "train/4.png")
    assert [found.count(split) for split in found.names] == [10, 5, 10]


def test_leakage_tells_exact_from_near():
    found = find(leaking().splits())
    exact, near = leakage(found)
    named = lambda pairs: [tuple(str(found.place(i)) for i in pair) for pair in pairs]  # noqa: E731
    assert named(exact) == [
        ("test/0.png", "train/4.png"),
        ("test/1.png", "train/4.png"),
        ("test/2.png", "validation/3.png"),
    ]
    assert named(near) == [("test/3.png", "train/7.png"), ("test/4.png", "validation/1.png")]


def test_overlaps_of_every_pair_of_splits():
    found = find(leaking().splits())

    def counted(split, *others):
        return tuple(map(len, found.overlap(split, others)))

    assert counted("train", "train") == (1, 0)  # one copy beyond the first
    assert counted("test", "test") == (1, 0)
    assert counted("test", "train") == (2, 1)
    assert counted("train", "test") == (1, 1)
    assert counted("test", "validation") == (1, 1)
    assert counted("validation", "train") == (0, 0)
    assert counted("test", "nowhere") == (0, 0)


def test_near_duplicates_of_a_copied_image_count_with_every_copy():
    images = noise(4, 0)
    images = np.concatenate([images, images[:1], brighter(images[:1])])
    found = find({"train": dataset(images)})
    exact, near = found.overlap("train", ["train"])
    assert exact.tolist() == [[4, 0]]
    assert near.tolist() == [[0, 5], [5, 0]]
    across = find({"train": dataset(images[5:]), "test": dataset(images[:5])})
    assert leakage(across).near.tolist() == [[1, 0], [5, 0]]


def test_the_same_picture_with_two_labels():
    images = noise(6, 0)
    images[3], images[5], images[4] = images[0], images[2], brighter(images[1])
    found = find({"train": dataset(images, labels=[0, 0, 1, 1, 1, 1])})
    assert [group.tolist() for group in found.of_two_labels()] == [[0, 3]]
    assert found.near_of_two_labels().tolist() == [[1, 4]]


def test_images_that_are_all_the_same_are_one_group():
    images = np.repeat(noise(1, 0), 5000, axis=0)
    found = find({"train": dataset(images), "test": dataset(images[:3])})
    assert [len(group) for group in found.exact_groups()] == [5003]
    assert len(found.near.pairs) == 0
    assert len(leakage(found).exact) == 3


def test_a_leaking_test_is_refused_with_names_and_what_to_type():
    said = refused(leaking())
    assert said.startswith("some: 3 of 10 test images are in train or validation too (")
    assert "test/0.png is train/4.png; test/1.png is train/4.png; ..." in said
    assert "--allow-leakage" in said


def test_images_without_files_are_named_by_split_and_number():
    assert "test image 0 is train image 4" in refused(leaking(named=False))


def test_foreign_names_are_made_printable():
    source = leaking()
    source.test.files[0] = "te\nst/\u202e.png"
    assert r"te\nst/\u202e.png is train/4.png" in refused(source)


def test_one_leaking_image_is_one():
    source = leaking()
    test = source.test.take(np.array([0, 5, 6]))
    assert "1 of 3 test images is in train too" in refused(source._replace(test=test))


def test_allowed_leakage_is_told_and_near_duplicates_are_no_error():
    lines = check_leakage(leaking(), Reading(allow_leakage=True))
    assert len(lines) == 2
    assert "3 of 10 test images" in lines[0]
    assert "--allow-leakage" in lines[0]
    assert lines[1].startswith("2 of 10 test images are nearly the same as images to train on")
    assert "test/3.png is like train/7.png" in lines[1]
    whole = leaking()
    clean = whole._replace(test=whole.test.take(np.arange(3, 10)))
    (line,) = check_leakage(clean, Reading())
    assert line.startswith("2 of 7 test images are nearly the same")


def test_without_a_test_split_only_near_duplicates_are_told():
    images = noise(8, 0)
    images[5], images[7] = images[1], brighter(images[2])
    (line,) = check_leakage(Source(dataset(images)), Reading())
    assert line.startswith(
        "2 of 8 images are near duplicates (train image 2 is like train image 7)"
    )
    assert check_leakage(Source(dataset(images[:7])), Reading()) == []


def test_a_clean_source_has_nothing_to_tell():
    source = Source(dataset(noise(10, 0)), dataset(noise(10, 1)), dataset(noise(10, 2)))
    assert check_leakage(source, Reading()) == []


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no images at {SHARED}")
def test_real_photographs_have_few_near_duplicates(tmp_path, monkeypatch):
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path))
    source = sources.load(f"folder:{SHARED}")
    found = find(source.splits())
    assert len(found.groups) == 6000
    assert len(found.near.pairs) < 10
    assert len(leakage(found).exact) == 0
