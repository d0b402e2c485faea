"""PayPal's settlement report (STL, version 9) and transaction detail report (TRR, version 8).

One section, with the footers that its rows add up to: four sums per currency in hundredths, counts.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Literal

import polars as pl

from order_ops.domain.money import minor_exponent
from order_ops.simulator.contract import CURRENCIES
from order_ops.simulator.writers.text import empty, write_rows

ACCOUNT = "SIMULATEDSHOP"
_ADDRESS = ("Line1", "Line2", "City", "State", "Zip", "Country")
_STL_REST = (
    "Custom Field", "Consumer ID", "Payment Tracking ID", "Store ID", "Bank Reference ID",
    "Credit Transactional Fee", "Credit Promotional Fee", "Credit Term",
)  # fmt: skip
_TRR_MIDDLE = (
    "Insurance Amount", "Sales Tax Amount", "Shipping Amount", "Transaction Subject",
    "Transaction Note", "Payer's Account ID", "Payer Address Status", "Item Name", "Item ID",
    "Option 1 Name", "Option 1 Value", "Option 2 Name", "Option 2 Value", "Auction Site",
    "Auction Buyer ID", "Auction Closing Date",
    *(f"Shipping Address {part}" for part in _ADDRESS), "Shipping Method", "Custom Field",
    *(f"Billing Address {part}" for part in _ADDRESS), "Consumer ID", "First Name", "Last Name",
    "Consumer Business Name", "Card Type",
)  # fmt: skip
_TRR_REST = (
    "Shipping Name", "Authorization Review Status", "Protection Eligibility", "Payment Tracking ID",
)  # fmt: skip
_STATUSES = {"succeeded": "S", "pending": "P", "failed": "D"}
_STAMP = "%Y/%m/%d %H:%M:%S -0800"
_BEHIND_UTC = timedelta(hours=8)


def write_stl(lines: pl.DataFrame, path: Path) -> None:
    """Write lines, columns `report.LINE_SCHEMA`, all of which have succeeded."""
    _write(lines, path, "stl")


def write_trr(lines: pl.DataFrame, path: Path) -> None:
    """Write lines, columns `report.LINE_SCHEMA`, of any status but voided."""
    _write(lines, path, "trr")


def _write(lines: pl.DataFrame, path: Path, kind: Literal["stl", "trr"]) -> None:
    rows = _stl_rows if kind == "stl" else _trr_rows
    local = lines["occurred_at"] - _BEHIND_UTC
    first, last = (moment.strftime(_STAMP) for moment in (local.min(), local.max()))  # type: ignore[union-attr]
    columns = [name for name in rows(lines.head(0)).columns if name != "SB"]
    version = "009" if kind == "stl" else "008"
    with path.open("wb") as file:
        _say(file, f'"RH",{last},"A","{ACCOUNT}",{version},')
        _say(file, '"FH",01')
        _say(file, f'"SH",{first},{last},"{ACCOUNT}",""')
        _say(file, ",".join(f'"{cell}"' for cell in ("CH", *columns)))
        write_rows(lines, file, rows, header=False)
        for total, count in (("SF", "SC"), ("RF", "RC")):
            for sums in _totals(lines, with_balances=kind == "stl"):
                _say(file, f'"{total}",{sums}')
            _say(file, f'"{count}",{lines.height}')
        _say(file, f'"FF",{lines.height}')


def _say(file: BinaryIO, row: str) -> None:
    file.write(f"{row}\n".encode())


def _common() -> dict[str, pl.Expr]:
    part = pl.col("entry_id").str.split("/").list
    void, local = pl.col("kind") == "reversal", pl.col("occurred_at") - _BEHIND_UTC
    stamp = local.dt.strftime(_STAMP)
    currency, fee = pl.col("currency"), -pl.col("fee_minor")
    return {
        "SB": pl.lit("SB"),
        "Transaction ID": part.get(0),
        "Invoice ID": pl.col("order_ref"),
        "PayPal Reference ID": pl.when(void).then(pl.col("provider_ref")),
        "PayPal Reference ID Type": pl.when(void).then(pl.lit("TXN")),
        "Transaction Event Code": pl.col("category"),
        "Transaction Initiation Date": stamp,
        "Transaction Completion Date": pl.when(pl.col("status") != "pending").then(stamp),
        "Transaction Debit or Credit": _side(pl.col("amount_minor")),
        "Gross Transaction Amount": _hundredths(pl.col("amount_minor")).abs(),
        "Gross Transaction Currency": currency,
        "Fee Debit or Credit": pl.when(fee != 0).then(_side(fee)),
        "Fee Amount": pl.when(fee != 0).then(_hundredths(fee).abs()),
        "Fee Currency": pl.when(fee != 0).then(currency),
    }


def _stl_rows(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.select(**_common(), **empty(*_STL_REST))


def _trr_rows(lines: pl.DataFrame) -> pl.DataFrame:
    status = pl.col("status").replace_strict(_STATUSES, return_dtype=pl.String)
    return lines.select(
        **_common(),
        **{"Transactional Status": status},
        **empty(*_TRR_MIDDLE),
        **{"Payment Source": pl.col("method")},
        **empty(*_TRR_REST),
    )


def _side(amount: pl.Expr) -> pl.Expr:
    return pl.when(amount < 0).then(pl.lit("DR")).otherwise(pl.lit("CR"))


def _hundredths(amount: pl.Expr) -> pl.Expr:
    """PayPal writes every currency in hundredths: 15000 is 150 yen."""
    whole = [one.code for one in CURRENCIES if minor_exponent(one.code) == 0]
    return amount * pl.when(pl.col("currency").is_in(whole)).then(100).otherwise(1)


def _totals(lines: pl.DataFrame, *, with_balances: bool) -> Iterator[str]:
    """Per currency: credits and debits of gross and fee, balances that begin at 0, the count."""
    gross, fee = _hundredths(pl.col("amount_minor")), _hundredths(-pl.col("fee_minor"))
    sums = (
        lines.select("currency", gross=gross, fee=fee)
        .group_by("currency")
        .agg(
            pl.col("gross").clip(lower_bound=0).sum().alias("gross_credits"),
            -pl.col("gross").clip(upper_bound=0).sum().alias("gross_debits"),
            pl.col("fee").clip(lower_bound=0).sum().alias("fee_credits"),
            -pl.col("fee").clip(upper_bound=0).sum().alias("fee_debits"),
            count=pl.len(),
        )
        .sort("currency")
    )
    for code, credits_, debits, fee_credits, fee_debits, count in sums.iter_rows():
        closing = credits_ - debits + fee_credits - fee_debits
        pair = f'"{"CR" if closing >= 0 else "DR"}",{abs(closing)}'
        balances = f'"CR",0,{pair},"CR",0,{pair},"CR",0,"CR",0,' if with_balances else ""
        yield f'"{code}",{credits_},{debits},{fee_credits},{fee_debits},{balances}{count}'
