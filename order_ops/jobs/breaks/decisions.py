"""What people have decided, as a run of a day takes it in; making decisions is in `break_acts`."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
import polars as pl

from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.reconciliation.decided import ACCEPTED, Decisions, Forced
from order_ops.store.engine import Connection
from order_ops.store.queries import breaks

_TYPES = {
    "decided_on": pl.Date(),
    "difference_minor": pl.Int64(),
    "at_stake_minor": pl.Int64(),
    "entries": pl.Int64(),
}
_STATUS = {"accept": "accepted", "write_off": "written_off", "approve_write_off": "written_off"}


@dataclass(frozen=True, slots=True)
class Held:
    """Decisions that hold on a day, their hash (empty: none hold), and the last event known."""

    decisions: Decisions
    sha256: str
    through: int


def read(conn: Connection, account_day: AccountDay) -> Held:
    """The decisions of an account that are of this day or of one before."""
    at = {"account": account_day.account, "day": account_day.day}
    # before the decisions: an event that comes in between is then taken for one to come
    through = breaks.decided_through(conn, account=account_day.account)
    accepted = [_accepted(row) for row in breaks.decisions(conn, **at)]
    forced = [_forced(row) for row in breaks.accepted_matches(conn, **at)]
    schema = {name: _TYPES.get(name, pl.String()) for name in ACCEPTED}
    told = orjson.dumps([accepted, forced]) if accepted or forced else b""
    return Held(
        Decisions(pl.DataFrame(accepted, schema, orient="row"), forced),
        sha256(told).hexdigest() if told else "",
        int(through),
    )


def _accepted(row: Any) -> dict[str, Any]:
    told: dict[str, Any] = row._asdict()
    return told | {"status": _STATUS[told.pop("act")], "class": told.pop("break_class")}


def _forced(row: Any) -> Forced:
    ours, theirs = (tuple(row.members[side]) for side in ("internal", "provider"))
    return Forced(row.proposal_id, row.actor, row.reason, row.decided_on, ours, theirs)
