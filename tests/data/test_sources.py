"""Every source gives one kind of data set, and every bad one a line that says what to do."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganjax.data.sources import load
from ganjax.errors import UserError


def write(path: Path, mode: str = "L", size: tuple[int, int] = (8, 8), value: int = 7) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode in ("L", "P") else (value,) * len(mode)).save(path)


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
    digits, test = load("digits")
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
    train, test = load(f"folder:{folder}")
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
    train, test = load(f"folder:{tmp_path}")
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
    assert "digits, tfds:NAME or folder:PATH" in refused(source)


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


def test_several_sizes_name_a_file_of_each(folder):
    write(folder / "bee" / "wide.png", size=(9, 8))
    message = refused(f"folder:{folder}")
    assert "8x8" in message
    assert "9x8" in message
    assert str(Path("ant") / "0.png") in message
    assert "wide.png" in message


def test_several_channel_counts_name_a_file_of_each(folder):
    write(folder / "bee" / "colour.png", "RGB")
    message = refused(f"folder:{folder}")
    assert "8x8 grey" in message
    assert "8x8 colour" in message
    assert "colour.png" in message


def test_class_that_only_the_test_part_has(tmp_path):
    for split, names in (("train", "ab"), ("test", "abc")):
        for name in names:
            write(tmp_path / split / name / "0.png")
    assert "has not: c" in refused(f"folder:{tmp_path}")


def test_unreadable_image_is_named(folder):
    (folder / "bee" / "broken.png").write_bytes(b"\x89PNG\r\n")
    assert "broken.png cannot be read" in refused(f"folder:{folder}")
