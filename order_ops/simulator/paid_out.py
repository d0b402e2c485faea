"""What becomes of payouts: in the bank on their day, and the faults of payouts, bank and files.

Each of these faults is there once at least, and no payout has two. Where two readings would be
possible: a payout of another amount than its lines is whole in the bank, which shows what the
provider sent; a credit without a payout names one that no file has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from order_ops.reconciliation.incomplete import File, Gap, missing_days
from order_ops.reconciliation.result import NO_CURRENCY
from order_ops.simulator.chance import Chance
from order_ops.simulator.dialects import Dialect

BANK_SCHEMA = pl.Schema(
    {
        "entry_id": pl.String(),
        "amount_minor": pl.Int64(),
        "currency": pl.String(),
        "reference": pl.String(),
        "remittance": pl.String(),
        "known": pl.Boolean(),
        "day": pl.Date(),
    }
)
"""Lines of the bank: the columns of `reconciliation.frames.BANK`."""

SUM, BANK, UNEXPLAINED, FILE = (
    "payout_sum_mismatch",
    "payout_not_in_bank",
    "bank_unexplained",
    "incomplete_input",
)
_SETTLED_DAYS = 7
"""A fault of a payout this long ago is past all grace."""
_OFF_MINOR = 1_00


def faults(dialect: Dialect) -> tuple[str, ...]:
    """The classes of the faults that are told here, as far as the dialect can say them.

    Where a batch is closed with its payout, or no line names its payout, their sums agree.
    """
    return (SUM, BANK, UNEXPLAINED, FILE) if dialect.pays == "by_day" else (BANK, UNEXPLAINED, FILE)


@dataclass(frozen=True, slots=True)
class PaidOut:
    """Payouts and the bank, with what is wrong.

    Attributes:
        lines: the payouts as the provider lists them, the columns they came with.
        bank: what the bank shows, columns `BANK_SCHEMA`.
        gaps: what is missing of the files.
        labels: class, status, key, currency, entry_id and side of what is wrong; the last two
            null where no entry has it.
    """

    lines: pl.DataFrame
    bank: pl.DataFrame
    gaps: tuple[Gap, ...]
    labels: pl.DataFrame


def pay_out(
    lines: pl.DataFrame, dialect: Dialect, closing: date, first: date, seed: int, share: float
) -> PaidOut:
    """Pay out, with faults.

    Args:
        lines: the provider's lines beside those of orders, see `payouts.beside`.
        dialect: whose lines.
        closing: the day that is closed.
        first: the first day of a line.
        seed: of the simulation.
        share: of payouts with each fault; above 0 each is there once.
    """
    told = _told(lines, closing)
    sums, bank, unexplained = _chosen(told, dialect, closing, seed, share)
    lines = _off(lines, sums)
    told = _told(lines, closing)
    booked = told.filter(pl.col("arrives") <= closing, ~pl.col("entry_id").is_in(bank))
    strays = told.filter(pl.col("entry_id").is_in(unexplained)).with_columns(
        key=pl.lit("STRAY") + pl.col("day").dt.strftime("%Y%m%d"),
        amount=pl.col("amount") + _OFF_MINOR,
    )
    shown = pl.concat([_credits(booked, dialect), _credits(strays, dialect)])
    gaps = _gaps(first, closing) if share else ()
    labels = [
        _labels(told.filter(pl.col("entry_id").is_in(sums)), SUM, "break", "provider"),
        _labels(told.filter(pl.col("entry_id").is_in(bank)), BANK, "break", "payout"),
        _labels(told.filter(pl.col("arrives") > closing), BANK, "pending", "payout"),
        _labels(
            strays.with_columns(entry_id=_bank_id(), key=_bank_id()), UNEXPLAINED, "break", "bank"
        ),
        *(_gap_label(gap) for gap in gaps),
    ]
    return PaidOut(lines, shown.sort("day", "entry_id"), gaps, pl.concat(labels))


def _told(lines: pl.DataFrame, closing: date) -> pl.DataFrame:
    """Payouts: entry_id, key, currency, amount as the bank should show it, day, arrives."""
    return (
        lines.filter(pl.col("kind") == "payout", pl.col("day") <= closing)
        .select(
            "entry_id",
            pl.coalesce("payout_id", "provider_ref", "entry_id").alias("key"),
            pl.col("settlement_currency").alias("currency"),
            (-pl.col("net_minor")).alias("amount"),
            "day",
            pl.coalesce("available_on", "day").alias("arrives"),
        )
        .sort("entry_id")
    )


def _chosen(
    told: pl.DataFrame, dialect: Dialect, closing: date, seed: int, share: float
) -> list[list[str]]:
    """Entries of the payouts with each fault: of the sum, not in the bank, a stray beside it."""
    old = told.filter(pl.col("arrives") <= closing - timedelta(days=_SETTLED_DAYS))["entry_id"]
    if not share or not len(old):
        return [[], [], []]
    draws = Chance(seed).draws("payouts", np.arange(len(old), dtype=np.uint64))
    drawn = old.gather(np.argsort(draws, kind="stable").astype(np.uint32)).to_list()
    each = min(max(1, round(len(old) * share)), len(drawn) // 3)
    sums, bank, strays = (drawn[at * each : (at + 1) * each] for at in range(3))
    return [sums if dialect.pays == "by_day" else [], bank, strays]


def _off(lines: pl.DataFrame, entries: Sequence[str]) -> pl.DataFrame:
    """These payouts are of a little more than their lines."""
    wrong = pl.col("entry_id").is_in(list(entries))
    amounts = ("amount_minor", "settled_minor", "net_minor")
    return lines.with_columns(
        pl.when(wrong).then(pl.col(name) - _OFF_MINOR).otherwise(pl.col(name)).alias(name)
        for name in amounts
    )


def _bank_id() -> pl.Expr:
    return pl.format("B-{}-{}", "currency", "key")


def _credits(told: pl.DataFrame, dialect: Dialect) -> pl.DataFrame:
    """What the bank shows of payouts."""
    who = dialect.name.partition("_")[0].upper()
    return told.select(
        entry_id=_bank_id(),
        amount_minor=pl.col("amount"),
        currency=pl.col("currency"),
        reference=pl.col("key"),
        remittance=pl.lit(f"{who} PAYOUT"),
        known=pl.lit(value=True),
        day=pl.col("arrives"),
    ).cast(pl.Schema(BANK_SCHEMA))


def _gaps(first: date, closing: date) -> tuple[Gap, ...]:
    """The provider has a file for every day; that of the day before all others is missing."""
    wanted = [first - timedelta(days=1) + timedelta(days=n) for n in range((closing - first).days)]
    files = [File(str(day), frozenset({day})) for day in wanted[1:]]
    return tuple(missing_days("provider file", wanted, files, "ask for it"))


def _labels(told: pl.DataFrame, name: str, status: str, side: str) -> pl.DataFrame:
    return told.select(
        pl.lit(name).alias("class"),
        pl.lit(status).alias("status"),
        "key",
        "currency",
        "entry_id",
        pl.lit(side).alias("side"),
    )


def _gap_label(gap: Gap) -> pl.DataFrame:
    nothing = pl.lit(None, pl.String)
    return pl.select(
        pl.lit(FILE).alias("class"),
        pl.lit("break").alias("status"),
        pl.lit(gap.key).alias("key"),
        pl.lit(NO_CURRENCY).alias("currency"),
        nothing.alias("entry_id"),
        nothing.alias("side"),
    )
