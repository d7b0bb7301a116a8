"""From a listing of encoded images to data sets: whole, in a file, or each image as it is taken."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sized
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ganjax.config import Reading
from ganjax.data import duplicates, fit, quarantine
from ganjax.data.dataset import Dataset, Source, Tell, Unread, joined
from ganjax.data.decode import Header, Unreadable
from ganjax.data.decoded import Decoded, decode_entry, decode_listing, read_headers
from ganjax.data.listing import SPLITS, Bad, Entry, Listing
from ganjax.errors import UserError, quoted

TO_TRAIN_ON = ("train", "unlabelled")


def without_unlabelled(listing: Listing) -> Listing:
    """Return a listing without its unlabelled images, and say how many there are."""
    labelled = [entry for entry in listing.entries if entry.split != "unlabelled"]
    bad = [bad for bad in listing.bad if bad.split != "unlabelled"]
    count = len(listing.entries) - len(labelled)
    if not count:
        return listing._replace(bad=bad)
    note = f"not read: {count:,} images without labels; with --unlabelled rest a training has them"
    # what was decoded of it all is not what is decoded of a part
    identity = None if listing.identity is None else f"{listing.identity} labelled"
    return listing._replace(
        entries=labelled, bad=bad, notes=(*listing.notes, note), identity=identity
    )


def in_memory(
    listing: Listing, reading: Reading, *, cache: bool, strict: bool, tell: Tell
) -> Source:
    """Decode all of a listing's images.

    Raises:
      UserError: too many are bad, if `strict`.
    """
    found = decode_listing(listing, reading, cache=cache, tell=tell)
    bad = (*listing.bad, *found.bad.values())
    if strict:
        bad = _settled(listing, found.bad.values(), reading)
    splits = _splits(listing, found, found.in_memory())
    if "train" not in splits:
        raise UserError(f"{quoted(listing.name)} has no image to train on")
    notes = (*listing.notes, *found.notes())
    kinds = Counter(found.headers)
    return Source(
        splits["train"],
        splits.get("test"),
        splits.get("validation"),
        bad,
        notes,
        kinds,
        splits.get("unlabelled"),
    )


def in_file(listing: Listing, reading: Reading, tell: Tell) -> Unread:
    """Decode all of a listing's images into the cache; those to train on are read when taken.

    Its unlabelled images are among these, after the others.

    Raises:
      UserError: too many are bad.
    """
    found = decode_listing(listing, reading, tell=tell)
    bad = _settled(listing, found.bad.values(), reading)
    entries = [listing.entries[i] for i in found.entries]
    labels = np.array([entry.label for entry in entries], np.int32)
    images: Any = found.images
    if isinstance(images, Path):
        from ganjax.data.stream import open_array  # and with it JAX

        mapped = np.load(images, mmap_mode="r", allow_pickle=False)
        refuse_leakage(_splits(listing, found, mapped), reading)
        images = open_array(images)
    else:
        refuse_leakage(_splits(listing, found, images), reading)
    return Unread(
        listing.name,
        listing.class_names,
        np.flatnonzero([entry.split in TO_TRAIN_ON for entry in entries]),
        partial(_same, labels),
        partial(_decoded, images, labels),
        bad,
        (*listing.notes, *found.notes()),
        np.array([entry.file for entry in entries], object),
    )


def in_part(listing: Listing, reading: Reading, tell: Tell) -> Unread:
    """Read only the headers of a listing's images; each is decoded when it is taken.

    Raises:
      UserError: too many are bad; when they are taken, that one is.
    """
    headers = read_headers(listing.entries, tell)
    reasons = {i: str(header) for i, header in enumerate(headers) if isinstance(header, Unreadable)}
    bad = _settled(
        listing,
        [
            Bad(e.split, e.label, e.file, reasons[i])
            for i, e in enumerate(listing.entries)
            if i in reasons
        ],
        reading,
    )
    whole = [header for header in headers if isinstance(header, Header)]
    if not whole:
        raise UserError(
            f"{quoted(listing.name)}: {quarantine.sentence(bad[0])}, and so are all others"
        )
    shape = fit.choose(whole, reading)
    labels = np.array([entry.label for entry in listing.entries], np.int32)

    usable = [e.split in TO_TRAIN_ON and i not in reasons for i, e in enumerate(listing.entries)]
    notes = (*listing.notes, *fit.notes(whole, shape))
    rows = np.flatnonzero(usable)
    read = partial(_one_by_one, listing, shape, labels)
    files = np.array([entry.file for entry in listing.entries], object)
    return Unread(
        listing.name, listing.class_names, rows, partial(_same, labels), read, bad, notes, files
    )


def as_unread(source: Source, reading: Reading) -> Unread:
    """Return the training images of a source in memory as if they were yet to be read.

    Its unlabelled images are among these, after the others.

    Raises:
      UserError: its test images are among them.
    """
    refuse_leakage(source.splits(), reading)
    train = joined(source.train, source.unlabelled)
    return Unread(
        train.name,
        train.class_names,
        np.arange(len(train)),
        partial(_same, train.labels),
        partial(_decoded, train.images, train.labels),
        source.bad,
        source.notes,
        train.files,
    )


def refuse_leakage(splits: Mapping[str, Dataset], reading: Reading) -> None:
    """Return where no test image is among the others, or where that is allowed.

    Raises:
      UserError: one is.
    """
    if "test" not in splits or reading.allow_leakage:
        return
    found = duplicates.find(splits, near=False)
    if len(duplicates.leakage(found).exact):
        name = next(iter(splits.values())).name
        raise UserError(duplicates.leaking_error(found, quoted(name)))


def fitted(source: Source, reading: Reading, *, strict: bool = True) -> Source:
    """Return a source in memory with all its images brought to one shape.

    Raises:
      UserError: too many of its images are bad, if `strict`.
    """
    splits = source.splits()
    if strict:
        names = source.train.class_names
        lost = np.bincount([b.label for b in source.bad if b.label >= 0], minlength=len(names))
        counts = lost + sum(own.counts() for own in splits.values())
        hidden = _count_unlabelled(splits.get("unlabelled", ()), source.bad)
        quarantine.settle(source.bad, counts, names, reading, source.train.name, unlabelled=hidden)
    headers = [header for own in splits.values() for header in fit.headers_of(own.images)]
    shape = fit.choose(headers, reading)
    parts = {
        name: replace(own, images=fit.fit_all(own.images, shape)) for name, own in splits.items()
    }
    notes = fit.notes(headers, shape)
    return source._replace(
        train=parts["train"],
        test=parts.get("test"),
        validation=parts.get("validation"),
        unlabelled=parts.get("unlabelled"),
        notes=(*source.notes, *notes),
    )


def _count_unlabelled(part: Sized, bad: Iterable[Bad]) -> int:
    return len(part) + sum(own.split == "unlabelled" for own in bad)


def _splits(listing: Listing, found: Decoded, images: np.ndarray) -> dict[str, Dataset]:
    """Cut decoded images into splits, which lie one after another, without copying them."""
    entries = [listing.entries[i] for i in found.entries]
    labels = np.array([entry.label for entry in entries], np.int32)
    files = np.array([entry.file for entry in entries], object)
    splits = {}
    for name in SPLITS:
        rows = np.flatnonzero([entry.split == name for entry in entries])
        if len(rows):
            own = slice(rows[0], rows[-1] + 1)
            assert len(rows) == own.stop - own.start, "a listing's splits lie one after another"
            splits[name] = Dataset(
                listing.name, images[own], labels[own], listing.class_names, files[own]
            )
    return splits


def _same(labels: np.ndarray) -> np.ndarray:
    return labels


def _decoded(images: Any, labels: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read decoded images: from memory, or of an `ArrayFile`."""
    own = images[rows] if isinstance(images, np.ndarray) else images.read(rows)
    return own, labels[rows]


def _one_by_one(
    listing: Listing, shape: fit.Shape, labels: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Decode images as they are taken."""
    images = np.empty((len(rows), *shape[:3]), np.uint8)
    for i, row in enumerate(rows):
        found = decode_entry(listing.entries[row], shape)
        if isinstance(found, Unreadable):
            entry = listing.entries[row]
            bad = quarantine.sentence(Bad(entry.split, entry.label, entry.file, str(found)))
            raise UserError(
                f"{quoted(listing.name)}: {bad}: repair or remove it (a run of one process would "
                "have left it out)"
            )
        images[i] = found
    return images, labels[rows]


def _settled(listing: Listing, bad: Iterable[Bad], reading: Reading) -> tuple[Bad, ...]:
    """Return all that is bad of a listing, unless that is too much."""
    every = (*listing.bad, *bad)
    found: list[Entry | Bad] = [*listing.entries, *listing.bad]
    labels = [own.label for own in found if own.label >= 0]
    counts = np.bincount(labels, minlength=len(listing.class_names))
    hidden = sum(own.split == "unlabelled" for own in found)
    quarantine.settle(every, counts, listing.class_names, reading, listing.name, unlabelled=hidden)
    return every
