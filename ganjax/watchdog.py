"""A limit on how long a compiled call may take: a run that hangs is ended, and says where."""

import faulthandler
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from ganjax.interruption import EXIT_CODE


@contextmanager
def limit(seconds: float | None, what: str) -> Iterator[None]:
    """End the process if the body takes longer.

    A call that hangs, in a collective whose partner is gone for example, cannot be interrupted from
    within: so the process says what it waited for, where every thread is, and ends with code 75.

    Args:
      seconds: the limit; None for none.
      what: what is waited for, in words.
    """
    if seconds is None:
        yield
        return
    _Dog.watch(monotonic() + seconds, f"{what} did not come back within {seconds:g} s")
    try:
        yield
    finally:
        _Dog.rest()


class _Dog:
    """One thread for all limits: to arm it costs a lock, not a new thread."""

    changed = threading.Condition()
    deadline: float | None = None
    words = ""
    thread: threading.Thread | None = None

    @classmethod
    def watch(cls, deadline: float, words: str) -> None:
        with cls.changed:
            cls.deadline, cls.words = deadline, words
            if cls.thread is None:
                cls.thread = threading.Thread(target=cls._run, name="watchdog", daemon=True)
                cls.thread.start()
            cls.changed.notify()

    @classmethod
    def rest(cls) -> None:
        with cls.changed:
            cls.deadline = None

    @classmethod
    def _run(cls) -> None:
        with cls.changed:
            while True:
                left = None if cls.deadline is None else cls.deadline - monotonic()
                if left is not None and left <= 0:
                    cls._bite()
                cls.changed.wait(left)

    @classmethod
    def _bite(cls) -> None:
        print(
            f"ganjax: {cls.words}: this run is ended. Checkpoints are whole; the same command goes "
            "on from the last. Where each thread was:",
            file=sys.stderr,
            flush=True,
        )
        faulthandler.dump_traceback(all_threads=True)
        os._exit(EXIT_CODE)
