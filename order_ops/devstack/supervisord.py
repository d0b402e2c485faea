"""Talking to a home's supervisord, and ending what outlives it.

The only module that knows supervisord's protocol. What it runs is `programs`, when it
is started and stopped is `supervisor`.
"""

import os
import signal
import tempfile
import xmlrpc.client
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import psutil
from supervisor.xmlrpc import SupervisorTransport

from order_ops.devstack import processes
from order_ops.devstack.programs import config_file, pid_file

MARK = "ORDER_OPS_SUPERVISED"
"""In the environment of every process under the supervisor: whose home it serves."""
SOCKET_PATH_LIMIT = 90
"""Bytes; the system's own limit is 107, and supervisord appends its pid for a moment."""


def start_program(home: Path, name: str) -> None:
    """Start a program that does not start by itself; no error when it runs."""
    with suppress(xmlrpc.client.Fault), _server(home) as server:
        server.supervisor.startProcess(name, False)


def program_pids(home: Path) -> dict[str, int]:
    """The pid of every program that has run for its first two seconds."""
    try:
        with _server(home) as server:
            states = server.supervisor.getAllProcessInfo()
    except (OSError, xmlrpc.client.Error):
        return {}
    assert isinstance(states, list)
    return {s["name"]: s["pid"] for s in states if s["statename"] == "RUNNING"}


def socket_path(home: Path) -> Path:
    """The unix socket of its control, elsewhere when the home's path is too long for one."""
    path = home / "supervisor" / "supervisor.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    return Path(tempfile.gettempdir()) / f"order-ops-{sha256(os.fsencode(home)).hexdigest()[:12]}"


def supervisor_pid(home: Path) -> int | None:
    """The pid of the supervisord of this home, None when there is none."""
    pid, config = processes.read_pid(pid_file(home)), str(config_file(home))
    return pid if pid and processes.alive(pid, lambda p: config in p.cmdline()) else None


def end_leftovers(home: Path) -> None:
    """End what a process that was killed left behind, told by the mark it inherited.

    A code server that is killed leaves its gRPC server running for up to a minute,
    and a killed supervisord everything.
    """
    left = [p for p in psutil.process_iter() if _marked(p, home)]
    for process in left:
        _signal(process, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(left, timeout=30)
    for process in stubborn:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=5)


def _server(home: Path) -> xmlrpc.client.ServerProxy:
    transport = SupervisorTransport(None, None, f"unix://{socket_path(home)}")
    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport)  # the socket, not the address


def _marked(process: psutil.Process, home: Path) -> bool:
    """PostgreSQL is left out: SIGTERM makes it wait for its clients; see `postgres.stop`."""
    try:
        return process.environ().get(MARK) == str(home) and process.name() != "postgres"
    except psutil.Error:
        return False


def _signal(process: psutil.Process, sig: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(sig)
