"""The servers that order_ops needs, embedded unless the environment names others.

Here belongs the decision which server to start and which variables follow from it.
How each one is run is in `postgres` and `broker`; running the order_ops processes
on top of them is `supervisor`.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import order_ops
from order_ops.devstack import broker as rabbitmq
from order_ops.devstack import postgres
from order_ops.devstack.broker_node import find_rabbitmq, node
from order_ops.settings import DAGSTER_POSTGRES_URL, PREFIX

DATABASE_URL = f"{PREFIX}DATABASE_URL"
AMQP_URL = f"{PREFIX}AMQP_URL"
BROKER_API_URL = f"{PREFIX}BROKER_API_URL"
HOME = f"{PREFIX}HOME"
DAGSTER_HOME = "DAGSTER_HOME"
EMBEDDED = f"{PREFIX}EMBEDDED"
"""Which variables name embedded servers. A shell that has read `<home>/env` still has
them when those servers are gone: the next start must not take them for somebody else's."""


@dataclass(frozen=True, slots=True)
class Services:
    """Where the servers of one home are. Without a broker both of its fields are None."""

    home: Path
    database_url: str = field(repr=False)
    dagster_postgres_url: str = field(repr=False)
    amqp_url: str | None = field(default=None, repr=False)
    broker_version: str | None = None
    broker_api_url: str | None = field(default=None, repr=False)

    def env(self) -> dict[str, str]:
        """The variables under which every order_ops and Dagster process finds them."""
        variables = {
            HOME: str(self.home),
            DAGSTER_HOME: str(self.home / "dagster"),
            DATABASE_URL: self.database_url,
            DAGSTER_POSTGRES_URL: self.dagster_postgres_url,
        }
        if self.amqp_url:
            variables[AMQP_URL] = self.amqp_url
        if self.broker_api_url:
            variables[BROKER_API_URL] = self.broker_api_url
        servers = (DATABASE_URL, DAGSTER_POSTGRES_URL, AMQP_URL, BROKER_API_URL)
        own = [name for name in servers if not named(name)]
        return variables | {EMBEDDED: " ".join(own)}


@contextmanager
def embedded(home: Path, *, broker: bool = True) -> Iterator[Services]:
    """The services of `home`: starts what does not run, and stops only that.

    A server that the environment names (ORDER_OPS_DATABASE_URL, DAGSTER_POSTGRES_URL,
    ORDER_OPS_AMQP_URL) is used as it is. With `broker=False`, or without RabbitMQ on
    the machine, there is none.
    """
    home = home.resolve()
    with ExitStack() as stopping:
        if needs_postgres():
            if not postgres.is_running(home):
                stopping.callback(postgres.stop, home)
            postgres.start(home)
        if broker and needs_broker():
            if not rabbitmq.is_running(home):
                stopping.callback(rabbitmq.stop, home)
            rabbitmq.start(home)
        prepare_dagster_home(home)
        yield locate(home, broker=broker)


def named(variable: str) -> str | None:
    """The server that the environment names, None when that is an embedded one or none."""
    embedded_ones = os.environ.get(EMBEDDED, "").split()
    return None if variable in embedded_ones else os.environ.get(variable) or None


def needs_postgres() -> bool:
    """Whether one of the two databases has to be embedded."""
    return not (named(DATABASE_URL) and named(DAGSTER_POSTGRES_URL))


def needs_broker() -> bool:
    """Whether a private broker has to be and can be run."""
    return not named(AMQP_URL) and find_rabbitmq() is not None


def locate(home: Path, *, broker: bool = True) -> Services:
    """The services of `home`, whose embedded PostgreSQL already runs if it is needed."""
    amqp_url = named(AMQP_URL) if broker else None
    api_url = named(BROKER_API_URL) if amqp_url else None
    if broker and needs_broker():
        amqp_url, api_url = node(home).amqp_url, node(home).api_url
    return Services(
        home=home,
        database_url=named(DATABASE_URL) or postgres.database_url(home),
        dagster_postgres_url=named(DAGSTER_POSTGRES_URL) or postgres.dagster_postgres_url(home),
        amqp_url=amqp_url,
        broker_version=rabbitmq.server_version(amqp_url) if amqp_url else None,
        broker_api_url=api_url,
    )


def checkout_root() -> Path:
    """The folder of workspace.yaml, dagster.yaml and alembic.ini: the package's parent."""
    return Path(order_ops.__file__).resolve().parent.parent


def prepare_dagster_home(home: Path) -> Path:
    """`<home>/dagster`, with a link to the one dagster.yaml.

    Raises:
        FileNotFoundError: when order_ops does not run from a checkout.
    """
    source = checkout_root() / "dagster.yaml"
    if not source.exists():
        raise FileNotFoundError(f"{source} is missing: run order_ops from its checkout")
    folder = home.resolve() / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "dagster.yaml"
    if not (link.is_symlink() and link.readlink() == source):
        link.unlink(missing_ok=True)
        link.symlink_to(source)
    return folder
