"""Broken files and impossible wishes end in one line, not in a traceback or in silence."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganjax.data import prepared
from ganjax.data.decode import decode
from ganjax.data.sources import Dataset, load
from ganjax.data.splits import draw
from ganjax.errors import UserError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "tensorflow_datasets"


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no prepared sets at {SHARED}")
@pytest.mark.parametrize("damage", ["cut", "flip", "text"])
def test_broken_cache_is_read_anew_and_replaced(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path))
    builder = prepared._builder("fashion_mnist", SHARED)
    count = builder.info.splits["test"].num_examples
    own = np.full((count, 8, 8, 1), 3, np.uint8), np.zeros(count, np.int32)
    monkeypatch.setattr(prepared, "_read", lambda *_: own)

    def cached():
        return prepared._cached(builder, "test", "image", "label", lambda done: None)

    cached()
    (file,) = (tmp_path / "decoded").iterdir()
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 255
    broken = {"cut": whole[: len(whole) // 2], "flip": whole, "text": b"hello"}[damage]
    file.write_bytes(bytes(broken))
    np.testing.assert_array_equal(cached()[0], own[0])
    with np.load(file, allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["images"], own[0])


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no prepared sets at {SHARED}")
def test_cache_that_cannot_be_written_only_costs_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path / "file"))
    builder = prepared._builder("fashion_mnist", SHARED)
    own = np.zeros((2, 8, 8, 1), np.uint8), np.zeros(2, np.int32)
    monkeypatch.setattr(prepared, "_read", lambda *_: own)
    images, _ = prepared._cached(builder, "test", "image", "label", lambda done: None)
    assert images is own[0]


def test_sixteen_bits_in_the_other_byte_order_are_refused(tmp_path):
    image = Image.frombytes("I;16B", (4, 4), np.full((4, 4), 300, ">u2").tobytes())
    image.save(tmp_path / "a.tif")
    with pytest.raises(UserError, match="8 bits"):
        decode(tmp_path / "a.tif")


def test_nonsense_in_a_header_is_a_broken_image(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P6 \x12` 4 255 " + bytes(48))
    with pytest.raises(UserError, match="cannot be read"):
        decode(tmp_path / "a.ppm")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a.png").write_text("x")
    with pytest.raises(UserError, match="is a file"):
        load(f"folder:{tmp_path / 'a.png'}")


def draw_from(count: int, replicate: int):
    labels = np.repeat(np.arange(2, dtype=np.int32), count)
    pool = Dataset("x", np.zeros((2 * count, 8, 8, 1), np.uint8), labels, ("ant", "bee"))
    return draw(
        pool, per_class=4, replicate=replicate, replicates=2, validation_fraction=0.25, seed=0
    )


@pytest.mark.parametrize("replicate", [-1, 2])
def test_no_draw_beyond_the_last(replicate):
    with pytest.raises(ValueError, match="not one of 0 to 1"):
        draw_from(9, replicate)


def test_a_class_too_small_for_any_draw_gets_no_impossible_advice():
    with pytest.raises(UserError) as caught:
        draw_from(1, 0)
    assert "--per-class 1" not in str(caught.value)
    assert "at least 2 are needed" in str(caught.value)
