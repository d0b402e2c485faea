"""Where breaks and proposals are acted on: by whom, in which transaction, and what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine

from order_ops.domain.break_acts import Act
from order_ops.jobs.days import reconciliation_days
from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.mapping import Mapping
from order_ops.mapping.roles import Roles
from order_ops.store import break_events
from order_ops.store.break_events import Event
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import breaks as sql
from order_ops.store.queries import recon


@dataclass(frozen=True, slots=True)
class Desk:
    """Where acts are done: the database, whose accounts they are, who may what, and who acts."""

    pool: Engine
    mapping: Mapping
    roles: Roles
    actor: str


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to be done, and why.

    known_facts: `breaks.facts_key` of what was looked at; another one now is refused.
    """

    act: Act
    reason: str
    assignee: str | None = None
    due_on: date | None = None
    known_facts: str | None = None


@dataclass(frozen=True, slots=True)
class Acted:
    """What was done about which break or proposal, or would be, in words."""

    id: str
    act: Act
    why: str
    days: int = 0

    def __str__(self) -> str:
        again = f"; {self.days} days will be reconciled again" if self.days > 1 else ""
        again = "; 1 day will be reconciled again" if self.days == 1 else again
        return f"{self.id[:12]} {_DONE[self.act]}{self.why}{again}"


_DONE: dict[Act, str] = {
    "acknowledge": "acknowledged",
    "assign": "assigned to ",
    "due": "due on ",
    "note": "noted",
    "accept": "accepted",
    "write_off": "written off",
    "propose_write_off": "write-off proposed",
    "approve_write_off": "written off, approved",
    "reject": "write-off rejected",
    "reopen": "open again",
    "accept_match": "accepted as a match",
}


@contextmanager
def trying(pool: Engine, *, dry_run: bool) -> Iterator[Connection]:
    """A transaction; of a dry run, with all of its checks, nothing is kept."""
    with transaction(pool) as conn:
        break_events.lock(conn)
        yield conn
        if dry_run:
            conn.rollback()


def wait_for_runs(conn: Connection, account: str) -> None:
    """Wait for a run of the account: it knows this act, or the act knows its day."""
    recon.lock_account(conn, account=account)


def due_again(conn: Connection, event: Event) -> int:
    """The days that the decision holds for have news; how many there are."""
    rows = sql.run_days_from(conn, account=event.account, day=event.decided_on)
    days = {AccountDay(row.day, event.account) for row in rows}
    reconciliation_days.mark(conn, days)
    return len(days)
