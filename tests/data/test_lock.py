"""One run per folder: a second one is refused while the first lives, and only then."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from ganjax.data import lock
from ganjax.errors import UserError

HOLD = """
import sys, time
from pathlib import Path
from ganjax.data.lock import hold
from ganjax.errors import UserError
try:
    with hold(Path(sys.argv[1]), command="ganjax train"):
        print("held", flush=True)
        time.sleep(float(sys.argv[2]))
except UserError as error:
    print(error, flush=True)
"""


def start(folder, seconds):
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), str(seconds)], stdout=subprocess.PIPE, text=True
    )


def test_a_second_run_is_refused_while_the_first_lives_and_goes_on_when_it_is_killed(tmp_path):
    first = start(tmp_path, 60)
    assert first.stdout.readline() == "held\n"
    who = rf"\(process {first.pid} on {socket.gethostname()}, since"
    said = f"{tmp_path} is in use by another run {who}"
    with pytest.raises(UserError, match=said), lock.hold(tmp_path):
        pass
    found = lock.owner(tmp_path)
    assert (found.pid, found.command) == (first.pid, "ganjax train")
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert lock.owner(tmp_path) is None
    with lock.hold(tmp_path):
        assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()
    assert not any(tmp_path.iterdir())


def test_of_many_that_begin_at_once_exactly_one_gets_in(tmp_path):
    processes = [start(tmp_path, 3) for _ in range(6)]
    said = [process.communicate()[0] for process in processes]
    assert sum(text == "held\n" for text in said) == 1, said
    assert sum("in use by another run" in text for text in said) == 5


def test_a_lock_of_another_host_counts_while_it_shows_signs(tmp_path):
    owner = {"host": "elsewhere", "pid": 1, "started": "today", "command": ""}
    file = tmp_path / ".lock"
    file.write_text(json.dumps(owner))
    with pytest.raises(UserError, match="process 1 on elsewhere"), lock.hold(tmp_path):
        pass
    assert lock.owner(tmp_path).host == "elsewhere"
    long_ago = time.time() - lock.SECONDS_WITHOUT_SIGN - 1
    os.utime(file, (long_ago, long_ago))
    assert lock.owner(tmp_path) is None
    with lock.hold(tmp_path):
        assert lock.owner(tmp_path) is not None


def test_signs_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "SECONDS_BETWEEN_SIGNS", 0.02)
    with lock.hold(tmp_path):
        os.utime(tmp_path / ".lock", (0, 0))
        deadline = time.time() + 5
        while (tmp_path / ".lock").stat().st_mtime == 0 and time.time() < deadline:
            time.sleep(0.02)
        assert (tmp_path / ".lock").stat().st_mtime > 0


def test_of_a_run_that_wrote_nothing_nothing_is_left(tmp_path):
    with lock.hold(tmp_path / "deep" / "folder"):
        assert (tmp_path / "deep" / "folder" / ".lock").exists()
    assert not any(tmp_path.iterdir())
    with lock.hold(tmp_path / "kept"):
        (tmp_path / "kept" / "file").touch()
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["file"]


def test_a_lock_whose_words_are_torn_does_not_hold(tmp_path):
    (tmp_path / ".lock").write_text('{"host": "her')
    assert lock.owner(tmp_path) is None
    with lock.hold(tmp_path):
        pass


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file; give a folder"), lock.hold(tmp_path / "file"):
        pass


def test_who_asks_for_the_owner_turns_nobody_away(tmp_path):
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            lock.owner(tmp_path)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(50):
            with lock.hold(tmp_path):
                pass
    finally:
        stop.set()
        asking.join()


def test_one_that_has_let_go_holds_no_one_up_whatever_its_host(tmp_path, monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(socket, "gethostname", lambda: "elsewhere")
        with lock.hold(tmp_path):
            opened = open(tmp_path / ".lock", "a+b")  # noqa: SIM115 - as one does who waits
    assert lock._held_by_another(opened) is None
    opened.close()


def test_without_locks_of_the_system_words_and_age_decide(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "fcntl", None)
    with lock.hold(tmp_path):
        with pytest.raises(UserError, match="in use by another run"), lock.hold(tmp_path):
            pass
        long_ago = time.time() - lock.SECONDS_WITHOUT_SIGN - 1
        os.utime(tmp_path / ".lock", (long_ago, long_ago))
        assert lock.owner(tmp_path) is None
