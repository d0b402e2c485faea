"""`order-ops doctor`: what order_ops stands on, checked without changing anything.

Here belongs which checks there are, and the database's. The broker's are in
`messaging.audit` and `messaging.broker_api`, Dagster's in `orchestration.doctor`.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pika
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from order_ops.domain.findings import Finding, reason
from order_ops.jobs.messages.mapping_audit import mapping_findings
from order_ops.mapping import Events
from order_ops.messaging.audit import broker_findings
from order_ops.messaging.broker_api import VARIABLE, BrokerApi, api_findings
from order_ops.settings import Settings
from order_ops.store import migrate

OLDEST_POSTGRES = 14
TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what is true when it finds nothing, and how it is found out."""

    fine: str
    find: Callable[[], list[Finding]]


@dataclass(frozen=True, slots=True)
class Checked:
    """A check's outcome."""

    fine: str
    findings: list[Finding]


def checks(settings: Settings, events: Events, *, bindings: bool) -> list[Check]:
    """Every check but Dagster's; `bindings=False` leaves out the management API."""
    api = [Check("the broker's bindings are the mapping's, no alarm is on",
                 lambda: bindings_of(settings, events))]  # fmt: skip
    return [
        Check("the broker answers, is new enough, has the topology's exchanges and queues",
              lambda: broker(settings, events)),
        *(api if bindings else []),
        Check("the mapping hears every event, and every routing key has a handler",
              lambda: mapping_findings(events)),
        Check("the database answers, is new enough and migrated",
              lambda: database(settings.database_url)),
    ]  # fmt: skip


def run(wanted: Sequence[Check]) -> list[Checked]:
    """Run each check; one that fails itself is a finding, and the others are still run."""
    return [Checked(check.fine, _found(check)) for check in wanted]


def _found(check: Check) -> list[Finding]:
    try:
        return check.find()
    except Exception as error:  # noqa: BLE001 - the other checks still have to be run
        told = f"the check failed: {type(error).__name__}: {reason(error)}"
        return [Finding(check.fine, told, "mend what it names and run `order-ops doctor` again")]


def as_json(outcome: Sequence[Checked]) -> dict[str, Any]:
    """The outcome for programs."""
    return {
        "ok": not any(checked.findings for checked in outcome),
        "checks": [asdict(checked) for checked in outcome],
    }


def broker(settings: Settings, events: Events) -> list[Finding]:
    """The broker, as far as AMQP tells."""
    if settings.amqp_url is None:
        return [_no_broker()]
    return broker_findings(settings.amqp_url, events)


def bindings_of(settings: Settings, events: Events) -> list[Finding]:
    """The bindings and alarms, which only the management API tells."""
    if settings.amqp_url is None:
        return []
    if settings.broker_api_url is None:
        remedy = "set it to http://user:password@host:15672, or leave them out: --without-bindings"
        return [Finding(VARIABLE, "is not set: bindings and alarms cannot be seen", remedy)]
    vhost = pika.URLParameters(settings.amqp_url).virtual_host
    return api_findings(BrokerApi(settings.broker_api_url, vhost), events)


def _no_broker() -> Finding:
    remedy = "set it to amqp://user:password@host:port/vhost; `order-ops up` sets it"
    return Finding("ORDER_OPS_AMQP_URL", "is not set: nothing is consumed or relayed", remedy)


def database(url: str) -> list[Finding]:
    """The database: reachable, PostgreSQL 14 or newer, at this release's migration."""
    where = f"database {shown(url)}"
    try:
        major, writable = _server(url)
        at, head = migrate.pending(url)
    except SQLAlchemyError as error:
        told = f"does not answer: {reason(error)}"
        return [Finding(where, told, "start PostgreSQL, or correct ORDER_OPS_DATABASE_URL")]
    found = []
    if major < OLDEST_POSTGRES:
        told = f"is PostgreSQL {major}, older than {OLDEST_POSTGRES}"
        found.append(Finding(where, told, f"upgrade it to {OLDEST_POSTGRES} or newer"))
    if not writable:
        told = "takes no writes: it is a standby, or its default_transaction_read_only is on"
        found.append(Finding(where, told, "let ORDER_OPS_DATABASE_URL name the primary"))
    if at != head:
        told = f"is at migration {at or 'none'}, this release needs {head}"
        remedy = "run `order-ops migrate`; if the database is the newer one, upgrade order_ops"
        found.append(Finding(where, told, remedy))
    return found


def shown(url: str) -> str:
    """Host, port and name of a database, without user and password."""
    parts = make_url(url)
    host = parts.host or parts.query.get("host", "localhost")
    return f"{host}:{parts.port or 5432}/{parts.database}"


def _server(url: str) -> tuple[int, bool]:
    """PostgreSQL's major version, and whether it takes writes; no connection within 5 s raises."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": TIMEOUT_S})
    with engine.connect() as connection:
        number, read_only = connection.execute(text(_SERVER)).one()
    return int(number) // 10_000, read_only == "off"


_SERVER = "SELECT current_setting('server_version_num'), current_setting('transaction_read_only')"
