"""Images of every kind, and what chance makes of them."""

import io
import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from ganjax.data.decode import SUFFIXES

MOST_IMAGES, MOST_BYTES = 2000, 4_000_000
LARGEST_GROWTH = 2_000_000
EXTREMES = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    2**15 - 1,
    2**15,
    2**16 - 1,
    2**24,
    2**31 - 1,
    2**31,
    2**32 - 1,
)

ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")


def own_images(seed: int = 0) -> list[bytes]:
    """Make an image of every format, mode and way of packing."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    smooth = np.linspace(0, 255, 24)[:, None, None] * np.ones((1, 32, 3))
    colour = Image.fromarray(np.where(noise < 64, noise, smooth.astype(np.uint8)))
    tags = Image.Exif()
    tags[0x0112] = 6
    made = []
    for form, modes, ways in KINDS:
        for mode in modes:
            image = (
                colour.convert("L").convert(mode) if mode.startswith("I") else colour.convert(mode)
            )
            for way in ways:
                options = {**way, "exif": tags} if form in ("JPEG", "WEBP") else dict(way)
                if options.pop("frames", 1) > 1:
                    options |= {"save_all": True, "append_images": [image.rotate(180)] * 2}
                file = io.BytesIO()
                with suppress(OSError):  # not every libtiff packs in every way
                    image.save(file, form, **options)
                    made.append(file.getvalue())
    return made + _by_hand(colour)


def _by_hand(image: Image.Image) -> list[bytes]:
    """Write what Pillow reads in Python, and does not write: text, other depths, packed lines."""
    grey = np.asarray(image.convert("L"))
    height, width = grey.shape
    text = " ".join(map(str, grey.ravel())).encode()
    lines = b"".join(b"".join(b"\1%c" % v for v in row) + b"\0\0" for row in grey[::-1]) + b"\0\1"
    palette = bytes(np.repeat(np.arange(256, dtype=np.uint8), 4))
    told = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(lines), 0, 0, 256, 0)
    return [
        b"P2 %d %d 255\n" % (width, height) + text,
        b"P1 %d %d\n" % (width, height) + b" ".join(b"%d" % (v > 99) for v in grey.ravel()),
        b"P5 %d %d 200\n" % (width, height) + grey.tobytes(),
        b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + len(palette)) + told + palette + lines,
    ]


KINDS: tuple[tuple[str, Sequence[str], Sequence[dict[str, Any]]], ...] = (
    ("PNG", ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), ({}, {"compress_level": 0})),
    ("PNG", ("RGB",), ({"frames": 3}, {"icc_profile": bytes(200), "dpi": (72, 72)})),
    ("PNG", ("P",), ({"transparency": 0}, {"bits": 8})),
    ("JPEG", ("L", "RGB", "CMYK"), ({}, {"progressive": True}, {"restart_marker_blocks": 1})),
    ("MPO", ("RGB",), ({"frames": 3},)),
    ("GIF", ("1", "L", "P", "RGBA"), ({}, {"interlace": False}, {"frames": 3})),
    ("BMP", ("1", "L", "P", "RGB", "RGBA"), ({},)),
    ("TIFF", ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "LAB"),
     ({}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"})),
    ("TIFF", ("1",), ({"compression": "group3"}, {"compression": "group4"})),
    ("TIFF", ("RGB", "YCbCr"), ({"compression": "jpeg"}, {"frames": 3}, {"big_tiff": True})),
    ("TIFF", ("L", "RGB"), ({"compression": "packbits"}, {"compression": "lzma"},
                            {"compression": "zstd"})),
    ("WEBP", ("RGB", "RGBA"), ({}, {"lossless": True}, {"frames": 3})),
    ("PPM", ("1", "L", "RGB", "I;16"), ({},)),
)  # fmt: skip


def images_of(folder: Path) -> list[bytes]:
    """Read a folder's images, the first thousands of them."""
    paths = (p for p in sorted(folder.rglob("*")) if p.suffix.lower() in SUFFIXES and p.is_file())
    small = [p for p in paths if p.stat().st_size <= MOST_BYTES][:MOST_IMAGES]
    if not small:
        raise SystemExit(f"{folder} holds no images")
    return [path.read_bytes() for path in small]


