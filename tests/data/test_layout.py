"""Names of files to classes and splits: the rules that folders and archives share."""

import pytest

from ganjax.data.layout import Placed, arrange
from ganjax.errors import UserError


def placed(*names: str) -> list[tuple[str, int, str]]:
    return [tuple(image) for image in arrange(names, "set").images]


def problems(*names: str) -> tuple[str, ...]:
    return arrange(names, "set").problems


def refused(*names: str) -> str:
    with pytest.raises(UserError) as caught:
        arrange(names, "set")
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_classes_and_files_by_code_point():
    names = ("b/2.png", "b/10.png", "C/0.png", "ä/0.png")
    layout = arrange(names, "set")
    assert layout.class_names == ("C", "b", "ä")
    assert layout.images == [
        Placed("train", 0, "C/0.png"),
        Placed("train", 1, "b/10.png"),
        Placed("train", 1, "b/2.png"),
        Placed("train", 2, "ä/0.png"),
    ]
    assert arrange(reversed(names), "set") == layout
    assert layout.problems == ()


@pytest.mark.parametrize("validation", ["validation", "val", "valid", "Val"])
def test_splits_by_any_of_their_names(validation):
    found = placed("test/a/3.png", f"{validation}/a/2.png", "TRAIN/a/1.png", "TRAIN/b/1.png")
    assert found == [
        ("train", 0, "TRAIN/a/1.png"),
        ("train", 1, "TRAIN/b/1.png"),
        ("validation", 0, f"{validation}/a/2.png"),
        ("test", 0, "test/a/3.png"),
    ]


def test_train_alone():
    assert placed("train/a/0.png") == [("train", 0, "train/a/0.png")]


def test_a_folder_around_all_is_looked_through():
    names = ("data/set/train/a/0.png", "data/set/test/a/0.png", "data/README.md", "LICENSE")
    assert [split for split, _, _ in placed(*names)] == ["train", "test"]
    assert problems(*names) == ()


def test_a_folder_of_images_is_not_looked_through():
    assert arrange(["a/0.png", "a/sub/1.png"], "set").class_names == ("a",)


def test_a_class_may_be_called_train():
    names = ["bus/0.png", "train/0.png", "train/new/1.png"]
    assert arrange(names, "set").class_names == ("bus", "train")


def test_what_systems_leave_is_not_there():
    names = (".git/a.png", "__MACOSX/ant/._0.png", "ant/.DS_Store", "ant/Thumbs.db", ".x.png")
    assert placed("ant/0.png", *names) == [("train", 0, "ant/0.png")]
    assert problems("ant/0.png", *names) == ()


@pytest.mark.parametrize("suffix", ["png", "JPG", "jpeg", "webp", "tiff"])
def test_suffixes_of_images(suffix):
    assert len(placed(f"a/0.{suffix}")) == 1


def test_names_that_files_may_have():
    names = [
        f"a/{name}.png" for name in ("new\nline", "‮rtl", "🐜", "x" * 250, "=cmd", "CON", "a.b")
    ]
    assert {name for _, _, name in placed(*names)} == set(names)


def test_what_is_passed_over_is_said():
    names = ("a/0.png", "b/0.png", "x.png", "y.png", "a/deep/er/1.png", "a/notes.txt", "b/c.png/")
    assert problems(*names) == (
        "not read: 1 file in class folders without an image's suffix (a/notes.txt)",
        "not read: 1 folder named like an image (b/c.png/)",
        "not read: 2 images beside class folders (x.png, ...)",
        "not read: 1 image in folders within class folders (a/deep/er/1.png)",
    )


def test_what_is_passed_over_prints():
    assert all(line.isprintable() for line in problems("a/0.png", "a/\x1b[31m\n/0.png", "\n.png"))


def test_images_beside_the_classes_of_a_split_are_said():
    assert "train/x.png" in problems("train/a/0.png", "train/x.png")[0]


def test_a_class_that_a_split_lacks_is_said():
    (line,) = problems("train/a/0.png", "train/b/0.png", "test/a/0.png")
    assert line == "set/test has no images of b"


@pytest.mark.parametrize("other", ["Ant", "ANT"])
def test_classes_that_differ_in_case_only_stay_two_and_are_said(other):
    layout = arrange(["ant/0.png", f"{other}/0.png"], "set")
    assert layout.class_names == (other, "ant")
    assert layout.problems == (
        f"classes whose names look alike are read as different: {other}, ant",
    )


def test_accents_written_in_two_ways_are_said():
    assert len(problems("\u00e9/0.png", "e\u0301/0.png")) == 1


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "set is empty"),
        (["README"], "set is empty"),
        (["x.png"], "set holds images but no class folders"),
        (["a/", "b/"], "set has class folders but no image in them"),
        (["a/0.png", "cat/"], "set/cat holds no image: add some or remove the folder"),
        (["a/0.png", "cat/x/0.png"], "do not count (cat/x/0.png)"),
        (["train/a/0.png", "test/x.png"], "set/test holds images but no class folders"),
        (["train/0.png", "test/0.png"], "set/train holds images but no class folders"),
        (["train/a/0.png", "test/"], "set/test is empty"),
        (["train/a/0.png", "test/a/"], "set/test has class folders but no image in them"),
        (
            ["train/a/0.png", "val/a/0.png", "val/c/"],
            "set/val has classes that set/train has not: c",
        ),
        (["d/train/a/0.png", "d/test/c/0.png"], "d/test has classes that set/d/train has not: c"),
        (["train/a/0.png", "extra/a/0.png"], "holds extra beside train"),
        (["test/a/0.png", "val/a/0.png"], "no folder train"),
        (["train/a/0.png", "val/a/0.png", "valid/a/0.png"], "one folder per split"),
        (["a/0.png", "\x1b[2J/"], "x1b[2J holds no image"),
    ],
)
def test_what_cannot_be_read_is_refused(names, said):
    assert said in refused(*names)


def test_many_unknown_classes_are_not_all_named():
    message = refused("train/a/0.png", *(f"test/{i}/0.png" for i in range(9)))
    assert message.endswith("has not: 0, 1, 2, 3, 4, and 4 more")
