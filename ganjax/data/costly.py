"""Images made to cost time or memory, refused before that is spent.

Pillow follows what a file says of itself, much of it in Python: a few million empty chunks, tags or
comments in a small file take it a minute, and a tile of a TIFF may unpack to gigabytes. No picture
that a person made comes near the limits of this file.
"""

import io
import math
import struct
from typing import Any, NamedTuple

MOST_READS = 400_000
"""Pieces that Pillow may read a file in; a PNG of 100 MB takes it some 50,000."""

PIECE = 2**16
"""Bytes that Pillow reads of each strip, however short it is."""

SCAN = b"\xff\xda"
MOST_SCANS = 100
"""Of a progressive JPEG, whose small pictures count too; ten are usual."""

MOST_SCANNED = 1_500_000_000
"""Pixels of all scans together: each costs as much as a whole image."""

MOST_EXIF = 20
"""EXIF blocks in a JPEG, which Pillow adds up one by one; those of its small pictures count too."""

MOST_COMMENTS = 100
"""Of a PGM or PPM written as text."""

MOST_SLOW_PIXELS = 320_000
"""Of kinds that Pillow decodes in Python: text, or of other depths than 8 or 16 bits, or packed."""

MOST_WEBP_PIXELS = 36_000_000
"""WebP needs 20 bytes for each."""

MOST_TILE_PIXELS = 4_000_000
MOST_TAGS = 10_000
MOST_STRIPS = 50_000
MOST_TAG_VALUES = 200_000
BYTE_TYPES = (1, 2, 6, 7)
"""Of TIFF tags whose values stay bytes: profiles, layers, thumbnails."""

WHOLE_TYPES = {1: "B", 6: "B", 3: "H", 8: "H", 4: "L", 9: "L", 13: "L", 16: "Q", 17: "Q", 18: "Q"}
"""Types of TIFF tags that are whole numbers, and `struct`'s letter for them."""

STRIPS = (258, 273, 279, 324, 325)
"""Tags with an item per strip, tile or channel, listed whatever their type."""

TILE_SIDES = (322, 323)
FURTHER_TAGS = (34665, 34853, 40965)
"""Tags that name the place of more tags, which Pillow reads too: EXIF, GPS, interoperability."""


class Costly(ValueError):
    """An image that would cost too much; the message is a reason that names no file."""


class _Tag(NamedTuple):
    """A tag of a TIFF: its type by number, how many values it has, and what or where they are."""

    number: int
    type: int
    values: int
    content: bytes


class Content(io.BytesIO):
    """Encoded bytes that may be read in so many pieces, and of large pieces a few times over."""

    def __init__(self, content: bytes):
        super().__init__(content)
        self._reads = MOST_READS
        self._large = 4 * len(content) + PIECE

    def read(self, size: int | None = -1) -> bytes:
        """Read, or raise `Costly`."""
        found = super().read(size)
        self._reads -= 1
        self._large -= max(0, len(found) - PIECE)
        if self._reads < 0:
            raise Costly("is made of too many pieces")
        if self._large < 0:
            raise Costly("is made to be read again and again")
        return found


def check_content(content: bytes) -> None:
    """Raise `Costly` where an image's bytes are of a kind that costs too much to open."""
    if content.startswith(b"\xff\xd8"):
        if content.count(SCAN) > MOST_SCANS:
            raise Costly(f"is a JPEG of more than {MOST_SCANS} scans")
        if content.count(b"Exif\0\0") > MOST_EXIF:
            raise Costly(f"is a JPEG of more than {MOST_EXIF} EXIF blocks")
    elif content.startswith((b"P1", b"P2", b"P3")):
        if content.count(b"#") > MOST_COMMENTS:
            raise Costly(f"has more than {MOST_COMMENTS} comments")
    elif content[:2] in (b"II", b"MM") and content[2:4] in (b"*\0", b"\0*", b"+\0", b"\0+"):
        _check_tags(content)


def check_opened(image: Any) -> None:
    """Raise `Costly` where a Pillow image would take too much to decode."""
    from PIL import Image

    width, height = image.size
    if image.format == "WEBP" and width * height > MOST_WEBP_PIXELS:
        raise Costly(f"is a WebP of {width}x{height} pixels, more than {MOST_WEBP_PIXELS:,}")
    if image.format in ("JPEG", "MPO"):
        scans = image.fp.getvalue().count(SCAN)
        if scans * width * height > MOST_SCANNED:
            raise Costly(f"is a JPEG of {scans} scans of {width}x{height} pixels")
    slow = any(tile[0] in Image.DECODERS for tile in image.tile)
    if slow and width * height > MOST_SLOW_PIXELS:
        raise Costly(
            f"has {width}x{height} pixels, more than {MOST_SLOW_PIXELS:,} for a {image.format} of "
            "its kind: convert it to PNG"
        )


def _check_tags(content: bytes) -> None:
    """Raise where a TIFF's tags promise lists or tiles beyond measure.

    A TIFF that ends too early is left to Pillow to find.
    """
    order = "<" if content.startswith(b"II") else ">"
    big = content[2:3] == b"+"
    if content[2:4] == b"\0+":
        raise Costly("is a BigTIFF with its highest bytes first, which is not read")
    offset = struct.Struct(order + "LQ"[big])
    todo = [offset.unpack_from(content, 8 if big else 4)[0]] if len(content) >= 16 else []
    seen: set[int] = set()
    left = MOST_TAGS
    while todo:
        seen.add(place := todo.pop())
        tags = _tags(content, place, order, big)
        left -= len(tags)
        if left < 0:
            raise Costly(f"has more than {MOST_TAGS:,} tags")
        for tag in tags:
            _check_count(tag)
        tile = [_whole_number(tag, order) for tag in tags if tag.number in TILE_SIDES]
        if math.prod(tile) > MOST_TILE_PIXELS:
            sides = "x".join(map(str, tile))
            raise Costly(f"has tiles of {sides} pixels, more than {MOST_TILE_PIXELS:,}")
        further = {_whole_number(tag, order) for tag in tags if tag.number in FURTHER_TAGS}
        todo += further - seen - set(todo)


def _tags(content: bytes, place: int, order: str, big: bool) -> list["_Tag"]:
    """Return the tags that begin at some place, as many as there are."""
    count, tag = (
        struct.Struct(order + "HQ"[big]),
        struct.Struct(order + ("HHQ8s" if big else "HHL4s")),
    )
    if place + count.size > len(content):
        return []
    begin = place + count.size
    there = min(count.unpack_from(content, place)[0], (len(content) - begin) // tag.size)
    if there > MOST_TAGS:
        raise Costly(f"has more than {MOST_TAGS:,} tags")
    return [_Tag(*found) for found in tag.iter_unpack(content[begin : begin + there * tag.size])]


def _check_count(tag: "_Tag") -> None:
    most = MOST_STRIPS if tag.number in STRIPS else MOST_TAG_VALUES
    if tag.values > most and (tag.number in STRIPS or tag.type not in BYTE_TYPES):
        raise Costly(f"has a tag ({tag.number}) of {tag.values:,} values, more than {most:,}")


def _whole_number(tag: "_Tag", order: str) -> int:
    """Return the number that a tag holds, where it is one that stands in the tag itself."""
    form = order + WHOLE_TYPES.get(tag.type, "")
    if tag.values != 1 or not 0 < struct.calcsize(form) <= len(tag.content):
        raise Costly(f"has a tag ({tag.number}) of a type that it should not have")
    return struct.unpack_from(form, tag.content)[0]
