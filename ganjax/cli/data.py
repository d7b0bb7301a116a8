"""`ganjax data`."""

import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.columns import Columns
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tyro.conf import Positional, arg

from ganjax.cli.verb import console
from ganjax.config import Reading, Unlabelled
from ganjax.errors import UserError, quoted
from ganjax.terminal import Terminal

if TYPE_CHECKING:
    from ganjax.data.dataset import Source
    from ganjax.data.survey import Survey

MOST_CLASSES, MOST_BAD, MOST_KINDS, MOST_PREVIEWS = 50, 20, 5, 12
PER_ROW = 10


@dataclass(frozen=True, kw_only=True)
class Data:
    """Show what is in a set of images, and what is wrong with it.

    Counts per class and split, sizes and modes, broken files, images that occur twice (exactly, or
    nearly so to the eye), within and across splits, and what a study could do with it all. Exit
    code 1 where a study would refuse it: test images that are trained on too, or too many broken
    files.

    Examples:
      ganjax data digits
      ganjax data folder:photos --picture photos.png
      ganjax data tfds:fashion_mnist --data-dir ~/tensorflow_datasets --json
      ganjax data folder:photos --per-class 100 --imbalance 10 --unlabelled rest
    """

    source: Positional[str]
    """Where the images come from: digits, tfds:NAME, folder:PATH, zip:PATH or npz:PATH."""
    data_dir: str | None = None
    """Where prepared TFDS sets are."""
    reading: Annotated[Reading, arg(name="")] = field(default_factory=Reading)
    """How the images are read."""
    cache: bool = True
    """Keep decoded images in the cache folder, and take them from there."""
    per_class: int | None = None
    """Show what a draw of so many labelled images of each class would hold."""
    imbalance: float = 1.0
    """Of that draw: images of the first class to those of the last."""
    unlabelled: Unlabelled | None = None
    """Beside that draw: images that go without labels, or rest for all others; among them are those
    that the source brings without labels."""
    seed: int = 0
    """Of that draw."""
    picture: Path | None = None
    """A PNG file to draw: a row of images per class."""
    json: bool = False
    """Print JSON, and nothing else: all that is shown, and every bad file."""

    def run(self, command: str) -> None:
        """Do it."""
        from ganjax.data import sources, survey

        progress = Terminal()
        with progress.stage("read the images", 0, "images") as tick:
            source = sources.load(
                self.source,
                data_dir=self.data_dir,
                reading=self.reading,
                cache=self.cache,
                strict=False,
                unlabelled=True,
                tell=lambda done, total: tick(done),
            )
        drawn = self._drawn(source)  # refused before the long looking
        found = replace(survey.survey(source, self.reading, progress=progress), **drawn)
        if self.picture is not None:
            _draw(self.picture, source)
        if self.json:
            import json

            print(json.dumps(asdict(found), indent=1, allow_nan=False))
        else:
            _print(found, source, console())
        for line in found.problems:
            print(f"ganjax: error: {line}", file=sys.stderr)
        if found.problems:
            sys.exit(1)

    def _drawn(self, source: "Source") -> dict[str, Any]:
        """Count the images of the draw that is asked about."""
        from ganjax.data import splits
        from ganjax.data.dataset import joined

        wanted, imbalance, seed = self.per_class, self.imbalance, self.seed
        if wanted is None and imbalance != 1:
            raise UserError("--imbalance needs --per-class: try 20")
        if self.unlabelled is not None:
            few, many = splits.part_labelled(
                joined(source.train, source.unlabelled),
                wanted,
                unlabelled=self.unlabelled,
                seed=seed,
                imbalance=imbalance,
            )
            return {"drawn": few.counts().tolist(), "unlabelled": len(many)}
        if wanted is None:
            return {}
        few = splits.some_per_class(source.train, wanted, seed=seed, imbalance=imbalance)
        return {"drawn": few.counts().tolist()}


def _draw(path: Path, source: "Source") -> None:
    from ganjax.data.atomic import write_bytes_atomically
    from ganjax.data.survey import pictures
    from ganjax.report.survey import class_sheet

    names = [quoted(name) for name in source.train.class_names]
    write_bytes_atomically(path, class_sheet(pictures(source.train, PER_ROW), names))


