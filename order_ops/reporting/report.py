"""The report of one reconciliation as a single HTML page: money first, then verdict and tables.

The page needs no network and runs no scripts. What is in the tables is decided in
`reconciliation`; this module chooses what of it is shown and in which order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from order_ops.domain.money import format_minor
from order_ops.reconciliation.result import Reconciliation
from order_ops.reconciliation.summary import (
    ClassSummary,
    largest_first,
    money_sentence,
    summarise,
)
from order_ops.reconciliation.words import counted
from order_ops.reporting import plots

WORST_CASES = 20
"""How many cases of a class are listed; all are in the tables beside the report."""

VERDICTS = {
    "INCOMPLETE": "Incomplete: the input lacks something, so no verdict is given",
    "BREAKS": "Breaks were found",
    "RECONCILED_WITH_PENDING": "Reconciled, with entries still inside their grace",
    "RECONCILED": "Reconciled",
}
_RULES = {"exact_reference": "Provider reference", "own_reference": "Our own reference"}
_LINES = {
    "internal_total": "Recorded by us",
    "opening_carry_forward": "Carried in from earlier days",
    "pending_internal": "Pending on our side",
    "pending_provider": "Pending at the provider",
    "tolerated": "Within tolerance",
    "provider_total": "Listed by the provider",
    "residual": "Residual",
}


@dataclass(frozen=True, slots=True)
class Context:
    """What the page says about where its figures come from."""

    title: str
    facts: Mapping[str, str]


def render(context: Context, result: Reconciliation) -> str:
    """Return the page as HTML text."""
    import jinja2  # noqa: PLC0415 - only a report needs it

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("order_ops.reporting"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    summary = summarise(result)
    rows = _rows(result.breaks)
    return environment.get_template("report.html.j2").render(
        context=context,
        sentence=money_sentence(summary["breaks"]),
        summary=summary,
        verdict=VERDICTS.get(result.verdict, result.verdict),
        reasons=result.incomplete,
        bridges=_bridges(_rows(result.bridge)),
        stakes=_stakes(summary["breaks"]),
        classes=_cases(rows, summary["breaks"], "break"),
        waiting=_cases(rows, summary["pending"], "pending"),
        rules=_rules(result.matches),
        drifts=_drifts(result),
        worst=WORST_CASES,
        money=format_minor,
        counted=counted,
    )


def line_words(line: str) -> str:
    """Return how a line of the bridge, or a class of breaks, is labelled."""
    return _LINES.get(line, line.replace("_", " ").capitalize())


def _rows(native: Any) -> list[dict[str, Any]]:
    frame: nw.DataFrame[Any] = nw.from_native(native, eager_only=True)
    return list(frame.iter_rows(named=True))


def _bridges(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One table and plot per currency."""
    return [_bridge(code, rows) for code in sorted({row["currency"] for row in rows})]


def _bridge(code: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    lines = [
        {**row, "label": line_words(row["line"]), "look": _look(row)}
        for row in rows
        if row["currency"] == code
    ]
    bars = {row["line"]: (row["label"], row["amount_minor"]) for row in lines}
    start, end = bars.pop("internal_total"), bars.pop("provider_total")
    steps = [bar for bar in bars.values() if bar[1]]
    return {
        "currency": code,
        "lines": lines,
        "plot": plots.waterfall(start, steps, end, code),
    }


def _look(row: Mapping[str, Any]) -> str:
    """Return how a line of the bridge is set: a residual says by its colour whether it closes."""
    if row["line"] == "residual":
        return "total open" if row["amount_minor"] else "total closed"
    if row["line"] in {"internal_total", "provider_total"}:
        return "total"
    return "" if row["amount_minor"] or row["count"] else "quiet"


def _stakes(breaks: Mapping[str, ClassSummary]) -> list[dict[str, str]]:
    """One plot per currency of the money at stake by class, the largest first."""
    codes = sorted({code for entry in breaks.values() for code in entry["amount_minor"]})
    return [{"currency": code, "plot": _stake_plot(breaks, code)} for code in codes]


def _stake_plot(breaks: Mapping[str, ClassSummary], code: str) -> str:
    amounts = [
        (line_words(name), entry["amount_minor"][code])
        for name, entry in breaks.items()
        if code in entry["amount_minor"]
    ]
    return plots.bars(sorted(amounts, key=lambda bar: (-bar[1], bar[0])), code)


def _cases(
    rows: list[dict[str, Any]], summary: Mapping[str, ClassSummary], status: str
) -> list[dict[str, Any]]:
    """Classes as the plot and the first sentence have them, each with its worst cases."""
    names = largest_first(summary)
    return [
        {
            "name": line_words(name),
            "said": counted(name, summary[name]["count"]),
            "count": summary[name]["count"],
            "amounts": summary[name]["amount_minor"],
            "cases": sorted(
                (row for row in rows if row["class"] == name and row["status"] == status),
                key=lambda row: (-row["at_stake_minor"], row["break_id"]),
            )[:WORST_CASES],
        }
        for name in names
    ]


def _rules(matches: Any) -> list[dict[str, Any]]:
    frame: nw.DataFrame[Any] = nw.from_native(matches, eager_only=True)
    counts = frame.group_by("rule").agg(count=nw.len()).sort("rule")
    total = max(len(frame), 1)
    return [
        {
            "name": _RULES.get(row["rule"], row["rule"]),
            "count": row["count"],
            "share": f"{row['count'] / total:.2%}",
        }
        for row in counts.iter_rows(named=True)
    ]


def _drifts(result: Reconciliation) -> list[tuple[str, str]]:
    """Gross and net drift by currency, written out."""
    return [
        (format_minor(gross, code), format_minor(result.net_drift_minor[code], code))
        for code, gross in result.gross_drift_minor.items()
    ]
