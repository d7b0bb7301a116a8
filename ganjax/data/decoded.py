"""A listing's images decoded once, to one shape, and kept: the next run takes them from the cache.

CACHE/decoded/KEY.npy    uint8 `[n, height, width, channels]`, those that could be used
CACHE/decoded/KEY.json   which they are, what each was, what was wrong with the others; written last

KEY depends on every encoded byte, on the shape that was asked for and on what decodes, so a changed
image is decoded anew, and two runs that write at once write the same.
"""

import hashlib
import json
import warnings
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, TypeVar

import numpy as np

from ganjax.config import Reading
from ganjax.data import fit
from ganjax.data.atomic import open_atomically, write_json_atomically
from ganjax.data.decode import Header, Unreadable, decode, read_header
from ganjax.data.listing import Bad, Entry, Listing
from ganjax.environment import cache_folder, cores, version
from ganjax.errors import UserError, quoted

Tell = Callable[[int, int], None]
Item = TypeVar("Item")
Result = TypeVar("Result")
Collect = Callable[[Iterator[np.ndarray], fit.Shape], np.ndarray | Path]

RULES = 1
"""To be raised whenever the same bytes are decoded to other pixels."""

AT_A_TIME = 64
MOST_THREADS = 8
BLOCK = 2**24


@dataclass(frozen=True)
class Decoded:
    """A listing's images, decoded.

    Attributes:
      images: uint8 `[n, height, width, channels]`, or the .npy file that holds them.
      entries: int64 `[n]`, which of the listing's entries they are.
      headers: what each of them was.
      bad: those that could not be decoded, by entry.
      shape: what they were brought to.
    """

    images: np.ndarray | Path
    entries: np.ndarray
    headers: list[Header]
    bad: dict[int, Bad]
    shape: fit.Shape

    def in_memory(self) -> np.ndarray:
        """Return the images: uint8 `[n, height, width, channels]`."""
        if isinstance(self.images, Path):
            return np.load(self.images, allow_pickle=False)
        return self.images

    def notes(self) -> tuple[str, ...]:
        """Say what was done to the images, a line each."""
        return fit.notes(self.headers, self.shape)


