"""Several processes as one run: they meet at an address, agree, and only the first one speaks.

JAX ends a process whose partners do not come, without saying who is missing. So processes answer a
roll call at the coordinator's address first, and join JAX's own service there when all have.
"""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic, sleep
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from ganjax import interruption
from ganjax.errors import UserError
from ganjax.training import liveness

Result = TypeVar("Result")

HEARTBEAT = 20.0
"""Seconds without a sign after which a process counts as gone."""

LONGEST_MESSAGE = 1000
"""Bytes of an error that processes pass on to each other."""

ALL_HERE = "all here"
SECONDS_TO_SPEAK = 5.0
SECONDS_TO_SEE = 2.0


class _Ending:
    agreed = False  # by all processes of the run


def connect(
    address: str,
    processes: int | None = None,
    process_id: int | None = None,
    *,
    timeout: float = 60.0,
    heartbeat: float = HEARTBEAT,
) -> None:
    """Join the other processes of a run; to be called before anything starts JAX's backend.

    Args:
      address: HOST:PORT of process 0, or "auto": JAX asks SLURM, Kubernetes, Open MPI or the TPU
        pod for everything. Nothing is guessed unless "auto" says so.
      processes: how many there are, without "auto".
      process_id: this one's number, from 0.
      timeout: seconds to wait for the others.
      heartbeat: seconds without a sign after which a process counts as gone, and ends the others.

    Raises:
      UserError: arguments that do not fit together, an address that cannot be used, or a process
        that has not come in time; the message names it.
    """
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    # JAX's preemption service would take SIGTERM away from `ganjax.interruption`
    jax.config.update("jax_enable_preemption_service", False)
    if address == "auto":
        if processes is not None or process_id is not None:
            raise UserError("--distributed auto finds --processes and --process-id: leave them out")
        _join_by_itself(timeout, heartbeat)
        return
    host, port = _parse(address)
    if processes is None or process_id is None:
        raise UserError(f"--distributed {address} needs --processes N and --process-id I as well")
    if not 0 <= process_id < processes:
        raise UserError(
            f"--process-id {process_id} is not one of 0 to {processes - 1}, of --processes "
            f"{processes}"
        )
    if process_id == 0:
        with socket.create_server(("", 0), backlog=processes) as server:
            _call_the_roll(address, port, processes, timeout, server.getsockname()[1])
            liveness.accept(server, processes, heartbeat)
    else:
        live_port = _answer_the_roll(address, host, port, processes, process_id, timeout)
        liveness.join(host, live_port, process_id, heartbeat)
        address = _relay(host, port)
    jax.distributed.initialize(
        address,
        processes,
        process_id,
        cluster_detection_method="deactivate",
        initialization_timeout=max(1, round(timeout)),
        heartbeat_timeout_seconds=_after_ours(heartbeat),
    )


@contextmanager
def session(*given: Any, **named: Any) -> Iterator[None]:
    """Be connected, as by `connect`, and take leave at the end.

    Where all processes agreed to end, each waits for the others. One that fails alone tells them,
    and they end too. One whose partner is gone waits a moment for that to be seen, and said, before
    its own error is raised.
    """
    connect(*given, **named)
    try:
        yield
    except BaseException as error:
        if _Ending.agreed:
            liveness.leave()
        else:
            if isinstance(error, RuntimeError | ValueError):  # what a broken collective raises
                liveness.blame(SECONDS_TO_SEE)
            liveness.fail(_exit_code(error))
        raise
    liveness.leave()


def is_first() -> bool:
    """Say whether this is the process that writes and prints; alone, it is."""
    return jax.process_index() == 0


def together(work: Callable[[], Result]) -> Result:
    """Do work in every process, and go on only if it succeeded in all of them.

    Raises:
      UserError: on process 0, that of the first process that raised one.
      SystemExit: on the others then, in silence.
    """
    if jax.process_count() == 1:
        return work()
    wrong, result = "", None
    try:
        result = work()
    except UserError as error:
        wrong = str(error)
    said = [_text(row) for row in multihost_utils.process_allgather(_bytes(wrong))]
    _Ending.agreed = any(said)
    for process, line in enumerate(said):
        if line and is_first():
            raise UserError(line if process == 0 else f"process {process}: {line}")
        if line:
            raise SystemExit(2)
    return result  # type: ignore[return-value]


def agreed(value: bool) -> bool:
    """Return process 0's value on every process, where clocks may differ."""
    if jax.process_count() == 1:
        return value
    return bool(multihost_utils.broadcast_one_to_all(np.asarray(value)))


def agreed_signal() -> str | None:
    """Return the signal that asked any process of the run to stop; all call this together."""
    own = interruption.requested()
    if jax.process_count() == 1:
        return own
    number = 0 if own is None else signal.Signals[own].value
    found = int(np.max(multihost_utils.process_allgather(np.asarray(number))))
    _Ending.agreed = found > 0
    return signal.Signals(found).name if found else None


