"""One run per folder: who works in it holds its lock, which is gone when its owner is."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep, time
from typing import IO

from ganjax.config import LOCK
from ganjax.errors import UserError

try:
    import fcntl
except ImportError:  # Windows: the words in the file and its age decide
    fcntl = None  # type: ignore[assignment]

SECONDS_BETWEEN_SIGNS = 20.0
SECONDS_WITHOUT_SIGN = 120.0
"""After which a lock of another host, whose processes one cannot ask for, is stale."""

SECONDS_TO_ASK_AGAIN = 0.3
SECONDS_FOR_WORDS = 5.0
"""Within which an owner writes who it is; what holds a lock longer without a word only asks."""


@dataclass(frozen=True)
class Owner:
    """Who holds a folder.

    Attributes:
      host: its name.
      pid: the process there.
      started: when, in UTC.
      command: what it runs.
    """

    host: str
    pid: int
    started: str
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.started}"


NOBODY_KNOWN = Owner("this host", 0, "an unknown time", "")


@contextmanager
def hold(folder: Path, *, command: str = "") -> Iterator[None]:
    """Hold a folder, so that no other run writes into it meanwhile.

    The lock is the kernel's, on FOLDER/.lock: it goes with its owner, however that dies. Where a
    shared file system does not pass locks on, the file's words and its age tell about other hosts.

    Args:
      folder: created when missing.
      command: what is being run, for the others to read.

    Raises:
      UserError: another run holds it.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder} is a file; give a folder")
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    with _taken(folder) as file:
        started = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        _write(file, Owner(socket.gethostname(), os.getpid(), started, command))
        done = threading.Event()
        threading.Thread(target=_show_signs, args=(folder / LOCK, done), daemon=True).start()
        try:
            yield
        finally:
            done.set()
            with suppress(OSError):
                (folder / LOCK).unlink()
                file.truncate(0)  # for who opened it before: these words are of nobody now
                for place in new:  # of a run that wrote nothing, nothing is left
                    place.rmdir()


def owner(folder: Path) -> Owner | None:
    """Return who holds a folder now, or None; its lock is left alone."""
    try:
        with open(Path(folder) / LOCK, "rb") as file:
            return _held_by_another(file, take=False)
    except OSError:
        return None


def _taken(folder: Path) -> IO[bytes]:
    """Return a folder's lock file, taken.

    An owner removes the file before it lets go, so a lock counts only on the file that is in the
    folder still. One that asks who holds it, or has not written its words yet, needs a moment.
    """
    start = monotonic()
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = open(folder / LOCK, "a+b")  # noqa: SIM115 - it is held while the lock is
        except FileNotFoundError:
            if monotonic() > start + SECONDS_FOR_WORDS:  # where no folder can be, as below /proc
                raise
            continue  # another run that wrote nothing removed the folder
        other = _held_by_another(file)
        with suppress(FileNotFoundError):
            same = os.path.samestat(os.fstat(file.fileno()), (folder / LOCK).stat())
            if same and other is None:
                return file
            patience = SECONDS_TO_ASK_AGAIN if other != NOBODY_KNOWN else SECONDS_FOR_WORDS
            if same and monotonic() > start + patience:
                file.close()
                raise UserError(
                    f"{folder} is in use by another run ({other}): wait for it, stop it, or give "
                    "another --out"
                )
        file.close()
        sleep(0.01)


def _held_by_another(file: IO[bytes], *, take: bool = True) -> Owner | None:
    """Take the lock, unless somebody holds it; return who."""
    if fcntl is not None:
        try:
            fcntl.flock(file, (fcntl.LOCK_EX if take else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError:
            return _read(file) or NOBODY_KNOWN
    found = _read(file)
    if found is None or (fcntl is not None and found.host == socket.gethostname()):
        return None
    age = time() - os.fstat(file.fileno()).st_mtime
    return found if age < SECONDS_WITHOUT_SIGN else None


def _read(file: IO[bytes]) -> Owner | None:
    file.seek(0)
    try:
        return Owner(**json.loads(file.read()))
    except (ValueError, TypeError):
        return None


def _write(file: IO[bytes], owner: Owner) -> None:
    file.truncate(0)  # what a dead owner left
    file.write((json.dumps(asdict(owner)) + "\n").encode())
    file.flush()


def _show_signs(path: Path, done: threading.Event) -> None:
    while not done.wait(SECONDS_BETWEEN_SIGNS):
        with suppress(OSError):
            os.utime(path)
