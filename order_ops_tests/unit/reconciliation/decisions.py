"""Decisions for tests: upon the facts that a result has."""

from datetime import date
from typing import Any

import polars as pl

from order_ops.reconciliation.decided import Decisions, members_hash
from order_ops.reconciliation.result import Reconciliation
from order_ops_tests.unit.reconciliation.entries import TODAY

_SCHEMA = {
    "break_id": pl.String(),
    "status": pl.String(),
    "actor": pl.String(),
    "reason": pl.String(),
    "decided_on": pl.Date(),
    "class": pl.String(),
    "currency": pl.String(),
    "difference_minor": pl.Int64(),
    "at_stake_minor": pl.Int64(),
    "entries": pl.Int64(),
    "members_hash": pl.String(),
}


def decided(
    result: Reconciliation, status: str = "accepted", on: date = TODAY, **other: Any
) -> Decisions:
    """Every break of a result is accepted, with other facts where they are given."""
    members: dict[str, list[Any]] = {}
    for name, *member in result.told_members.iter_rows():
        members.setdefault(name, []).append(member)
    rows = [
        {name: row.get(name) for name in _SCHEMA}
        | {
            "status": status,
            "actor": "alice",
            "reason": "a gift",
            "decided_on": on,
            "members_hash": members_hash(members[row["break_id"]]),
        }
        | other
        for row in result.breaks.iter_rows(named=True)
    ]
    return Decisions(pl.DataFrame(rows, _SCHEMA, orient="row"))