def _exit_code(error: BaseException) -> int:
    """Return the code that the command line ends with because of an error."""
    if isinstance(error, interruption.Interrupted):
        return interruption.EXIT_CODE
    return 2 if isinstance(error, UserError) else 1


def _after_ours(heartbeat: float) -> int:
    """Return JAX's own heartbeat: it ends a process with pages of its own, so ours speaks first."""
    return max(10, round(3 * heartbeat))


def _relay(host: str, port: int) -> str:
    """Return a local address that leads to process 0, and stays open when that is gone.

    JAX aborts a process, with pages of its own, the moment its connection to process 0 breaks: too
    soon for `liveness` to say what happened.
    """
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_lead, args=(server, host, port), daemon=True).start()
    return f"127.0.0.1:{server.getsockname()[1]}"


def _lead(server: socket.socket, host: str, port: int) -> None:
    while True:
        near, _ = server.accept()
        try:
            far = socket.create_connection((host, port), timeout=SECONDS_TO_SPEAK)
        except OSError:
            near.close()  # JAX's service is not there yet: JAX tries again
            continue
        far.settimeout(None)
        for ends in ((near, far), (far, near)):
            threading.Thread(target=_pass_on, args=ends, daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(2**16):
            sink.sendall(chunk)


def _join_by_itself(timeout: float, heartbeat: float) -> None:
    try:
        jax.distributed.initialize(
            initialization_timeout=max(1, round(timeout)),
            heartbeat_timeout_seconds=max(1, round(heartbeat)),
        )
    except (ValueError, TypeError, KeyError) as error:  # what JAX's detection raises
        raise UserError(
            f"--distributed auto found no SLURM, Kubernetes, Open MPI or TPU pod ({error}): give "
            "HOST:PORT, --processes and --process-id"
        ) from None


def _parse(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise UserError(f"--distributed takes HOST:PORT or auto, not {address!r}")
    return host.strip("[]"), int(port)


def _call_the_roll(address: str, port: int, processes: int, timeout: float, live_port: int) -> None:
    """Wait on process 0 until all others have come, and tell them what came of it."""
    deadline = monotonic() + timeout
    with ExitStack() as stack:
        try:
            server = stack.enter_context(socket.create_server(("", port), backlog=processes))
        except OSError as error:
            raise UserError(f"cannot listen on {address} ({error}): give another port") from None
        here: dict[int, socket.socket] = {}
        wrong = ""
        while len(here) < processes - 1 and not wrong and (left := deadline - monotonic()) > 0:
            server.settimeout(left)
            try:
                connection = stack.enter_context(server.accept()[0])
                their_processes, who = _hear(connection)
            except (OSError, ValueError):
                continue  # nobody came, or a stranger
            if their_processes != processes:
                wrong = f"process {who} says --processes {their_processes}, process 0 {processes}"
            elif who in here:
                wrong = f"two processes say --process-id {who}"
            here[who] = connection
        missing = sorted(set(range(1, processes)) - set(here))
        if missing and not wrong:
            names = ", ".join(map(str, missing))
            wrong = (
                f"waited {timeout:g} s at {address}, but of {processes} processes these never "
                f"joined: {names}; start each with its own --process-id"
            )
        for connection in here.values():
            with suppress(OSError):
                connection.sendall((wrong or f"{ALL_HERE} {live_port}").encode())
    if wrong:
        raise UserError(wrong)


def _hear(connection: socket.socket) -> tuple[int, int]:
    connection.settimeout(SECONDS_TO_SPEAK)
    word, processes, who = connection.makefile().readline().split()
    if word != "ganjax":
        raise ValueError(word)
    return int(processes), int(who)


def _answer_the_roll(
    address: str, host: str, port: int, processes: int, process_id: int, timeout: float
) -> int:
    """Tell process 0 that this one is here; wait for its word that all are, and the port to it."""
    deadline = monotonic() + timeout
    while (left := deadline - monotonic()) > 0:
        try:
            with socket.create_connection((host, port), timeout=left) as connection:
                connection.sendall(f"ganjax {processes} {process_id}\n".encode())
                connection.settimeout(timeout + SECONDS_TO_SPEAK)  # process 0 may have come later
                said = connection.makefile(errors="replace").read()
        except OSError:
            sleep(0.1)
            continue
        if said.startswith(ALL_HERE):
            return int(said.removeprefix(ALL_HERE))
        raise UserError(said or f"process 0 left {address} before all had joined")
    raise UserError(
        f"process 0 did not answer at {address} within {timeout:g} s: start it with --process-id 0 "
        "on that host, or give the address it has"
    )


def _bytes(text: str) -> np.ndarray:
    encoded = text.encode()[:LONGEST_MESSAGE]
    return np.frombuffer(encoded.ljust(LONGEST_MESSAGE, b"\0"), np.uint8)


def _text(row: np.ndarray) -> str:
    return row.tobytes().rstrip(b"\0").decode(errors="replace")