def _print(found: "Survey", source: "Source", screen: Console) -> None:
    screen.print(_classes(found))
    if screen.is_terminal and not screen.no_color:
        screen.print(_previews(source))
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(found):
        facts.add_row(name, Text(value))
    screen.print(facts)
    if any(copies.exact or copies.near for copies in found.copies):
        screen.print(_copies(found))
    for bad in found.bad[:MOST_BAD]:
        _line(screen, f"bad: {bad['file']} {bad['reason']}")
    if len(found.bad) > MOST_BAD:
        _line(screen, f"bad: {len(found.bad) - MOST_BAD:,} more (--json lists all)")
    for note in found.notes:
        _line(screen, f"note: {note}")
    for suggestion in found.suggestions:
        _line(screen, f"suggestion: {suggestion}")


def _line(screen: Console, line: str) -> None:
    screen.print(line, markup=False, soft_wrap=True)


def _classes(found: "Survey") -> Table:
    table = Table(title=Text(found.source))
    table.add_column("class")
    columns = {**found.counts, **({"bad": found.bad_counts} if found.bad else {})}
    if found.drawn is not None:
        columns["drawn"] = found.drawn
    for name in columns:
        table.add_column(name, justify="right")
    for label, name in enumerate(found.class_names[:MOST_CLASSES]):
        counts = (f"{of_class[label]:,}" for of_class in columns.values())
        table.add_row(Text(quoted(name)), *counts)
    left_out = len(found.class_names) - MOST_CLASSES
    if left_out > 0:
        counts = (f"{sum(of_class[MOST_CLASSES:]):,}" for of_class in columns.values())
        table.add_row(f"{left_out:,} more (--json lists all)", *counts)
    table.add_section()
    table.add_row("all", *(f"{sum(of_class):,}" for of_class in columns.values()))
    return table


def _previews(source: "Source") -> Columns:
    from ganjax.data.survey import pictures
    from ganjax.report.survey import preview

    shown = zip(source.train.class_names, pictures(source.train, 1), strict=True)
    drawn = []
    for name, images in list(shown)[:MOST_PREVIEWS]:
        if len(images):
            below = Text(quoted(name), no_wrap=True)
            below.truncate(16, overflow="ellipsis")
            drawn.append(preview(images[0]) + below)
    return Columns(drawn, padding=(1, 2))


def _facts(found: "Survey") -> list[tuple[str, str]]:
    colour = "grey" if found.channels == 1 else "colour"
    become = f"{found.width}x{found.height}, {colour}"
    if (found.width, found.height) != (found.padded, found.padded):
        become += f"; padded with black to {found.padded}x{found.padded} for the networks"
    study = found.study
    could = (
        f"--per-class up to {study.largest_per_class:,} (no image in two draws: up to "
        f"{study.independent_per_class:,}); {study.test_images:,} test images, at least "
        f"{study.fewest_test_images:,} per class"
    )
    hidden = found.unlabelled
    unlabelled = [] if hidden is None else [("without labels", f"{hidden:,} images")]
    return [
        *unlabelled,
        ("sizes", _most_frequent(found.sizes)),
        ("modes", _most_frequent(found.modes)),
        ("they become", become),
        ("imbalance", "-" if found.imbalance is None else f"{found.imbalance:.3g} : 1"),
        ("a study", could if study.refused is None else "would refuse it"),
    ]


def _most_frequent(counts: dict[str, int]) -> str:
    shown = [f"{name} ({count:,})" for name, count in list(counts.items())[:MOST_KINDS]]
    left_out = len(counts) - MOST_KINDS
    return ", ".join([*shown, *([f"and {left_out:,} more"] if left_out > 0 else [])])


def _copies(found: "Survey") -> Table:
    table = Table(title="Images that occur more than once")
    for column in ("images of", "within", "exactly", "nearly"):
        table.add_column(column, justify="right" if column.endswith("ly") else "left")
    more = "" if found.complete else "at least "
    for copies in found.copies:
        table.add_row(copies.split, copies.within, f"{copies.exact:,}", f"{more}{copies.near:,}")
    return table
