"""Encoded images that somebody made to do harm, or broke: bytes, and what must become of them."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

SIDE = 8
PICTURE = np.stack(
    [*np.meshgrid(30 * np.arange(SIDE), 30 * np.arange(SIDE)), np.full((SIDE, SIDE), 128)], -1
).astype(np.uint8)
"""What most of them would show: uint8 `[8, 8, 3]`."""

GREY = PICTURE[..., :1]
ANY = ""
"""A reason, whatever its words: those of Pillow change from version to version."""


class Case(NamedTuple):
    """One file.

    Attributes:
      name: of the file; it says what is wrong with it.
      content: its bytes.
      pixels: uint8 `[8, 8, 3 or 1]`, what it shows; None where it must be refused.
      reason: a pattern that the reason must match where it is refused; None where it must be read.
      within: grey levels by which the pixels may be off.
    """

    name: str
    content: bytes
    pixels: np.ndarray | None = None
    reason: str | None = None
    within: int = 0


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


SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREYS, COLOURS, INDICES, GREYS_ALPHA, COLOURS_ALPHA = 0, 2, 3, 4, 6


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
    told = struct.pack(
        "<IiiHHIIiiII", header, width, height, 1, bits, packing, 0, 0, 0, colours, 0
    )
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, begin) + told + palette + data


def bottom_up(pixels: np.ndarray = PICTURE) -> bytes:
    return np.ascontiguousarray(pixels[::-1, :, ::-1]).tobytes()


LONG, SHORT, ASCII, UNDEFINED = 4, 3, 2, 7
GREY_TAGS = {256: SIDE, 257: SIDE, 258: 8, 259: 1, 262: 1, 277: 1, 278: SIDE, 279: SIDE**2}


def tiff(
    tags: dict[int, int | tuple[int, int, int]] = {}, data: bytes = GREY.tobytes(), following: int = 0
) -> bytes:
    """A grey TIFF; a tag is a number, or type, count and a number. 273 is where the data lie."""
    told: dict = GREY_TAGS | tags
    if 324 not in told:
        told.setdefault(273, DATA)
    begin = 8 + 2 + 12 * len(told) + 4
    rows = b""
    for number, value in sorted(told.items()):
        kind, count, content = value if isinstance(value, tuple) else (LONG, 1, value)
        content = begin if content is DATA else content
        rows += struct.pack("<HHI", number, kind, count)
        rows += struct.pack("<HH", content, 0) if kind == SHORT and count == 1 else (
            struct.pack("<I", content)
        )
    directory = struct.pack("<H", len(told)) + rows + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 8) + directory + data


DATA = -1
"""Where a TIFF's data begin, whatever comes before."""


def with_exif(content: bytes, form: str = "JPEG") -> bytes:
    return encoded(PICTURE, form, exif=content, **QUALITY[form])


QUALITY: dict[str, dict] = {
    "JPEG": {"quality": 100, "subsampling": 0}, "PNG": {}, "WEBP": {"lossless": True},
}  # fmt: skip


def exif(*entries: tuple[int, int, int, int], following: int = 0, data: bytes = b"") -> bytes:
    rows = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    directory = struct.pack("<H", len(entries)) + rows + struct.pack("<I", following)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory + data


def repeated(content: bytes, at: int, part: bytes, times: int) -> bytes:
    return content[:at] + times * part + content[at:]


def cases() -> Iterator[Case]:
    for make in (
        truncated, misnamed, unusual, tagged, no_images, enormous, png_bombs, jpeg_bombs, gif_lies,
        tiff_lies, webp_lies, bmp_lies, ppm_lies,
    ):  # fmt: skip
        yield from make()


