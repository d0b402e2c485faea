"""A result in a few figures, for a terminal, a JSON file and the head of a report.

The full tables are in `result`; how a report looks belongs in `reporting`.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

import narwhals as nw

from order_ops.domain.money import format_minor
from order_ops.reconciliation.result import NO_CURRENCY, Reconciliation
from order_ops.reconciliation.words import counted


class ClassSummary(TypedDict):
    """Breaks of one class: how many, and the money at stake in minor units by currency."""

    count: int
    amount_minor: dict[str, int]


class BridgeSummary(TypedDict):
    """Both totals of one currency and what remains unexplained, in minor units."""

    internal: int
    provider: int
    residual: int


class Summary(TypedDict):
    """The figures of one result; `matched` counts pairs without any break."""

    verdict: str
    matched: int
    breaks: dict[str, ClassSummary]
    pending: dict[str, ClassSummary]
    accepted: dict[str, ClassSummary]
    written_off: dict[str, ClassSummary]
    bridge: dict[str, BridgeSummary]


def summarise(result: Reconciliation) -> Summary:
    """Return the figures of a result, ready for JSON."""
    return {
        "verdict": result.verdict,
        "matched": result.matched,
        "breaks": by_class(result.breaks, "break"),
        "pending": by_class(result.breaks, "pending"),
        "accepted": by_class(result.breaks, "accepted"),
        "written_off": by_class(result.breaks, "written_off"),
        "bridge": _bridge(result.bridge),
    }


def by_class(breaks: Any, status: str) -> dict[str, ClassSummary]:
    """Count the breaks of one status by class and sum what is at stake by currency."""
    frame: nw.DataFrame[Any] = nw.from_native(breaks, eager_only=True)
    grouped = (
        frame.filter(nw.col("status") == status)
        .group_by("class", "currency")
        .agg(nw.len().alias("count"), nw.col("at_stake_minor").sum())
        .sort("class", "currency")
    )
    classes: dict[str, ClassSummary] = {}
    for row in grouped.iter_rows(named=True):
        entry = classes.setdefault(row["class"], {"count": 0, "amount_minor": {}})
        entry["count"] += int(row["count"])
        if row["currency"] == NO_CURRENCY:
            continue
        entry["amount_minor"][row["currency"]] = int(row["at_stake_minor"])
    return classes


def money_sentence(breaks: Mapping[str, ClassSummary]) -> str:
    """Return the money first, such as "BRL 1,284.20 at stake: 9 orders paid short."."""
    if not breaks:
        return "Nothing is at stake: no breaks."
    totals: dict[str, int] = {}
    for entry in breaks.values():
        for currency, amount in entry["amount_minor"].items():
            totals[currency] = totals.get(currency, 0) + amount
    said = ", ".join(counted(name, breaks[name]["count"]) for name in largest_first(breaks))
    if not totals:
        return f"No amount is known: {said}."
    money = " and ".join(format_minor(totals[code], code) for code in sorted(totals))
    return f"{money} at stake: {said}."


def largest_first(breaks: Mapping[str, ClassSummary]) -> list[str]:
    """Return the classes by the money at stake in any one currency, the largest first."""
    return sorted(breaks, key=lambda name: (-_weight(breaks[name]), name))


def _weight(entry: ClassSummary) -> int:
    return max(entry["amount_minor"].values(), default=0)


def _bridge(bridge: Any) -> dict[str, BridgeSummary]:
    names = {"internal_total": "internal", "provider_total": "provider", "residual": "residual"}
    frame: nw.DataFrame[Any] = nw.from_native(bridge, eager_only=True)
    figures: dict[str, Any] = {}
    for row in frame.iter_rows(named=True):
        if row["line"] in names:
            figures.setdefault(row["currency"], {})[names[row["line"]]] = int(row["amount_minor"])
    return figures
