"""What is written reads back, is marked as what it is, and nothing that was there is lost."""

import csv
import hashlib
import io
import json
import resource
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganjax.data.export import Contents, Images, png, write_labelled_images, write_set
from ganjax.data.export.picture import pngs
from ganjax.data.sources import load
from ganjax.errors import UserError
from ganjax.progress import Silent


def labelled(classes: int, channels: int = 1):
    labels = np.arange(classes, dtype=np.int32).repeat(3)
    images = np.random.default_rng(0).integers(
        0, 256, (len(labels), 8, 8, channels), dtype=np.uint8
    )
    return images, labels


def augmented():
    """Two real images, then three generated ones, of two classes."""
    pixels = np.random.default_rng(1).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    contents = Contents(
        class_names=("ant", "bee"),
        shape=(8, 8, 3),
        labels=np.array([1, 0, 0, 1, 0], np.int32),
        real=2,
        seed=7,
        model="ab" * 32,
        facts={"trained_on": "digits"},
    )

    def make(first: int):
        if first == 0:
            yield Images(pixels[:2], files=np.array(["a.jpg", "=b.jpg"], object))
        yield Images(pixels[2:], scores=np.array([-1.5, 0.25, 3], np.float32))

    return contents, make, pixels


def rows(folder):
    with open(folder / "metadata.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in _files(folder)}


def _files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("channels", [1, 3])
def test_round_trip_is_exact(tmp_path, channels):
    images, labels = labelled(2, channels)
    write_labelled_images(tmp_path / "out", images, labels, ("ant", "bee"))
    source = load(f"folder:{tmp_path / 'out'}", cache=False)
    assert source.test is None
    np.testing.assert_array_equal(source.train.images, images)
    np.testing.assert_array_equal(source.train.labels, labels)
    assert source.train.class_names == ("ant", "bee")


def test_the_manifest_tells_what_there_is_and_every_byte_is_under_a_checksum(tmp_path):
    images, labels = labelled(2)
    out = tmp_path / "out"
    write_labelled_images(out, images, labels, ("ant", "bee"), facts={"why": "a test"})
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["schema"], manifest["format"], manifest["why"]) == (1, "folder", "a test")
    assert manifest["counts"] == [3, 3]
    assert manifest["real"] == {"ant": 3, "bee": 3}
    assert manifest["generated"] == {"ant": 0, "bee": 0}
    assert manifest["classes"] == manifest["folders"] == ["ant", "bee"]
    assert manifest["versions"]["ganjax"]

    content = tree(out)
    checked = {"manifest.json"}
    for told in manifest["files"]:
        assert hashlib.sha256(content[told["file"]]).hexdigest() == told["sha256"]
        assert len(content[told["file"]]) == told["bytes"]
        checked.add(told["file"])
    for row in rows(out):
        assert hashlib.sha256(content[row["file_name"]]).hexdigest() == row["sha256"]
        checked.add(row["file_name"])
    assert checked == set(content)


def test_a_row_tells_what_each_image_is(tmp_path):
    contents, make, _ = augmented()
    assert write_set(tmp_path / "out", contents, make)
    found = rows(tmp_path / "out")
    assert list(found[0]) == [
        "file_name", "label", "class", "source", "seed", "index", "model", "score", "original",
        "sha256",
    ]  # fmt: skip
    plain = [
        [row[n] for n in ("file_name", "label", "class", "source", "seed", "index", "score")]
        for row in found
    ]
    assert plain == [
        ["bee/real_0000000.png", "1", "bee", "real", "", "0", ""],
        ["ant/real_0000001.png", "0", "ant", "real", "", "1", ""],
        ["ant/generated_0000000.png", "0", "ant", "generated", "7", "0", "-1.5"],
        ["bee/generated_0000001.png", "1", "bee", "generated", "7", "1", "0.25"],
        ["ant/generated_0000002.png", "0", "ant", "generated", "7", "2", "3.0"],
    ]
    assert [row["original"] for row in found] == ["a.jpg", "'=b.jpg", "", "", ""]
    assert [row["model"] for row in found] == [""] * 2 + ["ab" * 32] * 3


def test_generated_images_carry_their_mark_and_real_ones_do_not(tmp_path):
    contents, make, pixels = augmented()
    write_set(tmp_path / "out", contents, make)
    for number, row in enumerate(rows(tmp_path / "out")):
        with Image.open(tmp_path / "out" / row["file_name"]) as image:
            image.load()
            np.testing.assert_array_equal(np.asarray(image), pixels[number])
            marks = image.text
        if row["source"] == "real":
            assert marks == {}
            continue
        assert marks.pop("Software").startswith("ganjax ")
        assert marks == {
            "ganjax:generated": "1",
            "ganjax:seed": "7",
            "ganjax:index": row["index"],
            "ganjax:label": row["label"],
            "ganjax:model": "ab" * 32,
        }


