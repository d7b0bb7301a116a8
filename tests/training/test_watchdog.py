"""A call that hangs ends its process, which says where; one in time costs next to nothing."""

import subprocess
import sys
import threading
import time

from ganjax import watchdog

HANG = """
import time
from ganjax import watchdog

def the_hanging_call():
    time.sleep(60)

with watchdog.limit(0.5, "updates 1 to 100"):
    the_hanging_call()
"""


def test_a_hanging_call_ends_its_process_and_says_where():
    began = time.monotonic()
    found = subprocess.run([sys.executable, "-c", HANG], capture_output=True, text=True, timeout=60)
    assert found.returncode == 75
    assert time.monotonic() - began < 30
    first = found.stderr.splitlines()[0]
    assert first.startswith("ganjax: updates 1 to 100 did not come back within 0.5 s: ")
    assert "the same command goes on from the last" in first
    assert "the_hanging_call" in found.stderr


def test_a_body_in_time_goes_on_and_its_limit_is_forgotten():
    with watchdog.limit(0.2, "a quick call"):
        pass
    time.sleep(0.4)  # the process would be gone
    with watchdog.limit(None, "no limit"):
        time.sleep(0.01)


def test_an_error_of_the_body_is_raised_and_its_limit_forgotten():
    try:
        with watchdog.limit(0.2, "a call that fails"):
            raise ValueError
    except ValueError:
        time.sleep(0.4)


def test_one_thread_serves_all_and_arming_is_cheap():
    with watchdog.limit(60, "the first"):
        threads = threading.active_count()
    began = time.perf_counter()
    for _ in range(1000):
        with watchdog.limit(60, "a call"):
            pass
    assert threading.active_count() == threads
    assert time.perf_counter() - began < 1  # a millisecond each, on the busiest machine
