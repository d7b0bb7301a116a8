"""Image files that somebody made to do harm, or broke, and what must become of each."""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from hostile_bytes import (
    ASCII,
    COLOURS,
    COLOURS_ALPHA,
    DATA,
    GREY,
    GREYS,
    GREYS_ALPHA,
    INDICES,
    LONG,
    PICTURE,
    QUALITY,
    SHORT,
    SIDE,
    SIGNATURE,
    UNDEFINED,
    WHOLE,
    WITHIN,
    bmp,
    bottom_up,
    chunk,
    encoded,
    exif,
    jpeg_of,
    png,
    png_of,
    repeated,
    tiff,
    webp_of,
    with_exif,
    zeros,
)
from PIL import Image

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
            if (place, suffix) != ("end", "png"):  # whose pixels are whole
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
    yield Case(
        "text.ppm", b"P3 #a\n8 8 255\n" + " ".join(map(str, PICTURE.ravel())).encode(), PICTURE
    )
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
    most = "more than 64,000,000"
    yield Case("enormous.png", png_of(50_000, 50_000, zeros(100)), None, most)
    yield Case("very-large.png", png_of(9000, 9000, zeros(100)), None, "9000x9000 pixels, more")
    yield Case("wide.png", png_of(2**31 - 1, 1, zeros(100)), None, ANY)
    yield Case("nothing.png", png_of(0, 0, zeros(0)), None, ANY)
    yield Case("enormous.bmp", bmp(b"", 50_000, 50_000), None, most)
    yield Case("enormous.tif", tiff({256: 50_000, 257: 50_000}), None, most)
    yield Case("nothing.tif", tiff({256: 0, 257: 0}), None, ANY)
    yield Case("enormous.ppm", b"P6 50000 50000 255\n", None, most)
    yield Case("a-billion-columns.ppm", b"P6 1000000000 1 255\n", None, most)
    yield Case("enormous.jpg", jpeg_of(50_000, WHOLE["jpg"]), None, most)
    yield Case("nothing.jpg", jpeg_of(0, WHOLE["jpg"]), None, ANY)
    gif = bytearray(WHOLE["gif"])
    gif[6:10] = struct.pack("<HH", 50_000, 50_000)
    yield Case("enormous.gif", bytes(gif), None, most)
    yield Case("enormous.webp", webp_of(2**14), None, most)
    yield Case("large.webp", webp_of(6001), None, "is a WebP of 6001x6001")


def png_bombs() -> Iterator[Case]:
    bomb = zeros(100_000_000)
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
        many = png_of(SIDE, SIDE, data, before=chunk(kind) * 220_000)
        yield Case(f"many-{kind.decode()}.png", many, None, "too many pieces")
    yield Case("pixel-bomb.png", png_of(SIDE, SIDE, bomb, GREYS), np.zeros_like(GREY))
    yield Case("lying-length.png", SIGNATURE + b"\xff\xff\xff\xffIHDR" + bytes(99), None, ANY)
    yield Case("no-palette.png", png(GREY, INDICES), None, ANY)
    beyond = png(GREY, INDICES, before=chunk(b"PLTE", bytes(6)))
    yield Case("beyond-its-palette.png", beyond, np.zeros_like(PICTURE), ANY, 255)
    wrong = bytearray(WHOLE["png"])
    wrong[-20] ^= 1
    yield Case("wrong-checksum.png", bytes(wrong), None, ANY)
    pixels = WHOLE["png"].index(b"IDAT") - 4
    yield Case("no-pixels.png", WHOLE["png"][:pixels] + chunk(b"IEND"), None, ANY)
    yield Case("unknown-depth.png", png_of(SIDE, SIDE, data, bits=77), None, ANY)
    yield Case("animated-by-billions.png", png_of(
        SIDE, SIDE, data, before=chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    ), PICTURE, ANY)  # fmt: skip


