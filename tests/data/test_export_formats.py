"""The same set as one .npz file and as a prepared set of TFDS, without TensorFlow."""

import json
import sys

import numpy as np
import pytest

from ganjax.data.export import Contents, Images, tfds_set, write_labelled_images, write_set
from ganjax.data.sources import load


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """No test may read or fill the cache of the person who runs it."""
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path_factory.mktemp("cache")))


PIXELS = np.random.default_rng(0).integers(0, 256, (300, 8, 8, 3), dtype=np.uint8)
LABELS = (np.arange(300) % 2).astype(np.int32)
GENERATED = np.arange(300) >= 100


def written(out, form, names=("ant", "bee")):
    contents = Contents(names, (8, 8, 3), LABELS, real=100, seed=3, model="m" * 64)

    def make(first):
        yield Images(PIXELS[first:])

    assert write_set(out, contents, make, form=form)
    return out


def test_npz_holds_the_arrays_and_what_is_generated(tmp_path):
    out = written(tmp_path / "out", "npz", ("=ant", "b\nee"))
    with np.load(out / "images.npz", allow_pickle=False) as found:
        assert set(found) == {"images", "labels", "class_names", "generated"}
        np.testing.assert_array_equal(found["images"], PIXELS)
        assert found["images"].dtype == np.uint8
        np.testing.assert_array_equal(found["labels"], LABELS)
        assert found["labels"].dtype == np.int32
        assert found["class_names"].tolist() == ["=ant", "b\nee"]
        np.testing.assert_array_equal(found["generated"], GENERATED)
        assert found["generated"].dtype == bool
    assert {path.name for path in out.iterdir()} == {"images.npz", "metadata.csv", "manifest.json"}
    assert (out / "metadata.csv").read_text().startswith("row,label,class,source,")


def test_npz_reads_back_in_ganjax(tmp_path):
    out = written(tmp_path / "out", "npz")
    found = load(f"npz:{out / 'images.npz'}").train
    np.testing.assert_array_equal(found.images, PIXELS)
    np.testing.assert_array_equal(found.labels, LABELS)
    assert found.class_names == ("ant", "bee")


@pytest.mark.parametrize("form", ["npz", "tfds"])
def test_the_same_set_is_the_same_bytes(tmp_path, form):
    one, other = (written(tmp_path / name, form) for name in ("one", "other"))
    files = [path.relative_to(one) for path in one.rglob("*") if path.is_file()]
    assert len(files) >= 3
    for file in files:
        assert (one / file).read_bytes() == (other / file).read_bytes(), file


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A set of several shards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfds_set, "SHARD_BYTES", 120 * 8 * 8 * 3)
        return written(tmp_path_factory.mktemp("prepared") / "out", "tfds")


def test_tfds_reads_it_with_its_own_means_and_without_tensorflow(prepared):
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(str(prepared / "ganjax_images" / "1.0.0"))
    assert builder.info.splits["train"].num_examples == 300
    assert builder.info.splits["train"].num_shards == 3
    assert builder.info.features["label"].names == ["ant", "bee"]
    assert builder.info.supervised_keys == ("image", "label")
    found = list(builder.as_data_source(split="train"))
    np.testing.assert_array_equal(np.stack([example["image"] for example in found]), PIXELS)
    np.testing.assert_array_equal([example["label"] for example in found], LABELS)
    np.testing.assert_array_equal([example["generated"] for example in found], GENERATED)
    indices = [*range(100), *range(200)]
    np.testing.assert_array_equal([example["index"] for example in found], indices)
    assert "tensorflow" not in sys.modules


def test_generated_images_keep_their_mark_in_a_prepared_set(prepared):
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(str(prepared / "ganjax_images" / "1.0.0"))
    skip = {"image": tfds.decode.SkipDecoding()}
    found = builder.as_data_source(split="train", decoders=skip)
    for example in (found[0], found[99], found[100], found[299]):
        assert (b"ganjax:generated\x001" in bytes(example["image"])) == example["generated"]


def test_a_prepared_set_reads_back_in_ganjax(prepared):
    found = load("tfds:ganjax_images", data_dir=prepared).train
    np.testing.assert_array_equal(found.images, PIXELS)
    np.testing.assert_array_equal(found.labels, LABELS)
    assert found.class_names == ("ant", "bee")


def test_names_that_tfds_would_lose_are_their_safe_ones_there(tmp_path):
    names = ("<script>", "new\nline", "", " edge")
    labels = np.arange(4, dtype=np.int32)
    out = tmp_path / "out"
    write_labelled_images(out, PIXELS[:4], labels, names, form="tfds")
    found = (out / "ganjax_images" / "1.0.0" / "label.labels.txt").read_text().split()
    assert found == ["0000_script", "0001_new_line", "0002", "0003_edge"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["folders"], tuple(manifest["classes"])) == (found, names)


def test_tfds_says_nothing_and_leaves_nothing_beside(tmp_path, capfd):
    out = written(tmp_path / "out", "tfds")
    assert capfd.readouterr().out == ""
    assert {path.name for path in out.iterdir()} == {
        "ganjax_images", "metadata.csv", "manifest.json",
    }  # fmt: skip
    assert list(tmp_path.iterdir()) == [out]
