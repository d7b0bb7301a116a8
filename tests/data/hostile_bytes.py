"""Encoded images in every form that Pillow cannot be asked for: odd, lying, or far too much."""

import io
import struct
import zlib
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image

SIDE = 8
PICTURE = np.stack(
    [*np.meshgrid(30 * np.arange(SIDE), 30 * np.arange(SIDE)), np.full((SIDE, SIDE), 128)], -1
).astype(np.uint8)
"""What most of them would show: uint8 `[8, 8, 3]`."""

GREY = PICTURE[..., :1]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREYS, COLOURS, INDICES, GREYS_ALPHA, COLOURS_ALPHA = 0, 2, 3, 4, 6
"""How a PNG tells its channels."""

SHORT, LONG, ASCII, UNDEFINED = 3, 4, 2, 7
"""Types of a TIFF's tags."""

GREY_TAGS = {256: SIDE, 257: SIDE, 258: 8, 259: 1, 262: 1, 277: 1, 278: SIDE, 279: SIDE**2}
DATA = -1
"""Where a TIFF's data begin, whatever comes before."""

QUALITY: dict[str, dict] = {
    "JPEG": {"quality": 100, "subsampling": 0}, "PNG": {}, "WEBP": {"lossless": True},
}  # fmt: skip


def encoded(image: Image.Image | np.ndarray, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, form, **options)
    return file.getvalue()


WHOLE = {
    "png": encoded(PICTURE),
    "jpg": encoded(PICTURE, "JPEG", quality=100, subsampling=0),
    "bmp": encoded(PICTURE, "BMP"),
    "gif": encoded(PICTURE, "GIF"),
    "tif": encoded(PICTURE, "TIFF"),
    "webp": encoded(PICTURE, "WEBP", lossless=True),
    "ppm": encoded(PICTURE, "PPM"),
}
WITHIN = {"jpg": 4, "gif": 26}  # GIF has 64 colours of its own for these


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    pixels: np.ndarray, kind: int, bits: int = 8, *, before: bytes = b"", interlaced: bool = False
) -> bytes:
    """A PNG of pixels `[height, width, channels]`, in any depth, interlaced as Adam7 has it."""
    height, width = pixels.shape[:2]
    steps = (
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2)] if interlaced else [(0, 0, 1, 1)]
    )  # fmt: skip
    rows = [row for x, y, dx, dy in steps for row in pixels[y::dy, x::dx] if row.size]
    data = b"".join(b"\0" + packed(row.ravel(), bits) for row in rows)
    return png_of(width, height, zlib.compress(data), kind, bits, interlaced, before)


def packed(values: np.ndarray, bits: int) -> bytes:
    if bits == 16:
        return values.astype(">u2").tobytes()
    places = np.arange(bits)[::-1]
    return np.packbits((values[:, None].astype(np.uint8) >> places) & 1).tobytes()


def png_of(
    width: int, height: int, data: bytes, kind: int = COLOURS, bits: int = 8,
    interlaced: bool = False, before: bytes = b"",
) -> bytes:  # fmt: skip
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, interlaced)
    parts = chunk(b"IHDR", header), before, chunk(b"IDAT", data), chunk(b"IEND")
    return SIGNATURE + b"".join(parts)


def zeros(count: int) -> bytes:
    """As many zeros, compressed."""
    compressor = zlib.compressobj(9)
    million = bytes(1_000_000)
    whole = b"".join(compressor.compress(million) for _ in range(count // len(million)))
    return whole + compressor.compress(bytes(count % len(million))) + compressor.flush()


def bmp(
    data: bytes, width: int = SIDE, height: int = SIDE, bits: int = 24, packing: int = 0,
    colours: int = 0, palette: bytes = b"", offset: int | None = None, header: int = 40,
) -> bytes:  # fmt: skip
    begin = 54 + len(palette) if offset is None else offset
    told = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, packing, 0, 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, begin) + told + palette + data


def bottom_up(pixels: np.ndarray = PICTURE) -> bytes:
    return np.ascontiguousarray(pixels[::-1, :, ::-1]).tobytes()


def tiff(
    tags: Mapping[int, int | tuple[int, int, int]] = MappingProxyType({}),
    data: bytes = GREY.tobytes(),
    following: int = 0,
) -> bytes:
    """A grey TIFF; a tag is a number, or type, count and a number. 273 is where the data lie."""
    told: dict = {**GREY_TAGS, **tags}
    if 324 not in told:
        told.setdefault(273, DATA)
    begin = 8 + 2 + 12 * len(told) + 4
    rows = b""
    for number, value in sorted(told.items()):
        kind, count, content = value if isinstance(value, tuple) else (LONG, 1, value)
        content = begin if content is DATA else content
        rows += struct.pack("<HHI", number, kind, count)
        short = kind == SHORT and count == 1
        rows += struct.pack("<HH", content, 0) if short else struct.pack("<I", content)
    directory = struct.pack("<H", len(told)) + rows + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 8) + directory + data


def with_exif(content: bytes, form: str = "JPEG") -> bytes:
    return encoded(PICTURE, form, exif=content, **QUALITY[form])


def exif(*entries: tuple[int, int, int, int], following: int = 0, data: bytes = b"") -> bytes:
    rows = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    directory = struct.pack("<H", len(entries)) + rows + struct.pack("<I", following)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory + data


def repeated(content: bytes, at: int, part: bytes, times: int) -> bytes:
    return content[:at] + times * part + content[at:]


def jpeg_of(side: int, content: bytes) -> bytes:
    """A JPEG that says that it is larger than it is."""
    marker = b"\xff\xc2" if b"\xff\xc2" in content else b"\xff\xc0"
    at = content.index(marker) + 5
    return content[:at] + struct.pack(">HH", side, side) + content[at + 4 :]


def webp_of(side: int) -> bytes:
    """A WebP that says that it is larger than it is."""
    at = WHOLE["webp"].index(b"VP8L") + 9
    told = struct.pack("<I", (side - 1) | (side - 1) << 14)
    return WHOLE["webp"][:at] + told + WHOLE["webp"][at + 4 :]
