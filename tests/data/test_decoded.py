"""Images are decoded once, kept, and decoded anew when a byte of them, or of the cache, changed."""

import json
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from ganjax.config import Reading
from ganjax.data import decoded
from ganjax.data.decoded import decode_listing
from ganjax.data.listing import Entry, Listing
from ganjax.errors import UserError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "decoded"


@pytest.fixture
def listing(tmp_path) -> Listing:
    """Five images whose pixels are their number; the third is none."""
    entries = []
    for i in range(5):
        path = tmp_path / f"{i}.png"
        Image.new("L", (8, 8), i).save(path)
        entries.append(Entry("train", i % 2, path.name, path.read_bytes))
    (tmp_path / "2.png").write_text("no image")
    return Listing("folder:x", ("ant", "bee"), entries, [])


@pytest.fixture
def counted(monkeypatch):
    """How many images were decoded."""
    seen = []
    real = decoded.decode_entry

    def counting(entry, shape):
        seen.append(entry.file)
        return real(entry, shape)

    monkeypatch.setattr(decoded, "decode_entry", counting)
    return seen


def check(found) -> None:
    images = found.in_memory()
    assert images[:, 0, 0, 0].tolist() == [0, 1, 3, 4]
    assert images.shape == (4, 8, 8, 1)
    assert found.entries.tolist() == [0, 1, 3, 4]
    assert [bad.file for bad in found.bad.values()] == ["2.png"]
    assert "no image" in found.bad[2].reason
    assert len(found.headers) == 4


def test_what_was_decoded_is_not_decoded_again(listing, counted, cache):
    check(decode_listing(listing, Reading()))
    assert len(counted) == 4
    check(decode_listing(listing, Reading()))
    assert len(counted) == 4
    assert sorted(file.suffix for file in cache.iterdir()) == [".json", ".npy"]


def test_without_a_cache_nothing_is_left_or_looked_for(listing, counted, cache):
    for _ in range(2):
        check(decode_listing(listing, Reading(), cache=False))
    assert len(counted) == 8
    assert not cache.exists()


def test_another_size_and_other_bytes_are_decoded_anew(listing, counted, tmp_path):
    decode_listing(listing, Reading())
    assert decode_listing(listing, Reading(size=16)).in_memory().shape == (4, 16, 16, 1)
    assert len(counted) == 8
    Image.new("L", (8, 8), 77).save(tmp_path / "4.png")
    assert decode_listing(listing, Reading()).in_memory()[3, 0, 0, 0] == 77
    assert len(counted) == 12


def test_the_same_images_elsewhere_are_known(listing, counted, tmp_path):
    decode_listing(listing, Reading())
    moved = [entry._replace(file=f"moved/{entry.file}") for entry in listing.entries]
    again = decode_listing(listing._replace(entries=moved), Reading())
    assert len(counted) == 4
    assert again.bad[2].file == "moved/2.png"


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "json", "no json", "no npy"])
def test_a_damaged_cache_is_decoded_anew_and_replaced(listing, counted, cache, damage):
    decode_listing(listing, Reading())
    (images,), (told,) = cache.glob("*.npy"), cache.glob("*.json")
    whole = bytearray(images.read_bytes())
    if damage == "flip":
        whole[-10] ^= 1
        images.write_bytes(whole)
    elif damage == "cut":
        images.write_bytes(whole[:-10])
    elif damage == "empty":
        images.write_bytes(b"")
    elif damage == "json":
        told.write_text(json.dumps({"crc32": 0}))
    elif damage == "no json":
        told.unlink()
    else:
        images.unlink()
    for _ in range(2):
        check(decode_listing(listing, Reading()))
    assert len(counted) == 8


def test_a_cache_that_cannot_be_written_only_costs_time(listing, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path / "file"))
    check(decode_listing(listing, Reading()))


def test_a_known_identity_spares_the_reading(listing, counted):
    known = listing._replace(identity="1")
    decode_listing(known, Reading())

    def fail() -> bytes:
        raise AssertionError("was read")

    unread = [entry._replace(read=fail) for entry in listing.entries]
    check(decode_listing(known._replace(entries=unread), Reading()))


def test_no_image_at_all_is_an_error(listing, tmp_path):
    only = listing._replace(entries=listing.entries[2:3])
    with pytest.raises(UserError, match=r"none of its 1 files is an image.*2\.png.*no image"):
        decode_listing(only, Reading())


def test_what_cannot_be_read_is_bad_and_told(listing, tmp_path):
    gone = partial(Path.read_bytes, tmp_path / "gone.png")

    def refused() -> bytes:
        raise ValueError("is a folder")

    entries = [*listing.entries, Entry("train", 0, "gone.png", gone)]
    entries.append(Entry("train", 0, "folder.png", refused))
    found = decode_listing(listing._replace(entries=entries), Reading())
    assert found.bad[5].reason == "cannot be read (No such file or directory)"
    assert found.bad[6].reason == "is a folder"


def test_many_images_keep_their_order_and_are_told(tmp_path):
    content = []
    for i in range(300):
        Image.new("L", (8, 8), i % 256).save(tmp_path / "one.png")
        content.append((tmp_path / "one.png").read_bytes())
    entries = [Entry("train", 0, f"{i}", partial(bytes, c)) for i, c in enumerate(content)]
    told = []
    found = decode_listing(
        Listing("x", ("ant",), entries, []), Reading(), tell=lambda *done: told.append(done)
    )
    assert found.in_memory()[:, 0, 0, 0].tolist() == [i % 256 for i in range(300)]
    assert told[-1] == (300, 300)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_sizes_are_noted_and_remembered(listing, tmp_path):
    Image.new("RGB", (20, 30), "red").save(tmp_path / "4.png")
    for _ in range(2):
        found = decode_listing(listing, Reading())
        assert found.in_memory().shape == (4, 8, 8, 3)
        assert len(found.notes()) == 2
        assert found.headers[3] == (20, 30, "RGB")
