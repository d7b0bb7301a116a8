"""`tfds:NAME[:VERSION]`: sets prepared by TensorFlow Datasets as array_record, without TensorFlow.

Images are taken as they were encoded, and decoded by `ganjax.data.decode` as any other.
"""

import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ganjax.data.atomic import write_arrays_atomically
from ganjax.data.layout import SPLIT_OF
from ganjax.data.listing import SPLITS, UNLABELLED, Bad, Entry, Listing
from ganjax.data.prepare import advice, can_prepare, prepare
from ganjax.data.records import Records
from ganjax.environment import cache_folder
from ganjax.errors import UserError, quoted

NAME = re.compile(r"(?P<set>\w+(/\w[\w.+-]*)?)(:(?P<version>\d[\w.]*))?")
VERSION = re.compile(r"\d+\.\d+\.\d+")
PIXELS = ("uint8", "uint16")

Say = Callable[[str], None]


def list_prepared(
    name: str,
    data_dir: str | Path | None,
    *,
    cache: bool = True,
    say: Say = lambda line: None,
) -> Listing:
    """Find the images of a prepared set; one that is not is prepared, where TensorFlow can.

    Args:
      name: of the set, as TFDS knows it: NAME or NAME/CONFIGURATION; with :VERSION, or the newest
        that is there.
      data_dir: where prepared sets are; by default `TFDS_DATA_DIR` or ~/tensorflow_datasets.
      cache: keep the labels in the cache folder, and take them from there; else every record is
        read for them.
      say: told in a line what is downloaded and prepared.

    Returns:
      Its images, split by split in the order of their records; each one's file is its record:
      `train/000123`.

    Raises:
      UserError: it is not prepared there, not as array_record, or has no images and labels.
    """
    folder = _folder(name, _data_dir(data_dir), say)
    builder = _builder(name, folder)
    image, label = _keys(name, builder.info)
    class_names = tuple(builder.info.features[label].names)
    identity = _identity(folder)
    entries: list[Entry] = []
    bad: list[Bad] = []
    notes: list[str] = []
    splits, passed_over = _splits(name, builder.info.splits)
    if passed_over:
        notes.append(f"not read: splits of other names ({quoted(', '.join(passed_over))})")
    for split, own in splits.items():
        records = Records(folder, own, image, label)
        if split == "unlabelled":
            entries += _of_no_class(records)
            continue
        labels, wrong = _labels(records, f"{identity}-{own}", cache)
        if len(wrong) == len(labels):
            first = next(iter(wrong.values()), "it is empty")
            raise UserError(f"tfds:{name}: split {own} cannot be read: {first}")
        if (labels < 0).all() and split == "train":
            raise UserError(
                f"tfds:{name}: none of the {len(labels):,} images of split {own} has a label, and "
                "each class needs a few"
            )
        if (labels < 0).all():
            notes.append(f"not read: split {own}, which has no labels")
            continue
        for row, number in enumerate(labels.tolist()):
            file = f"{split}/{row:06d}"
            if 0 <= number < len(class_names):
                entries.append(Entry(split, number, file, partial(records.read, row)))
            else:
                reason = wrong.get(row, f"has the label {number}")
                bad.append(Bad(split, -1, file, reason))
    return Listing(f"tfds:{name}", class_names, entries, bad, tuple(notes), identity)


def _data_dir(data_dir: str | Path | None) -> Path:
    default = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    return Path(default if data_dir is None else data_dir).expanduser()


def _folder(name: str, data_dir: Path, say: Say) -> Path:
    """Return the folder of a set's version, which is prepared before where that is possible."""
    parsed = NAME.fullmatch(name)
    if not parsed:
        raise UserError(f"tfds:{quoted(name)} is no name of a set: give tfds:NAME[:VERSION]")
    own, version = parsed["set"], parsed["version"]
    if not (versions := _versions(data_dir / own)):
        if found := sorted(
            {f"{own}/{p.parent.parent.name}" for p in _infos(data_dir / own, "*/*")}
        ):
            raise UserError(
                f"tfds:{own} has configurations: give one of tfds:{', tfds:'.join(found)}"
            )
        if not can_prepare():
            there = sorted({p.parent.parent.name for p in _infos(data_dir, "*/*")})
            raise UserError(
                f"tfds:{name} is not prepared in {quoted(data_dir)} (there: "
                f"{quoted(', '.join(there)) or 'none'}); {advice(name, data_dir)}"
            )
        prepare(name, data_dir, say)
        versions = _versions(data_dir / own)
    names = [folder.name for folder in versions]
    if version is None and versions:
        return versions[-1]
    if version not in names:
        raise UserError(
            f"tfds:{own} has no version {version} in {quoted(data_dir)} (there: {', '.join(names)})"
        )
    return versions[names.index(version)]


