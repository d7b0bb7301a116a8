"""Signs of life between the processes of a run: where one is gone, the others end, and say so.

A process that waits in a collective for one that is gone waits for ever, or dies of an error that
does not name it. So each process keeps a connection to process 0, and both send a sign over it
every now and then. A connection that closes without a farewell, or is silent too long, means that
its process is gone: process 0 tells the others which, and every process ends with code 75.
"""

import os
import socket
import sys
import threading
from contextlib import suppress
from time import monotonic, sleep

from ganjax.interruption import EXIT_CODE

SIGN, FAREWELL, GONE = "sign", "farewell", "gone"
SIGNS_PER_HEARTBEAT = 4
SECONDS_TO_TELL = 0.5


class _Ties:
    """The connections of this process: of process 0 to all others, of the others to it."""

    peers: dict[int, socket.socket] = {}  # noqa: RUF012 - there is one of it in a process
    left: set[int] = set()  # noqa: RUF012
    speaking = threading.Lock()


def accept(server: socket.socket, processes: int, heartbeat: float) -> None:
    """Tie process 0 to all others.

    Args:
      server: where they connect.
      processes: how many there are, process 0 included.
      heartbeat: seconds without a sign after which one counts as gone.
    """
    server.settimeout(heartbeat)
    while len(_Ties.peers) < processes - 1:
        connection, _ = server.accept()
        who = int(_line(connection))
        _tie(who, connection, heartbeat)
    _start(heartbeat)


def join(host: str, port: int, own: int, heartbeat: float) -> None:
    """Tie this process, number `own`, to process 0."""
    connection = socket.create_connection((host, port), timeout=heartbeat)
    connection.sendall(f"{own}\n".encode())
    _tie(0, connection, heartbeat)
    _start(heartbeat)


def leave() -> None:
    """Say farewell to all: this process ends as it should, and nobody is to end because of it."""
    _tell(FAREWELL)
    _Ties.left.update(_Ties.peers)


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
    if who in _Ties.left:
        sys.exit()  # it had said farewell: only this thread ends
    print(
        f"ganjax: process {who} has gone ({why}): this run is stopped. Start all its processes "
        "again with the same commands, and it goes on from the last checkpoint",
        file=sys.stderr,
        flush=True,
    )
    if who:  # else there is nobody to tell, and JAX is about to end this process its own way
        _tell(f"{GONE} {who} {why}")
        sleep(SECONDS_TO_TELL)
    os._exit(EXIT_CODE)
