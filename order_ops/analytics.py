"""Reconciliation's tables as pandas frames, by asset name and partition: for notebooks.

    from order_ops import analytics
    breaks = analytics.load("reconciliation_breaks", "shop-cards|2026-03-10")
    march = analytics.load("payment_matches", first_day="2026-03-01", last_day="2026-03-31")

Reads ORDER_OPS_DATABASE_URL and nothing else, or with `root` the Parquet files and no database;
columns are in docs/data-dictionary.md. Amounts are in minor units of the row's currency, times
in UTC.
"""

from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Text,
    column,
    create_engine,
    select,
    table,
    text,
)

from order_ops.jobs.days.reconciliation_days import AccountDay, parse_partition
from order_ops.mapping import load_mapping
from order_ops.settings import get_settings
from order_ops.store.tables.analytics import PARTITIONED, STANDING

if TYPE_CHECKING:
    import pandas as pd

_TABLES = {known.name: known for known in PARTITIONED}
_KEYS = {name: [key.name for key in known.primary_key] for name, known in _TABLES.items()} | {
    STANDING: ["account", "break_id"]
}
ASSETS = tuple(_KEYS)
FILED = tuple(_TABLES)
"""Those that are in Parquet files too; the others change by what people do, without a run."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which rows: none of a field is all."""

    account: str | None
    first_day: date | None
    last_day: date | None


def load(
    asset: str,
    partition: str | None = None,
    *,
    account: str | None = None,
    first_day: str | date | None = None,
    last_day: str | date | None = None,
    root: str | None = None,
) -> "pd.DataFrame":
    """The rows of an asset, by account, day and key.

    Args:
        asset: one of `ASSETS`.
        partition: `account|2026-01-31`; none: all, or what the next three say.
        account: its name.
        first_day, last_day: accounting days, inclusive; a date or 2026-01-31.
        root: folder or address of the Parquet tables (ORDER_OPS_PARQUET_ROOT of whoever writes
            them): nothing else is read then. They are of the latest run of each day, or about to
            be; the database is the truth.

    Raises:
        ValueError: no such asset (the message names those there are), no such day.
        MappingError: no such partition.
        SettingsError: ORDER_OPS_DATABASE_URL is missing or wrong.
        FileNotFoundError: no such asset below the root.
    """
    if asset not in ASSETS:
        raise ValueError(f"no asset {asset!r}; there are: {', '.join(ASSETS)}")
    wanted = _Wanted(account, _day(first_day), _day(last_day))
    if partition is not None:
        one = AccountDay.parse(partition) if root else _known(partition)
        wanted = _Wanted(one.account, one.day, one.day)
    found = _from_files(asset, wanted, root) if root else _from_postgres(asset, wanted)
    keys = dict.fromkeys(("account", "day", *_KEYS[asset]))
    return _typed(asset, found).sort_values(list(keys), ignore_index=True)


def _typed(asset: str, found: "pd.DataFrame") -> "pd.DataFrame":
    """The same types whatever is empty: text is text, and a number with gaps stays whole."""
    columns = _TABLES[asset].columns if asset in _TABLES else ()
    kinds = {known.name: _kind(known) for known in columns}
    return found.astype({name: kind for name, kind in kinds.items() if kind})


def _kind(known: Column[Any]) -> str | None:
    if isinstance(known.type, BigInteger):
        return "Int64" if known.nullable else "int64"
    if isinstance(known.type, DateTime):
        return "datetime64[us, UTC]"
    return "str" if isinstance(known.type, Text) else None


def _day(value: str | date | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _known(partition: str) -> AccountDay:
    return parse_partition(partition, load_mapping(get_settings().mapping))


def _from_postgres(asset: str, wanted: _Wanted) -> "pd.DataFrame":
    import pandas as pd  # noqa: PLC0415 - half a second

    statement = select(text("*")).select_from(table(asset, schema="analytics"))
    for condition in _conditions(wanted, column("account"), column("day")):
        statement = statement.where(condition)
    engine = create_engine(get_settings().database_url, connect_args={"options": "-c TimeZone=UTC"})
    try:
        with engine.connect() as connection:
            return pd.read_sql(statement, connection)
    finally:
        engine.dispose()


def _from_files(asset: str, wanted: _Wanted, root: str) -> "pd.DataFrame":
    if asset not in _TABLES:
        raise FileNotFoundError(f"{asset} is in the database alone: leave out root")
    import orjson  # noqa: PLC0415 - with the frames
    import pyarrow as pa  # noqa: PLC0415 - half a second
    import pyarrow.dataset as ds  # noqa: PLC0415

    from order_ops.jobs.days.parquet import filesystem  # noqa: PLC0415

    files, base = filesystem(root)
    by = ds.partitioning(pa.schema([("account", pa.string()), ("day", pa.date32())]), flavor="hive")
    stored = ds.dataset(f"{base}/{asset}", filesystem=files, partitioning=by, format="parquet")
    field: Any = ds.field
    conditions = _conditions(wanted, field("account"), field("day"))
    chosen = reduce(and_, conditions) if conditions else None
    names = [known.name for known in _TABLES[asset].columns]
    frame: pd.DataFrame = stored.to_table(columns=names, filter=chosen).to_pandas()
    if "raw" in names:
        frame["raw"] = frame["raw"].map(orjson.loads)
    return frame


def _conditions(wanted: _Wanted, account: Any, day: Any) -> list[Any]:
    """What rows have to meet, in whatever expressions the columns are given."""
    conditions = []
    if wanted.account is not None:
        conditions.append(account == wanted.account)
    if wanted.first_day is not None:
        conditions.append(day >= wanted.first_day)
    if wanted.last_day is not None:
        conditions.append(day <= wanted.last_day)
    return conditions
