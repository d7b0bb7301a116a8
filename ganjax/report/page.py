"""What every page has in common: its templates, with the numbers as people write them, its file."""

import os
from functools import lru_cache
from pathlib import Path

import jinja2

from ganjax.report import words


@lru_cache(maxsize=1)
def templates() -> jinja2.Environment:
    """Return the templates of all pages; what they are given is escaped."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("ganjax.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,
    )
    for write_as in (words.percent, words.points, words.duration, words.short, words.title):
        found.filters["arm" if write_as is words.title else write_as.__name__] = write_as
    found.filters["colour"] = words.colour
    return found


def keep(path: str | os.PathLike, html: str) -> None:
    """Write a page to a file, all of it or nothing; one that is there is replaced."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(html, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
