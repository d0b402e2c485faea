"""What every provider file becomes once read, and how a file that cannot be read is refused.

The canonical columns and the two public types live here; how one provider's columns map onto them
belongs in that provider's module. Amounts are minor units, times are UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from order_ops.domain.failures import MendableError

LINE_SCHEMA = pl.Schema(
    {
        "entry_id": pl.String(),
        "line_no": pl.Int64(),
        "kind": pl.String(),
        "category": pl.String(),
        "status": pl.String(),
        "provider_ref": pl.String(),
        "order_ref": pl.String(),
        "amount_minor": pl.Int64(),
        "currency": pl.String(),
        "settled_minor": pl.Int64(),
        "fee_minor": pl.Int64(),
        "net_minor": pl.Int64(),
        "settlement_currency": pl.String(),
        "occurred_at": pl.Datetime("us", "UTC"),
        "available_on": pl.Date(),
        "payout_id": pl.String(),
        "method": pl.String(),
        "raw": pl.String(),
    }
)
"""Columns of `ProviderReport.lines`.

entry_id: the provider's id of the line, unique in a file. kind: see `KINDS`. category: the
provider's own word for it. status: succeeded, pending, failed or voided; only succeeded lines have
moved money. provider_ref, order_ref: what the line refers to on the provider's side and on ours,
null when the file does not say. amount_minor: gross in the `currency` of the customer, negative
when money leaves us. settled_minor: the same in the currency of the account's balance, equal
unless there was an exchange; net_minor = settled_minor - fee_minor. available_on: when the money
can be paid out. payout_id: what paid it out, null until something did; a payout names itself.
method: the provider's word for the means of payment. raw: JSON object of the further columns that
may be kept.
"""


KINDS = (
    "charge",
    "reversal",
    "refund",
    "dispute",
    "fee",
    "conversion",
    "payout",
    "other",
    "unclassified",
)
"""What a line is.

reversal: takes back a charge, whole (it failed after all) or in part (not all was captured), under
the charge's reference. dispute: of either direction. fee: a row of its own, its amount negative.
conversion: one leg of an exchange between balances, both legs under one reference. other: known,
and nothing of an order, such as a reserve. unclassified: a type that nobody has mapped yet, which
is counted and never dropped.
"""


class ReportError(MendableError):
    """A file that is refused as a whole: where, what is wrong, and what to do about it."""

    def __init__(
        self,
        file: str,
        problem: str,
        hint: str,
        *,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        """Keep the parts for a caller that shows them apart; `str()` is the one-line form."""
        super().__init__(file, problem, hint, line, column)
        self.file = file
        self.problem = problem
        self.hint = hint
        self.line = line
        self.column = column

    def __str__(self) -> str:
        """Return file, line, column, problem and hint on one line."""
        line = "" if self.line is None else f", line {self.line}"
        column = "" if self.column is None else f", column {self.column}"
        return f"{self.file}{line}{column}: {self.problem}; {self.hint}"


@dataclass(frozen=True, slots=True)
class CurrencyTotals:
    """Totals of one balance currency over all lines of a file, in minor units.

    gross_minor: of `settled_minor`.
    """

    currency: str
    count: int
    gross_minor: int
    fee_minor: int
    net_minor: int


@dataclass(frozen=True, slots=True)
class ProviderReport:
    """One provider file, read completely.

    Attributes:
        provider: name of the adapter, such as "stripe".
        name: file name without its folder.
        sha256: hash of the bytes, by which a file is known.
        lines: see `LINE_SCHEMA`, in file order.
        totals: per currency, sorted by currency.
        repeated_lines: lines that say again what an earlier one said, and count once.
        unknown_columns: columns the provider does not document, in file order.
        time_zone: of the times that the file gives without one.
        numbers: the provider's numbers of what the file has, such as batches, by the series that
            they count in: one missing between two means a file missing.
        period: what the file says that it is of, from and to (UTC); None: it does not say.
    """

    provider: str
    name: str
    sha256: str
    lines: pl.DataFrame
    totals: tuple[CurrencyTotals, ...]
    repeated_lines: int
    unknown_columns: tuple[str, ...]
    time_zone: str
    numbers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    period: tuple[datetime, datetime] | None = None

    @property
    def names_payouts(self) -> bool:
        """Whether some line that is no payout says which payout it is in."""
        named = pl.col("payout_id").is_not_null() & (pl.col("kind") != "payout")
        return bool(self.lines.select(named.any()).item())


def totals_of(lines: pl.DataFrame) -> tuple[CurrencyTotals, ...]:
    """Return the control totals of canonical lines, sorted by currency."""
    sums = lines.group_by(currency="settlement_currency").agg(
        pl.len().cast(pl.Int64).alias("count"),
        pl.col("settled_minor").sum().alias("gross_minor"),
        pl.col("fee_minor").sum(),
        pl.col("net_minor").sum(),
    )
    return tuple(CurrencyTotals(**row) for row in sums.sort("currency").iter_rows(named=True))
