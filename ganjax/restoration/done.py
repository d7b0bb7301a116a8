"""What of a source has been restored into a folder: how far a run that was cut off had come.

OUT/restored.csv     a row per image: its file, the original, its size and mode, SHA-256 of both
OUT/manifest.json    what restored them, and of what: written at the start, and whole at the end
OUT/quarantine.json  images that could not be used, each with its reason, where there are any
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ganjax.config import LOCK
from ganjax.config.stored import differences
from ganjax.data import quarantine
from ganjax.data.atomic import write_bytes_atomically, write_json_atomically
from ganjax.data.export.contents import MAKER
from ganjax.data.export.names import cell
from ganjax.data.listing import Bad
from ganjax.data.manifest import NAME as MANIFEST
from ganjax.data.manifest import sha256
from ganjax.data.quarantine import FILE as QUARANTINE
from ganjax.errors import UserError, quoted

SCHEMA = 1

NOTE = (
    "restored images are estimates: a network may have removed detail, or invented some; text "
    "chunks in each PNG say that it was restored. restored.csv has the SHA-256 of each original "
    "and of its PNG; an apostrophe that begins a cell of text there is no part of it, but keeps "
    "spreadsheets from running the cell."
)

TABLE = "restored.csv"
OWN = (TABLE, MANIFEST, QUARANTINE)
UNFINISHED = re.compile(r"\.(.+)\.[a-z0-9_]{8}")
"""A file that was being written by `open_atomically` when its process was killed."""


class Row(NamedTuple):
    """One restored image.

    Attributes:
      file_name: of the PNG, relative to the folder.
      original: of the original, in its source.
      width: in pixels.
      height: in pixels.
      mode: of the PNG: L, LA, RGB or RGBA.
      original_sha256: of the original's file.
      sha256: of the PNG.
    """

    file_name: str
    original: str
    width: int
    height: int
    mode: str
    original_sha256: str
    sha256: str


HEADER = ",".join(Row._fields) + "\n"


def lines(rows: Iterable[Row]) -> str:
    """Return rows as the table has them; a spreadsheet runs none of the names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow((cell(row.file_name), cell(row.original), *row[2:]))
    return text.getvalue()


def begin(
    out: Path, identity: Mapping[str, Any], wanted: Mapping[str, tuple[str, str]]
) -> dict[str, Row]:
    """Take up the table of a run that was cut off, or begin one.

    A row stays where the original is the same and its PNG is there, whole.

    Args:
      out: the folder.
      identity: what restores what, as JSON values.
      wanted: the name of each original's PNG, and the original's SHA-256, by the original's name.

    Returns:
      The rows that stay, by the original's name.
    """
    _remove_unfinished(out, {*OWN, *(name for name, _ in wanted.values())})
    by_cell = {cell(original): original for original in wanted}
    kept = {}
    for told in _told(out / TABLE):
        original = by_cell.get(told["original"])
        if original is None:
            continue
        name, digest = wanted[original]
        expected = (cell(name), digest, _sha256(out / name))
        found = (told["file_name"], told["original_sha256"], told["sha256"])
        with suppress(ValueError):
            size = int(told["width"]), int(told["height"])
            if found == expected:
                kept[original] = Row(name, original, *size, told["mode"], *found[1:])
    _write_manifest(out, identity, {"finished": False})
    write_bytes_atomically(out / TABLE, (HEADER + lines(kept.values())).encode())
    return kept


def check_out(out: Path, identity: Mapping[str, Any]) -> None:
    """Raise `UserError` unless a folder is missing, empty, or of the very same restoration."""
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {quoted(out)} is a file: give a folder")
    found = _identity(out / MANIFEST)
    if found is None:
        if out.exists() and not all(map(_of_a_start, out.iterdir())):
            raise UserError(f"--out {quoted(out)} exists and is not empty; give a new folder")
        return
    changes = differences(found, json.loads(json.dumps(identity)))
    if changes:
        shown = quoted("; ".join(f"{change:.100}" for change in changes[:3]))
        raise UserError(
            f"--out {quoted(out)} holds images that were restored otherwise ({shown}): give a new "
            "folder"
        )


def finish(out: Path, rows: Iterable[Row], identity: Mapping[str, Any], bad: Sequence[Bad]) -> None:
    """Write the table in its order, the list of what is bad, and the manifest, which is last.

    Args:
      out: the folder.
      rows: of all images.
      identity: what restored what, as JSON values.
      bad: what could not be used.
    """
    rows = list(rows)
    write_bytes_atomically(out / TABLE, (HEADER + lines(rows)).encode())
    (out / QUARANTINE).unlink(missing_ok=True)
    quarantine.write(out, bad)
    table = {"file": TABLE, "bytes": (out / TABLE).stat().st_size, "sha256": sha256(out / TABLE)}
    counts = {"images": len(rows), "bad": len(bad), "files": [table]}
    _write_manifest(out, identity, {"finished": True, **counts})


def forget(out: Path) -> None:
    """Remove what `begin` wrote, where nothing has come of it."""
    for name in (TABLE, MANIFEST):
        (out / name).unlink(missing_ok=True)


def _write_manifest(out: Path, identity: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    head = {"schema": SCHEMA, "made_by": MAKER, "note": NOTE, "restoration": dict(identity)}
    write_json_atomically(out / MANIFEST, {**head, **told})


def _told(path: Path) -> list[dict[str, str]]:
    """Read a table as far as it is one; a row that was cut off is none."""
    try:
        whole = path.read_text(encoding="utf-8", errors="replace").rpartition("\n")[0]
    except OSError:
        return []
    reader = csv.DictReader(io.StringIO(whole))
    if reader.fieldnames is None or tuple(reader.fieldnames) != Row._fields:
        return []
    return [row for row in reader if None not in row and None not in row.values()]


def _sha256(path: Path) -> str | None:
    try:
        return sha256(path)
    except OSError:
        return None


def _of_a_start(item: Path) -> bool:
    """Say whether a file may be all that a run which was killed at its start has left."""
    return item.name == LOCK or item.name.startswith(f".{MANIFEST}.")


def _remove_unfinished(out: Path, names: set[str]) -> None:
    for path in out.rglob(".*"):
        found = UNFINISHED.fullmatch(path.name)
        if found and path.relative_to(out).with_name(found[1]).as_posix() in names:
            path.unlink(missing_ok=True)


def _identity(file: Path) -> dict[str, Any] | None:
    """Return what was restored by what, as a manifest tells it, or None."""
    try:
        found = json.loads(file.read_bytes())["restoration"]
        return found if isinstance(found, dict) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
