"""The CSV file of a provider that nobody knows, and the mapping (YAML) that says what it is.

Semicolons, decimal commas, local times, a title above the header and a count below the last row.
"""

from pathlib import Path

import polars as pl

from order_ops.simulator.writers.text import major, write_rows

MAPPING = """\
# Simulated Pay, a provider that is not built in.
version: 1
provider: simulated-pay
file: {delimiter: ";", skip_lines: 1, footer_lines: 1}
numbers: {unit: major, decimal_separator: ","}
columns: {entry_id: [Line], provider_ref: Reference, order_ref: Order, payout_id: Transfer, method: Means}
currency: {column: Currency}
amount: {column: Amount, sign: as_written}
settlement_currency: {column: Balance}
settled: {column: Settled, sign: as_written}
fee: {columns: [Fee], costs: negative}
net: {column: Net, sign: as_written}
types:
  column: Type
  map:
    SALE: {kind: charge}
    SALE_FAILED: {kind: reversal}
    SALE_REDUCED: {kind: reversal}
    REFUND: {kind: refund}
    REFUND_FAILED: {kind: refund}
    DISPUTE: {kind: dispute}
    DISPUTE_WON: {kind: dispute}
    MONTHLY_FEE: {kind: fee}
    TRANSFER: {kind: payout}
status:
  column: State
  map: {DONE: succeeded, WAITING: pending, DECLINED: failed, VOIDED: voided}
occurred_at: {columns: [Date, Time], formats: ["%d/%m/%Y %H:%M:%S"], time_zone: America/Sao_Paulo}
available_on: {column: Available, formats: ["%d/%m/%Y"]}
controls:
  - {line: 1, field: 1, text: Simulated Pay}
  - {line: -1, field: 1, text: TOTAL}
  - {line: -1, field: 2, figure: count}
"""  # noqa: E501 - one key a line
_STATES = {"succeeded": "DONE", "pending": "WAITING", "failed": "DECLINED", "voided": "VOIDED"}
_DAY = "%d/%m/%Y"


def write(lines: pl.DataFrame, path: Path) -> None:
    """Write lines, columns `report.LINE_SCHEMA`, and the mapping beside them as `mapping.yaml`."""
    with path.open("wb") as file:
        file.write(b"Simulated Pay;transactions\n")
        write_rows(lines, file, _rows, separator=";")
        file.write(f"TOTAL;{lines.height}\n".encode())
    mapping_of(path).write_text(MAPPING, encoding="utf-8")


def mapping_of(path: Path) -> Path:
    """Where the mapping of a file stands."""
    return path.with_name("mapping.yaml")


def _rows(lines: pl.DataFrame) -> pl.DataFrame:
    local = pl.col("occurred_at").dt.convert_time_zone("America/Sao_Paulo")
    paid, balance = pl.col("currency"), pl.col("settlement_currency")
    return lines.select(
        Line=pl.col("entry_id"),
        Type=pl.col("category"),
        State=pl.col("status").replace_strict(_STATES, return_dtype=pl.String),
        Reference=pl.col("provider_ref"),
        Order=pl.col("order_ref"),
        Date=local.dt.strftime(_DAY),
        Time=local.dt.strftime("%H:%M:%S"),
        Available=pl.col("available_on").dt.strftime(_DAY),
        Currency=paid,
        Amount=major(pl.col("amount_minor"), paid, ","),
        Balance=balance,
        Settled=major(pl.col("settled_minor"), balance, ","),
        Fee=major(-pl.col("fee_minor"), balance, ","),
        Net=major(pl.col("net_minor"), balance, ","),
        Transfer=pl.col("payout_id"),
        Means=pl.col("method"),
    )
