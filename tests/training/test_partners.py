"""Processes of a run agree how it ends: by one line, by a signal, by an error of one alone."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from ganjax.training import liveness

HEARTBEAT = 3.0
GRACE = 5.0
PATIENCE = 120
"""Seconds that processes may take to meet on a busy machine."""

WORK = """
import sys, time
import numpy as np
from jax.experimental import multihost_utils
from ganjax import interruption
from ganjax.errors import UserError
from ganjax.training import distributed

address, count, own, how = sys.argv[1:]
try:
    with interruption.honour_signals():
        with distributed.session(address, int(count), int(own), heartbeat=3.0):
            with interruption.deferred():
                for step in range(10**6):
                    multihost_utils.process_allgather(np.asarray(step))
                    if step == 5:
                        print("stepping", flush=True)
                        if how == "fail" and own == "1":
                            raise UserError("alone")
                    if name := distributed.agreed_signal():
                        raise interruption.Interrupted(name)
                    time.sleep(0.02)
except UserError as error:
    print(f"ganjax: error: {error}", file=sys.stderr)
    sys.exit(2)
except interruption.Interrupted as stop:
    print(f"stopped by {stop.signal}", file=sys.stderr)
    sys.exit(interruption.EXIT_CODE)
"""


class Run:
    """Processes of one run on loopback, which step until something is done to one of them."""

    def __init__(self, count, how):
        with socket.create_server(("", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-c", WORK, address, *map(str, (count, own, how))],
                env={**os.environ, "JAX_PLATFORMS": "cpu"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for own in range(count)
        ]

    def step(self):
        for process in self.processes:
            while line := process.stdout.readline():
                if line == "stepping\n":
                    break
            else:
                pytest.fail(f"it ended before it stepped: {process.communicate()[1]}")

    def ends(self, own, within):
        """Wait for the end of a process: its code, and what it said."""
        process = self.processes[own]
        errors = process.communicate(timeout=within)[1]
        return process.returncode, [line for line in errors.splitlines() if "[Gloo]" not in line]


@pytest.fixture
def run():
    started = []

    def run(count, how=""):
        started.append(Run(count, how))
        return started[-1]

    yield run
    for process in [process for one in started for process in one.processes]:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("victim", [0, 1])
def test_the_others_say_one_line_and_nothing_of_jax(run, victim):
    together = run(3)
    together.step()
    together.processes[victim].kill()
    deadline = time.monotonic() + HEARTBEAT + GRACE
    for other in {0, 1, 2} - {victim}:
        code, said = together.ends(other, deadline - time.monotonic())
        assert code == 75, said
        assert len(said) == 1, said
        assert said[0].startswith(f"ganjax: process {victim} has gone (its connection broke)")


def test_one_that_fails_alone_says_why_and_the_other_ends(run):
    together = run(2, how="fail")
    together.step()
    deadline = time.monotonic() + HEARTBEAT + GRACE
    assert together.ends(1, deadline - time.monotonic()) == (2, ["ganjax: error: alone"])
    code, [line] = together.ends(0, deadline - time.monotonic())
    assert code == 75
    assert line.startswith("ganjax: process 1 has gone (it stopped, and says itself why)")


def test_a_signal_to_one_process_stops_all_in_agreement(run):
    together = run(2)
    together.step()
    together.processes[1].send_signal(signal.SIGTERM)  # JAX has a handler for it too
    saving = ["SIGTERM: saving after this call", "stopped by SIGTERM"]
    assert together.ends(1, PATIENCE) == (75, saving)
    assert together.ends(0, PATIENCE) == (75, ["stopped by SIGTERM"])


def test_a_stranger_at_the_door_does_not_keep_a_run_from_beginning(monkeypatch):
    monkeypatch.setattr(liveness, "_start", lambda heartbeat: None)  # it would end this process
    monkeypatch.setattr(liveness._Ties, "peers", {})
    with socket.create_server(("", 0)) as server, ExitStack() as stack:
        for words in (b"GET / HTTP/1.1\r\n", b"9\n", b"1\n"):
            one = socket.create_connection(server.getsockname())
            stack.enter_context(one).sendall(words)
        liveness.accept(server, 2, 60.0)
        assert list(liveness._Ties.peers) == [1]
        stack.enter_context(liveness._Ties.peers[1])
