"""Sets prepared by TensorFlow Datasets as array_record, read without TensorFlow."""

import hashlib
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ganjax.data.atomic import write_arrays_atomically
from ganjax.data.sources import Dataset, Source, Tell, Unread
from ganjax.environment import cache_folder
from ganjax.errors import UserError

AT_A_TIME = 1000


def read_prepared(name: str, data_dir: str | Path | None, tell: Tell) -> Source:
    """Read a prepared set's `train` split, and its `test` split if it has one.

    Decoded images are kept in the cache folder, keyed by the set's files.

    Args:
      name: of the set, as TFDS knows it.
      data_dir: where prepared sets are.
      tell: told how many images have been read.

    Returns:
      The images.

    Raises:
      UserError: it is not prepared there, not as array_record, or has no images and labels.
    """
    builder, image_key, label_key = _opened(name, data_dir)
    class_names = tuple(builder.info.features[label_key].names)
    splits = builder.info.splits
    wanted = [split for split in ("train", "test") if split in splits]
    total = sum(splits[split].num_examples for split in wanted)
    found: dict[str, Dataset] = {}
    for split in wanted:
        before = sum(len(dataset) for dataset in found.values())
        images, labels = _cached(
            builder, split, image_key, label_key, lambda done, b=before: tell(b + done, total)
        )
        found[split] = Dataset(f"tfds:{name}", images, labels, class_names)
    return Source(found["train"], found.get("test"))


def list_prepared(name: str, data_dir: str | Path | None, tell: Tell) -> Unread:
    """Find a prepared set's training images, to be read record by record when they are taken.

    Raises:
      UserError: as `read_prepared`; of shapes, only where images taken together mix them.
    """
    builder, image_key, label_key = _opened(name, data_dir)
    count = builder.info.splits["train"].num_examples
    return Unread(
        f"tfds:{name}",
        tuple(builder.info.features[label_key].names),
        np.arange(count),
        lambda: _labels(builder, image_key, label_key),
        lambda rows: _read(
            builder,
            builder.as_data_source(split="train"),
            image_key,
            label_key,
            rows,
            lambda done: tell(done, len(rows)),
        ),
    )


def _labels(builder: Any, image_key: str, label_key: str) -> np.ndarray:
    """Read every record's label, leaving its image encoded."""
    from tensorflow_datasets import decode

    source = builder.as_data_source(split="train", decoders={image_key: decode.SkipDecoding()})
    labels: list[int] = []
    for start in range(0, len(source), AT_A_TIME):
        records = source.__getitems__(range(start, min(start + AT_A_TIME, len(source))))
        labels += [int(record[label_key]) for record in records]
    return np.array(labels, np.int32)


def _opened(name: str, data_dir: str | Path | None) -> tuple[Any, str, str]:
    """Return a prepared set's builder and the names of its image and label."""
    if data_dir is None:
        raise UserError(
            f"tfds:{name} needs --data-dir: the folder where TensorFlow Datasets prepared it "
            "(by its default ~/tensorflow_datasets)"
        )
    builder = _builder(name, Path(data_dir).expanduser())
    image_key, label_key = _keys(name, builder.info)
    splits = builder.info.splits
    if "train" not in splits:
        raise UserError(f"tfds:{name} has no split 'train' but {', '.join(splits)}")
    return builder, image_key, label_key


def _builder(name: str, data_dir: Path) -> Any:
    import tensorflow_datasets as tfds
    from absl import logging

    logging.set_verbosity(logging.ERROR)  # else TFDS recommends OpenCV at every start

    versions = sorted(
        (file.parent for file in (data_dir / name).glob("*/dataset_info.json")),
        key=lambda folder: [int(part) if part.isdigit() else -1 for part in folder.name.split(".")],
    )
    if not versions:
        there = sorted(p.parent.parent.name for p in data_dir.glob("*/*/dataset_info.json"))
        raise UserError(
            f"tfds:{name} is not prepared in {data_dir} (there: {', '.join(there) or 'none'}); "
            "pip install 'ganjax[tf]' and run: python -c \"import tensorflow_datasets as tfds; "
            f"tfds.builder('{name}', data_dir='{data_dir}', file_format='array_record')"
            '.download_and_prepare()"'
        )
    builder = tfds.builder_from_directory(versions[-1])
    stored = builder.info.file_format
    if stored is None or stored.value != "array_record":
        raise UserError(
            f"tfds:{name} in {data_dir} is stored as {getattr(stored, 'value', stored)}, which "
            "only TensorFlow reads; prepare it again: pip install 'ganjax[tf]' and run: python -c "
            f"\"import tensorflow_datasets as tfds; tfds.builder('{name}', data_dir="
            "'NEW_FOLDER', file_format='array_record').download_and_prepare()\""
        )
    return builder


def _keys(name: str, info: Any) -> tuple[str, str]:
    """Find the names of the image and the label among a set's features."""
    features = dict(info.features)
    images = [key for key, value in features.items() if type(value).__name__ == "Image"]
    labels = [key for key, value in features.items() if type(value).__name__ == "ClassLabel"]
    if info.supervised_keys and len(info.supervised_keys) == 2:
        image, label = info.supervised_keys
        if image in images and label in labels:
            return image, label
    if len(images) == 1 and len(labels) == 1:
        return images[0], labels[0]
    raise UserError(
        f"tfds:{name} has {len(images)} image and {len(labels)} label features "
        f"({', '.join(features)}); one of each is needed"
    )


def _cached(builder: Any, split: str, image_key: str, label_key: str, tell: Any):
    file = cache_folder() / "decoded" / f"{builder.info.name}-{split}-{_identity(builder)}.npz"
    if file.exists():
        try:
            with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
                images, labels = stored["images"], stored["labels"]
            if len(images) == len(labels) == builder.info.splits[split].num_examples:
                tell(len(labels))
                return images, labels
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            pass  # a broken cache file is read anew and replaced
    source = builder.as_data_source(split=split)
    images, labels = _read(builder, source, image_key, label_key, range(len(source)), tell)
    # without room or permission for the cache, the next run is slower; this one need not fail
    with suppress(OSError):
        write_arrays_atomically(file, images=images, labels=labels)
    return images, labels


def _identity(builder: Any) -> str:
    """Return what changes whenever the prepared files do."""
    digest = hashlib.sha256()
    for file in sorted(Path(builder.data_dir).iterdir()):
        status = file.stat()
        digest.update(f"{file.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _read(builder: Any, source: Any, image_key: str, label_key: str, rows: Any, tell: Any):
    images: list[np.ndarray] = []
    labels: list[int] = []
    for start in range(0, len(rows), AT_A_TIME):
        chunk = [int(row) for row in rows[start : start + AT_A_TIME]]
        for record in source.__getitems__(chunk):
            image = record[image_key]
            if images and image.shape != images[0].shape:
                raise UserError(
                    f"tfds:{builder.info.name} mixes image shapes {images[0].shape} and "
                    f"{image.shape}; images of one size and channel count are needed"
                )
            images.append(image)
            labels.append(int(record[label_key]))
        tell(len(images))
    return np.stack(images), np.array(labels, np.int32)
