"""The provider's file: Stripe's itemized payout reconciliation report as CSV.

Belongs here: the header of a real export and how a line is written under it:
times in the `_utc` columns, amounts in major units, the currency in lower
case, our order id as payment metadata, and the empty columns that real files
have. No customer data. `gateway_account` is a column Stripe does not document
but a real export had: readers have to live with it.
"""

import csv
import io
from collections.abc import Iterable
from datetime import datetime, timedelta

from .lives import Dice
from .model import CURRENCY, Category, Line

HEADER = (
    "balance_transaction_id", "payment_metadata[order_id]", "source_id", "payment_intent_id",
    "charge_id", "created_utc", "available_on_utc", "automatic_payout_effective_at_utc",
    "currency", "gross", "fee", "net", "reporting_category", "payment_method_type", "card_brand",
    "card_country", "card_funding", "description", "trace_id_status", "gateway_account",
    "automatic_payout_id", "customer_facing_amount", "customer_facing_currency",
)  # fmt: skip

_FUNDING = {"credit_card": "credit", "debit_card": "debit"}
_MONTHLY_FEE_MINOR = 4_990


def close_day(account: str, lines: Iterable[Line], dice: Dice) -> tuple[Line, ...]:
    """The account's lines by time, with its standing fee and the payout of all of it.

    A fee line carries its amount in gross, a payout is negative.
    """
    end = dice.start + timedelta(hours=23, minutes=58)
    fee = _own(dice.ref("txn", account, "fee"), "", end, -_MONTHLY_FEE_MINOR, "fee")
    rows = [*sorted(lines, key=lambda line: (line.created, line.line_id)), fee]
    net = sum(line.net_minor for line in rows)
    payout = _own(dice.ref("txn", account, "payout"), payout_id(account, dice), end, -net, "payout")
    return (*rows, payout)


def payout_id(account: str, dice: Dice) -> str:
    """The day's payout."""
    return dice.ref("po", account)


def to_csv(account: str, lines: Iterable[Line], dice: Dice) -> bytes:
    """The file's bytes: comma, LF, a header line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    available = dice.start + timedelta(days=2)
    payout = payout_id(account, dice)
    writer.writerows(_row(line, account, available, payout) for line in lines)
    return text.getvalue().encode()


def _own(line_id: str, source: str, at: datetime, gross: int, category: Category) -> Line:
    return Line(line_id, "", source, "", "", at, gross, 0, category)


def _row(line: Line, account: str, available: datetime, payout: str) -> tuple[str, ...]:
    currency, customer = CURRENCY.lower(), line.category in ("charge", "refund")
    card = line.method in _FUNDING
    gross = _major(line.gross_minor)
    return (
        line.line_id,
        line.order_id,
        line.source_id,
        line.payment_intent_id,
        line.charge_id,
        _utc(line.created),
        _utc(available),
        _utc(available),
        currency,
        gross,
        _major(line.fee_minor),
        _major(line.net_minor),
        line.category,
        "card" if card else line.method,
        "visa" if card else "",
        "BR" if card else "",
        _FUNDING.get(line.method, ""),
        "",
        "",
        account,
        payout,
        gross if customer else "",
        currency if customer else "",
    )


def _major(amount_minor: int) -> str:
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{abs(amount_minor) // 100}.{abs(amount_minor) % 100:02d}"


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
