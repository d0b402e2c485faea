"""The report of one reconciliation as a single HTML page: money first, then verdict and tables.

The page needs no network and runs no scripts. What is in the tables is decided in
`reconciliation`; this module chooses what of it is shown and in which order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import narwhals as nw

from order_ops.domain.money import format_minor
from order_ops.reconciliation.result import Reconciliation
from order_ops.reconciliation.summary import (
    ClassSummary,
    Summary,
    largest_first,
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
_LEADING = 3
_SVG = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
_RULES = {
    "exact_reference": "Provider reference",
    "own_reference": "Our own reference",
    "grouped": "In parts, one reference",
    "tolerance": "By amount and day, as the rules allow",
}
_LINES = {
    "internal_total": "Recorded by us",
    "opening_carry_forward": "Carried in from earlier days",
    "accepted": "Accepted or written off",
    "closed": "Accepted or written off, and closed",
    "pending_internal": "Pending on our side",
    "pending_provider": "Pending at the provider",
    "tolerated": "Within tolerance",
    "provider_total": "Listed by the provider",
    "residual": "Residual",
    "provider_net": "Net of the provider's lines",
    "opening_balance": "Not paid out before",
    "paid_out": "Paid out",
    "closing_balance": "Not paid out yet",
    "payout_residual": "Residual",
    "transit_before": "On its way to the bank before",
    "sent_to_bank": "Paid out to the bank",
    "seen_in_bank": "Booked by the bank",
    "transit_after": "On its way to the bank",
    "beside_payouts": "Booked by the bank of others, beside it",
    "bank_residual": "Residual",
}


AGES = (("up to a day", 1), ("to a week", 7), ("to 30 days", 30), ("older", None))
"""Ages of breaks in days since they were first seen, and the last day of each."""


@dataclass(frozen=True, slots=True)
class PastDay:
    """A day of the account: by currency, gross and net drift in minor units."""

    day: date
    drift: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Context:
    """What the page says about where its figures come from.

    Attributes:
        day: the day that was closed; ages are counted up to it.
        past: the last days of the account with this one, in order; none: not shown.
    """

    title: str
    facts: Mapping[str, str]
    day: date | None = None
    past: Sequence[PastDay] = ()


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
        sentence=headline(summary),
        lead=leading(summary["breaks"]),
        summary=summary,
        verdict=VERDICTS.get(result.verdict, result.verdict),
        reasons=result.incomplete,
        bridges=_bridges(_rows(result.bridge)),
        legs=_legs(result),
        stakes=_stakes(summary["breaks"], rows, context.day),
        ages=[(name, colour) for (name, _), colour in zip(AGES, plots.AGED, strict=True)],
        drift_plots=_past(context.past),
        classes=_cases(rows, summary["breaks"], "break"),
        waiting=_cases(rows, summary["pending"], "pending"),
        let_be=[
            *_cases(rows, summary["accepted"], "accepted"),
            *_cases(rows, summary["written_off"], "written_off"),
        ],
        rules=_rules(result.matches),
        drifts=_drifts(result),
        worst=WORST_CASES,
        money=format_minor,
        counted=counted,
    )


_HEADS = {
    "INCOMPLETE": "Incomplete, no verdict",
    "BREAKS": "Breaks",
    "RECONCILED_WITH_PENDING": "Reconciled with pending entries",
    "RECONCILED": "Reconciled",
}


def headline(summary: Summary) -> str:
    """Return the verdict and the money, such as "Breaks: BRL 230.00 at stake in 2 cases."."""
    verdict = _HEADS.get(summary["verdict"], summary["verdict"])
    pending, let_be = _money(summary["pending"]), _let_be(summary)
    if breaks := summary["breaks"]:
        count = sum(entry["count"] for entry in breaks.values())
        cases = "1 case" if count == 1 else f"{count:,} cases"
        money = _money(breaks)
        at_stake = f"{money} at stake" if money else "no amount is known"
        return f"{verdict}: {at_stake} in {cases}{let_be}."
    waits = f", {pending} inside its grace" if pending else ""
    return f"{verdict}: nothing is at stake{waits}{let_be}."


def _let_be(summary: Summary) -> str:
    """Return what people have decided to let be, with its sum, such as ", BRL 5.00 accepted"."""
    decided = (("accepted", summary["accepted"]), ("written off", summary["written_off"]))
    return "".join(f", {_money(classes)} {word}" for word, classes in decided if classes)


def leading(breaks: Mapping[str, ClassSummary]) -> str:
    """Return what it is at stake in, the most money first, in one line."""
    names = largest_first(breaks)
    said = [counted(name, breaks[name]["count"]) for name in names[:_LEADING]]
    if more := len(names) - len(said):
        said.append(f"and {more} more {'class' if more == 1 else 'classes'} below")
    return f"{', '.join(said)}." if said else ""


def _money(classes: Mapping[str, ClassSummary]) -> str:
    totals: dict[str, int] = {}
    for entry in classes.values():
        for code, amount in entry["amount_minor"].items():
            totals[code] = totals.get(code, 0) + amount
    return " and ".join(format_minor(totals[code], code) for code in sorted(totals))


def line_words(line: str) -> str:
    """Return how a line of the bridge, or a class of breaks, is labelled."""
    return _LINES.get(line, line.replace("_", " ").capitalize())


def waterfalls(bridge: Any) -> list[tuple[str, str]]:
    """Return currency and plot of each bridge, as SVG that stands by itself."""
    return [
        (found["currency"], found["plot"].replace("<svg", f"<svg {_SVG}", 1))
        for found in _bridges(_rows(bridge))
    ]


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
        "lines": [row for row in lines if row["look"] != "quiet"],
        "plot": plots.waterfall(start, steps, end, code),
    }


def _legs(result: Reconciliation) -> list[tuple[str, list[dict[str, Any]]]]:
    """The bridges of the other legs that there are: title and lines."""
    legs = (("From lines to payouts", result.payouts), ("From payouts to the bank", result.bank))
    found = (
        (title, [row | {"label": line_words(row["line"]), "look": _look(row)} for row in rows])
        for title, rows in ((title, _rows(native)) for title, native in legs)
    )
    return [(title, lines) for title, lines in found if lines]


def _look(row: Mapping[str, Any]) -> str:
    """Return how a line of the bridge is set: a residual says by its colour whether it closes."""
    if row["line"].endswith("residual"):
        return "total open" if row["amount_minor"] else "total closed"
    if row["line"] in {"internal_total", "provider_total"}:
        return "total"
    return "" if row["amount_minor"] or row["count"] else "quiet"


def _stakes(
    breaks: Mapping[str, ClassSummary], rows: list[dict[str, Any]], day: date | None
) -> list[dict[str, str]]:
    """One plot per currency of the money at stake by class and age, the largest first."""
    codes = sorted({code for entry in breaks.values() for code in entry["amount_minor"]})
    found = [row for row in rows if row["status"] == "break"]
    return [{"currency": code, "plot": _stake_plot(found, code, day)} for code in codes]


def _stake_plot(rows: list[dict[str, Any]], code: str, day: date | None) -> str:
    amounts: dict[str, list[int]] = {}
    for row in rows:
        if row["currency"] == code:
            parts = amounts.setdefault(line_words(row["class"]), [0] * len(AGES))
            parts[_age(row["first_seen"], day)] += row["at_stake_minor"]
    ordered = sorted(amounts.items(), key=lambda bar: (-sum(bar[1]), bar[0]))
    return plots.bars(ordered, code)


def _age(first_seen: date, day: date | None) -> int:
    """Return the place among `AGES`; the youngest where nobody says which day it is."""
    days = (day - first_seen).days if day else 0
    return next(at for at, (_, last) in enumerate(AGES) if last is None or days <= last)


def _past(past: Sequence[PastDay]) -> list[dict[str, str]]:
    """One plot per currency that drifted; none of a single day."""
    codes = sorted({code for day in past for code in day.drift})
    if len(past) <= 1:
        return []
    days = [day.day for day in past]
    drawn = []
    for code in codes:
        gross, net = zip(*(day.drift.get(code, (0, 0)) for day in past), strict=True)
        drawn.append({"currency": code, "plot": plots.drift(days, gross, net, code)})
    return drawn


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
            "width": f"{row['count'] / total:.4f}",
        }
        for row in counts.iter_rows(named=True)
    ]


def _drifts(result: Reconciliation) -> list[tuple[str, str]]:
    """Gross and net drift by currency, written out."""
    return [
        (format_minor(gross, code), format_minor(result.net_drift_minor[code], code))
        for code, gross in result.gross_drift_minor.items()
    ]
