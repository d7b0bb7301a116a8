"""Where a set's images go while it is written: files in class folders, or one file of pixels."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from ganjax.data.export.contents import Contents
from ganjax.data.export.picture import pngs


class Store(Protocol):
    """Where images go, in order; what a kill left of it is taken up again.

    Attributes:
      first_column: of the set's table, which tells the place of each image.
    """

    first_column: str

    def place(self, number: int) -> str:
        """Return where an image lies, as the table tells it."""

    def holds(self, number: int, sha256: str) -> bool:
        """Say whether an image is there, whole."""

    def begin(self, count: int) -> None:
        """Make ready for image number `count`; those before it stay."""

    def add(self, first: int, pixels: np.ndarray) -> list[str]:
        """Write images from number `first` on, uint8 `[k, ...]`; return the SHA-256 of each."""


class ClassFolders:
    """PNG files in a folder per class: FOLDER/CLASS/generated_0000012.png.

    Args:
      folder: of the set.
      contents: of the set.
    """

    first_column = "file_name"

    def __init__(self, folder: Path, contents: Contents):
        self.folder, self.contents = folder, contents

    def place(self, number: int) -> str:
        """Return the file's path within the set."""
        kind, index = self.contents.origin(number)
        return f"{self.contents.folders[self.contents.labels[number]]}/{kind}_{index:07d}.png"

    def holds(self, number: int, sha256: str) -> bool:
        """Say whether a file is there, whole."""
        try:
            content = (self.folder / self.place(number)).read_bytes()
        except OSError:
            return False
        return hashlib.sha256(content).hexdigest() == sha256

    def begin(self, count: int) -> None:
        """Make the folders; files after `count` will be written over."""
        for name in self.contents.folders:
            (self.folder / name).mkdir(exist_ok=True)

    def add(self, first: int, pixels: np.ndarray) -> list[str]:
        """Write images as files; return the SHA-256 of each file."""
        digests = []
        marks = [self.contents.marks(number) for number in range(first, first + len(pixels))]
        for number, content in enumerate(pngs(pixels, marks), start=first):
            with open(f"{self.folder}/{self.place(number)}", "wb") as file:
                file.write(content)
            digests.append(hashlib.sha256(content).hexdigest())
        return digests


class PixelFile:
    """The pixels of all images in one file, from which another format is made at the end.

    Args:
      path: of the file.
      contents: of the set.
    """

    first_column = "row"

    def __init__(self, path: Path, contents: Contents):
        self.path, self.contents = path, contents
        self.size = int(np.prod(contents.shape))
        self._reading: IO[bytes] | None = None

    def place(self, number: int) -> str:
        """Return the image's row in the arrays."""
        return str(number)

    def holds(self, number: int, sha256: str) -> bool:
        """Say whether an image's pixels are there."""
        if self._reading is None:
            if not self.path.exists():
                return False
            self._reading = self.path.open("rb")
        self._reading.seek(number * self.size)
        content = self._reading.read(self.size)
        return len(content) == self.size and hashlib.sha256(content).hexdigest() == sha256

    def begin(self, count: int) -> None:
        """Cut off what lies after `count` images."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None
        with self.path.open("ab") as file:
            file.truncate(count * self.size)

    def add(self, first: int, pixels: np.ndarray) -> list[str]:
        """Append images; return the SHA-256 of each one's pixels."""
        with self.path.open("ab") as file:
            file.write(np.ascontiguousarray(pixels).data)
        return [hashlib.sha256(image.tobytes()).hexdigest() for image in pixels]

    def images(self, at_a_time: int = 256, *, first: int = 0, last: int | None = None) -> Iterator:
        """Read images `first` to before `last` again, uint8 `[k, height, width, channels]`."""
        last = len(self.contents) if last is None else last
        with self.path.open("rb") as file:
            file.seek(first * self.size)
            for start in range(first, last, at_a_time):
                count = min(at_a_time, last - start)
                content = file.read(count * self.size)
                yield np.frombuffer(content, np.uint8).reshape(count, *self.contents.shape)
