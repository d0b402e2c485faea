"""Entries of both sides for tests, from the few values that a case is about."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl
import yaml

from order_ops.reconciliation.core import reconcile
from order_ops.reconciliation.day import Day, Entries
from order_ops.reconciliation.result import Reconciliation
from order_ops.reconciliation.rules import Rules, load_rules, parse_rules

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
    "status": pl.String(),
    "method": pl.String(),
}
INTERNAL = pl.Schema(_SHARED | {"order_state": pl.String(), "ceiling_minor": pl.Int64()})
PROVIDER = pl.Schema(
    _SHARED
    | {
        "settled_minor": pl.Int64(),
        "fee_minor": pl.Int64(),
        "net_minor": pl.Int64(),
        "settlement_currency": pl.String(),
        "payout_id": pl.String(),
        "available_on": pl.Date(),
    }
)

Row = dict[str, Any]


def ours(entry_id: str, amount: int = 10000, ref: str | None = None, **values: Any) -> Row:
    """Return one of our entries, a succeeded charge of an old day unless told otherwise."""
    return _entry(entry_id, amount, ref, values) | {
        "order_state": values.get("order_state", "CONFIRMED"),
        "ceiling_minor": values.get("ceiling"),
    }


def theirs(entry_id: str, amount: int = 10000, ref: str | None = None, **values: Any) -> Row:
    """Return one of the provider's lines, a charge of an old day unless told otherwise."""
    settled, fee = values.get("settled", amount), values.get("fee", 0)
    return _entry(entry_id, amount, ref, values) | {
        "settled_minor": settled,
        "fee_minor": fee,
        "net_minor": settled - fee,
        "settlement_currency": values.get("balance", values.get("currency", "BRL")),
        "payout_id": values.get("payout"),
        "available_on": values.get("available"),
    }


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
        "status": values.get("status", "succeeded"),
        "method": values.get("method"),
    }


def internal(rows: Iterable[Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=INTERNAL)


def provider(rows: Iterable[Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=PROVIDER)


def rules_with(**values: Any) -> Rules:
    """Return the bundled rules of every provider, with other values."""
    bundled = load_rules().model_dump(mode="json", by_alias=True)
    bundled["providers"] = {"default": bundled["providers"]["default"] | values}
    return parse_rules(yaml.safe_dump(bundled), "rules.yaml")


def run(ours_rows: Iterable[Row], theirs_rows: Iterable[Row], **options: Any) -> Reconciliation:
    """Reconcile rows under the bundled rules of every provider.

    Options are of the day, of the call, or else of `Entries`.
    """
    rules: Rules = options.pop("rules", rules_with())
    day = Day(
        options.pop("day", TODAY),
        account="acct",
        tenant="shop",
        rules=rules,
        incomplete=options.pop("incomplete", ()),
    )
    asked = {name: options.pop(name) for name in ("repeats", "decisions") if name in options}
    return reconcile(day, Entries(internal(ours_rows), provider(theirs_rows), **options), **asked)


def only_break(result: Reconciliation) -> Row:
    """Return the single break of a result."""
    assert result.breaks.height == 1, result.breaks
    row: Row = result.breaks.row(0, named=True)
    return row
