"""A set as TensorFlow Datasets would have prepared it: array_record shards, without TensorFlow."""

import io
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ganjax.data.export.contents import Contents
from ganjax.data.export.picture import pngs
from ganjax.data.export.stores import PixelFile

NAME, VERSION = "ganjax_images", "1.0.0"
SHARD_BYTES, SHARD_IMAGES = 64 << 20, 20_000
"""Most pixels and images of a shard, whose examples TFDS holds in memory while it writes them."""


def write_tfds(
    folder: Path, contents: Contents, pixels: PixelFile, tick: Callable[[int], None]
) -> None:
    """Write FOLDER/ganjax_images/1.0.0: one split `train`, its images in their order.

    Features: `image`, `label` (named by the classes, or by their safe names where TFDS could not
    keep theirs), `generated` and `index`, of the image among the generated or among the real ones.

    Args:
      folder: which exists.
      contents: of the set.
      pixels: its images.
      tick: told how many are written.

    Raises:
      OSError: it could not be written.
    """
    import tensorflow_datasets as tfds
    from absl import logging
    from tensorflow_datasets.core import registered

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    try:
        with (
            warnings.catch_warnings(),
            registered.skip_registration(),
            redirect_stdout(io.StringIO()),  # it tells what it would have downloaded
            TemporaryDirectory() as downloads,
        ):
            warnings.simplefilter("ignore")
            builder = _builder(tfds, contents, pixels, tick)(
                data_dir=str(folder), file_format="array_record"
            )
            builder.download_and_prepare(download_dir=downloads)
    except RuntimeError as error:  # of array_record's writer
        raise OSError(str(error).splitlines()[0]) from error
    finally:
        tfds.enable_progress_bar()
        logging.set_verbosity(verbosity)


def _builder(tfds: Any, contents: Contents, pixels: PixelFile, tick: Callable[[int], None]) -> type:
    """Return the builder of a set, as TFDS wants it: a class."""

    class GanjaxImages(tfds.core.ShardBasedBuilder):
        """Images that ganjax wrote."""

        name = NAME
        VERSION = tfds.core.Version(VERSION)

        def _info(self) -> Any:
            return tfds.core.DatasetInfo(
                builder=self,
                description="A labelled image set written by ganjax; `generated` marks the images "
                "that a GAN made.",
                features=tfds.features.FeaturesDict(
                    {
                        "image": tfds.features.Image(shape=contents.shape, encoding_format="png"),
                        "label": tfds.features.ClassLabel(names=label_names(contents)),
                        "generated": tfds.features.Scalar(np.bool_),
                        "index": tfds.features.Scalar(np.int64),
                    }
                ),
                supervised_keys=("image", "label"),
                disable_shuffling=True,
            )

        def _shard_iterators_per_split(self, dl_manager: Any) -> dict[str, list[Callable]]:
            per_shard = max(1, min(SHARD_BYTES // pixels.size, SHARD_IMAGES))
            shards = range(0, len(contents), per_shard)
            return {
                "train": [
                    partial(_examples, contents, pixels, tick, first, per_shard) for first in shards
                ]
            }

        def _example_writer(self) -> Any:
            return _repeatable_writer(self.info.file_format)

    return GanjaxImages


def label_names(contents: Contents) -> list[str]:
    """Return the classes' names where TFDS, which keeps them as lines of text, reads them back."""
    names = list(contents.class_names)
    kept = all(name and name == name.strip() and name.isprintable() for name in names)
    return names if kept and len(set(names)) == len(names) else list(contents.folders)


def _examples(
    contents: Contents, pixels: PixelFile, tick: Callable[[int], None], first: int, count: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    number = first
    for batch in pixels.images(first=first, last=min(first + count, len(contents))):
        numbers = range(number, number + len(batch))
        files = pngs(batch, [contents.marks(own) for own in numbers])
        for number, content in zip(numbers, files, strict=True):
            kind, index = contents.origin(number)
            yield (
                number,
                {
                    "image": io.BytesIO(content),
                    "label": int(contents.labels[number]),
                    "generated": kind == "generated",
                    "index": index,
                },
            )
        number = numbers.stop
        tick(number)


def _repeatable_writer(file_format: Any) -> Any:
    """Return a writer of the same examples as the same bytes: protobuf leaves their order open."""
    from tensorflow_datasets.core.writer import ExampleWriter
    from tensorflow_datasets.proto import tf_example_pb2

    def in_order(example: bytes) -> bytes:
        return tf_example_pb2.Example.FromString(example).SerializeToString(deterministic=True)

    class RepeatableWriter(ExampleWriter):
        """Writes the features of an example by their names."""

        def write(self, path: Any, examples: Iterable[tuple[Any, bytes]]) -> Any:
            """Write the examples of a shard."""
            return super().write(path, ((key, in_order(example)) for key, example in examples))

    return RepeatableWriter(file_format)
