"""Of several processes, where one dies or freezes, the others end soon, and say which."""

import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from ganjax.interruption import EXIT_CODE

HEARTBEAT, BESIDES = 3.0, 5.0

STEP_TOGETHER = """
import sys, time
import numpy as np
from jax.experimental import multihost_utils
from ganjax.training import distributed

address, processes, own, steps = sys.argv[1], *map(int, sys.argv[2:])
with distributed.session(address, processes, own, heartbeat=3.0):
    for step in range(steps):
        multihost_utils.process_allgather(np.asarray(step))
        if step == 0:
            print("stepping", flush=True)
        time.sleep(0.02)
"""


def start(processes, steps):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    return [
        subprocess.Popen(
            [sys.executable, "-c", STEP_TOGETHER, address, str(processes), str(own), str(steps)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for own in range(processes)
    ]


@pytest.mark.parametrize(
    ("victim", "number", "why"),
    [
        (1, signal.SIGKILL, "its connection broke"),
        (0, signal.SIGKILL, "its connection broke"),
        (2, signal.SIGSTOP, r"no sign of it for \d s"),
    ],
)
def test_where_one_is_gone_the_others_end_in_time_and_say_which(victim, number, why):
    processes = start(3, steps=10_000)
    for process in processes:
        assert wait_for(process)
    processes[victim].send_signal(number)
    gone_at = time.monotonic()
    others = [process for own, process in enumerate(processes) if own != victim]
    try:
        said = [process.communicate(timeout=60)[1] for process in others]
    finally:
        for process in processes:
            process.kill()
    assert time.monotonic() - gone_at < HEARTBEAT + BESIDES
    assert [process.returncode for process in others] == [EXIT_CODE] * 2, said
    for text in said:
        assert re.search(rf"ganjax: process {victim} has gone \({why}\): this run is stopped", text)
        assert "goes on from the last checkpoint" in text


def wait_for(process):
    """Read on, past what Gloo prints, until the process is stepping."""
    return any("stepping" in line for line in iter(process.stdout.readline, ""))


def test_those_that_end_as_they_should_end_nobody():
    processes = start(2, steps=3)
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert all("has gone" not in errors for _, errors in said)
