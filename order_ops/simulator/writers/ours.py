"""Our own side as the file that `order-ops reconcile --internal` takes: CSV or Parquet."""

from pathlib import Path

import polars as pl

from order_ops.simulator.writers.text import write_rows

_KEPT = (
    "entry_id", "order_id", "kind", "provider_ref", "amount_minor", "currency", "status",
    "order_state", "method", "ceiling_minor", "occurred_at",
)  # fmt: skip


def write(entries: pl.DataFrame, path: Path) -> None:
    """Write entries, columns `scene.ENTRY_SCHEMA`: as Parquet if the path says so, else as CSV."""
    ours = entries.rename({"order_ref": "order_id"}).select(_KEPT)
    if path.suffix == ".parquet":
        ours.write_parquet(path)
        return
    with path.open("wb") as file:
        write_rows(ours, file, _rows)


def _rows(entries: pl.DataFrame) -> pl.DataFrame:
    return entries.with_columns(pl.col("occurred_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
