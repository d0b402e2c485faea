"""The internal side of reconciliation: one accounting day of one account, through the mapping.

Reads whatever relation the mapping names, with its own column names and its
amounts in minor or major units; the bundled mapping names order_ops' own ledger.
"""

from decimal import Decimal
from typing import Any

import polars as pl
from psycopg import sql
from sqlalchemy import Select, column, literal, select, table
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.sql.elements import ColumnElement

from order_ops.domain.money import MoneyError, parse_major
from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.mapping import INTERNAL_COLUMNS, Mapping
from order_ops.store import frames
from order_ops.store.engine import Connection

_SCHEMA = dict.fromkeys(INTERNAL_COLUMNS, pl.String()) | {
    "occurred_at": pl.Datetime("us", "UTC"),
}


def read(conn: Connection, mapping: Mapping, account_day: AccountDay) -> pl.DataFrame:
    """Entries of the day, as rows of recon.internal_transactions (amounts in minor units).

    Raises:
        MoneyError: an amount is finer than its currency.
    """
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
    rows = frames.read(conn, sql.SQL(str(compiled)), _SCHEMA, compiled.params)
    return rows.select(
        pl.exclude("tenant", "account", "amount", "ceiling"),
        pl.col("tenant").replace("", None).fill_null(account.tenant).alias("tenant_id"),
        *(_minor(rows, name, mapping).alias(f"{name}_minor") for name in ("amount", "ceiling")),
    )


def _select(mapping: Mapping) -> Select[Any]:
    schema, _, name = mapping.internal.relation.rpartition(".")
    relation = table(name, schema=schema or None)
    picked = [_column(mapping, field).label(field) for field in INTERNAL_COLUMNS]
    return select(*picked).select_from(relation)


def _column(mapping: Mapping, field: str) -> ColumnElement[Any]:
    name = mapping.internal.columns.get(field)
    return literal(None) if name is None else column(name)


def _minor(rows: pl.DataFrame, name: str, mapping: Mapping) -> pl.Series:
    """Never rounded: an amount finer than its unit is an error that says so."""
    pairs = rows.select(pl.col(name), "currency").unique().drop_nulls(name)
    parse = parse_major if mapping.internal.amount_unit == "major" else _whole
    minor = [parse(format(Decimal(text).normalize(), "f"), code) for text, code in pairs.rows()]
    known = pairs.with_columns(minor=pl.Series(minor, dtype=pl.Int64))
    return rows.join(known, on=[name, "currency"], how="left", maintain_order="left")["minor"]


def _whole(text: str, currency: str) -> int:
    if "." in text:
        raise MoneyError(f"{text} {currency} is not a whole number of minor units")
    return int(text)