def truncated() -> Iterator[Case]:
    """Cut in the signature, in the header, within the pixels; before the last byte it may do."""
    for suffix, whole in WHOLE.items():
        half = len(whole) // 2
        for place, at in {"signature": 3, "header": 18, "middle": half, "end": 8}.items():
            content = whole[: at if place != "end" else -8]
            yield Case(f"cut-{place}.{suffix}", content, None, ANY)
        # the last byte of some formats says nothing
        yield Case(f"cut-last.{suffix}", whole[:-1], PICTURE, ANY, WITHIN.get(suffix, 0))


def misnamed() -> Iterator[Case]:
    suffixes = [*WHOLE]
    for own, other in zip(suffixes, suffixes[1:] + suffixes[:1], strict=True):
        yield Case(f"{own}-named.{other}", WHOLE[own], PICTURE, None, WITHIN.get(own, 0))
    yield Case("CAPITALS.PNG", WHOLE["png"], PICTURE)
    yield Case("two.suffixes.jpg.png", WHOLE["png"], PICTURE)


def unusual() -> Iterator[Case]:
    """What is rare, but a picture."""
    deep = PICTURE.astype(np.uint16) * 257
    grey = np.repeat(GREY, 3, -1)
    opaque = np.concatenate([deep, np.full_like(deep[..., :1], 65535)], -1)
    yield Case("deep-colour.png", png(deep, COLOURS, 16), PICTURE)
    yield Case("deep-grey.png", png(deep[..., :1], GREYS, 16), grey)
    yield Case("deep-alpha.png", png(opaque, COLOURS_ALPHA, 16), PICTURE)
    yield Case("deep-grey-alpha.png", png(opaque[..., [0, 3]], GREYS_ALPHA, 16), grey)
    yield Case("interlaced.png", png(PICTURE, COLOURS, interlaced=True), PICTURE)
    yield Case("deep-interlaced.png", png(deep, COLOURS, 16, interlaced=True), PICTURE)
    bits = (np.indices((SIDE, SIDE)).sum(0) % 2)[..., None]
    black_white = np.repeat(bits * 255, 3, -1).astype(np.uint8)
    yield Case("one-bit.png", png(bits, GREYS, 1), black_white)
    yield Case("one-bit-interlaced.png", png(bits, GREYS, 1, interlaced=True), black_white)
    yield Case("two-bits.png", png(bits * 3, GREYS, 2), black_white)
    colours = PICTURE[np.arange(SIDE), np.arange(SIDE)]
    palette = chunk(b"PLTE", colours.tobytes())
    indices = np.tile(np.arange(SIDE), (SIDE, 1))
    for own in (4, 8):
        content = png(indices[..., None], INDICES, own, before=palette)
        yield Case(f"palette-of-{own}-bits.png", content, colours[indices])
    no_colour = chunk(b"tRNS", struct.pack(">HHH", 65535, 1, 2))
    yield Case("deep-transparent.png", png(deep, COLOURS, 16, before=no_colour), PICTURE, ANY)
    yield Case("progressive.jpg", encoded(PICTURE, "JPEG", progressive=True, **QUALITY["JPEG"]),
               PICTURE, None, 4)  # fmt: skip
    yield Case("upside-down.bmp", bmp(bottom_up(PICTURE[::-1]), height=-SIDE), PICTURE)
    yield Case("text.ppm", b"P3 #a\n8 8 255\n" + " ".join(map(str, PICTURE.ravel())).encode(), PICTURE)
    yield Case("other-depth.ppm", b"P6 8 8 254\n" + bytes(192), np.zeros_like(PICTURE))
    for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "raw"):
        yield Case(f"{name}.tif", encoded(PICTURE, "TIFF", compression=name), PICTURE)
    big = encoded(PICTURE, "TIFF", big_tiff=True)
    yield Case("big.tif", big, PICTURE)
    two = [Image.fromarray(PICTURE)]
    yield Case("two-in-one.jpg", encoded(PICTURE, "MPO", save_all=True, append_images=two,
                                         **QUALITY["JPEG"]), PICTURE, None, 4)  # fmt: skip
    yield Case("more-behind.png", WHOLE["png"] + bytes(1000), PICTURE)
    yield Case("more-behind.jpg", WHOLE["jpg"] + b"<script>" * 99, PICTURE, None, 4)


