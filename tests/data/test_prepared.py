"""Sets prepared by TensorFlow Datasets, read without TensorFlow and kept in the cache."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from ganjax.data import prepared
from ganjax.data.sources import load
from ganjax.errors import UserError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "tensorflow_datasets"
needs_sets = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no prepared sets at {SHARED}")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """No test may read or fill the cache of the person who runs it."""
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def refused(source: str, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        load(source, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@needs_sets
def test_fashion_mnist_whole_then_from_the_cache(cache, monkeypatch, capsys):
    told = []
    source = load(
        "tfds:fashion_mnist", data_dir=SHARED, tell=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (70_000, 70_000)
    assert source.train.images.shape == (60_000, 28, 28, 1)
    assert source.test.images.shape == (10_000, 28, 28, 1)
    assert source.test.counts().tolist() == [1000] * 10
    assert source.train.class_names[0] == "T-shirt/top"
    assert "tensorflow" not in sys.modules

    def decoded_again(*_):
        raise AssertionError("the cache was not used")

    monkeypatch.setattr(prepared, "_read", decoded_again)
    again = load("tfds:fashion_mnist", data_dir=str(SHARED))
    np.testing.assert_array_equal(again.test.images, source.test.images)
    np.testing.assert_array_equal(again.test.labels, source.test.labels)
    assert not [file for file in cache.rglob("*") if file.name.startswith(".")]
    assert capsys.readouterr().out == ""


@needs_sets
def test_builder_without_registered_code():
    builder = prepared._builder("cifar10_jpeg", SHARED)
    assert prepared._keys("cifar10_jpeg", builder.info) == ("image", "label")
    assert builder.info.splits["test"].num_examples == 10_000


def test_no_data_dir():
    assert "--data-dir" in refused("tfds:fashion_mnist")


def test_set_that_is_not_there_lists_what_is(tmp_path):
    info = tmp_path / "other" / "1.0.0" / "dataset_info.json"
    info.parent.mkdir(parents=True)
    info.write_text("{}")
    message = refused("tfds:mnist", data_dir=tmp_path)
    assert "there: other" in message
    assert "file_format='array_record'" in message


def test_data_dir_that_is_not_there(tmp_path):
    assert "there: none" in refused("tfds:mnist", data_dir=tmp_path / "missing")


@needs_sets
def test_set_stored_as_tfrecord_says_how_to_prepare_it(tmp_path):
    own = SHARED / "fashion_mnist" / "3.0.1"
    folder = tmp_path / "fashion_mnist" / "3.0.1"
    folder.mkdir(parents=True)
    info = json.loads((own / "dataset_info.json").read_text())
    info["fileFormat"] = "tfrecord"
    (folder / "dataset_info.json").write_text(json.dumps(info))
    for name in ("features.json", "label.labels.txt"):
        (folder / name).write_text((own / name).read_text())
    message = refused("tfds:fashion_mnist", data_dir=tmp_path)
    assert "tfrecord" in message
    assert "ganjax[tf]" in message
    assert "array_record" in message


def test_set_without_images_or_labels():
    class Info:
        features = {"text": object()}  # noqa: RUF012
        supervised_keys = None

    with pytest.raises(UserError, match="0 image and 0 label features"):
        prepared._keys("words", Info)