def jpeg_bombs() -> Iterator[Case]:
    whole = WHOLE["jpg"]
    rounds = encoded(PICTURE, "JPEG", progressive=True)
    scan = rounds[rounds.rindex(b"\xff\xda") : -2]
    yield Case(
        "many-scans.jpg", rounds[:-2] + scan * 200 + b"\xff\xd9", None, "more than 100 scans"
    )
    large = jpeg_of(8000, rounds[:-2] + scan * 80 + b"\xff\xd9")
    yield Case("large-scans.jpg", large, None, "scans of 8000x8000")
    yield Case("many-comments.jpg", repeated(whole, 2, b"\xff\xfe\0\2", 240_000), None, "pieces")
    yield Case("filled.jpg", repeated(whole, 2, b"\xff", 450_000), None, "pieces")
    yield Case("junk.jpg", repeated(whole, 2, b"\xff\0", 450_000), None, "pieces")
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
    yield Case("many-comments.gif", repeated(whole, at, b"!\xfe\1x\0", 140_000), None, "pieces")
    far = whole[: at + 1] + struct.pack("<HHHH", 60_000, 60_000, 8, 8) + whole[at + 9 :]
    yield Case("frame-far-away.gif", far, None, ANY)
    yield Case("endless-comment.gif", whole[:at] + b"!\xfe" + b"\xff" * 5000, None, ANY)


def tiff_lies() -> Iterator[Case]:
    tile = {322: 30_000, 323: 30_000, 324: DATA, 325: 9, 259: 8}
    yield Case("tile-bomb.tif", tiff(tile, zeros(9_000_000)), None, "tiles of 30000x30000")
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


def bmp_lies() -> Iterator[Case]:
    data = bottom_up()
    yield Case("negative-width.bmp", bmp(data, width=-SIDE), None, ANY)
    yield Case("most-negative.bmp", bmp(data, height=-(2**31)), None, ANY)
    yield Case("lying-palette.bmp", bmp(data, bits=8, colours=2**31), None, ANY)
    short = bmp(bytes(64), bits=8, colours=256, palette=bytes(8))
    yield Case("short-palette.bmp", short, np.zeros_like(PICTURE), ANY, 255)
    yield Case("data-elsewhere.bmp", bmp(data, offset=2**31), None, ANY)
    yield Case("other-header.bmp", bmp(data, header=99_999), None, ANY)
    yield Case("unknown-bits.bmp", bmp(data, bits=7), None, ANY)
    rows = {"bits": 8, "packing": 1, "colours": 256, "palette": bytes(1024)}
    lines = bmp(b"\1\1\0\0" * 8000, 8000, 8000, **rows)
    yield Case("packed-bomb.bmp", lines, None, "more than 320,000 for a BMP")
    yield Case("packed-nothing.bmp", bmp(b"\0\2\xff\xff" * 9 + b"\0\1", **rows),
               np.zeros_like(PICTURE), ANY)  # fmt: skip
    yield Case("packed-too-long.bmp", bmp(b"\xff\1" * 240_000, **rows), None, ANY)


def ppm_lies() -> Iterator[Case]:
    yield Case("negative.ppm", b"P6 -8 -8 255\n" + bytes(192), None, ANY)
    yield Case("no-largest.ppm", b"P6 8 8 0\n" + bytes(192), None, ANY)
    yield Case("long-number.ppm", b"P6 " + b"9" * 5000 + b" 8 255\n", None, ANY)
    yield Case("spaces.ppm", b"P6" + b" " * 450_000 + b"8 8 255\n" + bytes(192), None, "pieces")
    yield Case("comment.ppm", b"P6 #" + b"x" * 450_000, None, "pieces")
    many = b"P3 8 8 255\n" + b"#\n" * 200_000 + b"7 " * 192
    yield Case("comments.ppm", many, None, "more than 100 comments")
    yield Case(
        "slow-text.ppm", b"P2 1000 1000 255\n" + b"7 " * 1_000_000, None, "convert it to PNG"
    )
    yield Case(
        "slow-depth.ppm", b"P5 1000 1000 254\n" + bytes(1_000_000), None, "convert it to PNG"
    )
    yield Case("words.ppm", b"P3 8 8 255\n" + b"red " * 192, None, ANY)
    yield Case("floating.ppm", b"Pf 8 8 -1.0\n" + bytes(256), None, "floating point")
    yield Case("other-magic.ppm", b"P7\nWIDTH 8\nHEIGHT 8\nENDHDR\n" + bytes(192), None, ANY)
