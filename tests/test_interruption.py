"""Signals stop a run with its state saved and code 75; what hangs is ended, and says where."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ganjax import interruption, watchdog
from ganjax.interruption import EXIT_CODE, Interrupted


def me(number):
    os.kill(os.getpid(), number)
    time.sleep(0.05)  # until the handler has run


@pytest.mark.parametrize("number", interruption.HONOURED)
def test_a_signal_is_raised_at_once_where_nothing_is_to_be_saved(number):
    with pytest.raises(Interrupted, match=number.name), interruption.honour_signals():
        me(number)
    assert interruption.requested() is None


@pytest.mark.parametrize("number", interruption.HONOURED)
def test_a_signal_is_noted_while_it_is_deferred_and_raised_at_the_end(number, capsys):
    reached = []
    with pytest.raises(Interrupted), interruption.honour_signals():  # noqa: PT012
        with interruption.deferred():
            with interruption.deferred():
                me(number)
            reached.append(interruption.requested())
        reached.append("after")
    assert reached == [number.name]
    assert f"{number.name}: saving after this call" in capsys.readouterr().err


def test_an_error_of_its_own_is_not_hidden_by_a_signal():
    def fail():
        with interruption.honour_signals(), interruption.deferred():
            me(signal.SIGTERM)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


def test_handlers_are_given_back():
    before = [signal.getsignal(number) for number in interruption.HONOURED]
    with interruption.honour_signals():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in interruption.HONOURED] == before


def test_outside_the_main_thread_nothing_is_installed():
    seen = []

    def look():
        with interruption.honour_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def run(code, *signals):
    """Run a program, send it signals once it says so, and return code, output, errors, seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    if signals:
        assert process.stdout.readline() == "ready\n"
    start = time.monotonic()
    for number in signals:
        process.send_signal(number)
        time.sleep(0.2)
    output, errors = process.communicate(timeout=30)
    return process.returncode, output, errors, time.monotonic() - start


# It waits in C, where no handler of Python's runs, as in a compiled call
HANGS = """
import ctypes
from ganjax import interruption
with interruption.honour_signals(), interruption.deferred():
    print("ready", flush=True)
    left = 30
    while left:
        left = ctypes.PyDLL(None).sleep(left)
"""


def test_a_second_interrupt_ends_even_a_call_that_hangs():
    code, _, _, seconds = run(HANGS, signal.SIGINT, signal.SIGINT)
    assert code == -signal.SIGINT
    assert seconds < 5


def test_a_limit_ends_what_hangs_and_says_where():
    code, _, errors, _ = run(
        "import time\n"
        "from ganjax import watchdog\n"
        "with watchdog.limit(60, 'updates 1 to 5'):\n"
        "    pass\n"
        "with watchdog.limit(0.3, 'updates 6 to 10'):\n"
        "    time.sleep(30)\n"
    )
    assert code == EXIT_CODE
    assert "ganjax: updates 6 to 10 did not come back within 0.3 s: this run is ended" in errors
    assert "line 6 in <module>" in errors


def test_what_comes_back_in_time_is_left_alone():
    for _ in range(50):
        with watchdog.limit(0.5, "a call"):
            time.sleep(0.001)
    with watchdog.limit(None, "a call"):
        pass
    time.sleep(0.6)
