"""`order-ops up`, for real: what dies comes back, and one signal ends everything."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from order_ops.devstack import postgres, supervisor, supervisord
from order_ops.devstack.waiting import wait_until
from order_ops_tests.integration.leftovers import left_of

SCRIPT = str(Path(sys.executable).parent / "order-ops")
UI = "http://127.0.0.1:"


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="order-ops-up-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def system(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A system that is up, started as a shell's background job is: with SIGINT ignored."""
    output = home / "up.log"
    with (
        output.open("wb") as log,
        subprocess.Popen(
            [SCRIPT, "up", "--home", str(home)],
            stdout=log,
            stderr=log,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # noqa: PLW1509
        ) as process,
    ):
        try:
            wait_until(
                lambda: process.poll() is not None or "Ctrl-C ends" in output.read_text(),
                180,
                "order-ops up",
            )
            assert process.poll() is None, output.read_text()
            yield process
        finally:
            process.terminate()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_what_dies_comes_back_and_one_signal_ends_everything(
    home: Path, system: subprocess.Popen[bytes], ending: signal.Signals
) -> None:
    assert supervisor.running(home)
    assert UI in (home / "up.log").read_text()
    assert (home / "env").stat().st_mode & 0o077 == 0

    first = supervisord.program_pids(home)
    assert {"postgres", "code-server", "webserver", "daemon", "consumer"} <= first.keys()
    for name in ("consumer", "code-server"):
        os.kill(first[name], signal.SIGKILL)
    database = postgres.server_pid(home)
    assert database is not None
    os.kill(database, signal.SIGKILL)
    wait_until(lambda: came_back(home, first, database), 60, "what was killed")

    system.send_signal(ending)
    assert system.wait(timeout=120) == 0
    assert not supervisor.running(home)
    assert left_of(home) == []


def came_back(home: Path, first: dict[str, int], database: int) -> bool:
    now = supervisord.program_pids(home)
    changed = all(now.get(name, first[name]) != first[name] for name in ("consumer", "code-server"))
    return changed and postgres.server_pid(home) not in (None, database)


def test_the_supervisor_is_told_from_another_process_with_its_pid(home: Path) -> None:
    assert not supervisor.running(home)
    (home / "supervisor").mkdir()
    (home / "supervisor" / "supervisord.pid").write_text(f"{psutil.Process().pid}\n")
    assert not supervisor.running(home)
