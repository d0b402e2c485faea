"""What the UI says about the assets of reconciliation before any of them is made.

Columns with their meanings, where they come from, and how old they may get. The words for columns
are those of the analysts' views (`store.tables.analytics`).
"""

from datetime import timedelta
from typing import Any

import dagster as dg
from sqlalchemy.dialects.postgresql.psycopg import dialect

from order_ops.store.tables import metadata
from order_ops.store.tables.analytics import meaning

OWNERS = ["team:finance-operations"]

DAILY = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)
)
"""A day of some account is closed every day, and is reconciled within hours."""

PROVIDER_FILES = dg.AssetSpec(
    "provider_files",
    group_name="sources",
    owners=OWNERS,
    kinds={"csv"},
    description="What providers report, handed in by `order-ops ingest` (docs/provider-files.md).",
)
LEDGER = dg.AssetSpec(
    "order_ledger",
    group_name="sources",
    owners=["team:platform"],
    kinds={"postgres"},
    description="Our payments, refunds and disputes, as applied from the shop's messages; or what "
    "the mapping names instead.",
)


def columns(table: str) -> dict[str, Any]:
    """The columns of recon.`table` and of its view, as the UI shows them."""
    known = metadata.tables[f"recon.{table}"]
    found = [
        dg.TableColumn(
            column.name,
            type=column.type.compile(dialect=dialect()).lower(),  # type: ignore[no-untyped-call]
            description=meaning(table, column.name),
            constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
        )
        for column in known.columns
    ]
    return {
        "dagster/column_schema": dg.TableSchema(found),
        "dagster/table_name": f"analytics.{table}",
    }
