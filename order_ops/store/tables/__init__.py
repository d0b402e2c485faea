"""Every table of order_ops, as SQLAlchemy Core metadata, a module per schema, `recon` in several.

Money is bigint in minor units beside its ISO 4217 currency, times are
timestamptz in UTC, every business row has its tenant. Constraints live here
when a column list can say them; triggers and views are in the migrations.
"""

from order_ops.store.tables import (
    alerts,
    banks,
    decisions,
    intake,
    jobs,
    ops,
    orders,
    recon_inputs,
    recon_results,
    watched,
)
from order_ops.store.tables.columns import SCHEMAS, metadata

__all__ = [
    "SCHEMAS",
    "alerts",
    "banks",
    "decisions",
    "intake",
    "jobs",
    "metadata",
    "ops",
    "orders",
    "recon_inputs",
    "recon_results",
    "watched",
]
