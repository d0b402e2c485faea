"""A private RabbitMQ node below `<home>/rabbitmq`, from the system's own package.

It shares nothing with a broker that the machine may run already: own node name,
ports, data, cookie, user with a random password (no guest), and an epmd of its own,
so that ending it ends everything. It listens on 127.0.0.1 only. Here belongs
running it; what it is, is `broker_node`, and exchanges and queues belong to
`order_ops.messaging`.

`python -m order_ops.devstack.broker HOME epmd` and `... HOME node` become one of the
two processes in the foreground, which is what the supervisor runs.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal, NoReturn

import pika
import psutil

from order_ops.devstack import processes
from order_ops.devstack.broker_node import (
    environment,
    node,
    require_rabbitmq,
    state_dir,
)
from order_ops.devstack.processes import LOOPBACK
from order_ops.devstack.waiting import wait_until

Program = Literal["node", "epmd"]
START_TIMEOUT = 120.0
EPMD_TIMEOUT = 20.0
STOP_TIMEOUT = 60.0


def foreground(home: Path, program: Program) -> NoReturn:
    """Become the node (once its epmd answers) or its epmd.

    The node would start an epmd by itself, as a daemon that nobody ends.
    """
    command, env = _command(home, program), environment(home)
    if program == "node":
        wait_until(lambda: processes.answers(node(home).epmd_port), EPMD_TIMEOUT, "epmd")
    _pid_file(home, program).write_text(str(os.getpid()))
    os.execve(command[0], command, env)  # noqa: S606 - no shell on purpose


def version(home: Path) -> str | None:
    """The broker's version as it says so to a client, None while it does not answer."""
    me = node(home)
    return server_version(me.amqp_url) if processes.answers(me.port) else None


def server_version(amqp_url: str) -> str | None:
    """The version of the broker at that URL, None when it does not answer."""
    parameters = pika.URLParameters(amqp_url)
    parameters.socket_timeout = parameters.stack_timeout = 5
    versions: list[str] = []

    def opened(connection: pika.SelectConnection) -> None:
        properties = connection.server_properties or {}
        version = properties.get("version", "unknown")
        versions.append(version.decode() if isinstance(version, bytes) else str(version))
        connection.close()

    def ended(connection: pika.SelectConnection, _reason: object) -> None:
        connection.ioloop.stop()

    connection = pika.SelectConnection(parameters, opened, ended, ended)
    try:
        connection.ioloop.start()
    finally:
        connection.ioloop.close()
    return versions[0] if versions else None


def is_running(home: Path) -> bool:
    """Whether this home's node runs; it may not answer yet."""
    return program_pid(home, "node") is not None


def start(home: Path) -> None:
    """Start epmd and the node unless they run, and wait until a client can connect.

    Raises:
        BrokerMissingError: when RabbitMQ is not installed.
        RuntimeError: when the node does not come up, with where its log is.
    """
    require_rabbitmq()
    if not is_running(home):
        if program_pid(home, "epmd") is None:
            _spawn(home, "epmd")
            wait_until(lambda: processes.answers(node(home).epmd_port), EPMD_TIMEOUT, "epmd")
        _spawn(home, "node")
    wait_ready(home)


def wait_ready(home: Path, timeout: float = START_TIMEOUT) -> None:
    """Wait until a client can connect to this home's node.

    Raises:
        RuntimeError: when it does not answer in time, or died.
    """
    try:
        wait_until(
            lambda: not is_running(home) or version(home),
            timeout,
            "RabbitMQ to accept a connection",
        )
    except TimeoutError as error:
        raise RuntimeError(f"{error}; see {state_dir(home) / 'log'}") from None
    if not is_running(home):
        raise RuntimeError(f"RabbitMQ ended while starting; see {state_dir(home) / 'log'}")


def stop(home: Path) -> None:
    """Stop the node, then its epmd, and wait until nothing of them is left."""
    for program in ("node", "epmd"):
        pid = program_pid(home, program)
        if pid is not None:
            helpers = processes.descendants(pid)
            processes.end(pid, signal.SIGTERM, timeout=STOP_TIMEOUT, what=f"RabbitMQ's {program}")
            processes.wait_gone(helpers, timeout=10, what=f"the helpers of RabbitMQ's {program}")


def control(home: Path, *arguments: str) -> str:
    """Run rabbitmqctl against this home's node and return what it prints.

    Raises:
        RuntimeError: with rabbitmqctl's own words.
    """
    command = [str(require_rabbitmq().with_name("rabbitmqctl")), "--quiet", *arguments]
    done = subprocess.run(
        command, check=False, env=environment(home), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"rabbitmqctl {arguments[0]}: {done.stderr or done.stdout}")
    return done.stdout


def _pid_file(home: Path, program: Program) -> Path:
    return state_dir(home) / f"{program}.pid"


def program_pid(home: Path, program: Program) -> int | None:
    """The pid of a running program of this home: told by its HOME, which no other has."""
    pid, mine = processes.read_pid(_pid_file(home, program)), str(state_dir(home))

    def is_ours(process: psutil.Process) -> bool:
        # Linux shows no environment for a moment while a process replaces its program,
        # which Erlang's start script does three times; a kernel thread has no exe.
        return bool(process.exe()) and process.environ().get("HOME", mine) == mine

    return pid if pid and processes.alive(pid, is_ours) else None


def _command(home: Path, program: Program) -> list[str]:
    if program == "node":
        return [str(require_rabbitmq())]
    epmd = shutil.which("epmd") or "/usr/bin/epmd"
    return [epmd, "-port", str(node(home).epmd_port), "-address", LOOPBACK]


def _spawn(home: Path, program: Program) -> None:
    command, env = _command(home, program), environment(home)
    output = str(state_dir(home) / f"{program}.out")
    pid = os.posix_spawn(
        command[0],
        command,
        env,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,  # a Ctrl-C in the terminal is not for the broker
        setsigdef=[signal.SIGINT, signal.SIGTERM],
    )
    _pid_file(home, program).write_text(str(pid))


if __name__ == "__main__":
    foreground(Path(sys.argv[1]), "epmd" if sys.argv[2] == "epmd" else "node")
