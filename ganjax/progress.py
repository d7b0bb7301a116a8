"""How long work tells how far it is, without knowing who listens."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Tick(Protocol):
    """Called as work goes on: `done` of the stage's total, and a few words on the state of it."""

    def __call__(self, done: int, note: str = "") -> None:
        """Show `done` and `note`."""


class Progress(Protocol):
    """Where stages of work are announced; the command line draws them, a library is silent."""

    def stage(self, name: str, total: int, unit: str) -> AbstractContextManager[Tick]:
        """Begin a stage of `total` units; within, call the tick it gives."""

    def say(self, line: str) -> None:
        """Show one line."""


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str, total: int, unit: str) -> AbstractContextManager[Tick]:
        """Return a tick that does nothing."""
        return nullcontext(lambda done, note="": None)

    def say(self, line: str) -> None:
        """Do nothing."""
