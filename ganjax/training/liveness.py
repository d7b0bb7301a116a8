"""Signs of life between the processes of a run: where one is gone, the others end, and say so.

A process that waits in a collective for one that is gone waits for ever, or dies of an error that
does not name it. So each process keeps a connection to process 0, and both send a sign over it
every now and then. A connection that closes without a farewell, or is silent too long, means that
its process is gone: process 0 tells the others which, and every process ends with code 75.
"""

import atexit
import os
import socket
import sys
import threading
from contextlib import suppress
from time import monotonic, sleep

from ganjax.interruption import EXIT_CODE

SIGN, FAREWELL, FAILED, GONE = "sign", "farewell", "failed", "gone"
SIGNS_PER_HEARTBEAT = 4
STOPPED = "it stopped, and says itself why"
SECONDS_TO_TELL = 0.5
SECONDS_TO_INTRODUCE = 5.0


class _Ties:
    """The connections of this process: of process 0 to all others, of the others to it."""

    peers: dict[int, socket.socket] = {}  # noqa: RUF012 - there is one of it in a process
    left: set[int] = set()  # noqa: RUF012
    speaking = threading.Lock()
    failed: int | None = None
    failure = threading.Event()
    ending = threading.Event()
    last_word = threading.Lock()


def accept(server: socket.socket, processes: int, heartbeat: float) -> None:
    """Tie process 0 to all others.

    Args:
      server: where they connect.
      processes: how many there are, process 0 included.
      heartbeat: seconds without a sign after which one counts as gone.
    """
    deadline = monotonic() + heartbeat
    while len(_Ties.peers) < processes - 1:
        missing = sorted(set(range(1, processes)) - set(_Ties.peers))
        server.settimeout(max(deadline - monotonic(), 0.001))
        connection = None
        try:
            connection, _ = server.accept()
            connection.settimeout(SECONDS_TO_INTRODUCE)
            _tie(missing[missing.index(int(_line(connection)))], connection, heartbeat)
        except (OSError, ValueError):  # nobody came, or a stranger
            if connection:
                connection.close()
            if monotonic() > deadline:
                _end(missing[0], "it answered the roll, and did not come")
    _start(heartbeat)


def join(host: str, port: int, own: int, heartbeat: float) -> None:
    """Tie this process, number `own`, to process 0."""
    connection = socket.create_connection((host, port), timeout=heartbeat)
    connection.sendall(f"{own}\n".encode())
    _tie(0, connection, heartbeat)
    _start(heartbeat)


def leave() -> None:
    """Say farewell to all: this process ends as it should, and nobody is to end because of it."""
    _Ties.ending.set()
    _tell(FAREWELL)


def fail(code: int) -> None:
    """Tell the others that this process ends with an error, and let it end without them.

    Args:
      code: what it ends with. JAX would first wait for minutes for the others to end too.
    """
    if not _Ties.peers:
        return
    _Ties.ending.set()
    _tell(FAILED)
    atexit.register(_exit, code)  # what is registered last is called first: before JAX


def blame(seconds: float) -> None:
    """Wait whether an error here comes of another process; if one is gone, this one ends with it.

    Args:
      seconds: how long to wait to hear of it.
    """
    if _Ties.peers and _Ties.failure.wait(seconds) and _Ties.failed is not None:
        _end(_Ties.failed, STOPPED)


def _tie(who: int, connection: socket.socket, heartbeat: float) -> None:
    connection.settimeout(heartbeat)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _Ties.peers[who] = connection


def _start(heartbeat: float) -> None:
    for who, connection in _Ties.peers.items():
        threading.Thread(target=_listen, args=(who, connection, heartbeat), daemon=True).start()
    threading.Thread(
        target=_give_signs, args=(heartbeat / SIGNS_PER_HEARTBEAT,), daemon=True
    ).start()


def _give_signs(every: float) -> None:
    while True:
        sleep(every)
        _tell(SIGN)


def _tell(word: str) -> None:
    with _Ties.speaking:
        for connection in _Ties.peers.values():
            with suppress(OSError):
                connection.sendall(f"{word}\n".encode())


def _listen(who: int, connection: socket.socket, heartbeat: float) -> None:
    """Hear one process, until it says farewell or is gone."""
    heard = monotonic()
    while True:
        try:
            word = _line(connection)
        except TimeoutError:
            _end(who, f"no sign of it for {monotonic() - heard:.0f} s")
        except OSError:
            _end(who, "its connection broke")
        heard = monotonic()
        if word == FAREWELL:
            _Ties.left.add(who)
            return
        if word == FAILED:  # perhaps so does this one, of the same error, and says more
            _Ties.failed = who
            _Ties.failure.set()
            if not _Ties.ending.wait(heartbeat):
                _end(who, STOPPED)
            return
        if word.startswith(GONE):
            _, number, why = word.split(maxsplit=2)
            _end(int(number), why)


def _line(connection: socket.socket) -> str:
    """Read up to a line's end; raise `OSError` where the connection is closed before."""
    read = b""
    while not read.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            raise ConnectionResetError("closed")
        read += byte
    return read.decode().strip()


def _end(who: int, why: str) -> None:
    """End this process because another is gone, after telling the others which."""
    if who in _Ties.left or not _Ties.last_word.acquire(blocking=False):
        sys.exit()  # it had said farewell, or this process is ending: only this thread ends
    print(
        f"ganjax: process {who} has gone ({why}): this run is stopped. Start all its processes "
        "again with the same commands, and it goes on from the last checkpoint",
        file=sys.stderr,
        flush=True,
    )
    if 0 not in _Ties.peers:  # this is process 0, whom all the others hear
        _tell(f"{GONE} {who} {why}")
        sleep(SECONDS_TO_TELL)
    os._exit(EXIT_CODE)


def _exit(code: int) -> None:
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
