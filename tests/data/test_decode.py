"""One image file to one array: nothing is silently made grey, nothing broken passes."""

import numpy as np
import pytest
from PIL import Image

from ganjax.data.decode import decode
from ganjax.errors import UserError


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("1", 1), ("RGB", 3), ("RGBA", 3), ("P", 3), ("LA", 3)]
)
def test_channels_follow_the_files_mode(tmp_path, mode, channels):
    Image.new(mode, (9, 5)).save(tmp_path / "a.png")
    pixels = decode(tmp_path / "a.png")
    assert pixels.shape == (5, 9, channels)
    assert pixels.dtype == np.uint8


def test_pixels_are_exact(tmp_path):
    own = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    Image.fromarray(own).save(tmp_path / "a.png")
    np.testing.assert_array_equal(decode(tmp_path / "a.png"), own)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tif", "webp", "ppm"])
def test_truncated_file_is_named(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    own = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    Image.fromarray(own).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=f"a.{suffix}"):
        decode(path)


def test_no_image_at_all(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(UserError, match=r"a\.png cannot be read"):
        decode(tmp_path / "a.png")


def test_more_than_eight_bits_are_refused(tmp_path):
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match="8 bits"):
        decode(tmp_path / "a.png")


def test_enormous_image_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr("ganjax.data.decode.MOST_PIXELS", 20)
    Image.new("L", (5, 5)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match="5x5"):
        decode(tmp_path / "a.png")
