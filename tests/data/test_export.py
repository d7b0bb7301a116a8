"""What is written reads back, and nothing that was there is lost."""

import hashlib
import json

import numpy as np
import pytest

from ganjax.data.export import write_labelled_images
from ganjax.data.sources import load
from ganjax.errors import UserError


def labelled(classes: int, channels: int = 1):
    labels = np.arange(classes, dtype=np.int32).repeat(3)
    images = np.random.default_rng(0).integers(
        0, 256, (len(labels), 8, 8, channels), dtype=np.uint8
    )
    return images, labels


@pytest.mark.parametrize("channels", [1, 3])
def test_round_trip_is_exact(tmp_path, channels):
    images, labels = labelled(2, channels)
    write_labelled_images(tmp_path / "out", images, labels, ("ant", "bee"))
    back, test = load(f"folder:{tmp_path / 'out'}")
    assert test is None
    np.testing.assert_array_equal(back.images, images)
    np.testing.assert_array_equal(back.labels, labels)
    assert back.class_names == ("ant", "bee")


def test_manifest_tells_every_file(tmp_path):
    images, labels = labelled(2)
    write_labelled_images(tmp_path / "out", images, labels, ("ant", "bee"), facts={"seed": 4})
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["schema"] == 1
    assert manifest["seed"] == 4
    assert manifest["counts"] == [3, 3]
    assert [file["label"] for file in manifest["files"]] == labels.tolist()
    for file in manifest["files"]:
        content = (tmp_path / "out" / file["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
    assert manifest["files"][0]["file"] == "ant/000000.png"


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


def test_a_failure_leaves_nothing(tmp_path):
    images, labels = labelled(2)

    def fail(done, note=""):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_labelled_images(tmp_path / "out", images, labels, ("ant", "bee"), tick=fail)
    assert not list(tmp_path.iterdir())


def test_class_names_cannot_leave_the_folder(tmp_path):
    images, labels = labelled(3)
    write_labelled_images(tmp_path / "out", images, labels, ("../up", "a/b", ".."))
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    folders = [entry for entry in (tmp_path / "out").iterdir() if entry.is_dir()]
    assert len(folders) == 3
    assert len(load(f"folder:{tmp_path / 'out'}").train) == 9
