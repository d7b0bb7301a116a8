"""An image file with what its better version keeps: transparency, a profile, its size as seen."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from ganjax.data.decode import Unreadable
from ganjax.data.listing import Entry
from ganjax.data.original import (
    Original,
    decode_original,
    encode_original,
    look,
    read_original,
)

RANDOM = np.random.default_rng(0).integers(0, 256, (6, 9, 4), np.uint8)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def encoded(image, form="PNG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def of_mode(mode):
    if mode == "I;16":
        return Image.fromarray(RANDOM[..., 0].astype(np.uint16) * 257)
    image = Image.fromarray(RANDOM)
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "form", "becomes"),
    [
        ("1", "PNG", "L"),
        ("L", "PNG", "L"),
        ("I;16", "PNG", "L"),
        ("LA", "PNG", "LA"),
        ("RGB", "PNG", "RGB"),
        ("P", "PNG", "RGBA"),  # of a transparent image, so its palette has transparency
        ("RGBA", "PNG", "RGBA"),
        ("CMYK", "JPEG", "RGB"),
        ("YCbCr", "JPEG", "RGB"),
    ],
)
def test_a_mode_becomes_what_the_table_says(mode, form, becomes):
    original = decode_original(encoded(of_mode(mode), form))
    assert original.mode == becomes
    assert original.pixels.dtype == np.uint8
    with Image.open(io.BytesIO(encode_original(original))) as image:
        assert (image.mode, image.size) == (becomes, (9, 6))


def test_an_opaque_palette_becomes_colour():
    palette = Image.fromarray(RANDOM[..., :3]).quantize(8)
    original = decode_original(encoded(palette))
    assert (original.mode, original.alpha) == ("RGB", None)
    np.testing.assert_array_equal(original.pixels, np.asarray(palette.convert("RGB")))


def test_transparency_is_kept_beside_the_colours_below_it():
    original = decode_original(encoded(Image.fromarray(RANDOM)))
    np.testing.assert_array_equal(original.pixels, RANDOM[..., :3])
    np.testing.assert_array_equal(original.alpha, RANDOM[..., 3])
    again = decode_original(encode_original(original))
    np.testing.assert_array_equal(again.pixels, original.pixels)
    np.testing.assert_array_equal(again.alpha, original.alpha)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_image_that_a_camera_turned_is_upright(mode):
    exif = Image.Exif()
    exif[0x0112] = 6  # by a quarter
    image = of_mode(mode)
    original = decode_original(encoded(image, exif=exif))
    expected = np.rot90(np.asarray(image), -1)
    np.testing.assert_array_equal(original.pixels, expected[..., :3])
    if mode == "RGBA":
        np.testing.assert_array_equal(original.alpha, expected[..., 3])


def test_a_profile_is_kept_where_it_still_holds_and_words_are_written():
    original = decode_original(encoded(of_mode("RGB"), icc_profile=PROFILE))
    with Image.open(io.BytesIO(encode_original(original, {"ganjax:restored": "1"}))) as image:
        assert image.info["icc_profile"] == PROFILE
        assert image.text == {"ganjax:restored": "1"}
    assert decode_original(encoded(of_mode("CMYK"), "JPEG", icc_profile=PROFILE)).profile is None


def test_what_is_no_image_is_told_as_a_reason():
    def entry(content):
        return Entry("", -1, "a.png", lambda: content)

    with pytest.raises(Unreadable, match="is empty"):
        decode_original(b"")
    assert isinstance(read_original(entry(b"no image")), Unreadable)
    bad, good = look([entry(b"no image"), entry(encoded(of_mode("L")))])
    assert isinstance(bad, Unreadable)
    assert (good.header.width, good.header.height, len(good.sha256)) == (9, 6, 64)
    assert isinstance(read_original(entry(encoded(of_mode("L")))), Original)
