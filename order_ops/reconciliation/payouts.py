"""The second leg: the provider's lines against the payouts that they are in.

A payout is whole when its lines and it sum to nothing, and where its lines alone do, nothing is to
be paid out. What is in no payout yet, and what a payout
that is not whole consists of, is carried to the next day. Whether a payout reached the bank does
not belong here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import narwhals as nw
from narwhals.typing import IntoFrame

from order_ops.reconciliation.breaks import FINDING
from order_ops.reconciliation.bridge import Sum, Sums, left_over
from order_ops.reconciliation.classes import PENDING, RANK, ranked
from order_ops.reconciliation.closing import Closing
from order_ops.reconciliation.frames import Frame, eager, provider_lines
from order_ops.reconciliation.result import PAYOUT_LEG

SIDE = "settlement"
"""What its carried entries are called, beside internal and provider."""

LINES = (
    "provider_net",
    "opening_balance",
    "paid_out",
    "closing_balance",
    "closed_balance",
    "payout_residual",
)
"""Its bridge: what the day brought and what was open, less what was paid out, is what is open.

closed_balance: what people let be, and what is no longer waited for; only where there is any.
"""

_KEY = ["payout_id", "settlement_currency"]
_COLUMNS = (
    "entry_id",
    "kind",
    "provider_ref",
    "order_ref",
    "payout_id",
    "method",
    "currency",
    "settlement_currency",
    "net_minor",
    "day",
)
_ZERO = nw.lit(0, nw.Int64)


@dataclass(frozen=True, slots=True)
class Settled:
    """What the lines and the payouts come to.

    Attributes:
        found: findings, columns `breaks.FINDING`; a payout is one, by its own line.
        left: entries that the next day takes in: side, entry_id, and payout_id,
            settlement_currency and net_minor by which they are closed.
        bridge: `LINES` by currency of the balance, in minor units.
    """

    found: Frame
    left: Frame
    bridge: Mapping[str, Sums]


def settle(provider: IntoFrame, carried: IntoFrame | None, closing: Closing) -> Settled:
    """Put the day's lines, and those that are carried, to their payouts.

    Args:
        provider: the provider's lines of the day, columns `frames.PROVIDER`.
        carried: lines and payouts that an earlier day left open, the same columns.
        closing: the day; its rules say after how many business days a charge must be paid out.
            Where they do not, files do not say what is in a payout, and nothing is looked at.
    """
    today = _moved(provider)
    before = today.head(0) if carried is None else _moved(carried)
    if closing.rules.settlement_days is None:
        today, before = today.head(0), before.head(0)
    every = nw.concat([before, today])
    groups = _groups(every.filter(~nw.col("payout_id").is_null()))
    whole = groups.filter(nw.col("total") == 0)
    left = every.join(whole.select(_KEY), on=_KEY, how="anti")
    is_payout = nw.col("kind") == "payout"
    sums = {
        "provider_net": _sums(today.filter(~is_payout)),
        "opening_balance": _sums(before),
        "paid_out": _sums(today.filter(is_payout)),
        "closing_balance": _sums(left),
    }
    return Settled(
        found=nw.concat(
            [_mismatches(groups, closing).select(FINDING), _overdue(left, closing).select(FINDING)]
        ),
        left=left.select(
            "entry_id", "payout_id", "settlement_currency", "net_minor", side=nw.lit(SIDE)
        ),
        bridge=sums
        | {
            "payout_residual": left_over(
                sums, "closing_balance", "opening_balance", "provider_net", "paid_out"
            )
        },
    )


def close(settled: Settled, closed: Frame) -> Settled:
    """Return it without the entries of closed breaks: leg, entry_id.

    The break of a payout has one of its lines as its entry, and stands for all of them.
    """
    own = closed.filter(nw.col("leg") == PAYOUT_LEG).select("entry_id")
    if not len(own):
        return settled
    members = settled.left.join(own, on="entry_id", how="semi")
    whole = settled.left.join(
        members.filter(~nw.col("payout_id").is_null()).select(_KEY).unique(), on=_KEY, how="semi"
    )
    gone = nw.concat([members, whole]).unique("entry_id", keep="any")
    left = settled.left.join(gone, on="entry_id", how="anti")
    sums = {"closing_balance": _sums(left), "closed_balance": _sums(gone)}
    return replace(settled, left=left, bridge={**settled.bridge, **sums})


def _moved(native: IntoFrame) -> Frame:
    """Lines that moved money; a payout that does not name itself is known by its reference."""
    named = nw.when(nw.col("kind") == "payout").then(
        nw.coalesce("payout_id", "provider_ref", "entry_id")
    )
    lines = provider_lines(native).filter(nw.col("status") == "succeeded", nw.col("net_minor") != 0)
    return eager(
        lines.with_columns(payout_id=named.otherwise(nw.col("payout_id"))).select(_COLUMNS)
    )


def _groups(lines: Frame) -> Frame:
    """Payouts as their lines tell them: total, payouts, head (an entry), last day, entries."""
    payout = nw.col("kind") == "payout"
    return (
        lines.with_columns(
            payouts=nw.when(payout).then(nw.lit(1)).otherwise(nw.lit(0)),
            named=nw.when(payout).then(nw.col("entry_id")),
            paid_on=nw.when(payout).then(nw.col("day")),
            line=nw.col("entry_id"),
        )
        .group_by(*_KEY)
        .agg(
            nw.col("payouts").sum(),
            nw.col("named").min(),
            nw.col("line").min(),
            nw.col("paid_on").max(),
            nw.col("day").max(),
            total=nw.col("net_minor").sum(),
            entries=nw.len(),
        )
        .with_columns(head=nw.coalesce("named", "line"), day=nw.coalesce("paid_on", "day"))
    )


def _mismatches(groups: Frame, closing: Closing) -> Frame:
    """Payouts that are not whole: what has no payout yet waits for one, and what has for lines."""
    rules = closing.rules
    paid = nw.col("payouts") > 0
    # a payout has lines of every method: it waits as long as the slowest
    grace = max(item.provider for item in rules.grace)
    days = {True: grace, False: max(rules.settlement_days or 0, grace)}
    overdue = {seen: closing.business.latest_overdue(closing.day, days[seen]) for seen in days}
    waits = (
        nw.when(paid)
        .then(nw.col("day") > nw.lit(overdue[True]))
        .otherwise(nw.col("day") > nw.lit(overdue[False]))
    )
    rank = RANK["payout_sum_mismatch"]
    broken = groups.filter(nw.col("total") != 0)
    return _finding(
        broken.with_columns(waits=waits).with_columns(
            rank=nw.when(nw.col("waits")).then(nw.lit(rank + PENDING)).otherwise(nw.lit(rank)),
            grace_days=nw.when(paid).then(nw.lit(days[True])).otherwise(nw.lit(days[False])),
            entry_id=nw.col("head"),
            kind=nw.lit("payout"),
            key=nw.col("payout_id"),
            order_ref=nw.lit(None, dtype=nw.String),
            provider_ref=nw.col("payout_id"),
            amount_minor=nw.col("total"),
            difference_minor=nw.col("total"),
            stake_minor=nw.col("total").abs(),
        )
    )


def _overdue(left: Frame, closing: Closing) -> Frame:
    """Lines in no payout for longer than the rules allow, whatever they are and of either sign."""
    days = closing.rules.settlement_days
    late = left.filter(nw.col("payout_id").is_null())
    if days is None:
        late = late.head(0)
    else:
        latest = closing.business.latest_overdue(closing.day, days)
        late = late.filter(nw.col("day") <= nw.lit(latest))
    return _finding(
        late.with_columns(
            rank=ranked("settlement_overdue"),
            grace_days=nw.lit(days or 0, nw.Int64),
            key=nw.coalesce("provider_ref", "order_ref", "entry_id"),
            amount_minor=nw.col("net_minor"),
            difference_minor=_ZERO,
            stake_minor=nw.col("net_minor").abs(),
            entries=nw.lit(1, nw.Int64),
        )
    )


def _finding(frame: Frame) -> Frame:
    nothing = nw.lit(None, dtype=nw.String)
    return frame.with_columns(
        nw.col("rank", "grace_days", "entries").cast(nw.Int64),
        side=nw.lit("provider"),
        leg=nw.lit(PAYOUT_LEG),
        currency=nw.col("settlement_currency"),
        entry_currency=nw.col("settlement_currency"),
        rule=nothing,
        order_state=nothing,
    )


def _sums(lines: Frame) -> dict[str, Sum]:
    grouped = lines.group_by("settlement_currency").agg(
        amount=nw.col("net_minor").sum(), entries=nw.len()
    )
    return {
        row["settlement_currency"]: Sum(int(row["amount"]), int(row["entries"]))
        for row in grouped.iter_rows(named=True)
    }
