"""`ganjax evaluate`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from tyro.conf import Positional, arg

from ganjax.cli.verb import console
from ganjax.config import Reading
from ganjax.errors import UserError, quoted
from ganjax.terminal import Terminal

if TYPE_CHECKING:
    from ganjax.evaluate.run import Evaluation

PER_ROW = 10
MOST_CLASSES = 50
BY_CLASS = ("precision", "recall", "coverage")

Results = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Say how good the images of A are, measured by the real images of B.

    Each is a source or the folder of a run, which generates its images. Beside each figure stands
    what a second set of real images gets: without it, few of them can be read. The figures rest on
    B's test split; where it has none, on a part of each class that is sealed, and that A has not
    had. The CAS trains classifiers on A's images and on as many of B's, and tests both on real
    ones.

    Examples:
      ganjax evaluate runs/gan digits
      ganjax evaluate runs/digits/replicates/0 digits --json results.json
      ganjax evaluate folder:images folder:photos --picture both.png
      ganjax evaluate runs/gan tfds:fashion_mnist --data-dir ~/tensorflow_datasets --no-cas
    """

    a: Annotated[Positional[str], arg(metavar="A")]
    """What is judged: digits, tfds:NAME, folder:PATH, zip:PATH, npz:PATH; or the --out of a `ganjax
    train` or `ganjax study`, or STUDY/replicates/N."""
    b: Annotated[Positional[str], arg(metavar="B")]
    """The real side, likewise."""
    data_dir: str | None = None
    """Where prepared TFDS sets are."""
    reading: Annotated[Reading, arg(name="")] = field(default_factory=Reading)
    """How the images are read."""
    features: Path | None = None
    """Folder of a kept feature network, for figures that can be compared; by default one is trained
    on B's training images, and kept."""
    count: int | None = None
    """Images of A; by default as many as B has to train on, or all of a source that has fewer."""
    test_fraction: float | None = None
    """Part of each class of B that is sealed, where it has no test split: 0.4, or as A's study."""
    seed: int = 0
    """Of every draw, and of what is generated."""
    cas: bool = True
    """Train classifiers on both sides, which takes most of the time."""
    seeds: int = 3
    """Classifiers per side."""
    updates: int | None = None
    """Of each classifier; by default 10 passes over the images, but 600 to 4,000."""
    cache: bool = True
    """Keep decoded images and the feature network in the cache folder, and take them from there."""
    picture: Path | None = None
    """A PNG file to draw: of each class a row of A's images and one of B's."""
    json: Annotated[tuple[Path, ...] | None, arg(metavar="[FILE]")] = None
    """Print JSON, and nothing else; or write it to FILE."""

    def run(self, command: str) -> None:
        """Do it."""
        from dataclasses import replace

        from ganjax.data.atomic import write_json_atomically
        from ganjax.evaluate.cas import CAS
        from ganjax.evaluate.run import evaluate

        if self.json is not None and len(self.json) > 1:
            raise UserError("--json takes one file: put A and B before it")
        found = evaluate(
            self.a,
            self.b,
            data_dir=self.data_dir,
            reading=self.reading,
            features=self.features,
            count=self.count,
            test_fraction=self.test_fraction,
            seed=self.seed,
            seeds=self.seeds,
            cas=replace(CAS, updates=self.updates) if self.cas else None,
            cache=self.cache,
            command=command,
            progress=Terminal(),
        )
        if self.picture is not None:
            _draw(self.picture, found)
        if self.json == ():
            import json

            print(json.dumps(found.results, indent=1, allow_nan=False))
            return
        if self.json:
            write_json_atomically(self.json[0], found.results)
        _print(found.results, console())


def _draw(path: Path, found: "Evaluation") -> None:
    from ganjax.data.atomic import write_bytes_atomically
    from ganjax.data.survey import pictures
    from ganjax.report.survey import class_sheet

    both = (found.judged, found.real)
    if found.judged.class_names:
        rows = zip(*(pictures(own, PER_ROW) for own in both), strict=True)
        images = [row for pair in rows for row in pair]
        names = [f"{quoted(c)}: {side}" for c in found.real.class_names for side in ("A", "B")]
    else:
        images, names = [own.images[:PER_ROW] for own in both], ["A", "B"]
    write_bytes_atomically(path, class_sheet(images, names))


