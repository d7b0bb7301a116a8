"""Labels and class names survive the round trip whatever the classes are called, by any reader."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from ganjax.data.export import write_labelled_images
from ganjax.data.export.names import cell, folder_names
from ganjax.data.sources import load

HOSTILE = (
    "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "../x", "/etc/passwd", "..", ".", "CON",
    "nul", "aux.txt", "COM¹", "dot.", "space ", " space", "Cat", "cat", "CAT", "🐜", "👩‍👧", "‮abc",
    "é" * 127 + "x", "", "new\nline", "train", "test", "@x", "'quote", "+1", "-1", "\ttab", "\rcr",
    "nul\0byte", "a/b", "a\\b", "a:b", "~", "-rf", ".hidden", "__MACOSX", "é", "e\u0301", "\udcff",
    "metadata.csv", "manifest.json", "\ufeffbom", "0000_script", "日本", "عربي", "a b",
)  # fmt: skip

NAMES = [
    ("b", "a"),
    ("T-shirt/top", "Trouser", "Pullover"),
    tuple(str(i) for i in range(11)),
    ("train", "test"),
    ("test", "train"),
    ("a/b", "000_a_b"),
    ("a", "a"),
    ("A", "a"),
    (".h", "b"),
    ("é" * 300, "z"),
    ("", " "),
    HOSTILE,
]


def write(out, names):
    labels = np.arange(len(names), dtype=np.int32).repeat(2)
    images = np.broadcast_to(labels[:, None, None, None] * 4, (len(labels), 8, 8, 1))
    write_labelled_images(out, images.astype(np.uint8), labels, names, generated=True)
    return labels


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "out"
    write(folder, HOSTILE)
    return folder


@pytest.mark.parametrize("names", NAMES, ids=lambda names: ascii("|".join(names))[:20])
def test_labels_and_names_survive_in_ganjax_itself(tmp_path, names):
    labels = write(tmp_path / "out", names)
    source = load(f"folder:{tmp_path / 'out'}", cache=False)
    assert source.test is None
    np.testing.assert_array_equal(source.train.labels, labels)
    np.testing.assert_array_equal(source.train.images[:, 0, 0, 0], labels * 4)
    if len(set(names)) == len(names):
        # A name that is no text comes back with that sign spelt out
        assert source.train.class_names == tuple(n.replace("\udcff", "\\udcff") for n in names)


def test_nothing_leads_out_of_the_folder(hostile):
    assert [entry.name for entry in hostile.parent.iterdir()] == ["out"]
    assert sum(entry.is_dir() for entry in hostile.iterdir()) == len(HOSTILE)
    assert all(path.resolve().is_relative_to(hostile) for path in hostile.rglob("*"))


def test_no_file_system_mistakes_a_folder_for_anything_else():
    names = folder_names(HOSTILE)
    assert names == sorted(names)
    assert len({name.casefold() for name in names}) == len(HOSTILE)
    for name in names:
        assert len(name.encode()) <= 255
        assert name.isprintable()
        assert not set(name) & set('<>:"/\\|?*')
        assert name[0].isalnum()
        assert name[-1] not in ". "
        assert name.partition(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1"}


def test_safe_names_stay_as_they_are():
    for names in (("ant", "bee"), ("T-shirt", "Trouser"), tuple("0123456789"), ("日本", "한국")):
        assert folder_names(names) == list(names)


def test_one_unsafe_name_gives_all_folders_their_label():
    assert folder_names(["ant", "b/ee"]) == ["0000_ant", "0001_b_ee"]
    assert folder_names(["ant", "con"]) == ["0000_ant", "0001_con"]
    assert folder_names(["bee", "ant"]) == ["0000_bee", "0001_ant"]
    assert folder_names(["ant", "test tube"]) == ["0000_ant", "0001"]
    assert folder_names(["-"] * 10_001)[-1] == "10000"


def test_by_the_rules_of_torchvision_and_keras(hostile):
    """The classes are the folders at the top by name; hidden ones do not count."""
    classes = sorted(entry.name for entry in hostile.iterdir() if entry.is_dir())
    assert not any(name.startswith(".") for name in classes)
    with open(hostile / "metadata.csv", newline="") as file:
        label_of = {row["file_name"]: int(row["label"]) for row in csv.DictReader(file)}
    read = {
        f"{name}/{file.name}": label
        for label, name in enumerate(classes)
        for file in (hostile / name).iterdir()
    }
    assert read == label_of
    assert all(file.endswith(".png") for file in read)


def test_by_the_rules_of_hugging_face(hostile):
    """A row of `metadata.csv` per image, by a relative `file_name`; no folder names a split."""
    with open(hostile / "metadata.csv", newline="") as file:
        found = list(csv.DictReader(file))
    assert {row["file_name"] for row in found} == {
        path.relative_to(hostile).as_posix() for path in hostile.rglob("*.png")
    }
    for row in found:
        words = set(Path(row["file_name"]).parent.name.lower().replace("-", "_").split("_"))
        assert not words & {"train", "test", "validation", "val", "valid", "dev", "eval"}


def test_the_table_is_a_line_per_image_and_no_cell_of_text_is_run(hostile):
    lines = (hostile / "metadata.csv").read_bytes().split(b"\n")
    assert len(lines) == 2 * len(HOSTILE) + 2
    assert lines[-1] == b""
    with open(hostile / "metadata.csv", newline="") as file:
        for row in csv.DictReader(file):
            assert row["class"].isprintable()
            assert not row["class"].lstrip().startswith(("=", "+", "-", "@"))
            assert not row["file_name"].startswith(("=", "+", "-", "@", "'"))
            name = HOSTILE[int(row["label"])]
            if name.isprintable():
                assert row["class"].removeprefix("'") == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ant", "ant"), ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@x", "'@x"),
        (" =1", "' =1"), ("\t=1", "'\\t=1"), ("\rx", "'\\rx"), ("'=1", "''=1"), ("a=1", "a=1"),
        ("＝1", "'＝1"), ("a\nb", "a\\nb"), ("\u202eabc", "\\u202eabc"), ("", ""),
    ],
)  # fmt: skip
def test_a_cell_is_inert_and_its_text_comes_back(text, shown):
    assert cell(text) == shown


def test_the_true_names_are_in_the_manifest(hostile):
    manifest = json.loads((hostile / "manifest.json").read_text())
    assert tuple(manifest["classes"]) == HOSTILE
    assert manifest["folders"] == sorted(p.name for p in hostile.iterdir() if p.is_dir())
