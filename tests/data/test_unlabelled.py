"""Images without labels: where sources bring them, what is never among them, what is refused."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganjax.config import Reading
from ganjax.data import from_arrays, splits
from ganjax.data.dataset import Dataset, Source
from ganjax.data.duplicates import check_leakage, find
from ganjax.data.reading import read
from ganjax.data.sources import checked, load, unread
from ganjax.data.survey import survey
from ganjax.errors import UserError
from ganjax.progress import Silent

NOISE = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 1), np.uint8)
TRAIN, TEST, HIDDEN = NOISE[:40], NOISE[40:60], NOISE[60:]
LABELS, TEST_LABELS = np.arange(40) % 2, np.arange(20) % 2


class Told(Silent):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """No test may read or fill the cache of the person who runs it."""
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two classes of 3 images in train/, and 4 images in unlabelled/."""
    for i in range(6):
        save(tmp_path / "train" / "ab"[i % 2] / f"{i}.png", NOISE[i])
    for i in range(6, 10):
        save(tmp_path / "unlabelled" / f"{i}.png", NOISE[i])
    return tmp_path


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0]).save(path)


def zipped(folder: Path, to: Path) -> str:
    with zipfile.ZipFile(to, "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(folder))
    return f"zip:{to}"


def arrays(**given) -> Source:
    return from_arrays(TRAIN, LABELS, **given)


def keys(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def assert_hidden(source: Source, images: np.ndarray) -> None:
    assert set(source.unlabelled.labels) == {-1}
    assert source.unlabelled.labels.dtype == np.int32
    assert keys(source.unlabelled.images) == keys(images)
    assert not source.unlabelled.counts().any()
    assert not keys(source.train.images) & keys(images)


def refused(source: str, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        load(source, unlabelled=True, **kwargs)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_folder_beside_train_brings_images_without_labels(folder, tmp_path_factory):
    save(folder / "unlabelled" / "b" / "x.png", NOISE[10])  # of a class, which is not looked at
    packed = zipped(folder, tmp_path_factory.mktemp("zip") / "set.zip")
    for source in (f"folder:{folder}", packed):
        found = load(source, unlabelled=True)
        assert_hidden(found, NOISE[6:11])
        assert found.train.class_names == ("a", "b")
        assert found.train.counts().tolist() == [3, 3]


def test_unasked_they_are_not_read_and_that_is_said(folder, tmp_path_factory):
    packed = zipped(folder, tmp_path_factory.mktemp("zip") / "set.zip")
    for source in (f"folder:{folder}", packed):
        whole = load(source, unlabelled=True)  # now in the cache
        found = load(source)
        assert found.unlabelled is None
        assert any("not read: 4 images without labels" in line for line in found.notes)
        assert not any("without labels" in line for line in whole.notes)
        np.testing.assert_array_equal(found.train.images, whole.train.images)
        assert len(unread(source)) == 6


@pytest.mark.parametrize("in_part", [False, True], ids=["in a file", "one by one"])
def test_unread_ones_come_after_those_with_labels(folder, in_part):
    images = unread(f"folder:{folder}", unlabelled=True, in_part=in_part)
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1, -1, -1, -1, -1]
    few, many = splits.part_labelled(images, 2, unlabelled="rest", seed=0)
    assert (len(few), len(many)) == (4, 6)
    taken = many.take(np.arange(6))
    assert taken.labels.tolist() == [-1] * 6 == many.labels.tolist()
    assert keys(taken.images) >= keys(NOISE[6:10])
    assert not keys(taken.images) & keys(few.take(np.arange(4)).images)
    assert set(many.only(np.arange(3)).labels) == {-1}
    own = splits.part_labelled(images, None, unlabelled="rest", seed=0)
    assert keys(own[1].take(np.arange(4)).images) == keys(NOISE[6:10])
    assert len(own[0]) == 6


def test_arrays_bring_them_in_python_and_in_a_file(tmp_path):
    assert_hidden(arrays(unlabelled=HIDDEN), HIDDEN)
    np.savez(tmp_path / "set.npz", images=TRAIN, labels=LABELS, unlabelled_images=HIDDEN)
    source = f"npz:{tmp_path / 'set.npz'}"
    assert_hidden(load(source, unlabelled=True), HIDDEN)
    assert load(source).unlabelled is None
    assert "not read: unlabelled_images" in load(source).notes


def test_they_become_what_the_others_become():
    hidden = np.random.default_rng(1).random((4, 12, 12, 3))
    found = read(arrays(unlabelled=hidden), None, Reading(), True, Silent(), unlabelled=True)
    assert found.unlabelled.images.shape == (4, 8, 8, 3)
    assert found.unlabelled.images.dtype == np.uint8


def test_bad_ones_are_left_out_unless_too_many_are(folder):
    for i in range(20):
        save(folder / "unlabelled" / f"more{i}.png", NOISE[20 + i])
    (folder / "unlabelled" / "broken.png").write_bytes(b"no image")
    found = load(f"folder:{folder}", unlabelled=True)
    assert [(bad.split, bad.label) for bad in found.bad] == [("unlabelled", -1)]
    assert len(found.unlabelled) == 24
    for i in range(3):
        (folder / "unlabelled" / f"broken{i}.png").write_bytes(b"no image")
    said = refused(f"folder:{folder}")
    assert "4 of its 28 images without labels cannot be used, more than 10%" in said
    assert len(load(f"folder:{folder}").bad) == 0


def test_a_copy_of_an_own_test_image_among_them_is_leakage(folder):
    leaking = arrays(test=(TEST, TEST_LABELS), unlabelled=np.concatenate([HIDDEN, TEST[:3]]))
    with pytest.raises(UserError, match=r"3 of 20 test images are in unlabelled too"):
        read(leaking, None, Reading(), True, Silent(), unlabelled=True)
    assert read(leaking, None, Reading(), True, Silent()).unlabelled is None
    told = Told()
    read(leaking, None, Reading(allow_leakage=True), True, told, unlabelled=True)
    assert any("in unlabelled too" in line for line in told.lines)
    assert check_leakage(arrays(test=(TEST, TEST_LABELS), unlabelled=HIDDEN), Reading()) == []
    save(folder / "test" / "a" / "t.png", NOISE[6])
    with pytest.raises(UserError, match=r"1 of 1 test images is in unlabelled too"):
        unread(f"folder:{folder}", unlabelled=True)


def test_no_copy_of_a_drawn_test_image_nor_of_another_is_among_them():
    source = arrays(unlabelled=np.concatenate([TRAIN, HIDDEN, HIDDEN]))
    pool, sealed = splits.part(source, test_fraction=0.4, seed=0)
    assert sealed.size == 16
    assert (pool.labels >= 0).sum() == 24  # of a copy, the one with a label stays
    assert keys(pool.images[pool.labels < 0]) == keys(HIDDEN)
    assert len(pool) == 24 + len(HIDDEN)


def test_no_label_is_not_another_label():
    source = arrays(unlabelled=TRAIN[:4])
    found = find(source.splits())
    assert len(found.exact_groups()) == 4
    assert found.of_two_labels() == []
    assert len(found.near_of_two_labels()) == 0


def test_a_survey_counts_them_apart():
    found = survey(arrays(unlabelled=HIDDEN), Reading())
    assert found.unlabelled == len(HIDDEN)
    assert found.counts == {"train": [20, 20]}
    assert survey(arrays(), Reading()).unlabelled is None


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            ["unlabelled/c/0.png"],
            "{}/unlabelled has classes that {}/train has not: c: nothing could be learnt of them",
        ),
        (["unlabelled/notes.txt"], "{}/unlabelled holds no image (.png"),
        (["unlabelled/a/deep/0.png"], "holds no image (.png"),
        (["unlabelled/0.png", "Unlabeled/1.png"], "give one folder per split"),
    ],
)
def test_a_folder_that_is_none_is_refused(tmp_path, files, said):
    for i, name in enumerate([*files, "train/a/0.png", "train/b/0.png"]):
        save(tmp_path / Path(name).with_suffix(".png"), NOISE[i])
        (tmp_path / Path(name).with_suffix(".png")).rename(tmp_path / name)
    assert said in refused(f"folder:{tmp_path}").replace(str(tmp_path), "{}")


