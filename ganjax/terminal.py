"""Progress for a person: live bars on a terminal, plain lines anywhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from ganjax.progress import Tick

SECONDS_BETWEEN_LINES = 10.0


class Terminal:
    """Progress drawn with rich: a bar per stage with its rate and the time left.

    Args:
      console: where to draw; standard error by default, so that standard output stays clean.
    """

    def __init__(self, console: Console | None = None):
        self.console = console or Console(stderr=True, highlight=False)

    def say(self, line: str) -> None:
        """Show one line."""
        self.console.print(line, markup=False)

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator[Tick]:
        """Show a stage of work; a total of 0 is one that is not known."""
        if self.console.is_terminal:
            with self._bar(name, total, unit) as tick:
                yield tick
        else:
            yield self._lines(name, total, unit)

    @contextmanager
    def _bar(self, name: str, total: int, unit: str) -> Iterator[Tick]:
        bars = Bars(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("[dim]{task.fields[note]}"),
            console=self.console,
        )
        start = monotonic()
        with bars:
            task = bars.add_task(name, total=total or None, rate="", note="")

            def tick(done: int, note: str = "") -> None:
                rate = f"{done / max(monotonic() - start, 1e-9):,.0f} {unit}/s"
                bars.update(task, completed=done, rate=rate, note=note)

            yield tick

    def _lines(self, name: str, total: int, unit: str) -> Tick:
        """Print a line now and then: a log has no use for a moving bar."""
        start = monotonic()
        shown = [start]

        def tick(done: int, note: str = "") -> None:
            now = monotonic()
            finished = total and done >= total
            if now - shown[0] < SECONDS_BETWEEN_LINES and not finished:
                return
            shown[0] = now
            rate = done / max(now - start, 1e-9)
            left = f", {(total - done) / max(rate, 1e-9):.0f} s left" if total > done else ""
            of = f"/{total:,}" if total else ""
            tail = f" ({note})" if note else ""
            self.say(f"  {name}: {done:,}{of} {unit}, {rate:,.0f}/s{left}{tail}")

        return tick
