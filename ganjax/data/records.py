"""The records of a prepared set, encoded as they are; read ahead where they are read in turn."""

import os
import re
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

AT_A_TIME = 1000
AHEAD_BYTES = 2**23
MOST_AHEAD = 512
"""Records that are read together: one by one each takes five times as long."""

HELD_BYTES = 2**27
"""Of images that stay in memory once all of a split has been read, as it is for its labels."""

CHUNKS = 4
"""That are kept at once: threads that share a set are never further apart."""


class Record(NamedTuple):
    """One record.

    Attributes:
      image: its encoded bytes.
      label: index into the set's classes; negative where it has none.
    """

    image: bytes
    label: int


class _Split:
    """A split that is opened, of whose records only image and label are parsed, neither decoded."""

    def __init__(self, folder: Path, split: str, image: str, label: str):
        import tensorflow_datasets as tfds
        from absl import logging
        from tensorflow_datasets import decode

        logging.set_verbosity(logging.ERROR)  # else TFDS recommends OpenCV at every start
        builder = tfds.builder_from_directory(folder)
        features, bare = builder.info.features, decode.SkipDecoding()
        self.image, self.label = image, label
        self.encoded = builder.as_data_source(
            split=split, deserialize_method=decode.DeserializeMethod.RAW_BYTES
        )
        self.parse = partial(
            tfds.features.FeaturesDict(
                {image: features[image], label: features[label]}
            ).deserialize_example_np,
            decoders={image: bare, label: bare},
        )
        average = (builder.info.splits[split].num_bytes or 0) // max(1, len(self.encoded))
        self.ahead = min(max(1, AHEAD_BYTES // max(1, average)), MOST_AHEAD)

    def read(self, rows: Sequence[int]) -> list[Record]:
        # several are read by threads, which for one record alone take longer to start
        one = len(rows) == 1
        encoded = [self.encoded[rows[0]]] if one else self.encoded.__getitems__(rows)
        found = (self.parse(record) for record in encoded)
        return [Record(record[self.image], int(record[self.label])) for record in found]


class Records:
    """One split of a prepared set; from several threads at once, and in another process.

    Args:
      folder: of the set's version, with its dataset_info.json.
      split: as the set calls it.
      image: the name of its image.
      label: the name of its label.
    """

    def __init__(self, folder: Path, split: str, image: str, label: str):
        self.folder, self.split, self.image, self.label = folder, split, image, label
        self._forget()

    def _forget(self) -> None:
        self._process = os.getpid()
        self._opened: _Split | None = None
        self._lock = threading.Lock()
        self._chunks: OrderedDict[int, list[Record]] = OrderedDict()
        self._alone: deque[int] = deque(maxlen=64)
        self._held: list[bytes] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("folder", "split", "image", "label")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def __len__(self) -> int:
        return len(self._split().encoded)

    def _split(self) -> _Split:
        if self._process != os.getpid():  # a fork; its readers run in threads that did not come
            self._forget()
        if self._opened is None:
            self._opened = _Split(self.folder, self.split, self.image, self.label)
        return self._opened

    def read(self, row: int) -> bytes:
        """Return a record's encoded image.

        Raises:
          ValueError: it cannot be read.
        """
        split = self._split()
        if self._held is not None:
            return self._held[row]
        number, within = divmod(row, split.ahead)
        chunk = self._chunks.get(number)
        if chunk is None:
            with self._lock:
                chunk = self._chunks.get(number)
                in_turn = row - 1 in self._alone or (not within and number - 1 in self._chunks)
                if chunk is None and in_turn:
                    chunk = self._read_chunk(number)
                self._alone.append(row)
        return chunk[within].image if chunk else self.read_alone(row).image

    def read_alone(self, row: int) -> Record:
        """Read one record, and none ahead.

        Raises:
          ValueError: it cannot be read.
        """
        return self._read([row])[0]

    def each(self) -> Iterator[Record | ValueError]:
        """Read all records in turn, those that cannot be read as the error that says why.

        The images of a small split stay in memory, for they are probably read next.
        """
        held: list[bytes] = []
        room = HELD_BYTES
        for start in range(0, len(self), AT_A_TIME):
            rows = range(start, min(start + AT_A_TIME, len(self)))
            try:
                found = self._read(rows)
            except ValueError:
                room = -1
                yield from (self._attempt(row) for row in rows)
                continue
            room -= sum(len(record.image) for record in found)
            held += [record.image for record in found]
            if room < 0:
                held.clear()
            yield from found
        if room >= 0:
            self._held = held

    def _attempt(self, row: int) -> Record | ValueError:
        try:
            return self.read_alone(row)
        except ValueError as error:
            return error

    def _read_chunk(self, number: int) -> list[Record]:
        """Read the records of a chunk, or none where one of them cannot be read."""
        ahead = self._split().ahead
        start = number * ahead
        try:
            chunk = self._read(range(start, min(start + ahead, len(self))))
        except ValueError:
            chunk = []
        self._chunks[number] = chunk
        while len(self._chunks) > CHUNKS:
            self._chunks.popitem(last=False)
        return chunk

    def _read(self, rows: Sequence[int]) -> list[Record]:
        try:
            return self._split().read(rows)
        # as the bytes are: RuntimeError of array_record, DecodeError of protobuf, KeyError, ...
        except Exception as error:
            words = re.sub(r"\s+", " ", str(error)).strip()[:100] or type(error).__name__
            raise ValueError(f"cannot be read as a record ({words})") from None