def _versions(folder: Path) -> list[Path]:
    """Return the folders of a set's versions, the newest last; not those half prepared."""
    found = [info.parent for info in _infos(folder, "*") if VERSION.fullmatch(info.parent.name)]
    return sorted(found, key=lambda version: [int(part) for part in version.name.split(".")])


def _infos(folder: Path, between: str) -> list[Path]:
    return list(folder.glob(f"{between}/dataset_info.json"))


def _builder(name: str, folder: Path) -> Any:
    import tensorflow_datasets as tfds
    from absl import logging

    logging.set_verbosity(logging.ERROR)  # else TFDS recommends OpenCV at every start
    try:
        builder = tfds.builder_from_directory(folder)
        stored = builder.info.file_format
    # as the files are: JSON's and protobuf's errors, KeyError, ...
    except Exception as error:
        words = re.sub(r"\s+", " ", str(error)).strip()[:100]
        raise UserError(
            f"tfds:{name}: {quoted(folder)} cannot be read as a prepared set ({quoted(words)})"
        ) from None
    if stored is None or stored.value != "array_record":
        raise UserError(
            f"tfds:{name} in {quoted(folder)} is stored as {getattr(stored, 'value', stored)}, "
            f"which only TensorFlow reads; prepare it again: {advice(name, 'NEW_FOLDER')}"
        )
    return builder


def _keys(name: str, info: Any) -> tuple[str, str]:
    """Find the names of the image and the label among a set's features."""
    features = dict(info.features)
    images = [key for key, value in features.items() if type(value).__name__ == "Image"]
    labels = [key for key, value in features.items() if type(value).__name__ == "ClassLabel"]
    image, label = "", ""
    if info.supervised_keys and len(info.supervised_keys) == 2:
        image, label = info.supervised_keys
    if (image not in images or label not in labels) and len(images) == len(labels) == 1:
        image, label = images[0], labels[0]
    if image not in images or label not in labels:
        raise UserError(
            f"tfds:{name} has {len(images)} image and {len(labels)} label features "
            f"({', '.join(features)}); one of each is needed"
        )
    pixels = np.dtype(features[image].np_dtype).name
    if pixels not in PIXELS:  # others are stored as images of 8 bits that show something else
        raise UserError(f"tfds:{name} has {pixels} pixels; {' or '.join(PIXELS)} is needed")
    return image, label


def _splits(name: str, there: Any) -> tuple[dict[str, str], list[str]]:
    """Return what a set calls each of the splits that are read, and its other splits."""
    found: dict[str, str] = {}
    for own in sorted(there, key=len, reverse=True):  # "validation" before "val"
        if own in SPLIT_OF and there[own].num_examples:
            found.setdefault(SPLIT_OF[own], own)
    if "train" not in found:
        raise UserError(f"tfds:{name} has no split 'train' but {', '.join(there) or 'none'}")
    ordered = {split: found[split] for split in SPLITS if split in found}
    return ordered, sorted(set(there) - set(ordered.values()))


def _of_no_class(records: Records) -> list[Entry]:
    """Return all records of a split, whatever it says of their classes."""
    return [
        Entry("unlabelled", UNLABELLED, f"unlabelled/{row:06d}", partial(records.read, row))
        for row in range(len(records))
    ]


def _labels(records: Records, key: str, cache: bool) -> tuple[np.ndarray, dict[int, str]]:
    """Return the labels of a split, int32 `[n]`, and why records cannot be read, by row."""
    file = cache_folder() / "labels" / f"{key}.npz"
    if cache and (stored := _stored(file, len(records))) is not None:
        return stored, {}
    labels = np.full(len(records), -1, np.int32)
    wrong: dict[int, str] = {}
    for row, record in enumerate(records.each()):
        if isinstance(record, ValueError):
            wrong[row] = str(record)
        else:
            labels[row] = record.label
    if cache and not wrong:
        # without room or permission for the cache, the next run is slower; this one need not fail
        with suppress(OSError):
            write_arrays_atomically(file, labels=labels)
    return labels, wrong


def _stored(file: Path, count: int) -> np.ndarray | None:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            labels = stored["labels"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None  # a broken cache file is read anew and replaced
    return labels if labels.shape == (count,) and labels.dtype == np.int32 else None


def _identity(folder: Path) -> str:
    """Return what changes whenever the prepared files do."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        status = file.stat()
        digest.update(f"{file.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