def tagged() -> Iterator[Case]:
    """EXIF that is broken, lies, or runs in circles costs no picture."""
    loop = exif((0x8769, LONG, 1, 8), (0x8825, LONG, 1, 8), following=8)
    for name, content in {
        "nonsense": b"Exif\0\0II*\0\xff\xff\xff\xffnonsense",
        "no-tags": b"Exif\0\0",
        "loop": loop,
        "circle": exif((0x8769, LONG, 1, 26), data=exif((0x8769, LONG, 1, 8))[14:]),
        "orientation-99": exif((0x0112, SHORT, 1, 99)),
        "orientation-text": exif((0x0112, ASCII, 4, 0x41414141)),
        "orientation-many": exif((0x0112, SHORT, 2**31, 8)),
        "many-large": exif(*[(i, UNDEFINED, 60_000, 0) for i in range(1000, 5000)]),
    }.items():
        yield Case(f"exif-{name}.jpg", with_exif(content), PICTURE, None, 4)
        if len(content) < 10_000:
            yield Case(f"exif-{name}.png", with_exif(content, "PNG"), PICTURE)
            yield Case(f"exif-{name}.webp", with_exif(content, "WEBP"), PICTURE)
    yield Case("tags-loop.tif", tiff(following=8), GREY)
    yield Case("tags-within-themselves.tif", tiff({34665: 8, 34853: 8}), GREY)
    yield Case("orientation-text.tif", tiff({274: (ASCII, 4, 0x41414141)}), GREY, ANY)


def no_images() -> Iterator[Case]:
    none = "is no image in a format that is read"
    yield Case("empty.png", b"", None, r"is empty \(0 bytes\)")
    for name, content in {
        "one-byte.png": b"\x89",
        "text.jpg": b"This is not the picture that you are looking for.\n",
        "page.png": b"<!DOCTYPE html><html><body onload=alert(1)>404 Not Found</body></html>",
        "vector.png": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>",
        "document.png": b"%PDF-1.4\n1 0 obj<</OpenAction<</S/Launch/F(/bin/sh)>>>>endobj",
        "postscript.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(%pipe%id) run\n",
        "postscript-dos.jpg": b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 30, 99) + bytes(999),
        "archive.png": b"PK\3\4" + bytes(100),
        "program.png": b"\x7fELF\2\1\1" + bytes(100),
        "pickle.png": b"cos\nsystem\n(S'id'\ntR.",
        "script.jpg": b"#!/bin/sh\nid\n",
        "zeros.bmp": bytes(1000),
        "ones.jpg": b"\xff" * 1000,
        "icon.png": b"\0\0\1\0\1\0\x08\x08\0\0\1\0\x18\0" + bytes(200),
        "photoshop.tif": b"8BPS\0\1" + bytes(200),
        "jpeg2000.jpg": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(200),
        "avif.webp": b"\0\0\0 ftypavif" + bytes(200),
        "wide-text.png": "\ufeffwide".encode("utf-16"),
        "metafile.bmp": b"\xd7\xcd\xc6\x9a\0\0" + bytes(200),
        "pcx.bmp": b"\x0a\5\1\x08" + bytes(200),
        "x-bitmap.png": b"#define a_width 8\n#define a_height 8\nstatic char a_bits[] = {",
    }.items():
        yield Case(name, content, None, none)


