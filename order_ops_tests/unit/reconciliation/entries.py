"""Entries of both sides for tests, from the few values that a case is about."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl

from order_ops.reconciliation.core import reconcile
from order_ops.reconciliation.result import Reconciliation
from order_ops.reconciliation.rules import Rules, load_rules

TODAY = date(2024, 1, 10)
OLD = TODAY - timedelta(days=5)
UTC_TIME = pl.Datetime("us", "UTC")

_SHARED = {
    "entry_id": pl.String(),
    "kind": pl.String(),
    "provider_ref": pl.String(),
    "order_ref": pl.String(),
    "amount_minor": pl.Int64(),
    "currency": pl.String(),
    "occurred_at": UTC_TIME,
    "day": pl.Date(),
}
INTERNAL = pl.Schema(_SHARED | {"status": pl.String(), "order_state": pl.String()})
PROVIDER = pl.Schema(_SHARED | {"fee_minor": pl.Int64(), "net_minor": pl.Int64()})

Row = dict[str, Any]


def ours(entry_id: str, amount: int = 10000, ref: str | None = None, **values: Any) -> Row:
    """Return one of our entries, a succeeded charge of an old day unless told otherwise."""
    return _entry(entry_id, amount, ref, values) | {
        "status": values.get("status", "succeeded"),
        "order_state": values.get("order_state", "CONFIRMED"),
    }


def theirs(entry_id: str, amount: int = 10000, ref: str | None = None, **values: Any) -> Row:
    """Return one of the provider's lines, a charge of an old day unless told otherwise."""
    return _entry(entry_id, amount, ref, values) | {"fee_minor": 0, "net_minor": amount}


def _entry(entry_id: str, amount: int, ref: str | None, values: Row) -> Row:
    day = values.get("day", OLD)
    at = datetime.combine(day, time(12), tzinfo=UTC) + timedelta(minutes=values.get("minute", 0))
    return {
        "entry_id": entry_id,
        "kind": values.get("kind", "charge"),
        "provider_ref": ref,
        "order_ref": values.get("order"),
        "amount_minor": amount,
        "currency": values.get("currency", "BRL"),
        "occurred_at": at,
        "day": day,
    }


def internal(rows: Iterable[Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=INTERNAL)


def provider(rows: Iterable[Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=PROVIDER)


def run(ours_rows: Iterable[Row], theirs_rows: Iterable[Row], **options: Any) -> Reconciliation:
    """Reconcile rows under the bundled rules."""
    rules: Rules = options.pop("rules", load_rules())
    return reconcile(
        internal(ours_rows),
        provider(theirs_rows),
        day=options.pop("day", TODAY),
        account="acct",
        tenant="shop",
        rules=rules,
        **options,
    )


def only_break(result: Reconciliation) -> Row:
    """Return the single break of a result."""
    assert result.breaks.height == 1, result.breaks
    row: Row = result.breaks.row(0, named=True)
    return row
