"""The internal side of reconciliation: one accounting day of one account, through the mapping.

Reads whatever relation the mapping names, with its own column names and its
amounts in minor or major units; the bundled mapping names order_ops' own ledger.
"""

from decimal import Decimal
from typing import Any

from sqlalchemy import Select, column, literal, select, table
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.sql.elements import ColumnElement

from order_ops.domain.money import parse_major
from order_ops.jobs.reconciliation_days import AccountDay
from order_ops.mapping import INTERNAL_COLUMNS, Mapping
from order_ops.store.engine import Connection


def read(conn: Connection, mapping: Mapping, account_day: AccountDay) -> list[dict[str, Any]]:
    """Entries of the day, as rows of recon.internal_transactions (amounts in minor units)."""
    account = mapping.account(account_day.account)
    start, end = account.day_bounds(account_day.day)
    statement = _select(mapping)
    for field, wanted in (("account", account.name), ("tenant", account.tenant)):
        if field in mapping.internal.columns:
            statement = statement.where(_column(mapping, field) == wanted)
    statement = statement.where(
        _column(mapping, "occurred_at") >= start,
        _column(mapping, "occurred_at") < end,
    )
    compiled = statement.compile(dialect=dialect())  # type: ignore[no-untyped-call]
    rows = conn.execute(str(compiled), compiled.params).fetchall()
    return [_row(row._asdict(), mapping, account_day) for row in rows]


def _select(mapping: Mapping) -> Select[Any]:
    schema, _, name = mapping.internal.relation.rpartition(".")
    relation = table(name, schema=schema or None)
    picked = [_column(mapping, field).label(field) for field in INTERNAL_COLUMNS]
    return select(*picked).select_from(relation)


def _column(mapping: Mapping, field: str) -> ColumnElement[Any]:
    name = mapping.internal.columns.get(field)
    return literal(None) if name is None else column(name)


def _row(row: dict[str, Any], mapping: Mapping, account_day: AccountDay) -> dict[str, Any]:
    amounts = {
        f"{name}_minor": _minor(row.pop(name), row["currency"], mapping)
        for name in ("amount", "ceiling")
    }
    row["tenant_id"] = row.pop("tenant") or mapping.account(account_day.account).tenant
    return {**row, **amounts, "day": account_day.day}


def _minor(amount: Any, currency: str, mapping: Mapping) -> int | None:
    """Never rounded: an amount finer than its currency is an error that says so."""
    if amount is None or mapping.internal.amount_unit == "minor":
        return None if amount is None else int(amount)
    return parse_major(format(Decimal(str(amount)).normalize(), "f"), currency)
