"""What lies already where a set is to be written: nothing, this set, a part of it, or another."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ganjax.config import LOCK
from ganjax.config.stored import differences
from ganjax.data.export import table
from ganjax.data.export.contents import Contents, Format
from ganjax.data.export.stores import ClassFolders
from ganjax.data.manifest import NAME as MANIFEST
from ganjax.data.manifest import sha256
from ganjax.errors import UserError, quoted

IDENTITY = "set.json"
"""File of an unfinished set that tells what it is to be."""


def partial_folder(out: Path) -> Path:
    """Return where a set is while it is written."""
    out = Path(out).resolve()
    return out.with_name(f".{out.name}.partial")


def check_free(out: Path) -> None:
    """Raise `UserError` unless `out` is missing or an empty folder."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"--out {quoted(out)} exists and is not empty; give a new folder")


def is_there(out: Path, contents: Contents, form: Format) -> bool:
    """Say whether a folder holds this very set, whole; raise where it holds something else."""
    identity = contents.identity(form)
    found = identity_in(out / MANIFEST)
    if found is None:
        check_free(out)
        return False
    _refuse_other(
        {name: found.get(name) for name in identity},
        identity,
        f"--out {quoted(out)} holds another set",
        "give a new folder",
    )
    damaged = next(_damaged(out, contents, form), None)
    if damaged is not None:
        raise UserError(
            f"--out {quoted(out)} holds this set, but {quoted(damaged)} is damaged or missing: "
            "remove the folder to write it again"
        )
    return True


def _damaged(out: Path, contents: Contents, form: Format) -> Iterator[str]:
    """Name the files of a finished set that are not as they were written."""
    try:
        files = json.loads((out / MANIFEST).read_bytes())["files"]
        expected = {str(told["file"]): told["sha256"] for told in files}
    except (KeyError, TypeError):
        yield MANIFEST
        return
    for name, digest in expected.items():
        if not (out / name).is_file() or sha256(out / name) != digest:
            yield name
    if form == "folder":
        store = ClassFolders(out, contents)
        count = 0
        rows = table.rows(out / table.NAME, store.first_column, contents)
        for number, (digest, _) in enumerate(rows):
            count += 1
            if not store.holds(number, digest):
                yield store.place(number)
        if count != len(contents):
            yield table.NAME


def check_working(out: Path, identity: dict[str, Any]) -> None:
    """Raise `UserError` where another set was begun beside `out`, or something else lies there."""
    working = partial_folder(out)
    if not working.is_dir() or not any(file.name != LOCK for file in working.iterdir()):
        return
    found = identity_in(working / IDENTITY)
    if found is None:
        raise UserError(
            f"{quoted(working)} is no set of ganjax's: remove it, or give another --out"
        )
    _refuse_other(
        found,
        identity,
        f"{quoted(working)} holds another set, unfinished",
        "finish it by its own command, remove it, or give another --out",
    )


def _refuse_other(found: dict, identity: dict, what: str, advice: str) -> None:
    changes = differences(found, json.loads(json.dumps(identity)))
    if changes:
        shown = quoted("; ".join(f"{change:.100}" for change in changes[:3]))
        raise UserError(f"{what} ({shown}{'; ...' if len(changes) > 3 else ''}): {advice}")


def identity_in(file: Path) -> dict[str, Any] | None:
    """Return the identity that ganjax wrote into a file, or None."""
    try:
        found = json.loads(file.read_bytes())
        return found if isinstance(found["images"], int) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
