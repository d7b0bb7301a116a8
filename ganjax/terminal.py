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
        pace = _Pace(total)
        with bars:
            task = bars.add_task(name, total=total or None, rate="", note="")

            def tick(done: int, note: str = "") -> None:
                rate = pace(done)
                said = f"{_short(rate)} {unit}/s" if rate else ""
                bars.update(task, completed=done, rate=said, note=note)

            yield tick

    def _lines(self, name: str, total: int, unit: str) -> Tick:
        """Print a line now and then: a log has no use for a moving bar."""
        pace = _Pace(total)
        shown = [pace.start]

        def tick(done: int, note: str = "") -> None:
            rate = pace(done)
            now = monotonic()
            finished = total and done >= total
            if now - shown[0] < SECONDS_BETWEEN_LINES and not finished:
                return
            shown[0] = now
            of = f"/{total:,}" if total else ""
            fast = f", {_short(rate)}/s" if rate else ""
            left = f", {(total - done) / rate:.0f} s left" if rate and total > done else ""
            tail = f" ({note})" if note else ""
            self.say(f"  {name}: {done:,}{of} {unit}{fast}{left}{tail}")

        return tick


class _Pace:
    """Units per second since the first report, so that nothing else counts.

    Before it there may be a compilation, or all that a run did until it was stopped. Only if that
    report is the last one too, the rate is that since the start. A training that goes back begins
    anew.
    """

    def __init__(self, total: int):
        self.total, self.start = total, monotonic()
        self.first: tuple[float, int] | None = None
        self.before = 0

    def __call__(self, done: int) -> float | None:
        """Return the rate at which `done` was reached; None while it cannot be known."""
        now = monotonic()
        back, self.before = done < self.before, done
        if self.first is None or back:
            self.first = now, done
            return done / max(now - self.start, 1e-9) if done == self.total else None
        then, first = self.first
        return (done - first) / max(now - then, 1e-9)


def _short(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