def test_nothing_is_dated_and_the_same_set_is_the_same_bytes_whatever_comes_at_a_time(tmp_path):
    contents, make, pixels = augmented()
    write_set(tmp_path / "one", contents, make)
    others = {"files": ["a.jpg", "=b.jpg"], "scores": np.array([-1.5, 0.25, 3], np.float32)}

    def one_by_one(first: int):
        for i in range(first, 5):
            if i < 2:
                yield Images(pixels[i : i + 1], files=others["files"][i : i + 1])
            else:
                yield Images(pixels[i : i + 1], scores=others["scores"][i - 2 : i - 1])

    write_set(tmp_path / "other", contents, one_by_one)
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


def test_a_set_without_labels_or_with_too_few_images_is_no_set(tmp_path):
    images, labels = labelled(2)
    with pytest.raises(ValueError, match="6 images but 5 labels"):
        write_labelled_images(tmp_path / "out", images, labels[:5], ("ant", "bee"))
    contents, _, pixels = augmented()
    with pytest.raises(ValueError, match="4 images were made for 5 labels"):
        write_set(tmp_path / "out", contents, lambda first: iter([Images(pixels[first:4])]))
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_refused_untouched(tmp_path):
    images, labels = labelled(2)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        write_labelled_images(tmp_path, images, labels, ("ant", "bee"))
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_taken(tmp_path):
    images, labels = labelled(2)
    out = tmp_path / "out"
    out.mkdir()
    write_labelled_images(out, images, labels, ("ant", "bee"))
    assert (out / "manifest.json").exists()
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_of_folders_that_are_missing_is_made(tmp_path):
    images, labels = labelled(2)
    write_labelled_images(tmp_path / "a" / "b" / "out", images, labels, ("ant", "bee"))
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["out"]


class Failing(Silent):
    """Progress that is interrupted after three images."""

    def stage(self, name, total, unit):
        class Stage:
            def __enter__(self):
                return self.tick

            def __exit__(self, *error):
                return False

            def tick(self, done, note=""):
                raise KeyboardInterrupt

        return Stage()


def test_a_failure_leaves_nothing_of_arrays_in_memory(tmp_path):
    images, labels = labelled(2)
    with pytest.raises(KeyboardInterrupt):
        write_labelled_images(tmp_path / "out", images, labels, ("ant", "bee"), progress=Failing())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["file/out", "x" * 250])
def test_a_place_that_cannot_be_written_is_told_in_a_line(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    contents, make, _ = augmented()
    with pytest.raises(
        UserError, match=r"^--out .*(cannot be written|is a file|not empty)"
    ) as told:
        write_set(tmp_path / name, contents, make)
    assert "\n" not in str(told.value)
    assert tree(tmp_path) == {"file": b"mine"}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc")
def test_a_folder_that_takes_no_files_is_told_in_a_line():
    contents, make, _ = augmented()
    with pytest.raises(UserError, match=r"^--out /proc/out cannot be written \("):
        write_set(Path("/proc/out"), contents, make)


def test_on_a_full_disk_it_stops_and_with_room_it_goes_on(tmp_path):
    images, labels = labelled(20)
    contents = Contents(tuple("abcdefghijklmnopqrst"), (8, 8, 1), labels, seed=1, model="m")

    def make(first: int):
        for i in range(first, len(images), 7):
            yield Images(images[i : i + 7])

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))  # which the table outgrows
    try:
        with pytest.raises(OSError, match=r"is not finished: .*; make room, then the same command"):
            write_set(tmp_path / "out", contents, make)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "out").exists()
    assert write_set(tmp_path / "out", contents, make)
    write_set(tmp_path / "undisturbed", contents, make)
    assert tree(tmp_path / "out") == tree(tmp_path / "undisturbed")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5), (7, 1), (32, 32), (128, 33)])
def test_pngs_are_read_by_pillow_to_the_very_pixels_and_words(channels, height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (3, height, width, channels), np.uint8)
    pixels[1], pixels[2] = 0, 255
    words = [{}, {"Comment": "é ÿ"}, {"Software": "a", "x:y": ""}]
    for image, own, content in zip(pixels, words, pngs(pixels, words), strict=True):
        with Image.open(io.BytesIO(content)) as opened:
            opened.verify()
        with Image.open(io.BytesIO(content)) as opened:
            opened.load()
            assert opened.mode == ("L" if channels == 1 else "RGB")
            np.testing.assert_array_equal(np.asarray(opened).reshape(image.shape), image)
            assert opened.text == own
        assert png(image, own) == content


def test_no_png_is_made_of_what_is_no_picture():
    with pytest.raises(ValueError, match="no PNG of float64 images with 3 channels"):
        png(np.zeros((8, 8, 3)))
    with pytest.raises(ValueError, match="no PNG of uint8 images with 2 channels"):
        png(np.zeros((8, 8, 2), np.uint8))
