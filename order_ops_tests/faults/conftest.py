"""The session's servers, the seed, and a fresh system for each test.

`--seed` makes a run repeatable as far as real processes can be: the workload and
every choice follow from it. `--broker` chooses which RabbitMQ.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from order_ops_tests.faults.dagster_system import Dagster
from order_ops_tests.faults.launching import Launcher, launching
from order_ops_tests.faults.servers import Servers, running_servers
from order_ops_tests.faults.system import System, running_system


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="of the workload and every choice")
    parser.addoption("--broker", choices=("3", "4"), default="3", help="RabbitMQ's generation")


def pytest_configure(config: pytest.Config) -> None:
    if config.option.seed is None:
        config.option.seed = secrets.randbelow(1_000_000)


def pytest_report_header(config: pytest.Config) -> str:
    return f"faults: SEED={config.option.seed} BROKER={config.option.broker}"


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.option.seed)


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[Servers]:
    with running_servers(pytestconfig.option.broker) as running:
        yield running


@pytest.fixture
def system(servers: Servers, seed: int, tmp_path: Path) -> Iterator[System]:
    with running_system(servers, tmp_path, seed) as made:
        yield made


@pytest.fixture
def dagster(system: System, servers: Servers) -> Iterator[Dagster]:
    """Dagster around the system, with nothing started yet."""
    with servers.postgres.database(template="template1") as storage:
        made = Dagster(system, storage)
        try:
            yield made
        finally:
            system.close()


@pytest.fixture
def launcher(dagster: Dagster) -> Iterator[Launcher]:
    """A code server, and who launches runs on it."""
    dagster.start_code_server()
    with launching(dagster) as made:
        yield made