def mutant(images: Sequence[bytes], seed: int, number: int) -> bytes:
    """Make the mutant of a number: the same every time."""
    rng = np.random.default_rng((seed, number))
    content = bytearray(images[int(rng.integers(len(images)))])
    for _ in range(rng.integers(1, 5)):
        change = CHANGES[int(rng.integers(len(CHANGES)))]
        if content:
            content = change(content, rng, images)
    return mended(bytes(content)) if rng.random() < 0.5 else bytes(content)


def _place(content: bytearray, rng: np.random.Generator) -> int:
    """Choose a place, in the first 256 bytes half of the time: formats tell most there."""
    near = rng.random() < 0.5
    return int(rng.integers(min(len(content), 256) if near else len(content)))


def _flip(content: bytearray, rng: np.random.Generator, images: Sequence[bytes]) -> bytearray:
    for _ in range(rng.integers(1, 17)):
        content[_place(content, rng)] ^= 1 << int(rng.integers(8))
    return content


def _set(content: bytearray, rng: np.random.Generator, images: Sequence[bytes]) -> bytearray:
    """Write an extreme number over a field of 1, 2 or 4 bytes."""
    width = int(2 ** rng.integers(3))
    value = EXTREMES[int(rng.integers(len(EXTREMES)))] % 256**width
    order = ORDERS[int(rng.integers(2))]
    at = _place(content, rng)
    content[at : at + width] = value.to_bytes(width, order)
    return content


def _cut(content: bytearray, rng: np.random.Generator, images: Sequence[bytes]) -> bytearray:
    return content[: int(rng.integers(len(content)))]


def _drop(content: bytearray, rng: np.random.Generator, images: Sequence[bytes]) -> bytearray:
    at = _place(content, rng)
    del content[at : at + int(rng.integers(1, 65))]
    return content


def _insert(content: bytearray, rng: np.random.Generator, images: Sequence[bytes]) -> bytearray:
    at = _place(content, rng)
    content[at:at] = rng.bytes(int(2 ** rng.integers(12)))
    return content


def _repeat(content: bytearray, rng: np.random.Generator, images: Sequence[bytes]) -> bytearray:
    """Repeat a piece, now and then a hundred thousand times."""
    at = _place(content, rng)
    piece = content[at : at + int(2 ** rng.integers(9))]
    times = int(10 ** rng.uniform(0, 5 if rng.random() < 0.1 else 2))
    content[at:at] = piece * min(times, LARGEST_GROWTH // len(piece))
    return content


def _splice(content: bytearray, rng: np.random.Generator, images: Sequence[bytes]) -> bytearray:
    other = images[int(rng.integers(len(images)))]
    return content[: _place(content, rng)] + other[_place(bytearray(other), rng) :]


def _overlay(content: bytearray, rng: np.random.Generator, images: Sequence[bytes]) -> bytearray:
    """Write a piece of another file, or of this one, over some place."""
    other = images[int(rng.integers(len(images)))] if rng.random() < 0.5 else bytes(content)
    begin, at, length = (
        _place(bytearray(other), rng),
        _place(content, rng),
        int(rng.integers(1, 65)),
    )
    content[at : at + length] = other[begin : begin + length]
    return content


CHANGES = (_flip, _flip, _set, _set, _set, _cut, _drop, _insert, _repeat, _splice, _overlay)


def mended(content: bytes) -> bytes:
    """Make the checksums of a PNG right; other content stays as it is."""
    if not content.startswith(b"\x89PNG"):
        return content
    at, found = 8, bytearray(content)
    while at + 12 <= len(found):
        end = at + 8 + int.from_bytes(found[at : at + 4], "big")
        if end + 4 > len(found):
            break
        found[end : end + 4] = zlib.crc32(found[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(found)
