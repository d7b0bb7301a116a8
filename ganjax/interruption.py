"""Signals that ask a run to stop: the state is saved first, and the run can go on later."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_CODE = 75
"""Of a run that was stopped and goes on when the same command is given again: EX_TEMPFAIL."""

HONOURED = (signal.SIGTERM, signal.SIGINT)


class Interrupted(Exception):
    """A signal asked to stop.

    Attributes:
      signal: its name, such as "SIGTERM".
    """

    def __init__(self, name: str):
        super().__init__(f"stopped by {name}")
        self.signal = name


class _Noted:
    """What this process has been told: signals are the process's, so this is too."""

    name: str | None = None
    deferrals: int = 0


@contextmanager
def honour_signals() -> Iterator[None]:
    """Within, SIGTERM and SIGINT stop a run with its state saved; a second SIGINT ends at once.

    Only a program's main thread can handle signals; elsewhere this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _note) for number in HONOURED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _Noted.name = None


@contextmanager
def deferred() -> Iterator[None]:
    """Within, a signal is noted only: who defers asks `requested`, saves, and raises `Interrupted`.

    Raises:
      Interrupted: at the end, if a signal was noted and nothing has been raised.
    """
    _Noted.deferrals += 1
    try:
        yield
    finally:
        _Noted.deferrals -= 1
    if _Noted.name is not None and not _Noted.deferrals:
        raise Interrupted(_Noted.name)


def requested() -> str | None:
    """Return the name of the signal that asked this process to stop, if one did."""
    return _Noted.name


def _note(number: int, frame: object) -> None:
    first = _Noted.name is None
    _Noted.name = signal.Signals(number).name
    if number == signal.SIGINT:
        # A handler of Python's would wait for the compiled call to return; the system's does not
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if not _Noted.deferrals:
        raise Interrupted(_Noted.name)
    if first:
        again = "; a second Ctrl-C ends at once" if number == signal.SIGINT else ""
        print(f"{_Noted.name}: saving after this call{again}", file=sys.stderr, flush=True)
