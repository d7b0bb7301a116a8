"""A folder's manifest: the SHA-256 of every file in it, written last, so that damage is found.

A flipped bit, a cut or missing file, a file too many: each is named. The manifest is guarded by a
digest of its own.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from ganjax.data.atomic import write_json_atomically

NAME = "manifest.json"
CHUNK = 1 << 20


def write(folder: Path) -> None:
    """Write FOLDER/manifest.json over all files of a folder, flushed to the disk first."""
    files = {name: _entry(path, flush=True) for name, path in _files(folder).items()}
    write_json_atomically(folder / NAME, {"files": files, "digest": _digest(files)})


def problems(folder: Path) -> list[str]:
    """Say what of a folder is not as its manifest has it; nothing if all is.

    Args:
      folder: what `write` was called for, at whatever place it is now.
    """
    try:
        found = json.loads((folder / NAME).read_bytes())
        files: dict[str, Any] = found["files"]
        if found["digest"] != _digest(files):
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


def _digest(files: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
