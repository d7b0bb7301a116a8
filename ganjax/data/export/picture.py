"""Images to the bytes of PNG files, with the mark of generated ones.

Of a small image Pillow takes twice as long, most of it outside of the compression. All lines are
filtered alike, as the difference to the line above ("Up", PNG specification 9.2), which NumPy does
for many images at once.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, COLOUR = 0, 2
UP = 2
LEVEL = 1
"""Of compression: higher ones gain 1 % on small images."""


def png(image: np.ndarray, words: Mapping[str, str] | None = None) -> bytes:
    """Encode an image as PNG: as of `pngs`, for one."""
    return next(pngs(image[None], [words or {}]))


def pngs(images: np.ndarray, words: Sequence[Mapping[str, str]]) -> Iterator[bytes]:
    """Encode images as PNG.

    Args:
      images: uint8 `[n, height, width, channels]`, 1 or 3 channels.
      words: text chunks of each file, Latin-1; names of at most 79 letters.

    Yields:
      The bytes of each file, the same for the same image and words.
    """
    count, height, width, channels = images.shape
    if images.dtype != np.uint8 or channels not in (1, 3):
        raise ValueError(f"no PNG of {images.dtype} images with {channels} channels is made")
    kind = GREY if channels == 1 else COLOUR
    head = SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    lines = images.reshape(count, height, width * channels)
    filtered = np.full((count, height, 1 + width * channels), UP, np.uint8)
    filtered[:, :1, 1:] = lines[:, :1]
    np.subtract(lines[:, 1:], lines[:, :-1], out=filtered[:, 1:, 1:])  # modulo 256, as it must be
    for image, own in zip(filtered, words, strict=True):
        text = b"".join(_text(name, value) for name, value in own.items())
        yield head + text + _chunk(b"IDAT", zlib.compress(image, LEVEL)) + _chunk(b"IEND", b"")


@lru_cache(maxsize=1000)
def _text(name: str, value: str) -> bytes:
    return _chunk(b"tEXt", name.encode("latin-1") + b"\0" + value.encode("latin-1"))


def _chunk(kind: bytes, content: bytes) -> bytes:
    tail = struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
    return struct.pack(">I", len(content)) + kind + content + tail
