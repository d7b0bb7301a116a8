"""`metadata.csv`: a row for each image of a set, and how far a set that was cut off had come."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from ganjax.data.export.contents import Contents, Images
from ganjax.data.export.names import cell

NAME = "metadata.csv"
COLUMNS = ("label", "class", "source", "seed", "index", "model", "score", "original")
"""After `file_name`, or `row` where the images lie in one file; then come the set's own columns."""

LAST = "sha256"


def header(first_column: str, contents: Contents) -> str:
    """Return the table's first line."""
    return _lines([(first_column, *COLUMNS, *contents.columns, LAST)])


def lines(
    contents: Contents,
    first: int,
    images: Images,
    places: Iterable[str],
    digests: Iterable[str],
) -> str:
    """Return the rows of some images.

    Args:
      contents: of the set.
      first: the number of the first of them.
      images: what they are.
      places: where each lies: a file's name, or the number of a row.
      digests: SHA-256 of what was written for each.
    """
    rows = []
    for k, (place, digest) in enumerate(zip(places, digests, strict=True)):
        number = first + k
        kind, index = contents.origin(number)
        label = int(contents.labels[number])
        generated = kind == "generated"
        rows.append(
            (
                place,
                label,
                cell(contents.class_names[label]),
                kind,
                contents.seed if generated else None,
                index,
                contents.model if generated else None,
                None if images.scores is None else str(images.scores[k]),
                None if images.files is None else cell(images.files[k]),
                *(images.numbers[name][k] if generated else None for name in contents.columns),
                digest,
            )
        )
    return _lines(rows)


def rows(path: Path, first_column: str, contents: Contents) -> Iterator[tuple[str, int]]:
    """Read the SHA-256 of each image, and where its row ends in the file, as far as all is whole.

    Args:
      path: of the table; where it is missing or no such table, it has no rows.
      first_column: its first column's name.
      contents: of the set.
    """
    head = header(first_column, contents).encode()
    with suppress(FileNotFoundError), path.open("rb") as file:
        if file.readline() != head:
            return
        end = len(head)
        for line in file:  # no cell has a newline in it
            if not line.endswith(b"\n"):
                return
            end += len(line)
            yield line.rstrip(b"\n").rpartition(b",")[2].decode(errors="replace"), end


def totals(path: Path, contents: Contents) -> dict[str, int]:
    """Add up the columns of a whole table that are to be added up, over all generated images."""
    found = dict.fromkeys(contents.totals, 0)
    if found:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for name in found:
                    found[name] += int(row[name] or 0)
    return found


def take_up(
    path: Path, first_column: str, contents: Contents, holds: Callable[[int, str], bool]
) -> int:
    """Cut a table after its last row that tells the truth; begin it where there is none.

    Args:
      path: of the table.
      first_column: its first column's name.
      contents: of the set.
      holds: says whether the image of a number is there, with this SHA-256.

    Returns:
      How many rows it has.
    """
    count, good = 0, 0
    for number, (sha256, end) in enumerate(rows(path, first_column, contents)):
        if not holds(number, sha256):
            break
        count, good = number + 1, end
    with path.open("r+b" if good else "wb") as file:
        file.truncate(good)
        if not good:
            file.write(header(first_column, contents).encode())
    return count


def _lines(rows: Iterable[tuple]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
