"""`order-ops up`: everything on this machine, under one supervisord.

Here belongs preparing it, saying what happens, and ending it. Restarting what dies
is supervisord's work, what runs is in `programs`, the servers are in `postgres` and
`broker`.
"""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import xmlrpc.client
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.request import urlopen

import psutil
from rich.console import Console
from supervisor.xmlrpc import SupervisorTransport

from order_ops.devstack import broker, postgres, processes, services
from order_ops.devstack.processes import LOOPBACK
from order_ops.devstack.programs import (
    Ports,
    Program,
    config_file,
    configuration,
    log_file,
    pid_file,
    programs,
)
from order_ops.devstack.waiting import wait_until
from order_ops.settings import CODE_SERVER_PORT

UI_PORT = 3000
READY_TIMEOUT = 90.0
STOP_TIMEOUT = 240.0
MARK = "ORDER_OPS_SUPERVISED"
"""In the environment of every process under the supervisor: whose home it serves."""
SOCKET_PATH_LIMIT = 90
"""Bytes; the system's own limit is 107, and supervisord appends its pid for a moment."""


def running(home: Path) -> bool:
    """Whether `order-ops up` runs for this home."""
    return _supervisor_pid(home.resolve()) is not None


def up(home: Path) -> int:
    """Run everything until Ctrl-C or SIGTERM; then end all of it. Returns the exit code."""
    home, console = home.resolve(), Console(highlight=False)
    if running(home):
        pid = _supervisor_pid(home)
        console.print(f"{home} is already up (supervisord, pid {pid}); stop it with: kill {pid}")
        return 1
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    supervisord: subprocess.Popen[bytes] | None = None
    try:
        _end_leftovers(home)
        with console.status("starting PostgreSQL, migrating"):
            wanted, env, ports = _prepare(home, console)
        supervisord = _launch(home, env)
        _announce(home, wanted, ports, console)
        return _watch(home, supervisord, console)
    except KeyboardInterrupt:
        console.print("stopping ...")
        return 0
    finally:
        _shut_down(home, supervisord)
        console.print("everything has ended")


def _prepare(home: Path, console: Console) -> tuple[list[Program], dict[str, str], Ports]:
    """Start and migrate the database, choose ports, write `<home>/env` and the config."""
    from order_ops.store.migrate import upgrade  # noqa: PLC0415 - alembic, needed here alone

    (home / "logs").mkdir(parents=True, exist_ok=True)
    services.prepare_dagster_home(home)
    if services.needs_postgres():
        postgres.start(home)
    found = services.locate(home)
    upgrade(found.database_url)
    if found.amqp_url is None:
        console.print(f"[yellow]no broker[/]: {broker.INSTALL_HINT} with {services.AMQP_URL}")
    ports = Ports(code_server=processes.free_port(), webserver=processes.free_port(UI_PORT))
    env = found.env() | {CODE_SERVER_PORT: str(ports.code_server)}
    wanted = programs(
        home,
        ports,
        postgres=services.needs_postgres(),
        node=services.needs_broker(),
        amqp=found.amqp_url is not None,
    )
    _write_files(home, env, wanted)
    return wanted, env, ports


def _write_files(home: Path, env: dict[str, str], wanted: list[Program]) -> None:
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in env.items()]
    processes.write_private(home / "env", "".join(exports))
    text = configuration(home, services.checkout_root(), _socket(home), wanted)
    processes.write_private(config_file(home), text)


def _launch(home: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(config_file(home))],
        env=os.environ | env | {MARK: str(home), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us, who then ends it in order
        preexec_fn=processes.default_signals,  # noqa: PLW1509 - no threads here
    )


def _announce(home: Path, wanted: list[Program], ports: Ports, console: Console) -> None:
    for program in wanted:
        if program.waits:
            _start(home, program)
        with console.status(f"waiting for {program.name}"):
            try:
                wait_until(lambda p=program: _ready(home, p, ports), READY_TIMEOUT, program.name)  # type: ignore[misc]
            except TimeoutError:
                log = log_file(home, program.name)
                console.print(f"[red]✘[/] {program.name:12} not up yet, still trying: see {log}")
                continue
        console.print(f"[green]✔[/] {program.name:12} pid {program_pids(home).get(program.name)}")
    console.print(f"\nUI    [bold]http://{LOOPBACK}:{ports.webserver}[/]")
    console.print(f"logs  {home / 'logs'}")
    console.print(f"shell . {home / 'env'}   (then any dagster or order-ops command)")
    console.print("Ctrl-C ends everything\n")


def _ready(home: Path, program: Program, ports: Ports) -> bool:
    """Whether a program does its work, as far as one can see it from outside."""
    if program.name not in program_pids(home):
        return False
    match program.name:
        case "postgres":
            return postgres.is_running(home)
        case "rabbitmq":
            return broker.version(home) is not None
        case "code-server":
            return processes.answers(ports.code_server)
        case "webserver":
            return _http_ok(f"http://{LOOPBACK}:{ports.webserver}/server_info")
        case _:
            return True


def _http_ok(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except OSError:
        return False


def _watch(home: Path, supervisord: subprocess.Popen[bytes], console: Console) -> int:
    """Say what restarts, until supervisord ends by itself, which it should not."""
    before = program_pids(home)
    while True:
        try:
            supervisord.wait(timeout=1)
        except subprocess.TimeoutExpired:
            now = program_pids(home)
            for name, pid in now.items():
                if before.get(name, pid) != pid:
                    console.print(f"[yellow]↻[/] {name:12} restarted, pid {before[name]} -> {pid}")
            before |= now
        else:
            console.print(f"[red]supervisord has ended[/]: see {home / 'logs/supervisord.log'}")
            return 1


def _server(home: Path) -> xmlrpc.client.ServerProxy:
    transport = SupervisorTransport(None, None, f"unix://{_socket(home)}")
    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport)  # the socket, not the address


def _start(home: Path, program: Program) -> None:
    with suppress(xmlrpc.client.Fault), _server(home) as server:
        server.supervisor.startProcess(program.name, False)


def program_pids(home: Path) -> dict[str, int]:
    """The pid of every program that has run for its first two seconds."""
    try:
        with _server(home) as server:
            states = server.supervisor.getAllProcessInfo()
    except (OSError, xmlrpc.client.Error):
        return {}
    assert isinstance(states, list)
    return {s["name"]: s["pid"] for s in states if s["statename"] == "RUNNING"}


def _socket(home: Path) -> Path:
    path = home / "supervisor" / "supervisor.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    return Path(tempfile.gettempdir()) / f"order-ops-{sha256(os.fsencode(home)).hexdigest()[:12]}"


def _supervisor_pid(home: Path) -> int | None:
    pid, config = processes.read_pid(pid_file(home)), str(config_file(home))
    return pid if pid and processes.alive(pid, lambda p: config in p.cmdline()) else None


def _shut_down(home: Path, supervisord: subprocess.Popen[bytes] | None) -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM):  # one Ctrl-C is enough
        signal.signal(ignored, signal.SIG_IGN)
    if supervisord is not None and supervisord.poll() is None:
        supervisord.terminate()
        supervisord.wait(STOP_TIMEOUT)
    _end_leftovers(home)
    postgres.stop(home)


def _end_leftovers(home: Path) -> None:
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


def _marked(process: psutil.Process, home: Path) -> bool:
    """PostgreSQL is left out: SIGTERM makes it wait for its clients; see `postgres.stop`."""
    try:
        return process.environ().get(MARK) == str(home) and process.name() != "postgres"
    except psutil.Error:
        return False


def _signal(process: psutil.Process, sig: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(sig)
