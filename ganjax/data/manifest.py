"""A folder's manifest: the SHA-256 of every file in it, written last, so that damage is found.

A flipped bit, a cut or missing file, a file too many: each is named. The manifest is guarded by a
digest of its own, and is nothing but the one way to write its content.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ganjax.data.atomic import write_bytes_atomically

NAME = "manifest.json"
CHUNK = 1 << 20


def write(folder: Path) -> None:
    """Write FOLDER/manifest.json over all files of a folder, flushed to the disk first."""
    files = {name: _entry(path, flush=True) for name, path in _files(folder).items()}
    for inner in folder.rglob("*"):
        if inner.is_dir():
            flush_names(inner)
    write_bytes_atomically(folder / NAME, _content(files))
    flush_names(folder)


def flush_names(folder: Path) -> None:
    """Flush to the disk which files a folder has, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def problems(folder: Path) -> list[str]:
    """Say what of a folder is not as its manifest has it; nothing if all is.

    Args:
      folder: what `write` was called for, at whatever place it is now.
    """
    try:
        content = (folder / NAME).read_bytes()
        files: dict[str, Any] = json.loads(content)["files"]
        if content != _content(files):
            return [f"{NAME}: damaged"]
    except FileNotFoundError:
        return [f"{NAME}: missing"]
    except (OSError, ValueError, KeyError, TypeError):
        return [f"{NAME}: unreadable"]
    there = _files(folder)
    wrong = [f"{name}: missing" for name in files if name not in there]
    wrong += [f"{name}: not in the manifest" for name in there if name not in files]
    for name in sorted(files.keys() & there.keys()):
        wrong += [f"{name}: {what}" for what in _difference(there[name], files[name])]
    return wrong


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return _entry(path, flush=False)["sha256"]


def _difference(path: Path, expected: dict[str, Any]) -> list[str]:
    try:
        size = path.stat().st_size
        if size != expected["size"]:
            return [f"{size} bytes instead of {expected['size']}"]
        return [] if sha256(path) == expected["sha256"] else ["other content"]
    except OSError as error:
        return [f"unreadable ({error})"]


def _files(folder: Path) -> dict[str, Path]:
    """Return every file but the manifest, by its path within the folder."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {name: path for name, path in found.items() if name != NAME and not path.is_dir()}


def _entry(path: Path, *, flush: bool) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
        if flush:
            os.fsync(file.fileno())
    return {"size": size, "sha256": digest.hexdigest()}


def _content(files: dict[str, Any]) -> bytes:
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    return (json.dumps({"files": files, "digest": digest}, indent=1) + "\n").encode()
