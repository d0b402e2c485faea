"""Reconciliation's tables as pandas frames, by asset name and partition: for notebooks.

    from order_ops import analytics
    breaks = analytics.load("reconciliation_breaks", "shop-cards|2026-03-10")

Reads ORDER_OPS_DATABASE_URL and nothing else; columns are in docs/data-dictionary.md.
Amounts are in minor units of the row's currency, times in UTC.
"""

from typing import TYPE_CHECKING

from sqlalchemy import column, create_engine, select, table, text

from order_ops.jobs.reconciliation_days import parse_partition
from order_ops.mapping import load_mapping
from order_ops.settings import get_settings

if TYPE_CHECKING:
    import pandas as pd

ASSETS = (
    "provider_transactions",
    "internal_transactions",
    "payment_matches",
    "reconciliation_breaks",
    "reconciliation_bridge",
)


def load(asset: str, partition: str | None = None) -> "pd.DataFrame":
    """The rows of an asset: of one partition (`account|2026-01-31`), or all.

    Raises:
        ValueError: no such asset; the message names those there are.
        MappingError: no such partition.
        SettingsError: ORDER_OPS_DATABASE_URL is missing or wrong.
    """
    import pandas as pd  # noqa: PLC0415 - half a second

    if asset not in ASSETS:
        raise ValueError(f"no asset {asset!r}; there are: {', '.join(ASSETS)}")
    settings = get_settings()
    statement = select(text("*")).select_from(table(asset, schema="analytics"))
    if partition is not None:
        wanted = parse_partition(partition, load_mapping(settings.mapping))
        statement = statement.where(
            column("account") == wanted.account, column("day") == wanted.day
        )
    engine = create_engine(settings.database_url)
    try:
        with engine.connect() as connection:
            return pd.read_sql(statement, connection)
    finally:
        engine.dispose()
