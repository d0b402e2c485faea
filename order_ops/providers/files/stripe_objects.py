"""Stripe's balance transactions as its API tells them: what is kept of each, and read again.

A file is JSON lines: what was asked for, an object per line, and how many there are, without which
it is cut. Nothing of customers or cards is in it: an allow-list says what is. Amounts are in the
minor units of Stripe, which differ from ISO 4217 in a few currencies. A line becomes the columns of
the itemized reports (`stripe_report`), with their kinds. The API does not say which payout a line
is in.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Never

import orjson
import polars as pl

from order_ops.providers.files.csv_bounds import MAX_CELL
from order_ops.providers.files.csv_file import LINE_NO, TextTable
from order_ops.providers.files.report import ProviderReport, ReportError
from order_ops.providers.files.stripe_columns import COLUMNS
from order_ops.providers.files.stripe_lines import Layout, Settings, report_of
from order_ops.providers.files.stripe_report import kinds

NAME = "stripe_balance_transactions"
ASKED, END = "order_ops.asked", "order_ops.end"
_KEPT = (
    "id", "object", "amount", "fee", "net", "currency", "created", "available_on", "type", "status",
    "reporting_category", "exchange_rate",
)  # fmt: skip
_KEPT_OF_SOURCE = ("id", "object", "amount", "amount_captured", "currency")
_PRESENTED = frozenset(
    {"charge", "charge_failure", "refund", "refund_failure", "dispute", "dispute_reversal"}
)
"""Categories whose source says what the customer paid or got: of others it is another fact."""
_AGAIN = "fetch the day again: order-ops provider fetch"
_ORDER_KEY = re.compile(r"payment_metadata\[(.+)\]")
_NO_DECIMALS = frozenset(
    "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split()  # noqa: SIM905
)
_THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""docs.stripe.com/currencies; ISK and UGX are told with two decimals that are always zero."""


def order_key(order_ref_column: str) -> str | None:
    """The metadata with our own order reference, of the column's name in the itemized reports."""
    match = _ORDER_KEY.fullmatch(order_ref_column)
    return match[1] if match else None


def kept(told: Mapping[str, Any], key: str | None) -> dict[str, Any]:
    """What may be kept of a balance transaction, with what its source says of the payment."""
    source = told.get("source")
    return {name: told.get(name) for name in _KEPT} | {"source": _source(source, key)}


def _source(source: Any, key: str | None) -> dict[str, Any] | None:
    if not isinstance(source, Mapping):
        return {"id": source} if source else None
    order = (source.get("metadata") or {}).get(key)
    return {name: source.get(name) for name in _KEPT_OF_SOURCE} | {
        "payment_intent": _id(source.get("payment_intent")),
        "charge": _id(source.get("charge")),
        "method": (source.get("payment_method_details") or {}).get("type"),
        "dispute_reason": source.get("reason") if source.get("object") == "dispute" else None,
        "metadata": {key: order} if order else {},
    }


def _id(value: Any) -> Any:
    return value.get("id") if isinstance(value, Mapping) else value


def read(path: Path, *, order_ref_column: str = "payment_metadata[order_id]") -> ProviderReport:
    """Read what was fetched completely, or refuse it completely.

    Args:
        path: the JSON lines.
        order_ref_column: as in the itemized reports: `payment_metadata[KEY]`.

    Raises:
        ReportError: naming file, line and what to do; nothing of the file is returned.
    """
    rows, digest = [], hashlib.sha256()
    for line_no, line in _lines(path):
        digest.update(line)
        rows.append((line_no, _object(path, line_no, line)))
    _refuse_cut(path, rows)
    key = order_key(order_ref_column)
    columns = [_columns(path, line_no, told, key) for line_no, told in rows[1:-1]]
    schema = {**dict.fromkeys(_COLUMNS, pl.String()), LINE_NO: pl.Int64()}
    frame = pl.DataFrame(columns, pl.Schema(schema)).rename({_ORDER: order_ref_column})
    table = TextTable(path.name, digest.hexdigest(), frame)
    report = report_of(table, _LAYOUT, Settings(order_ref_column, ".", "UTC"))
    return replace(report, provider=NAME)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        line_no = 0
        while line := file.readline(MAX_CELL):
            line_no += 1
            if not line.endswith(b"\n"):
                _refuse(path, line_no, "the line is cut, or longer than any is")
            yield line_no, line