def decode_listing(
    listing: Listing, reading: Reading, *, cache: bool = True, tell: Tell = lambda done, total: None
) -> Decoded:
    """Decode all images of a listing, or take them from the cache.

    Args:
      listing: what to decode; at least one entry.
      reading: what size and channels they are brought to.
      cache: whether to look into the cache folder, and to leave the result there.
      tell: told how many are done.

    Raises:
      UserError: none of them is an image.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as of `read_headers`
        if not cache:
            return _decode(listing, reading, _to_memory, tell)
        path = _place(listing, reading)
        found = _stored(path, listing)
        if found is not None:
            tell(len(listing.entries), len(listing.entries))
            return found
        try:
            found = _decode(listing, reading, partial(_to_file, path=path), tell)
            _describe(path, found)
            return found
        except OSError:  # no room or permission: this run needs memory, the next one time
            return _decode(listing, reading, _to_memory, tell)


def read_headers(
    entries: Sequence[Entry], tell: Tell = lambda done, total: None
) -> list[Header | Unreadable]:
    """Read what images say of themselves, or why they cannot be used; nothing is decoded."""
    with warnings.catch_warnings():
        # Pillow warns of corrupt tags, and of sizes that are refused here anyway
        warnings.simplefilter("ignore")
        return list(_each(entries, lambda entry: _attempt(entry, read_header), tell))


def decode_entry(entry: Entry, shape: fit.Shape) -> np.ndarray | Unreadable:
    """Decode one image to a shape: uint8 `[height, width, channels]`, or why it cannot be used."""

    def to_shape(content: bytes) -> np.ndarray:
        pixels = decode(content, channels=shape.channels, size=shape.side)
        if pixels.shape != shape[:3]:  # its tags say other than its header did
            raise Unreadable(f"is {pixels.shape[1]}x{pixels.shape[0]}, unlike all others")
        return pixels

    return _attempt(entry, to_shape)


def _decode(listing: Listing, reading: Reading, collect: Collect, tell: Tell) -> Decoded:
    found = enumerate(read_headers(listing.entries))
    headers: dict[int, Header] = {}
    reasons: dict[int, str] = {}
    for i, header in found:
        if isinstance(header, Unreadable):
            reasons[i] = str(header)
        else:
            headers[i] = header
    if headers:
        shape = fit.choose(headers.values(), reading)
        entries = [listing.entries[i] for i in headers]
        attempts = _each(entries, lambda entry: decode_entry(entry, shape), tell)
        kept: list[int] = []

        def good() -> Iterator[np.ndarray]:
            for i, attempt in zip(headers, attempts, strict=True):
                if isinstance(attempt, Unreadable):
                    reasons[i] = str(attempt)
                else:
                    kept.append(i)
                    yield attempt

        images = collect(good(), shape)
        if kept:
            own = [headers[i] for i in kept]
            return Decoded(images, np.array(kept), own, _bad(listing, reasons), shape)
    first = listing.entries[0]
    raise UserError(
        f"{quoted(listing.name)}: none of its {len(listing.entries):,} files is an image that can "
        f"be used; the first, {quoted(first.file)}, {quoted(reasons[0])}"
    )


def _bad(listing: Listing, reasons: dict[int, str]) -> dict[int, Bad]:
    def told(entry: Entry, reason: str) -> Bad:
        return Bad(entry.split, entry.label, entry.file, reason)

    return {i: told(listing.entries[i], reasons[i]) for i in sorted(reasons)}


def _attempt(entry: Entry, work: Callable[[bytes], Result]) -> Result | Unreadable:
    try:
        return work(entry.read())
    except Unreadable as error:
        return error
    except OSError as error:
        return Unreadable(f"cannot be read ({error.strerror or error})")
    except ValueError as error:
        return Unreadable(str(error))


def _each(items: Sequence[Item], work: Callable[[Item], Result], tell: Tell) -> Iterator[Result]:
    """Do some work on each item, in threads, in order; never far ahead of who takes the results."""

    def together(chunk: Sequence[Item]) -> list[Result]:
        return [work(item) for item in chunk]

    threads = min(cores(), MOST_THREADS)
    chunks = (items[i : i + AT_A_TIME] for i in range(0, len(items), AT_A_TIME))
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        ahead = deque(pool.submit(together, chunk) for chunk in islice(chunks, 2 * threads))
        while ahead:
            results = ahead.popleft().result()
            ahead.extend(pool.submit(together, chunk) for chunk in islice(chunks, 1))
            yield from results
            done += len(results)
            tell(done, len(items))


def _to_memory(images: Iterator[np.ndarray], shape: fit.Shape) -> np.ndarray:
    found = list(images)
    return np.stack(found) if found else np.zeros((0, *shape[:3]), np.uint8)


def _to_file(images: Iterator[np.ndarray], shape: fit.Shape, path: Path) -> Path:
    """Write images to an .npy file one after another; how many there are is known at the end."""
    with open_atomically(path) as file:
        _write_header(file, 0, shape)
        begin = file.tell()
        for image in images:
            file.write(image.tobytes())
        count = (file.tell() - begin) // int(np.prod(shape[:3]))
        file.seek(0)
        _write_header(file, count, shape)
        assert file.tell() == begin, "NumPy leaves room for the count to grow"
    return path


def _write_header(file: IO[bytes], count: int, shape: fit.Shape) -> None:
    described = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape[:3])}
    np.lib.format.write_array_header_1_0(file, described)


def _place(listing: Listing, reading: Reading) -> Path:
    """Return the cache's .npy file for what is asked for."""
    digest = hashlib.sha256(
        f"{RULES} {version('pillow')} {reading.size} {reading.channels}".encode()
    )
    if listing.identity is not None:
        digest.update(listing.identity.encode())
    else:
        for content in _each(listing.entries, _digest, lambda done, total: None):
            digest.update(content)
    return cache_folder() / "decoded" / f"{digest.hexdigest()[:32]}.npy"


def _digest(entry: Entry) -> bytes:
    found = _attempt(entry, lambda content: hashlib.sha256(content).digest())
    return hashlib.sha256(str(found).encode()).digest() if isinstance(found, Unreadable) else found


def _describe(path: Path, found: Decoded) -> None:
    """Write what is beside the cached images; without it they count for nothing."""
    kinds = {header: i for i, header in enumerate(dict.fromkeys(found.headers))}
    write_json_atomically(
        path.with_suffix(".json"),
        {
            "crc32": _crc32(path),
            "shape": found.shape,
            "entries": found.entries.tolist(),
            "kinds": list(kinds),
            "kind_of": [kinds[header] for header in found.headers],
            "bad": [(i, bad.reason) for i, bad in found.bad.items()],
        },
    )


def _stored(path: Path, listing: Listing) -> Decoded | None:
    """Return what the cache holds, or None where it holds nothing whole."""
    try:
        told = json.loads(path.with_suffix(".json").read_text())
        shape = fit.Shape(*told["shape"])
        headers = [Header(*told["kinds"][kind]) for kind in told["kind_of"]]
        entries = np.array(told["entries"], np.int64)
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            stored = np.lib.format.read_array_header_1_0(file)[0]
        if stored != (len(entries), *shape[:3]) or _crc32(path) != told["crc32"]:
            return None
        return Decoded(path, entries, headers, _bad(listing, dict(told["bad"])), shape)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def _crc32(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            crc = zlib.crc32(block, crc)
    return crc
