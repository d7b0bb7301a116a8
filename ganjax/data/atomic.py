"""Files that are either whole or not there: written beside their place, then moved into it."""

import glob
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np


@contextmanager
def open_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that takes its place at `path` only when all of it is written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner may read
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def drop_unfinished(path: Path) -> None:
    """Remove what killed processes left of writing a file; no one else may be writing it now."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        left.unlink()


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with open_atomically(path) as file:
        file.write(content)


def write_json_atomically(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all; NaN and infinity are refused, being no JSON."""
    text = json.dumps(content, indent=1, allow_nan=False)
    write_bytes_atomically(path, (text + "\n").encode())


def write_arrays_atomically(path: Path, **arrays: np.ndarray) -> None:
    """Write a compressed .npz file, whole or not at all."""
    with open_atomically(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
