"""Short names for images: equal ones for equal pixels, and similar ones for similar pictures."""

import hashlib

import numpy as np

FREQUENCIES = 8
"""Lowest frequencies of each direction that a perceptual hash looks at."""

LUMA = (0.299, 0.587, 0.114)
"""Red, green and blue in a grey level (ITU-R BT.601)."""

AT_A_TIME = 4096


def pixel_hashes(images: np.ndarray) -> np.ndarray:
    """Hash the pixels of images: two encodings of the same pixels have the same hash.

    Args:
      images: uint8 `[n, height, width, channels]`.

    Returns:
      16 bytes each (BLAKE2b): void `[n]`; they compare and sort as bytes.
    """
    start = hashlib.blake2b(repr(images.shape[1:]).encode(), digest_size=16)
    digests = []
    for image in images:
        own = start.copy()
        own.update(image.tobytes())
        digests.append(own.digest())
    return np.frombuffer(b"".join(digests), "V16")


def duplicate_groups(images: np.ndarray) -> np.ndarray:
    """Find which images have the same pixels.

    Args:
      images: uint8 `[n, height, width, channels]`.

    Returns:
      For each image the first that has its pixels: int64 `[n]`. An image that occurs once, and the
      first of those that occur more often, is given itself.
    """
    return first_of_equals(pixel_hashes(images))


def first_of_equals(values: np.ndarray) -> np.ndarray:
    """Return for each value of `[n]` the place of the first that equals it: int64 `[n]`."""
    if not len(values):
        return np.zeros(0, np.int64)
    _, first, which = np.unique(values, return_index=True, return_inverse=True)
    return first[which].astype(np.int64)


def perceptual_hashes(images: np.ndarray) -> np.ndarray:
    """Hash what images look like: of similar pictures, few of the 64 bits differ.

    The DCT hash of Zauner (2010), "Implementation and Benchmarking of Perceptual Image Hash
    Functions": of the grey image's 8x8 lowest frequencies, bit 8 v + u says whether the one of v
    vertical and u horizontal half-periods is above the median. The cosines are sampled at the
    image's own pixels, which stands for resizing it first. Bit 0, the mean, is always 0.

    Pictures without detail are alike to it: those that are flat have the hash 0. So two images of
    similar hashes are yet to be compared.

    Args:
      images: uint8 `[n, height, width, channels]`, at least 8 pixels a side, 1 or 3 channels.

    Returns:
      uint64 `[n]`.
    """
    rows, columns = _cosines(images.shape[1]), _cosines(images.shape[2])
    found = np.zeros(len(images), np.uint64)
    for start in range(0, len(images), AT_A_TIME):
        some = grey(images[start : start + AT_A_TIME])
        # whether a sum that should be 0 comes out a little above it is nobody's business
        spectra = np.round(rows @ some @ columns.T, 2).reshape(len(some), -1)
        bits = spectra > np.median(spectra[:, 1:], axis=1, keepdims=True)
        bits[:, 0] = False
        packed = np.packbits(bits, axis=1, bitorder="little")
        found[start : start + AT_A_TIME] = packed.view("<u8")[:, 0]
    return found


def grey(images: np.ndarray) -> np.ndarray:
    """Return the grey levels of images `[n, height, width, 1 or 3]`: float32, without channels."""
    if images.shape[-1] == 1:
        return images[..., 0].astype(np.float32)
    return images.astype(np.float32) @ np.array(LUMA, np.float32)


def _cosines(size: int) -> np.ndarray:
    """Return the DCT-II's lowest frequencies at each pixel of a side: `[frequencies, size]`."""
    places = (np.arange(size) + 0.5) / size
    waves = np.cos(np.pi * np.arange(FREQUENCIES)[:, None] * places)
    return (waves / size).astype(np.float32)
