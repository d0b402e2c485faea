"""What every bank statement becomes once read: the canonical lines, balances and totals.

The columns and the public types live here, and nothing of any format; how lines get their ids is
in `entry_ids`, what is checked in `controls`, what may be kept of a text in `remittance`. Amounts
are minor units, negative when money left the account; dates are the bank's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from order_ops.providers.files.report import ReportError

BANK_SCHEMA = pl.Schema(
    {
        "entry_id": pl.String(),
        "line_no": pl.Int64(),
        "kind": pl.String(),
        "amount_minor": pl.Int64(),
        "currency": pl.String(),
        "booked_on": pl.Date(),
        "value_on": pl.Date(),
        "reference": pl.String(),
        "remittance": pl.String(),
        "raw": pl.String(),
    }
)
"""Columns of `BankStatement.lines`.

entry_id: the same in every file that holds the line, see `entry_ids`. line_no: where the line
starts in the file. kind: see `BANK_KINDS`. amount_minor: in `currency`, negative when money left
the account. value_on: null where the bank does not say. reference: the end-to-end id that came
with the payment, else the bank's own reference, else null. remittance: what may be kept of the
text, see `remittance`. raw: JSON object of further fields that are kept: codes and references.
"""

BANK_KINDS = ("credit", "debit", "reversed_credit", "reversed_debit")
"""What a line is: a reversed credit took money away again, a reversed debit brought it back."""

NAMED_BY_DEFAULT = ("stripe", "adyen", "paypal")
"""Counterparties that are no persons: those whose files are read here."""


@dataclass(frozen=True, slots=True)
class StatementOptions:
    """What a reader can be told beside the path.

    Attributes:
        known_parties: words that name counterparties who are no natural persons; only of these
            are name and whole text kept, see `remittance`.
        encoding: of an MT940 file, whose format does not say.
        mapping: the YAML file of a mapped statement.
    """

    known_parties: tuple[str, ...] = NAMED_BY_DEFAULT
    encoding: str = "utf-8"
    mapping: Path | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A booked line as a format says it, before it gets an id and loses what is not kept.

    Attributes:
        bank_reference: the bank's own id of the entry, None where it gave none.
        part: number of the detail that the line is, in an entry of several lines; else 0.
        reference: what the parties called the payment.
        text: remittance and the bank's own words, whole.
        parties: names of counterparties, the direct one first.
        raw: fields that may be kept, whoever the counterparty is.
    """

    line_no: int
    kind: str
    amount_minor: int
    currency: str
    booked_on: date
    value_on: date | None
    bank_reference: str | None = None
    part: int = 0
    reference: str | None = None
    text: str = ""
    parties: tuple[str, ...] = ()
    raw: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Balances:
    """Opening and closing balance of one currency, in minor units, at the end of the dates.

    line_no: where the closing balance stands.
    """

    currency: str
    opening_minor: int
    opening_on: date | None
    closing_minor: int
    closing_on: date | None
    line_no: int | None = None

    @property
    def days(self) -> list[date]:
        """Those that it accounts for: after the opening balance, up to the closing one."""
        if self.closing_on is None:
            return []
        before = self.closing_on if self.opening_on is None else self.opening_on
        passed = max((self.closing_on - before).days, 1)
        return [self.closing_on - timedelta(days=n) for n in reversed(range(passed))]


@dataclass(frozen=True, slots=True)
class BankTotals:
    """Totals of one currency over the lines of a statement, in minor units; debits negative."""

    currency: str
    count: int
    credit_minor: int
    debit_minor: int
    net_minor: int


@dataclass(frozen=True, slots=True)
class Unbooked:
    """Entries that a statement announces and has not booked: in no line and in no sum."""

    status: str
    currency: str
    count: int
    net_minor: int