def _print(found: Results, screen: Console) -> None:
    screen.print(_figures(found))
    screen.print()
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(found):
        facts.add_row(name, Text(value))
    screen.print(facts)
    if found["figures_by_class"]:
        screen.print()
        screen.print(_classes(found))
    screen.print()
    if found["cas"]:
        for line in _cas(found):
            screen.print(line, markup=False, soft_wrap=True)
    for note in found["notes"]:
        screen.print(f"note: {note}", markup=False, soft_wrap=True)


def _figures(found: Results) -> Table:
    from ganjax.evaluate.figures import FIGURES

    a, b = (quoted(found[side]["name"]) for side in "ab")
    table = Table(title=Text(f"{a}, measured by {b}"), box=None, padding=(0, 2, 0, 0))
    for column in ("figure", "A", "real", "better", "what it tells"):
        table.add_column(column, justify="right" if column in ("A", "real") else "left")
    for name, figure in FIGURES.items():
        own = found["figures"][name]
        error = own.get("value_standard_error")
        value = _number(own["value"]) + (f" ± {_number(error)}" if error is not None else "")
        table.add_row(figure.title, value, _number(own["floor"]), figure.better, figure.words)
    return table


def _facts(found: Results) -> list[tuple[str, str]]:
    features, counts = found["features"], found["counts"]
    name = f"{features['size']} of {quoted(features['name'])}"
    if features["facts"]:
        name = quoted(features["name"])
    if features["test_accuracy"] is not None:
        name += f"; right on {features['test_accuracy']:.1%} of the test images"
    return [
        ("features", name),
        ("their SHA-256", features["sha256"] or "-"),
        ("images", f"{counts['figures']:,} of each kind, of {counts['judged']:,} of A and "
         f"{counts['test']:,} test images of B"),
        ("copies of", f"{quoted(found['copies_of'])} ({counts['trained_on']:,})"),
    ]  # fmt: skip


def _classes(found: Results) -> Table:
    from ganjax.evaluate.figures import FIGURES

    table = Table(title="Class by class: A (real)", box=None, padding=(0, 2, 0, 0))
    table.add_column("class")
    cas, by_class = found["cas"], found["figures_by_class"]
    for column in (*(FIGURES[name].title for name in BY_CLASS), *(["CAS gap"] if cas else [])):
        table.add_column(column, justify="right")
    for label, name in enumerate(found["classes"][:MOST_CLASSES]):
        row = [
            f"{_part(by_class[own]['values'][label])} ({_part(by_class[own]['floors'][label])})"
            for own in BY_CLASS
        ]
        if cas:
            row.append(_points(cas["gap_by_class"][label]))
        table.add_row(Text(quoted(name)), *row)
    left_out = len(found["classes"]) - MOST_CLASSES
    if left_out > 0:
        table.add_row(f"{left_out:,} more (--json lists all)")
    return table


def _cas(found: Results) -> list[str]:
    cas = found["cas"]
    judged, real = (cas[side]["accuracy"]["estimate"] for side in ("judged", "real"))
    a, b = (quoted(found[side]["name"]) for side in "ab")
    gap = cas["gap"]
    return [
        f"CAS: trained on {cas['images']:,} images of {a}, classifiers get {judged:.1%} of "
        f"{cas['test_images']:,} real test images right; on as many of {b}, {real:.1%}",
        f"CAS gap: {_points(gap)} points (above 0: A teaches less; {gap['level']:.0%} interval "
        f"over {cas['seeds']} seeds and the test images)",
    ]


def _points(interval: Results | None) -> str:
    if interval is None:
        return "-"
    estimate, low, high = (100 * interval[name] for name in ("estimate", "low", "high"))
    return f"{estimate:+.1f} ({low:+.1f} to {high:+.1f})"


def _part(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
