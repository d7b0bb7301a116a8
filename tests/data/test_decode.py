"""One encoded image to one array: nothing is silently made grey, nothing broken passes."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from ganjax.data.costly import MOST_SCANS
from ganjax.data.decode import Unreadable, decode, read_header

RANDOM = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)


def encoded(image: Image.Image | np.ndarray, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("L", 1), ("1", 1), ("LA", 1), ("I;16", 1), ("RGB", 3), ("RGBA", 3), ("P", 3)],
)
def test_channels_follow_the_images_mode(mode, channels):
    content = encoded(Image.new(mode, (9, 5)))
    pixels = decode(content)
    assert pixels.shape == (5, 9, channels)
    assert pixels.dtype == np.uint8
    assert read_header(content)[:2] == (9, 5)
    assert read_header(content).grey == (channels == 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_can_be_asked_for(channels):
    assert decode(encoded(RANDOM), channels=channels).shape == (6, 10, channels)
    grey = decode(encoded(RANDOM[..., 0]), channels=channels)
    np.testing.assert_array_equal(grey, np.repeat(RANDOM[..., :1], channels, -1))


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_pixels_are_exact(form):
    np.testing.assert_array_equal(decode(encoded(RANDOM, form)), RANDOM)


def test_ink_becomes_light():
    assert (decode(encoded(Image.new("CMYK", (4, 4), (0, 0, 0, 0)), "JPEG")) > 250).all()
    assert (decode(encoded(Image.new("CMYK", (4, 4), (0, 0, 0, 255)), "JPEG")) < 5).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode):
    if mode == "P":
        image = Image.new("P", (2, 1))
        image.putpalette([200, 0, 0, 9, 9, 9])
        image.putpixel((1, 0), 1)
        content = encoded(image, transparency=0)
    else:
        image = Image.new(mode, (2, 1), (0,) * len(mode))
        image.putpixel((1, 0), (9,) * (len(mode) - 1) + (255,))
        content = encoded(image)
    pixels = decode(content)
    assert (pixels[0, 0] == 255).all()
    assert (pixels[0, 1] == 9).all()


def test_half_transparent_is_half_white():
    content = encoded(Image.new("RGBA", (1, 1), (0, 0, 0, 128)))
    assert abs(int(decode(content)[0, 0, 0]) - 127) <= 1


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_keep_black_and_white(form):
    own = np.array([[0, 257, 32896, 65535]], np.uint16)
    assert decode(encoded(own, form))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_sixteen_bits_in_the_other_byte_order():
    image = Image.frombytes("I;16B", (4, 4), np.full((4, 4), 25700, ">u2").tobytes())
    assert (decode(encoded(image, "TIFF")) == 100).all()


def test_more_than_sixteen_bits_are_refused():
    image = Image.fromarray(np.full((4, 4), 70_000, np.int32))
    with pytest.raises(Unreadable, match="from 70000 to 70000"):
        decode(encoded(image, "TIFF"))


def test_floating_point_is_refused():
    with pytest.raises(Unreadable, match="range is not known"):
        decode(encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"))


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_upright(form, orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}
    content = encoded(RANDOM, form, exif=tags, **options.get(form, {}))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    pixels = decode(content)
    np.testing.assert_array_equal(pixels, np.asarray(upright))
    assert read_header(content)[:2] == upright.size


def test_a_corrupt_tag_costs_no_picture():
    content = encoded(RANDOM, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xffnonsense")
    assert decode(content).shape == (6, 10, 3)


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for form in ("GIF", "WEBP", "PNG", "TIFF"):
        options = {"lossless": True} if form == "WEBP" else {}
        content = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
        assert decode(content)[0, 0].tolist() == [255, 0, 0], form


def test_the_square_in_the_middle_is_resized():
    own = np.zeros((8, 40, 3), np.uint8)
    own[:, 10:30] = 200  # the filter looks a little beyond its square
    pixels = decode(encoded(own), size=4)
    assert pixels.shape == (4, 4, 3)
    assert (pixels == 200).all()


def test_a_sliver_of_an_image_costs_no_memory():
    pixels = decode(encoded(Image.new("L", (1, 50_000), 7)), size=32)
    assert pixels.shape == (32, 32, 1)
    assert (pixels == 7).all()


def test_resizing_a_large_photograph_is_close_to_doing_it_in_full():
    smooth = np.linspace(0, 255, 400)[:, None, None] * np.ones((1, 300, 3))
    content = encoded(smooth.astype(np.uint8), "JPEG", quality=95)
    whole = Image.open(io.BytesIO(content)).crop((0, 50, 300, 350)).resize((16, 16))
    assert np.abs(decode(content, size=16).astype(int) - np.asarray(whole)).max() <= 3


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_a_truncated_image_is_told(form):
    own = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    whole = encoded(own, form)
    for part in (0.1, 0.5, 0.9):
        with pytest.raises(Unreadable):
            decode(whole[: int(part * len(whole))])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty (0 bytes)"),
        (b"hello", "is no image in a format that is read"),
        (encoded(RANDOM)[:40], "begins as a PNG, but its header is cut off or damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no image"),
        (b"P6 \x12` 4 255 " + bytes(48), "cannot be read as an image"),
        (b"\xff\xd8\xff\xe0" + b"\xff\xda" * (MOST_SCANS + 1), "more than 100 scans"),
    ],
)
def test_what_is_no_image(content, reason):
    with pytest.raises(Unreadable) as caught:
        decode(content)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def png_of(width: int, height: int) -> bytes:
    """A PNG's header that promises a size, and next to nothing behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


@pytest.mark.parametrize("size", [(50_000, 50_000), (9_000, 9_000), (2**31 - 1, 1)])
def test_an_enormous_image_is_refused_by_its_header(size):
    with pytest.raises(Unreadable, match=r"pixels, more than|more than 64,000,000 pixels"):
        decode(png_of(*size))
    with pytest.raises(Unreadable):
        read_header(png_of(*size))
