"""The provider's lines beside those of orders: its monthly fee, and what it paid out.

A payout is the sum of the net of its lines, so that a batch that was paid out is worth nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl

from order_ops.simulator.dialects import ACCOUNT, KINDS, Dialect, Role
from order_ops.simulator.scene import AVAILABLE_DAYS, LINE_COLUMNS, payout_id

_MONTHLY_MINOR = 4_990
_FEE_DAYS_AGO = 6
_EPOCH = date(1970, 1, 1)


def beside(lines: pl.DataFrame, dialect: Dialect, closing: date) -> pl.DataFrame:
    """Fees and payouts of the lines of orders; columns `scene.LINE_COLUMNS`.

    Args:
        lines: of orders, columns `scene.LINE_COLUMNS`.
        dialect: whose lines.
        closing: the day that is closed, of which nothing is paid out yet.
    """
    day = closing - timedelta(days=_FEE_DAYS_AGO)
    balances = lines["settlement_currency"].unique().sort().to_list()
    schema = lines.select(LINE_COLUMNS).schema
    rows = [_row(dialect, "fee", day, code, -_MONTHLY_MINOR) for code in balances]
    made = pl.DataFrame(rows, schema=schema)
    fees = made.with_columns(payout_id=payout_id(dialect, closing))
    columns = ("status", "day", "settlement_currency", "payout_id", "net_minor")
    sums = _sums(pl.concat([lines.select(columns), fees.select(columns)]), dialect, closing)
    paid = pl.DataFrame(list(_payouts(sums, dialect)), schema=schema)
    return pl.concat([fees, paid])


def _sums(lines: pl.DataFrame, dialect: Dialect, closing: date) -> Sequence[dict[str, Any]]:
    """What each payout comes to: day, settlement_currency, payout_id, net_minor."""
    group = {
        "by_day": pl.col("payout_id"),
        "by_batch": pl.col("payout_id"),
        "never": pl.when((pl.col("status") == "succeeded") & (pl.col("day") < closing)).then(
            pl.lit("W") + pl.col("day").dt.strftime("%Y%m%d") + pl.col("settlement_currency")
        ),
    }[dialect.pays]
    sums = (
        lines.with_columns(payout_id=group)
        .filter(pl.col("payout_id").is_not_null())
        .group_by("payout_id", "settlement_currency")
        .agg(pl.col("net_minor").sum(), pl.col("day").max())
    )
    return sums.filter(pl.col("net_minor") != 0).sort("payout_id", "settlement_currency").to_dicts()


def _payouts(sums: Sequence[dict[str, Any]], dialect: Dialect) -> Iterator[dict[str, Any]]:
    for one in sums:
        net, code, day = one["net_minor"], one["settlement_currency"], one["day"]
        if dialect.pays == "by_day":
            day += timedelta(days=AVAILABLE_DAYS)
        carried = net < 0 and "carried" in dialect.categories
        row = _row(dialect, "carried" if carried else "payout", day, code, -net)
        if dialect.pays == "by_day":
            row |= {"available_on": day, "provider_ref": one["payout_id"]}
            row |= {"entry_id": f"{dialect.prefix('line')}{one['payout_id']}"}
        yield row | {"payout_id": one["payout_id"]}


def _row(dialect: Dialect, role: Role, day: date, code: str, minor: int) -> dict[str, Any]:
    """A line of no order."""
    category = dialect.categories[role]
    at = datetime.combine(day, time(12) if role == "fee" else time(23, 59, 59), UTC)
    entry, own = _ids(dialect, category, at, code)
    return {
        "entry_id": entry,
        "kind": KINDS[role],
        "category": category,
        "status": "succeeded",
        "provider_ref": own,
        "order_ref": None,
        "amount_minor": minor,
        "currency": code,
        "settled_minor": minor,
        "fee_minor": 0,
        "net_minor": minor,
        "settlement_currency": code,
        "occurred_at": at,
        "available_on": day + timedelta(days=AVAILABLE_DAYS) if dialect.available else None,
        "payout_id": None,
        "method": None,
        "day": day,
    }


def _ids(dialect: Dialect, category: str, at: datetime, code: str) -> tuple[str, str | None]:
    """The id of the line, and the reference that it has itself."""
    stamp = f"{at:%Y%m%d}{code}"
    if dialect.ids == "own":
        return f"{dialect.prefix('line')}{category}_{stamp}", None
    if dialect.ids == "transaction":
        own = f"{'W' if category == dialect.categories['payout'] else 'M'}{stamp}"
        return f"{own}/{category}", own
    number = (at.date() - _EPOCH).days
    own = f"TX{stamp}"
    return f"{ACCOUNT}/{number}/{category}/{code}/{at:%Y-%m-%dT%H:%M:%SZ}/{own}", own
