"""`order-ops up`: everything on this machine, under one supervisord.

Here belongs preparing it, saying what happens, and ending it. Restarting what dies
is supervisord's work, what runs is in `programs`, the servers are in `postgres` and
`broker`, supervisord's protocol is in `supervisord`.
"""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

from rich.console import Console

from order_ops.devstack import broker, postgres, processes, services, supervisord
from order_ops.devstack.broker_node import INSTALL_HINT
from order_ops.devstack.processes import LOOPBACK
from order_ops.devstack.programs import (
    Ports,
    Program,
    config_file,
    configuration,
    log_file,
    programs,
)
from order_ops.devstack.waiting import wait_until
from order_ops.settings import CODE_SERVER_PORT, METRICS_PORT

UI_PORT = 3000
READY_TIMEOUT = 90.0
STOP_TIMEOUT = 240.0


ANSWERING = frozenset({"postgres", "rabbitmq", "code-server", "webserver", "watch"})
"""Programs that were asked and answered; of the others one can see that they run."""


def running(home: Path) -> bool:
    """Whether `order-ops up` runs for this home."""
    return supervisord.supervisor_pid(home.resolve()) is not None


def up(home: Path) -> int:
    """Run everything until Ctrl-C or SIGTERM; then end all of it. Returns the exit code."""
    home, console = home.resolve(), Console(highlight=False)
    if running(home):
        pid = supervisord.supervisor_pid(home)
        console.print(f"{home} is already up (supervisord, pid {pid}); stop it with: kill {pid}")
        return 1
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    child: subprocess.Popen[bytes] | None = None
    held = ExitStack()
    try:
        supervisord.end_leftovers(home)
        with console.status("starting PostgreSQL, migrating"):
            wanted, env, ports = _prepare(home, console, held)
        child = _launch(home, env)
        _announce(home, wanted, ports, console)
        return _watch(home, child, console)
    except KeyboardInterrupt:
        console.print("stopping ...")
        return 0
    finally:
        _shut_down(home, child)
        held.close()
        console.print("everything has ended")


def _prepare(
    home: Path, console: Console, held: ExitStack
) -> tuple[list[Program], dict[str, str], Ports]:
    """Start and migrate the database, choose ports, write `<home>/env` and the config."""
    from order_ops.store.migrate import upgrade  # noqa: PLC0415 - alembic, needed here alone

    (home / "logs").mkdir(parents=True, exist_ok=True)
    services.prepare_dagster_home(home)
    if services.needs_postgres():
        postgres.start(home)
    found = services.locate(home)
    upgrade(found.database_url)
    if found.amqp_url is None:
        console.print(f"[yellow]no broker[/]: {INSTALL_HINT} with {services.AMQP_URL}")
    ports = Ports(
        code_server=processes.free_port(),
        webserver=processes.reserve_port(UI_PORT, held),
        metrics=processes.free_port(),
    )
    env = found.env() | {CODE_SERVER_PORT: str(ports.code_server), METRICS_PORT: str(ports.metrics)}
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
    text = configuration(home, services.checkout_root(), supervisord.socket_path(home), wanted)
    processes.write_private(config_file(home), text)


def _launch(home: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(config_file(home))],
        env=os.environ | env | {supervisord.MARK: str(home), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us, who then ends it in order
        preexec_fn=processes.default_signals,  # noqa: PLW1509 - no threads here
    )


def _announce(home: Path, wanted: list[Program], ports: Ports, console: Console) -> None:
    for program in wanted:
        if program.waits:
            supervisord.start_program(home, program.name)
        with console.status(f"waiting for {program.name}"):
            try:
                wait_until(lambda p=program: _ready(home, p, ports), READY_TIMEOUT, program.name)  # type: ignore[misc]
            except TimeoutError:
                log = log_file(home, program.name)
                console.print(f"[red]✘[/] {program.name:12} not up yet, still trying: see {log}")
                continue
        state = "answers" if program.name in ANSWERING else "started"
        pid = supervisord.program_pids(home).get(program.name)
        console.print(f"[green]✔[/] {program.name:12} {state}, pid {pid}")
    console.print(f"\nUI    [bold]http://{LOOPBACK}:{ports.webserver}[/]")
    console.print(f"scrape http://{LOOPBACK}:{ports.metrics}/metrics")
    console.print(f"logs  {home / 'logs'}")
    console.print(f"shell . {home / 'env'}   (then any dagster or order-ops command)")
    console.print("Ctrl-C ends everything\n")


def _ready(home: Path, program: Program, ports: Ports) -> bool:
    """Whether a program does its work, as far as one can see it from outside."""
    if program.name not in supervisord.program_pids(home):
        return False
    asked: dict[str, Callable[[], bool]] = {
        "postgres": lambda: postgres.is_running(home),
        "rabbitmq": lambda: broker.version(home) is not None,
        "code-server": lambda: processes.answers(ports.code_server),
        "webserver": lambda: _http_ok(f"http://{LOOPBACK}:{ports.webserver}/server_info"),
        "watch": lambda: _http_ok(f"http://{LOOPBACK}:{ports.metrics}/metrics"),
    }
    return asked.get(program.name, lambda: True)()


def _http_ok(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except OSError:
        return False


def _watch(home: Path, child: subprocess.Popen[bytes], console: Console) -> int:
    """Say what restarts, until supervisord ends by itself, which it should not."""
    before = supervisord.program_pids(home)
    while True:
        try:
            child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            now = supervisord.program_pids(home)
            for name, pid in now.items():
                if before.get(name, pid) != pid:
                    console.print(f"[yellow]↻[/] {name:12} restarted, pid {before[name]} -> {pid}")
            before |= now
        else:
            console.print(f"[red]supervisord has ended[/]: see {home / 'logs/supervisord.log'}")
            return 1


def _shut_down(home: Path, child: subprocess.Popen[bytes] | None) -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM):  # one Ctrl-C is enough
        signal.signal(ignored, signal.SIG_IGN)
    if child is not None and child.poll() is None:
        child.terminate()
        child.wait(STOP_TIMEOUT)
    supervisord.end_leftovers(home)
    postgres.stop(home)