def test_a_class_called_unlabelled_is_pointed_out(tmp_path):
    for i, name in enumerate(("a", "b", "unlabelled")):
        save(tmp_path / name / "0.png", NOISE[i])
    found = load(f"folder:{tmp_path}", unlabelled=True)
    assert found.train.class_names == ("a", "b", "unlabelled")
    assert any("the folder unlabelled is read as a class" in line for line in found.notes)


def test_labels_absent_altogether_are_refused(tmp_path):
    with pytest.raises(UserError, match="has the label -1; no image has a label"):
        from_arrays(TRAIN, np.full(40, -1), unlabelled=HIDDEN)
    bare = Dataset("bare", TRAIN, np.full(40, -1, np.int32), ("a", "b"))
    with pytest.raises(UserError, match="none of the 40 images of bare has a label"):
        checked(Source(bare))
    save(tmp_path / "train" / "0.png", NOISE[0])
    save(tmp_path / "unlabelled" / "1.png", NOISE[1])
    assert "holds images but no class folders" in refused(f"folder:{tmp_path}")


def test_an_empty_array_is_refused():
    with pytest.raises(UserError, match=r"unlabelled has the shape \[0, 8, 8\].* at least 1 image"):
        arrays(unlabelled=np.zeros((0, 8, 8), np.uint8))