def enormous() -> Iterator[Case]:
    most = "64,000,000|no image|more than"
    yield Case("enormous.png", png_of(50_000, 50_000, zeros(100)), None, most)
    yield Case("wide.png", png_of(2**31 - 1, 1, zeros(100)), None, ANY)
    yield Case("nothing.png", png_of(0, 0, zeros(0)), None, ANY)
    yield Case("enormous.bmp", bmp(b"", 50_000, 50_000), None, most)
    yield Case("enormous.tif", tiff({256: 50_000, 257: 50_000}), None, most)
    yield Case("nothing.tif", tiff({256: 0, 257: 0}), None, ANY)
    yield Case("enormous.ppm", b"P6 50000 50000 255\n", None, most)
    yield Case("a-billion-columns.ppm", b"P6 1000000000 1 255\n", None, most)
    jpeg = bytearray(WHOLE["jpg"])
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 50_000, 50_000)
    yield Case("enormous.jpg", bytes(jpeg), None, most)
    jpeg[at : at + 4] = bytes(4)
    yield Case("nothing.jpg", bytes(jpeg), None, ANY)
    gif = bytearray(WHOLE["gif"])
    gif[6:10] = struct.pack("<HH", 50_000, 50_000)
    yield Case("enormous.gif", bytes(gif), None, most)
    webp = bytearray(WHOLE["webp"])
    at = webp.index(b"VP8L") + 9
    webp[at : at + 4] = b"\xff\xff\xff\x0f"  # 16384x16384
    yield Case("enormous.webp", bytes(webp), None, ANY)


def png_bombs() -> Iterator[Case]:
    bomb = zeros(300_000_000)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in PICTURE))
    for name, before in {
        "text": chunk(b"zTXt", b"a\0\0" + bomb),
        "international-text": chunk(b"iTXt", b"a\0\1\0\0\0" + bomb),
        "profile": chunk(b"iCCP", b"a\0\0" + bomb),
        "many-texts": chunk(b"zTXt", b"a\0\0" + zeros(1_000_000)) * 100,
    }.items():
        yield Case(f"{name}-bomb.png", png_of(SIDE, SIDE, data, before=before), PICTURE, ANY)
    few = png_of(SIDE, SIDE, data, before=chunk(b"tEXt") * 1000)
    yield Case("a-thousand-chunks.png", few, PICTURE)
    for kind in (b"tEXt", b"abCd"):
        many = png_of(SIDE, SIDE, data, before=chunk(kind) * 300_000)
        yield Case(f"many-{kind.decode()}.png", many, None, "too many pieces")
    yield Case("pixel-bomb.png", png_of(SIDE, SIDE, bomb, GREYS), np.zeros_like(GREY))
    yield Case("lying-length.png", SIGNATURE + b"\xff\xff\xff\xffIHDR" + bytes(99), None, ANY)
    yield Case("no-palette.png", png(GREY, INDICES), None, ANY)
    beyond = png(GREY, INDICES, before=chunk(b"PLTE", bytes(6)))
    yield Case("beyond-its-palette.png", beyond, np.zeros_like(PICTURE), ANY, 255)
    wrong = bytearray(WHOLE["png"])
    wrong[-20] ^= 1
    yield Case("wrong-checksum.png", bytes(wrong), None, ANY)
    yield Case("no-pixels.png", SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)) + chunk(b"IEND"), None, ANY)  # fmt: skip
    yield Case("unknown-depth.png", png_of(SIDE, SIDE, data, bits=77), None, ANY)
    yield Case("animated-by-billions.png", png_of(
        SIDE, SIDE, data, before=chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    ), PICTURE, ANY)  # fmt: skip