def _object(path: Path, line_no: int, line: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        _refuse(path, line_no, "the line is no JSON object")
    return told


def _refuse_cut(path: Path, rows: list[tuple[int, dict[str, Any]]]) -> None:
    if not rows or rows[0][1].get("object") != ASKED:
        _refuse(path, 1, "the file does not say what was asked for")
    line_no, end = rows[-1]
    if end.get("object") != END:
        _refuse(path, line_no, "the file is cut: its last line does not end it")
    if end.get("lines") != len(rows) - 2:
        _refuse(path, line_no, f"the file has {len(rows) - 2} lines where it says {end['lines']}")


def _refuse(path: Path, line_no: int, problem: str) -> Never:
    raise ReportError(path.name, problem, _AGAIN, line=line_no)


_ORDER = "order"
_COLUMNS = (
    "balance_transaction_id", "created_utc", "available_on_utc", "currency", "gross", "fee", "net",
    "reporting_category", "source_id", "payment_intent_id", "charge_id", "payment_method_type",
    "customer_facing_amount", "customer_facing_currency", "dispute_reason", _ORDER,
)  # fmt: skip


def _columns(path: Path, line_no: int, told: dict[str, Any], key: str | None) -> dict[str, Any]:
    """A line in the words of the itemized reports."""
    try:
        currency, source = str(told["currency"]), told.get("source") or {}
        presented = told["reporting_category"] in _PRESENTED
        paid = (source.get("currency") or "") if presented else ""
        is_charge = source.get("object") == "charge"
        return {
            "balance_transaction_id": told["id"],
            "created_utc": _time(told["created"]),
            "available_on_utc": _time(told["available_on"]),
            "currency": currency,
            "gross": _major(told["amount"], currency),
            "fee": _major(told["fee"], currency),
            "net": _major(told["net"], currency),
            "reporting_category": told["reporting_category"],
            "source_id": source.get("id"),
            "payment_intent_id": source.get("payment_intent"),
            "charge_id": source.get("id") if is_charge else source.get("charge"),
            "payment_method_type": source.get("method"),
            "customer_facing_amount": _major(_moved(told, source), paid) if paid else None,
            "customer_facing_currency": paid or None,
            "dispute_reason": source.get("dispute_reason"),
            _ORDER: (source.get("metadata") or {}).get(key),
            LINE_NO: line_no,
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        _refuse(path, line_no, f"the line is no balance transaction: {error!r}")


def _moved(told: Mapping[str, Any], source: Mapping[str, Any]) -> int:
    """What was moved of a source: of a charge what was captured, which may be less than allowed."""
    captured = source.get("amount_captured") if told["reporting_category"] == "charge" else None
    moved: int = source["amount"] if captured is None else captured
    return moved


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _major(minor: int, currency: str) -> str:
    """An amount in major units, without decimals that are zero."""
    if not isinstance(minor, int):
        raise TypeError(f"{minor!r} is not an amount")
    code = currency.upper()
    places = 0 if code in _NO_DECIMALS else 3 if code in _THREE_DECIMALS else 2
    text = f"{Decimal(minor).scaleb(-places):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _payouts(table: TextTable, kind: pl.Series) -> pl.Series:
    """A payout names itself."""
    payout = pl.when(kind == "payout").then(pl.col("source_id"))
    return table.frame.select(payout).to_series()


_LAYOUT = Layout(
    columns=COLUMNS,
    kinds=kinds,
    payouts=_payouts,
    created=("created_utc",),
    available_on=("available_on_utc",),
)
