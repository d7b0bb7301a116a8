"""Every source gives one kind of data set, and every bad one a line that says what to do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganjax.config import Reading
from ganjax.data.sources import load, unread
from ganjax.errors import UserError


def write(path: Path, mode: str = "L", size: tuple[int, int] = (8, 8), value: int = 7) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode in ("L", "P") else (value,) * len(mode)).save(path)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path / ".cache"))


@pytest.fixture
def folder(tmp_path):
    for label, name in enumerate(("ant", "bee")):
        for i in range(3):
            write(tmp_path / "set" / name / f"{i}.png", value=10 * label + i)
    return tmp_path / "set"


def refused(source: str, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        load(source, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_importing_the_room_loads_nothing_heavy():
    code = "import ganjax.data, sys; print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = ["PIL", "sklearn", "tensorflow_datasets", "tensorflow", "jax"]
    found = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_digits():
    digits, test = load("digits")[:2]
    assert test is None
    assert digits.images.shape == (1797, 8, 8, 1)
    assert digits.images.dtype == np.uint8
    assert digits.labels.dtype == np.int32
    assert (digits.images.min(), digits.images.max()) == (0, 255)
    assert digits.class_names == tuple("0123456789")
    assert digits.counts().sum() == len(digits) == 1797


def test_take_keeps_images_and_labels_together():
    digits = load("digits").train
    few = digits.take(np.array([5, 3]))
    np.testing.assert_array_equal(few.images, digits.images[[5, 3]])
    assert few.labels.tolist() == [5, 3]


def test_folder_of_classes_stays_grey(folder):
    train, test = load(f"folder:{folder}")[:2]
    assert test is None
    assert train.class_names == ("ant", "bee")
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert train.images.shape == (6, 8, 8, 1)
    assert train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 10, 11, 12]


def test_folder_with_train_and_test(tmp_path):
    for split, count in (("train", 3), ("test", 2)):
        for name in ("ant", "bee"):
            for i in range(count):
                write(tmp_path / split / name / f"{i}.png", "RGB")
    train, test = load(f"folder:{tmp_path}")[:2]
    assert (len(train), len(test)) == (6, 4)
    assert train.images.shape[-1] == 3


def test_folder_passes_over_what_is_no_image(folder):
    (folder / "ant" / "notes.txt").write_text("no image")
    (folder / "ant" / ".hidden.png").write_text("no image")
    (folder / ".git").mkdir()
    assert len(load(f"folder:{folder}").train) == 6


def test_reading_is_told_and_prints_nothing(folder, capsys):
    told = []
    load(f"folder:{folder}", tell=lambda done, total: told.append((done, total)))
    assert told[-1] == (6, 6)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("source", ["nope", "folder:", "tfds:", "", "http://a.b/c"])
def test_unknown_source_lists_the_grammar(source):
    assert "give digits, tfds:NAME[:VERSION], folder:PATH, zip:PATH or npz:PATH" in refused(source)


def test_unknown_source_suggests_the_nearest(folder):
    assert "did you mean digits?" in refused("digit")
    assert "did you mean tfds?" in refused("tdfs:mnist")
    assert f"did you mean folder:{folder}?" in refused(str(folder))


def test_missing_path():
    assert "does not exist" in refused("folder:/no/such/folder")


def test_empty_folder(tmp_path):
    assert "is empty" in refused(f"folder:{tmp_path}")


def test_images_outside_class_folders(tmp_path):
    write(tmp_path / "a.png")
    assert "no class folders" in refused(f"folder:{tmp_path}")


def test_class_folders_without_images(tmp_path):
    (tmp_path / "ant").mkdir()
    (tmp_path / "bee").mkdir()
    assert "no image in them" in refused(f"folder:{tmp_path}")


def test_one_empty_class_is_named(folder):
    (folder / "cat").mkdir()
    assert "cat holds no image" in refused(f"folder:{folder}")


def test_one_class_only(tmp_path):
    write(tmp_path / "ant" / "a.png")
    assert "at least 2" in refused(f"folder:{tmp_path}")


def test_several_sizes_become_one(folder):
    write(folder / "bee" / "wide.png", size=(9, 8))
    found = load(f"folder:{folder}")
    assert found.train.images.shape == (7, 8, 8, 1)
    assert "of 2 sizes, 8x8 to 9x8, are cropped" in found.notes[0]


def test_a_colour_image_among_grey_ones_makes_all_colour(folder):
    write(folder / "bee" / "colour.png", "RGB")
    found = load(f"folder:{folder}")
    assert found.train.images.shape == (7, 8, 8, 3)
    assert "6 of 7 images are grey; all are read as colour" in found.notes[0]
    assert load(f"folder:{folder}", reading=Reading(channels=1)).train.images.shape[-1] == 1


def test_a_bad_image_is_left_out_and_named(folder):
    for i in range(3, 30):
        write(folder / "bee" / f"{i}.png")
    (folder / "bee" / "x.png").write_text("no image")
    found = load(f"folder:{folder}")
    assert len(found.train) == 33
    assert [(bad.file, bad.label) for bad in found.bad] == [("bee/x.png", 1)]
    assert found.train.files[-1] == "bee/9.png"
    message = refused(f"folder:{folder}", reading=Reading(on_bad="fail"))
    assert "bee/x.png is no image" in message


def test_too_many_bad_images_are_an_error(folder):
    (folder / "bee" / "x.png").write_text("no image")
    assert "1 of the 4 images of class bee cannot be used" in refused(f"folder:{folder}")


def test_links_pipes_and_folders_called_images_are_bad_and_do_not_hang(folder):
    for i in range(3, 60):
        write(folder / "bee" / f"{i}.png")
    (folder / "bee" / "nowhere.png").symlink_to("gone")
    (folder / "bee" / "circle.png").symlink_to("circle.png")
    (folder / "bee" / "folder.png").mkdir()
    os.mkfifo(folder / "bee" / "pipe.png")
    (folder / "bee" / "round").symlink_to("..", target_is_directory=True)
    found = load(f"folder:{folder}")
    assert {Path(bad.file).stem for bad in found.bad} == {"nowhere", "circle", "folder", "pipe"}
    assert len(found.train) == 63


def test_a_validation_split_is_kept_apart(tmp_path):
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        for name in ("ant", "bee"):
            for i in range(count):
                write(tmp_path / split / name / f"{i}.png")
    found = load(f"folder:{tmp_path}")
    assert {name: len(own) for name, own in found.splits().items()} == {
        "train": 6, "validation": 4, "test": 2,
    }  # fmt: skip


def test_one_and_the_same_images_whole_in_a_file_and_in_part(folder):
    whole = load(f"folder:{folder}").train
    rows = np.array([5, 0, 3])
    for options in ({}, {"in_part": True}, {"cache": False}):
        found = unread(f"folder:{folder}", **options)
        assert len(found) == 6
        assert found.labels.tolist() == whole.labels.tolist()
        taken = found.take(rows)
        np.testing.assert_array_equal(taken.images, whole.images[rows])
        np.testing.assert_array_equal(taken.labels, whole.labels[rows])


def test_an_image_that_proves_bad_in_part_is_named(folder):
    for i in range(3, 30):
        write(folder / "bee" / f"{i}.png", size=(64, 64))
    whole = (folder / "bee" / "9.png").read_bytes()
    (folder / "bee" / "9.png").write_bytes(whole[:-40])
    found = unread(f"folder:{folder}", in_part=True)
    with pytest.raises(UserError, match=r"bee/9\.png cannot be read as an image"):
        found.take(np.arange(len(found)))


def test_class_that_only_the_test_part_has(tmp_path):
    for split, names in (("train", "ab"), ("test", "abc")):
        for name in names:
            write(tmp_path / split / name / "0.png")
    assert "has not: c" in refused(f"folder:{tmp_path}")


def test_unreadable_image_is_named(folder):
    (folder / "bee" / "broken.png").write_bytes(b"\x89PNG\r\n")
    assert "bee/broken.png begins as a PNG, but its header is cut" in refused(f"folder:{folder}")


@pytest.mark.parametrize(
    ("manifest", "notes"),
    [
        ({"generated": {"ant": 2, "bee": 1}}, 1),
        ({"generated": {"ant": 0}}, 0),
        ({"generated": "many"}, 0),
        ({"generated": {"ant": "x"}}, 0),
        ([1], 0),
    ],
)
def test_a_set_with_generated_images_says_so(folder, manifest, notes):
    (folder / "manifest.json").write_text(json.dumps(manifest))
    found = [note for note in load(f"folder:{folder}").notes if "3 of its images were gen" in note]
    assert len(found) == notes
