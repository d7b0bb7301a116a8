"""What each part of a training cost, over all the runs that it took to finish it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter

from ganjax.data.atomic import write_json_atomically
from ganjax.training.distributed import is_first


class Costs:
    """Seconds by part; what a run spent on a part before it was stopped is added up too.

    Attributes:
      seconds: what passed in each part so far.
    """

    def __init__(self, file: Path):
        """Go on with what a file says; without one, begin with nothing."""
        self._file = file
        self.seconds: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Add the seconds spent within to those of a part, however it ends, and write them down."""
        start = perf_counter()
        try:
            yield
        finally:
            spent = self.seconds.get(part, 0.0) + perf_counter() - start
            self.seconds[part] = round(spent, 3)
            if is_first():
                self._write()

    def share(self, among: int) -> dict[str, float]:
        """Return each part's seconds, divided equally."""
        return {part: round(spent / among, 3) for part, spent in self.seconds.items()}

    def _write(self) -> None:
        with suppress(OSError):  # a full disk: what a training cost is not worth losing it for
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_json_atomically(self._file, self.seconds)