@dataclass(frozen=True, slots=True)
class BankStatement:
    """One statement of one account.

    Attributes:
        account: IBAN, or what the bank calls the account.
        statement_id: the bank's own id of the statement.
        sequence: the bank's number of the statement, where a missing number means a missing
            statement; null where it gives none.
        page: of a statement that is split; null where it is not.
        balances: by currency; none only where a mapped file has none.
        lines: see `BANK_SCHEMA`, in the order of the file.
        entries: how many entries were booked; a batch of several lines is one.
    """

    account: str
    statement_id: str
    sequence: int | None
    page: int | None
    balances: tuple[Balances, ...]
    lines: pl.DataFrame
    entries: int
    unbooked: tuple[Unbooked, ...] = ()

    @property
    def of_what(self) -> tuple[str, tuple[str, ...]]:
        """Account and currencies: statements of the same follow each other."""
        return self.account, tuple(told.currency for told in self.balances)

    @property
    def balances_minor(self) -> tuple[tuple[str, int, int], ...]:
        """Currency, opening and closing balance."""
        return _figures(self.balances)

    @property
    def counted_on(self) -> pl.Expr:
        """The day whose closing balance has a line first: when it was booked.

        A line of before the opening balance is told late, on the first day of the statement; banks
        date an opening balance by the day before as well as by the first day itself.
        """
        days = [day for told in self.balances for day in told.days]
        booked = pl.col("booked_on")
        if not days:
            return booked
        opened = min((one.opening_on for one in self.balances if one.opening_on), default=min(days))
        late = booked < opened
        return pl.when(late).then(min(days)).otherwise(booked.clip(upper_bound=max(days)))

    @property
    def totals(self) -> tuple[BankTotals, ...]:
        """Per currency, sorted by currency."""
        amount = pl.col("amount_minor")
        sums = self.lines.group_by("currency").agg(
            pl.len().cast(pl.Int64).alias("count"),
            amount.filter(amount > 0).sum().alias("credit_minor"),
            amount.filter(amount < 0).sum().alias("debit_minor"),
            amount.sum().alias("net_minor"),
        )
        return tuple(BankTotals(**row) for row in sums.sort("currency").iter_rows(named=True))


@dataclass(frozen=True, slots=True)
class BankFile:
    """One file of a bank, read completely.

    Attributes:
        format: name of the reader, such as "camt053".
        name: file name without its folder.
        sha256: hash of the bytes, by which a file is known.
        statements: in file order; one that stands there twice is there once.
        repeated_statements: how many stood there again.
    """

    format: str
    name: str
    sha256: str
    statements: tuple[BankStatement, ...]
    repeated_statements: int = 0

    @property
    def lines(self) -> pl.DataFrame:
        """All lines with `account` and `counted_on`, one of each id where statements overlap."""
        parts = [
            statement.lines.select(
                pl.lit(statement.account).alias("account"),
                pl.all(),
                statement.counted_on.alias("counted_on"),
            )
            for statement in self.statements
        ]
        return pl.concat(parts).unique(["account", "entry_id"], keep="first", maintain_order=True)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Says what is wrong with one file; every reader carries it instead of a name."""

    name: str

    def __call__(
        self, problem: str, hint: str, *, line: int | None = None, column: str | None = None
    ) -> ReportError:
        """The error to raise."""
        return ReportError(self.name, problem, hint, line=line, column=column)


@dataclass(frozen=True, slots=True)
class Draft:
    """A statement as a format says it, not yet checked against its balances.

    Attributes: as in `BankStatement`.
        line_no: where it starts.
    """

    account: str
    statement_id: str
    sequence: int | None
    page: int | None
    balances: tuple[Balances, ...]
    entries: Sequence[Entry]
    line_no: int
    count: int
    unbooked: tuple[Unbooked, ...] = ()

    @property
    def balances_minor(self) -> tuple[tuple[str, int, int], ...]:
        """Currency, opening and closing balance."""
        return _figures(self.balances)


def _figures(balances: Sequence[Balances]) -> tuple[tuple[str, int, int], ...]:
    return tuple((told.currency, told.opening_minor, told.closing_minor) for told in balances)