def jpeg_bombs() -> Iterator[Case]:
    whole = WHOLE["jpg"]
    rounds = encoded(PICTURE, "JPEG", progressive=True)
    scan = rounds[rounds.rindex(b"\xff\xda") : -2]
    yield Case("many-scans.jpg", rounds[:-2] + scan * 200 + b"\xff\xd9", None, "more than 100 scans")
    large = encoded(Image.new("L", (8000, 8000)), "JPEG", progressive=True)
    scan = large[large.rindex(b"\xff\xda") : -2]
    yield Case("large-scans.jpg", large[:-2] + scan * 80 + b"\xff\xd9", None, "scans of 8000x8000")
    yield Case("many-comments.jpg", repeated(whole, 2, b"\xff\xfe\0\2", 400_000), None, "pieces")
    yield Case("filled.jpg", repeated(whole, 2, b"\xff", 700_000), None, "pieces")
    yield Case("junk.jpg", repeated(whole, 2, b"\xff\0", 700_000), None, "pieces")
    block = b"\xff\xe1\xff\xffExif\0\0" + bytes(65527)
    yield Case("many-exif.jpg", repeated(whole, 2, block, 30), None, "more than 20 EXIF blocks")
    for name, marker in {"tables": b"\xff\xdb", "codes": b"\xff\xc4"}.items():
        cut = whole[: whole.index(marker)] + whole[whole.index(b"\xff\xc0") :]
        yield Case(f"no-{name}.jpg", cut if name == "tables" else cut[:99], None, ANY)
    yield Case("lying-segment.jpg", repeated(whole, 2, b"\xff\xe0\xff\xff", 1), None, ANY)
    yield Case("short-segment.jpg", repeated(whole, 2, b"\xff\xe0\0\0", 1), PICTURE, ANY, 4)


def gif_lies() -> Iterator[Case]:
    whole = WHOLE["gif"]
    at = whole.rindex(b",\0\0\0\0")
    yield Case("endless-codes.gif", whole[: at + 10] + b"\2" + (b"\xff" + b"\x44" * 255) * 999
               + b"\0;", np.zeros_like(PICTURE), ANY, 255)  # fmt: skip
    yield Case("wide-codes.gif", whole[: at + 10] + b"\x0f" + whole[at + 11 :], None, ANY)
    yield Case("no-frame.gif", whole[:at] + b";", None, ANY)
    yield Case("many-comments.gif", repeated(whole, at, b"!\xfe\1x\0", 300_000), None, "pieces")
    far = whole[: at + 1] + struct.pack("<HHHH", 60_000, 60_000, 8, 8) + whole[at + 9 :]
    yield Case("frame-far-away.gif", far, None, ANY)
    yield Case("endless-comment.gif", whole[:at] + b"!\xfe" + b"\xff" * 5000, None, ANY)


def tiff_lies() -> Iterator[Case]:
    tile = {322: 30_000, 323: 30_000, 324: DATA, 325: 9, 259: 8}
    yield Case("tile-bomb.tif", tiff(tile, zeros(900_000_000)), None, "tiles of 30000x30000")
    odd = tile | {322: (ASCII, 1, 65)}
    yield Case("odd-tile.tif", tiff(odd), None, "type that it should not have")
    yield Case("many-strips.tif", tiff({273: (LONG, 5_000_000, 8)}), None, r"\(273\) of 5,000,000")
    many = dict.fromkeys(range(1000, 30000), 0)
    yield Case("many-tags.tif", tiff(many), None, "more than 10,000 tags")
    rows = struct.pack("<HHQQ", 40_000, 3, 1, 8) * 100_000
    big = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 100_000) + rows
    yield Case("many-tags-big.tif", big, None, "more than 10,000 tags")
    yield Case("big-backwards.tif", b"MM\0+\0\x08\0\0" + bytes(99), None, "BigTIFF")
    lists = dict.fromkeys((40000, 40001), (LONG, 5000000, 0))
    yield Case("long-lists.tif", tiff(lists), None, r"\(40000\) of 5,000,000 values")
    yield Case("data-elsewhere.tif", tiff({273: 2**31}), None, ANY)
    yield Case("tags-elsewhere.tif", b"II*\0\xff\xff\xff\x7f" + bytes(99), None, ANY)
    yield Case("unknown-packing.tif", tiff({259: 60_000}), None, ANY)
    yield Case("many-channels.tif", tiff({277: 60_000}), None, ANY)
    yield Case("floating.tif", encoded(Image.new("F", (8, 8)), "TIFF"), None, "floating point")
    deep = encoded(Image.new("I", (8, 8), 70_000), "TIFF")
    yield Case("too-deep.tif", deep, None, "from 70000 to 70000")
    yield Case("circle-of-tags.tif", tiff({34665: (LONG, 3, 8)}), None, "should not have")


