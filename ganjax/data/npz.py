"""The arrays of an .npz file, without ever unpickling, and none larger than its file can hold."""

import math
import re
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from ganjax.data.archives import MOST_RATIO, open_zip
from ganjax.errors import UserError, quoted

WANTED = "an .npz file that np.savez wrote"
EXAMPLE = "np.savez('set.npz', images=images, labels=labels)"

LITTLE = 2**26
"""Bytes up to which an array may have any ratio: many are mostly zeros."""


class ArrayArchive:
    """An .npz file.

    Args:
      path: the file.

    Raises:
      UserError: it is none.
    """

    def __init__(self, path: Path):
        self.path = path
        if _begins(path).startswith(b"\x93NUMPY"):
            raise UserError(
                f"npz:{quoted(path)} is a single array (.npy): save images and labels together: "
                f"{EXAMPLE}"
            )
        found, _ = open_zip(path, f"npz:{path}", WANTED)
        self._members = {
            info.filename.removesuffix(".npy"): info
            for info in found
            if not info.filename.endswith("/")
        }
        self.names = tuple(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> np.ndarray:
        """Read an array.

        Args:
          name: one of `names`.

        Raises:
          UserError: it is damaged, holds Python objects, or claims to be larger than it is.
        """
        info = self._members[name]
        self._check_member(name, info)
        try:
            with zipfile.ZipFile(self.path) as archive:
                with archive.open(info) as file:
                    self._check_header(name, file, info.file_size)
                with archive.open(info) as file:
                    return np.lib.format.read_array(file, allow_pickle=False)
        except UserError:
            raise
        except MemoryError:
            raise self._refusal(name, f"takes {info.file_size:,} bytes of memory") from None
        # as the bytes are: BadZipFile, zlib.error, EOFError, ValueError, SyntaxError, ...
        except Exception as error:
            words = re.sub(r"\s+", " ", str(error)).strip()[:100] or type(error).__name__
            raise self._refusal(name, f"is damaged ({words}): copy or save it again") from None

    def _check_member(self, name: str, info: zipfile.ZipInfo) -> None:
        if info.flag_bits & 1:
            raise self._refusal(name, "is encrypted: save it without a password")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self._refusal(name, "is packed in another way than np.savez_compressed does")
        if info.file_size > max(LITTLE, MOST_RATIO * info.compress_size):
            raise self._refusal(
                name, f"unpacks from {info.compress_size:,} to {info.file_size:,} bytes"
            )

    def _check_header(self, name: str, file: IO[bytes], size: int) -> None:
        """Compare what an array says of itself with the bytes that there are, before it is read."""
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0
        shape, _, dtype = (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(file)
        if dtype.hasobject:
            raise self._refusal(
                name,
                "holds Python objects, which are never read, for they could be programs: save it "
                f"as numbers or text: {name}.astype(int) or {name}.astype(str)",
            )
        claimed = math.prod(shape) * dtype.itemsize
        if not dtype.itemsize or min(shape, default=0) < 0 or claimed != size - file.tell():
            raise self._refusal(
                name,
                f"is damaged: it says {dtype} {list(shape)}, which is not {size - file.tell():,} "
                "bytes: copy or save it again",
            )

    def _refusal(self, name: str, said: str) -> UserError:
        return UserError(f"npz:{quoted(self.path)}: {quoted(name)} {quoted(said)}")


def _begins(path: Path) -> bytes:
    """Return a file's first bytes; none where it cannot be read, which is told elsewhere."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(6)
    except (OSError, ValueError):
        return b""
