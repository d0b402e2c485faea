"""What `order-ops up` runs, and the supervisord configuration made from it.

Pure: values in, text out. Starting, watching and stopping it is `supervisor`.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from order_ops.devstack.processes import LOOPBACK

LOG_SIZE = "10MB"
LOG_BACKUPS = 3
RETRIES = 1_000_000
"""supervisord waits one second longer each time: it never gives up, and never spins."""


@dataclass(frozen=True, slots=True)
class Program:
    """One process of the system, in start order."""

    name: str
    command: Sequence[str]
    stop_seconds: int = 20
    stop_group: bool = True
    """Whether SIGTERM goes to its children too. Not for Erlang: the virtual machine
    aborts when its helper dies first, instead of closing its files."""
    waits: bool = False
    """Whether it is started once the programs before it are ready: a client that finds
    no broker backs off, and would then come up long after the broker did; and of two that
    create Dagster's tables at the same time, one may fail."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports chosen at each start."""

    code_server: int
    webserver: int
    metrics: int


def programs(home: Path, ports: Ports, *, postgres: bool, node: bool, amqp: bool) -> list[Program]:
    """The programs in start order; they stop in the reverse order.

    `postgres` and `node` say whether those servers are embedded, `amqp` whether there
    is a broker at all: without one there is nothing to consume from or relay to.
    """
    here, module = str(home), (sys.executable, "-m")
    workspace = ("-w", "workspace.yaml")
    server, webserver = str(ports.code_server), str(ports.webserver)
    listen, as_json = ("-h", LOOPBACK, "-p"), ("--log-format", "json")
    code_server = ("code-server", "start", "-m", "order_ops.definitions")
    wanted = {
        "postgres": postgres,
        "epmd": node,
        "rabbitmq": node,
        "consumer": amqp,
        "relay": amqp,
    }
    everything = [
        Program("postgres", (*module, "order_ops.devstack.postgres", here), stop_seconds=90),
        Program("epmd", (*module, "order_ops.devstack.broker", here, "epmd"), stop_group=False),
        Program("rabbitmq", (*module, "order_ops.devstack.broker", here, "node"), 90, False),
        Program(
            "code-server",
            (_script("dagster"), *code_server, *as_json, *listen, server),
        ),
        Program(
            "webserver",
            (_script("dagster-webserver"), *workspace, *as_json, *listen, webserver),
            waits=True,
        ),
        Program("daemon", (_script("dagster-daemon"), "run", *as_json, *workspace), waits=True),
        Program("consumer", (_script("order-ops"), "consume"), waits=True),
        Program("relay", (_script("order-ops"), "relay"), waits=True),
        Program("watch", (_script("order-ops"), "watch"), waits=True),
    ]
    return [program for program in everything if wanted.get(program.name, True)]


def configuration(home: Path, root: Path, socket: Path, wanted: Sequence[Program]) -> str:
    """Configure supervisord: in the foreground, on a unix socket, never on TCP."""
    supervisor = _section(
        "supervisord",
        nodaemon="true",
        silent="true",
        directory=root,
        logfile=home / "logs" / "supervisord.log",
        logfile_maxbytes=LOG_SIZE,
        logfile_backups=LOG_BACKUPS,
        pidfile=pid_file(home),
        # of the process that a code server starts, which is not told of --log-format
        environment='DAGSTER_CLI_API_GRPC_LOG_FORMAT="json"',
        childlogdir=home / "logs",
    )
    control = [
        _section("unix_http_server", file=socket, chmod="0700"),
        _section("supervisorctl", serverurl=f"unix://{socket}"),
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = "
        "supervisor.rpcinterface:make_main_rpcinterface\n",
    ]
    sections = [_program(home, place, program) for place, program in enumerate(wanted, 1)]
    return "\n".join([supervisor, *control, *sections])


def pid_file(home: Path) -> Path:
    """Where supervisord writes its pid."""
    return home / "supervisor" / "supervisord.pid"


def config_file(home: Path) -> Path:
    """Where the generated configuration is."""
    return home / "supervisor" / "supervisord.conf"


def log_folder(home: Path) -> Path:
    """Where the output of all programs goes."""
    return home / "logs"


def log_file(home: Path, name: str) -> Path:
    """Where a program's output goes."""
    return log_folder(home) / f"{name}.log"


def _script(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _program(home: Path, place: int, program: Program) -> str:
    return _section(
        f"program:{program.name}",
        command=shlex.join(program.command),
        priority=place * 10,
        autostart=str(not program.waits).lower(),
        autorestart="true",
        startsecs=2,
        startretries=RETRIES,
        stopsignal="TERM",
        stopasgroup=str(program.stop_group).lower(),
        killasgroup="true",
        stopwaitsecs=program.stop_seconds,
        redirect_stderr="true",
        stdout_logfile=log_file(home, program.name),
        stdout_logfile_maxbytes=LOG_SIZE,
        stdout_logfile_backups=LOG_BACKUPS,
    )


def _section(title: str, /, **values: object) -> str:
    lines = [f"{key} = {str(value).replace('%', '%%')}" for key, value in values.items()]
    return "\n".join([f"[{title}]", *lines, ""])