def webp_lies() -> Iterator[Case]:
    whole = WHOLE["webp"]
    for name, size in {"larger": 2**31, "largest": 2**32 - 1, "smaller": 20, "none": 0}.items():
        lying = whole[:4] + struct.pack("<I", size) + whole[8:]
        yield Case(f"{name}-than-it-is.webp", lying, PICTURE, ANY)
    canvas = b"VP8X\x0a\0\0\0\2\0\0\0\xff\x1f\0\xff\x1f\0ANIM\6\0\0\0" + bytes(6)
    lying = b"RIFF" + struct.pack("<I", len(whole) + 24) + b"WEBP" + canvas + whole[12:]
    yield Case("other-canvas.webp", lying, None, ANY)
    large = encoded(Image.new("L", (6200, 6000)), "WEBP", quality=0, method=0)
    yield Case("large.webp", large, None, "is a WebP of 6200x6000")


def bmp_lies() -> Iterator[Case]:
    data = bottom_up()
    yield Case("negative-width.bmp", bmp(data, width=-SIDE), None, ANY)
    yield Case("most-negative.bmp", bmp(data, height=-(2**31)), None, ANY)
    yield Case("lying-palette.bmp", bmp(data, bits=8, colours=2**31), None, ANY)
    short = bmp(bytes(64), bits=8, colours=256, palette=bytes(8))
    yield Case("short-palette.bmp", short, None, ANY)
    yield Case("data-elsewhere.bmp", bmp(data, offset=2**31), None, ANY)
    yield Case("other-header.bmp", bmp(data, header=99_999), None, ANY)
    yield Case("unknown-bits.bmp", bmp(data, bits=7), None, ANY)
    rows = {"bits": 8, "packing": 1, "colours": 256, "palette": bytes(1024)}
    lines = bmp(b"\1\1\0\0" * 8000, 8000, 8000, **rows)
    yield Case("packed-bomb.bmp", lines, None, "more than 500,000 for a BMP")
    yield Case("packed-nothing.bmp", bmp(b"\0\2\xff\xff" * 9 + b"\0\1", **rows),
               np.zeros_like(PICTURE), ANY)  # fmt: skip
    yield Case("packed-too-long.bmp", bmp(b"\xff\1" * 400_000, **rows), None, ANY)


def ppm_lies() -> Iterator[Case]:
    yield Case("negative.ppm", b"P6 -8 -8 255\n" + bytes(192), None, ANY)
    yield Case("no-largest.ppm", b"P6 8 8 0\n" + bytes(192), None, ANY)
    yield Case("long-number.ppm", b"P6 " + b"9" * 5000 + b" 8 255\n", None, ANY)
    yield Case("spaces.ppm", b"P6" + b" " * 700_000 + b"8 8 255\n" + bytes(192), None, "pieces")
    yield Case("comment.ppm", b"P6 #" + b"x" * 700_000, None, "pieces")
    many = b"P3 8 8 255\n" + b"#\n" * 200_000 + b"7 " * 192
    yield Case("comments.ppm", many, None, "more than 100 comments")
    yield Case("slow-text.ppm", b"P2 1000 1000 255\n" + b"7 " * 1_000_000, None, "convert it to PNG")
    yield Case("slow-depth.ppm", b"P5 1000 1000 254\n" + bytes(1_000_000), None, "convert it to PNG")
    yield Case("words.ppm", b"P3 8 8 255\n" + b"red " * 192, None, ANY)
    yield Case("floating.ppm", b"Pf 8 8 -1.0\n" + bytes(256), None, "floating point")
    yield Case("other-magic.ppm", b"P7\nWIDTH 8\nHEIGHT 8\nENDHDR\n" + bytes(192), None, ANY)
