"""The bridge: from our total to the provider's, line by line, and what then remains.

The two totals are summed from the input, the lines between them from the results, so a residual
other than 0 means that an entry was lost or counted twice on the way, whatever the matching says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from order_ops.reconciliation.classes import CLASSES, PENDING
from order_ops.reconciliation.frames import Frame, eager

LINES = (
    "internal_total",
    "opening_carry_forward",
    *CLASSES,
    "accepted",
    "closed",
    "pending_internal",
    "pending_provider",
    "tolerated",
    "exchanged",
    "provider_total",
    "residual",
)
"""Lines in the order of the bridge; a class stands in it only where it has a break.

accepted: let be by a person, and carried for a while. closed: let be, and not carried any further.
"""

_WHERE_FOUND = {*CLASSES, "accepted", "closed"}


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount in minor units and how many entries or breaks it is made of."""

    amount_minor: int = 0
    count: int = 0


Sums = Mapping[str, Sum]
"""Sums by currency."""


def sums(frame: Frame) -> dict[str, Sum]:
    """Sum effective_minor of entries by currency; entries of no effect are not counted."""
    counts = nw.when(nw.col("status") == "succeeded").then(nw.lit(1)).otherwise(nw.lit(0))
    grouped = (
        frame.with_columns(counts=counts)
        .group_by("currency")
        .agg(amount=nw.col("effective_minor").sum(), counts=nw.col("counts").sum())
    )
    return {
        row["currency"]: Sum(int(row["amount"]), int(row["counts"]))
        for row in eager(grouped).iter_rows(named=True)
    }


def minus(ours: Frame, theirs: Frame) -> dict[str, Sum]:
    """Return what was carried in with its sign turned: results hold it, the day's totals do not."""
    ours_sums, theirs_sums, nothing = sums(ours), sums(theirs), Sum()
    return {
        code: Sum(
            ours_sums.get(code, nothing).amount_minor - theirs_sums.get(code, nothing).amount_minor,
            ours_sums.get(code, nothing).count + theirs_sums.get(code, nothing).count,
        )
        for code in {*ours_sums, *theirs_sums}
    }


def still_pending(members: Frame) -> Frame:
    """Return findings of breaks, those that wait as pending though something else is broken."""
    waits = (nw.col("rank") >= PENDING) & (nw.col("status") == "break")
    status = nw.when(waits).then(nw.lit("pending")).otherwise(nw.col("status"))
    return members.with_columns(status=status)


def between(members: Frame) -> dict[str, dict[str, Sum]]:
    """Sum the findings of breaks by line and currency; pending ones by side.

    What a person let be has its `line`.
    """
    pending = nw.col("status") == "pending"
    side = nw.col("side") == "internal"
    line = (
        nw.when(pending & side)
        .then(nw.lit("pending_internal"))
        .when(pending)
        .then(nw.lit("pending_provider"))
        .when(nw.col("line") != "")
        .then(nw.col("line"))
        .otherwise(nw.col("class"))
    )
    grouped = (
        members.with_columns(line=line)
        .group_by("line", "entry_currency")
        .agg(amount=nw.col("difference_minor").sum(), breaks=nw.col("break_id").n_unique())
    )
    lines: dict[str, dict[str, Sum]] = {}
    for row in eager(grouped).iter_rows(named=True):
        amount = Sum(int(row["amount"]), int(row["breaks"]))
        lines.setdefault(row["line"], {})[row["entry_currency"]] = amount
    return lines


def tolerated(agreed: Frame) -> dict[str, Sum]:
    """Sum the differences of pairs that the rules let pass (`judging.AGREED`), by currency."""
    grouped = (
        agreed.with_columns(apart=nw.col("their_effective") - nw.col("effective_minor"))
        .filter(nw.col("apart") != 0)
        .group_by("currency")
        .agg(amount=nw.col("apart").sum(), pairs=nw.len())
    )
    return {
        row["currency"]: Sum(int(row["amount"]), int(row["pairs"]))
        for row in eager(grouped).iter_rows(named=True)
    }


def exchanged(judged: Frame) -> dict[str, Sum]:
    """Sum what the provider exchanged: out of the currency it was paid in, into ours."""
    pairs = judged.filter(nw.col("exchanged"))
    paid = pairs.select(code=nw.col("currency_provider"), amount=nw.col("effective_minor_provider"))
    into = pairs.select(code=nw.col("currency"), amount=-nw.col("their_effective"))
    grouped = nw.concat([paid, into]).group_by("code").agg(nw.col("amount").sum(), pairs=nw.len())
    return {
        row["code"]: Sum(int(row["amount"]), int(row["pairs"]))
        for row in eager(grouped).iter_rows(named=True)
    }


def left_over(lines: Mapping[str, Sums], after: str, *before: str) -> dict[str, Sum]:
    """What a line is more than others together, by currency: 0 unless something went astray."""

    def amount(line: str, code: str) -> int:
        return lines[line].get(code, Sum()).amount_minor

    codes = {code for by_currency in lines.values() for code in by_currency}
    return {
        code: Sum(amount(after, code) - sum(amount(line, code) for line in before))
        for code in codes
    }


def listed(names: Sequence[str], lines: Mapping[str, Sums], after: int) -> list[dict[str, Any]]:
    """Return the rows of the bridge of another leg, by `names`, with positions `after` on."""
    codes = sorted({code for by_currency in lines.values() for code in by_currency})
    return [
        {
            "currency": code,
            "position": after + position,
            "line": line,
            "amount_minor": lines[line].get(code, Sum()).amount_minor,
            "count": lines[line].get(code, Sum()).count,
        }
        for code in codes
        for position, line in enumerate(names, start=1)
        if line in lines
    ]


def build(lines: Mapping[str, Sums]) -> list[dict[str, Any]]:
    """Return the rows of the bridge: currency, position, line, amount_minor, count.

    `lines` has the two totals and whatever stands between them; the residual is worked out here.
    """
    codes = sorted({code for by_currency in lines.values() for code in by_currency})
    return [row for code in codes for row in _rows(code, lines)]


def _rows(code: str, lines: Mapping[str, Sums]) -> list[dict[str, Any]]:
    amounts = {line: lines.get(line, {}).get(code, Sum()) for line in LINES}
    explained = sum(
        amount.amount_minor for line, amount in amounts.items() if line != "provider_total"
    )
    amounts["residual"] = Sum(amounts["provider_total"].amount_minor - explained)
    return [
        {
            "currency": code,
            "position": position,
            "line": line,
            "amount_minor": amounts[line].amount_minor,
            "count": amounts[line].count,
        }
        for position, line in enumerate(LINES, start=1)
        if line not in _WHERE_FOUND or amounts[line].count
    ]
