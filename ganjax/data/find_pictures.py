"""Images that a network is to see: from any source, wherever they lie in it, labelled or not.

All images below a folder or in a zip archive count, in whatever folders. One is labelled where a
folder above it, the deepest such, is named like a class; sets with labels of their own (`tfds:`,
`npz:`, `digits`) tell them.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ganjax.data import folders, sources
from ganjax.data.archives import Archive, _by_name, open_zip
from ganjax.data.decode import SUFFIXES
from ganjax.data.layout import SPLIT_OF, _hidden
from ganjax.data.listing import UNLABELLED, Bad, Entry
from ganjax.data.picture_arrays import in_arrays, in_npz
from ganjax.data.pictures import Framing, Pictures, take_entries, translated
from ganjax.errors import UserError, quoted


def find_pictures(
    source: str,
    framing: Framing,
    class_names: Sequence[str],
    *,
    data_dir: str | Path | None = None,
    split: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Pictures:
    """Find the images of a source, whatever their layout; none is decoded yet.

    Args:
      source: by the grammar of `ganjax.data.sources`.
      framing: what each image becomes.
      class_names: the classifier's classes, by which labels are read; none where labels do not
        matter.
      data_dir: where TFDS keeps its prepared sets; only for `tfds:`.
      split: take only the images of this split.
      say: told in a line what is fetched first.

    Raises:
      UserError: the source is unknown, missing, or holds no image.
    """
    kind, _, rest = source.partition(":")
    path = Path(rest).expanduser()
    if kind == "folder" and rest:
        found = _of_entries(source, _in_folder(path), framing, _by_folder(path, class_names), split)
    elif kind == "zip" and rest:
        entries, bad = _in_zip(path, source)
        by_folder = _by_folder(path, class_names)
        own = tuple(b for b in bad if split in (None, b.split))
        found = replace(_of_entries(source, entries, framing, by_folder, split), bad=own)
    elif kind == "tfds" and rest:
        found = _of_set(source, rest, framing, class_names, split, data_dir, say)
    elif kind == "npz" and rest:
        found = in_npz(path, source, framing, class_names, split)
    else:
        found = _of_digits(source, framing, class_names, split)
    if not len(found):
        raise UserError(f"{quoted(source)} holds no image ({', '.join(SUFFIXES)})")
    return found


def _of_digits(
    source: str, framing: Framing, class_names: Sequence[str], split: str | None
) -> Pictures:
    """Take scikit-learn's digits; any other source is unknown, and the error says what there is."""
    digits = sources.load(source).train
    if split is not None:
        raise UserError(f"--split {split}: {source} has no splits: leave it out")
    names = [digits.class_names[label] for label in digits.labels]
    files = [str(row) for row in range(len(digits))]
    return in_arrays(source, digits.images, files, [], names, framing, class_names)


def _of_entries(
    name: str,
    entries: Sequence[Entry],
    framing: Framing,
    label: Callable[[Entry], int],
    split: str | None,
) -> Pictures:
    own = [entry for entry in entries if split in (None, entry.split)]
    if entries and not own:
        there = sorted({entry.split for entry in entries} - {""})
        raise UserError(
            f"--split {split}: {quoted(name)} has {', '.join(there) or 'no splits'}: leave it out"
            + (", or give one of these" if there else "")
        )
    return Pictures(
        name=name,
        files=[entry.file for entry in own],
        labels=np.array([label(entry) for entry in own], np.int32),
        take=partial(take_entries, own, framing),
        entries=own,
    )


def _in_folder(path: Path) -> list[Entry]:
    """Find all images below a folder, by name."""
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise UserError(f"folder:{quoted(path)} {what}: give a folder of images")
    return [
        Entry(_split_in(name), UNLABELLED, name, partial(folders._read, path / name))
        for name in sorted(_names(path))
    ]


def _names(folder: Path) -> Iterator[str]:
    """Name the images below a folder; links are followed, each folder looked into once."""
    seen = set()
    for top, below, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(top)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if not _hidden(name))
        within = Path(top).relative_to(folder)
        yield from ((within / name).as_posix() for name in files if _is_image(name))


def _in_zip(path: Path, name: str) -> tuple[list[Entry], tuple[Bad, ...]]:
    """Find all images of an archive, by name; and those that cannot be read."""
    found, _ = open_zip(path, name, "a zip of images")
    members, nameless = _by_name(found)
    archive = Archive(path)
    entries, bad = [], [own for own in nameless if _is_image(own.file)]
    for file, member in sorted(members.items()):
        if file.endswith("/") or any(map(_hidden, file.split("/"))) or not _is_image(file):
            continue
        if isinstance(member, str):
            bad.append(Bad(_split_in(file), UNLABELLED, file, member))
        else:
            entries.append(Entry(_split_in(file), UNLABELLED, file, partial(archive.read, member)))
    return entries, tuple(bad)


def _is_image(file: str) -> bool:
    return file.lower().endswith(SUFFIXES) and not _hidden(file.rpartition("/")[2])


def _split_in(file: str) -> str:
    """Return the split whose folder an image lies in; empty where there is none."""
    above = file.split("/")[:-1]
    return next((SPLIT_OF[own.casefold()] for own in above if own.casefold() in SPLIT_OF), "")


def _by_folder(path: Path, class_names: Sequence[str]) -> Callable[[Entry], int]:
    """Return what finds an image's label: the deepest folder above it that is called as a class.

    A set that ganjax wrote tells in its manifest what its folders stand for.
    """
    label_of = {name: label for label, name in enumerate(class_names)}
    manifest = folders._manifest(path)
    told = zip(manifest.get("folders") or (), manifest.get("classes") or (), strict=False)
    label_of |= {folder: label_of[name] for folder, name in told if name in label_of}

    def label(entry: Entry) -> int:
        above = reversed(entry.file.split("/")[:-1])
        return next((label_of[own] for own in above if own in label_of), UNLABELLED)

    return label


def _of_set(
    source: str,
    name: str,
    framing: Framing,
    class_names: Sequence[str],
    split: str | None,
    data_dir: str | Path | None,
    say: Callable[[str], None],
) -> Pictures:
    """Find the images of a prepared set."""
    from ganjax.data.prepared import list_prepared

    listing = list_prepared(name, data_dir, say=say)
    own, notes = translated(listing.class_names, class_names, source)
    found = _of_entries(
        source,
        listing.entries,
        framing,
        lambda entry: int(own[entry.label]) if entry.label >= 0 else UNLABELLED,
        split,
    )
    bad = tuple(b for b in listing.bad if split in (None, b.split))
    return replace(found, bad=bad, notes=(*listing.notes, *notes))
