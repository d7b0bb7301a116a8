"""Sets prepared by TensorFlow Datasets, read without TensorFlow."""

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganjax.data import prepared, records
from ganjax.data.listing import Bad, Listing
from ganjax.data.prepared import list_prepared
from ganjax.data.sources import load
from ganjax.errors import UserError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "tensorflow_datasets"
needs_sets = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no prepared sets at {SHARED}")
without_tensorflow = pytest.mark.skipif(
    find_spec("tensorflow") is not None, reason="TensorFlow would prepare the set"
)

needs_tensorflow = pytest.mark.skipif(
    find_spec("tensorflow") is None, reason="TensorFlow, which prepares sets, is not installed"
)

SPLITS = {"train": 40, "val": 8, "test": 12, "extra": 5, "blank": 0}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """No test may read or fill the cache of the person who runs it."""
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    return tmp_path / "cache"


def png(split: str, row: int) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng([len(split), row]).integers(0, 255, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def write_set(data_dir: Path, name: str = "tiny", label=lambda split, row: row % 3) -> Path:
    """Prepare a set without TensorFlow; it has a second image, which is none."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core import registered

    def rows(split: str) -> Iterator[tuple[int, dict]]:
        for row in range(SPLITS[split]):
            image = io.BytesIO(png(split, row))
            mask = io.BytesIO(b"no image at all")
            yield row, {"image": image, "mask": mask, "label": label(split, row), "id": str(row)}

    with registered.skip_registration():

        class Tiny(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("1.2.0")

            def _info(self):
                features = {
                    "image": tfds.features.Image(shape=(40, 40, 3)),
                    "mask": tfds.features.Image(shape=(None, None, 1)),
                    "label": tfds.features.ClassLabel(names=["ant", "bee", "cat"]),
                    "id": tfds.features.Text(),
                }
                return tfds.core.DatasetInfo(
                    builder=self,
                    features=tfds.features.FeaturesDict(features),
                    supervised_keys=("image", "label"),
                    disable_shuffling=True,
                )

            def _split_generators(self, manager):
                return {split: rows(split) for split, count in SPLITS.items() if count}

            def _generate_examples(self):
                raise NotImplementedError

        Tiny.name = name
        tfds.disable_progress_bar()
        builder = Tiny(data_dir=str(data_dir), file_format="array_record")
        builder.download_and_prepare(download_dir=str(data_dir / "downloads"))
    shutil.rmtree(data_dir / "downloads", ignore_errors=True)
    return Path(builder.data_dir)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    data_dir = tmp_path_factory.mktemp("prepared")
    write_set(data_dir)
    return data_dir


@pytest.fixture
def own(written, tmp_path) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(written, tmp_path / "own"))


def refused(name: str, data_dir: Path | str | None) -> str:
    with pytest.raises(UserError) as caught:
        list_prepared(name, data_dir)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_splits_labels_and_encoded_images(written):
    listing = list_prepared("tiny", written)
    assert listing.name == "tfds:tiny"
    assert listing.class_names == ("ant", "bee", "cat")
    assert listing.bad == []
    assert listing.notes == ("not read: splits of other names (extra)",)
    names = {"train": "train", "validation": "val", "test": "test"}
    assert [(e.split, e.label, e.file) for e in listing.entries] == [
        (split, row % 3, f"{split}/{row:06d}")
        for split, own in names.items()
        for row in range(SPLITS[own])
    ]
    for entry in listing.entries:
        assert entry.read() == png(names[entry.split], int(entry.file[-6:]))
    assert "tensorflow" not in sys.modules


def test_a_source_of_all_splits(written):
    source = load("tfds:tiny", data_dir=written)
    assert {split: len(own) for split, own in source.splits().items()} == {
        "train": 40,
        "validation": 8,
        "test": 12,
    }
    decoded = np.asarray(Image.open(io.BytesIO(png("test", 5))))
    np.testing.assert_array_equal(source.test.images[5], decoded)
    assert source.test.files[5] == "test/000005"


@needs_sets
def test_fashion_mnist_whole_then_from_the_cache(cache, capsys):
    import tensorflow_datasets as tfds

    told = []
    source = load(
        "tfds:fashion_mnist", data_dir=SHARED, tell=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (70_000, 70_000)
    assert source.train.images.shape == (60_000, 28, 28, 1)
    assert source.test.images.shape == (10_000, 28, 28, 1)
    assert source.test.counts().tolist() == [1000] * 10
    assert source.train.class_names[0] == "T-shirt/top"
    theirs = tfds.builder_from_directory(SHARED / "fashion_mnist" / "3.0.1").as_data_source("test")
    for row in range(0, 10_000, 999):  # a PNG is decoded to the same pixels by anyone
        np.testing.assert_array_equal(source.test.images[row], theirs[row]["image"])
        assert source.test.labels[row] == theirs[row]["label"]
    again = load("tfds:fashion_mnist", data_dir=str(SHARED))
    np.testing.assert_array_equal(again.test.images, source.test.images)
    np.testing.assert_array_equal(again.test.labels, source.test.labels)
    assert not [file for file in cache.rglob("*") if file.name.startswith(".")]
    assert "tensorflow" not in sys.modules
    assert capsys.readouterr().out == ""


def read_all(listing: Listing, rows: list[int], threads: int = 1) -> None:
    """Read entries and compare them with what was written."""
    train = [entry for entry in listing.entries if entry.split == "train"]
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda row: train[row].read(), rows))
    assert found == [png("train", row) for row in rows]


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(records, "MOST_AHEAD", 7)
    monkeypatch.setattr(records, "AT_A_TIME", 9)
    monkeypatch.setattr(records, "HELD_BYTES", 0)


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("order", ["in turn", "back", "jumping", "in blocks"])
def test_records_read_in_any_order(written, small_chunks, threads, order):
    rows = {
        "in turn": list(range(40)),
        "back": list(range(40))[::-1],
        "jumping": [row * 7 % 40 for row in range(40)],
        "in blocks": [0, 1, 2, 20, 21, 3, 4, 22, 39, 38, 39],
    }[order]
    read_all(list_prepared("tiny", written), rows, threads)


@pytest.fixture
def reads(monkeypatch) -> list[int]:
    """How many records are read at a time."""
    sizes = []
    read = records._Split.read

    def counted(self, rows):
        sizes.append(len(rows))
        return read(self, rows)

    monkeypatch.setattr(records._Split, "read", counted)
    return sizes


def test_records_read_in_turn_are_read_ahead(written, small_chunks, reads):
    listing = list_prepared("tiny", written)
    reads.clear()
    read_all(listing, list(range(40)))
    assert reads == [1, *[7] * 5, 5]


def test_records_read_here_and_there_are_read_alone(written, small_chunks, reads):
    listing = list_prepared("tiny", written)
    reads.clear()
    rows = [row * 7 % 40 for row in range(20)]
    read_all(listing, rows)
    assert reads.count(1) >= 18


def test_a_small_set_is_read_once(written, reads):
    listing = list_prepared("tiny", written)
    reads.clear()
    read_all(listing, list(range(40)))
    assert reads == []


def test_labels_are_kept_in_the_cache_unless_it_is_not_wanted(written, reads, cache):
    list_prepared("tiny", written, cache=False)
    assert not cache.exists()
    whole = list_prepared("tiny", written)
    reads.clear()
    again = list_prepared("tiny", written)
    assert reads == []
    assert [entry.label for entry in again.entries] == [entry.label for entry in whole.entries]
    read_all(again, list(range(40)))


@pytest.mark.parametrize("damage", [b"", b"hello", "cut"])
def test_a_broken_cache_is_read_anew_and_replaced(written, reads, cache, damage):
    whole = list_prepared("tiny", written)
    for file in (cache / "labels").iterdir():
        file.write_bytes(file.read_bytes()[:-9] if damage == "cut" else damage)
    reads.clear()
    assert [e[:3] for e in list_prepared("tiny", written).entries] == [e[:3] for e in whole.entries]
    assert reads
    reads.clear()
    list_prepared("tiny", written)
    assert not reads


def test_a_cache_that_cannot_be_written_only_costs_time(written, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path / "file"))
    assert len(list_prepared("tiny", written).entries) == 60


def test_identity_changes_with_the_files(own):
    before = list_prepared("tiny", own).identity
    assert list_prepared("tiny", own).identity == before
    os.utime(next((own / "tiny" / "1.2.0").glob("*test*")), (1, 1))
    assert list_prepared("tiny", own).identity != before


@pytest.mark.parametrize("held", [0, 2**20])
def test_entries_travel_to_another_process(written, monkeypatch, held):
    monkeypatch.setattr(records, "HELD_BYTES", held)
    listing = list_prepared("tiny", written)
    sent = pickle.dumps(listing.entries[17])
    assert len(sent) < 2000
    code = (
        "import pickle, sys\n"
        "entry = pickle.load(sys.stdin.buffer)\n"
        "sys.stdout.buffer.write(entry.read())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], input=sent, capture_output=True, check=True
    )
    assert found.stdout == png("train", 17)


def test_a_forked_process_reads_on(written, small_chunks):
    listing = list_prepared("tiny", written)
    listing.entries[0].read()
    child = os.fork()
    if not child:
        ok = all(listing.entries[row].read() == png("train", row) for row in range(40))
        os._exit(0 if ok else 1)
    read_all(listing, list(range(40)))
    assert os.waitpid(child, 0)[1] == 0


def test_records_without_a_label_are_bad(tmp_path):
    write_set(tmp_path, "part", lambda split, row: -1 if (split, row) == ("train", 7) else 1)
    listing = list_prepared("part", tmp_path)
    assert listing.bad == [Bad("train", -1, "train/000007", "has the label -1")]
    assert len(listing.entries) == 59


def test_a_split_without_labels_is_passed_over_and_said(tmp_path):
    write_set(tmp_path, "blind", lambda split, row: -1 if split == "test" else row % 3)
    listing = list_prepared("blind", tmp_path)
    assert {entry.split for entry in listing.entries} == {"train", "validation"}
    assert "not read: split test, which has no labels" in listing.notes


def test_a_split_called_unlabelled_is_of_no_class_whatever_it_says(tmp_path, monkeypatch):
    monkeypatch.setitem(SPLITS, "unlabelled", 6)  # as STL-10 has it
    write_set(tmp_path, "stl", lambda split, row: -1 if split == "unlabelled" else row % 3)
    found = load("tfds:stl", data_dir=tmp_path, unlabelled=True)
    assert set(found.unlabelled.labels) == {-1}
    assert len(found.unlabelled) == 6
    alone = load("tfds:stl", data_dir=tmp_path)  # not what the cache has of both
    assert alone.unlabelled is None
    np.testing.assert_array_equal(alone.test.images, found.test.images)


def test_a_set_without_any_label_is_refused(tmp_path):
    write_set(tmp_path, "blind", lambda split, row: -1)
    with pytest.raises(UserError, match="none of the 40 images of split train has a label"):
        list_prepared("blind", tmp_path)


def shard(data_dir: Path, split: str) -> Path:
    (file,) = (data_dir / "tiny" / "1.2.0").glob(f"tiny-{split}.array_record*")
    return file


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "gone"])
def test_a_broken_split_is_refused(own, damage):
    file = shard(own, "test")
    content = file.read_bytes()
    file.write_bytes({"cut": content[: len(content) // 2], "text": b"hello"}.get(damage, b""))
    if damage == "gone":
        file.unlink()
    assert "split test cannot be read: cannot be read as a record" in refused("tiny", own)


def test_a_flipped_bit_makes_only_its_records_bad(own):
    file = shard(own, "train")
    content = bytearray(file.read_bytes())
    at = content.find(png("train", 20))
    content[at + 100] ^= 1
    file.write_bytes(content)
    listing = list_prepared("tiny", own)
    assert "train/000020" in {bad.file for bad in listing.bad}
    assert all(bad.reason.startswith("cannot be read as a record (") for bad in listing.bad)
    whole = [entry for entry in listing.entries if entry.split == "train"]
    assert len(whole) + len(listing.bad) == 40
    for entry in whole:
        assert entry.read() == png("train", int(entry.file[-6:]))


def test_a_record_that_breaks_later_is_an_error_to_be_caught(own, small_chunks):
    listing = list_prepared("tiny", own)
    listing.entries[-1].read.func.__self__._forget()
    shard(own, "test").write_bytes(b"")
    with pytest.raises(ValueError, match="cannot be read as a record"):
        listing.entries[-1].read()


def test_the_newest_version_unless_one_is_asked_for(own):
    versions = own / "tiny"
    for other in ("1.10.0", "1.9.0", "2.0.0.incompleteX", "old"):
        shutil.copytree(versions / "1.2.0", versions / other)
    newest = list_prepared("tiny", own).entries[0]
    assert newest.read.func.__self__.folder == versions / "1.10.0"
    asked = list_prepared("tiny:1.9.0", own)
    assert asked.entries[0].read.func.__self__.folder == versions / "1.9.0"
    assert asked.name == "tfds:tiny:1.9.0"
    message = refused("tiny:3.0.0", own)
    assert "tfds:tiny has no version 3.0.0 in" in message
    assert "(there: 1.2.0, 1.9.0, 1.10.0)" in message


def test_a_set_of_configurations(own):
    shutil.move(own / "tiny", own / "big")
    (own / "tiny").mkdir()
    shutil.move(own / "big", own / "tiny" / "big")
    shutil.copytree(own / "tiny" / "big", own / "tiny" / "small")
    assert len(list_prepared("tiny/small", own).entries) == 60
    assert len(list_prepared("tiny/small:1.2.0", own).entries) == 60
    assert "give one of tfds:tiny/big, tfds:tiny/small" in refused("tiny", own)


@pytest.mark.parametrize(
    "name", ["../tiny", "/tiny", "tiny:", "a b", "tiny:x", "tiny/../x", "\x1b"]
)
def test_names_that_no_set_has(written, name):
    assert "is no name of a set: give tfds:NAME[:VERSION]" in refused(name, written)


@without_tensorflow
def test_a_set_that_is_not_there_lists_what_is_and_how_to_prepare_it(own):
    message = refused("mnist:3.0.1", own)
    assert message.endswith(
        f"tfds:mnist:3.0.1 is not prepared in {own} (there: tiny); pip install 'ganjax[tf]' and "
        f"run: ganjax data tfds:mnist:3.0.1 --data-dir {own}"
    )
    own.rename(own.with_name("my sets"))
    assert "--data-dir '" in refused("mnist", own.with_name("my sets"))
    assert "(there: none)" in refused("mnist", own / "missing")


@needs_tensorflow
def test_a_set_that_is_not_there_is_prepared_where_tensorflow_is(tmp_path, capsys):
    import tensorflow_datasets as tfds

    class GanjaxTrial(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")
        broken = True

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(40, 40, 3)),
                "label": tfds.features.ClassLabel(names=["ant", "bee"]),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, manager):
            if self.broken:
                raise RuntimeError("the archive\nis broken")
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for row in range(30):
                yield row, {"image": io.BytesIO(png("train", row)), "label": row % 2}

    said: list[str] = []
    with pytest.raises(
        UserError, match="ganjax_trial could not be prepared: the archive is broken"
    ):
        list_prepared("ganjax_trial", tmp_path, say=said.append)
    GanjaxTrial.broken = False
    listing = list_prepared("ganjax_trial", tmp_path, say=said.append)
    assert len(said) == 2
    assert said[1].startswith("tfds:ganjax_trial is downloaded")
    assert len(listing.entries) == 30
    list_prepared("ganjax_trial:1.0.0", tmp_path, say=said.append)
    assert len(said) == 2
    assert capsys.readouterr().out == ""
    with pytest.raises(UserError, match="did you mean tfds:ganjax_trial"):
        list_prepared("ganjax_trail", tmp_path)
    with pytest.raises(UserError, match="cannot be prepared"):
        list_prepared("mnist:9.9.9", tmp_path)


@without_tensorflow
def test_without_a_folder_sets_are_where_tfds_puts_them(written, tmp_path, monkeypatch):
    assert str(tmp_path / "none") in refused("tiny", None)
    monkeypatch.setenv("TFDS_DATA_DIR", str(written))
    assert len(list_prepared("tiny", None).entries) == 60
    monkeypatch.delenv("TFDS_DATA_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(tmp_path / "tensorflow_datasets") in refused("tiny", None)


def change_info(data_dir: Path, file: str, change) -> None:
    path = data_dir / "tiny" / "1.2.0" / file
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_set_stored_as_tfrecord_says_how_to_prepare_it(own):
    change_info(own, "dataset_info.json", lambda info: info.update(fileFormat="tfrecord"))
    message = refused("tiny", own)
    assert "is stored as tfrecord, which only TensorFlow reads" in message
    assert "ganjax data tfds:tiny --data-dir NEW_FOLDER" in message


@pytest.mark.parametrize("content", ["", "{", "[]", '{"splits": 3}'])
def test_a_broken_description_is_refused(own, content):
    (own / "tiny" / "1.2.0" / "dataset_info.json").write_text(content)
    assert "cannot be read as a prepared set" in refused("tiny", own)


def test_a_set_without_a_part_to_train_on(own):
    def rename(info):
        info["splits"] = [split for split in info["splits"] if split["name"] != "train"]

    change_info(own, "dataset_info.json", rename)
    assert "has no split 'train' but" in refused("tiny", own)


def test_a_set_of_floating_point_is_refused(own):
    def to_float(info):
        image = info["featuresDict"]["features"]["image"]["image"]
        image["dtype"], image["shape"]["dimensions"][2] = "float32", "1"

    change_info(own, "features.json", to_float)
    assert "has float32 pixels; uint8 or uint16 is needed" in refused("tiny", own)


def test_a_set_without_images_or_labels():
    class Info:
        features = {"text": object()}  # noqa: RUF012
        supervised_keys = None

    with pytest.raises(UserError, match="0 image and 0 label features"):
        prepared._keys("words", Info)
