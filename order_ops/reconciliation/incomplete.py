"""What the input is known to lack: files past due, and numbers left out between two.

Judged for the day being closed from what the files say of themselves, and never by a clock: the
same files give the same gaps whenever it is asked. Balances of banks belong in
`bank_ledger`, which files there are in `jobs`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any

import narwhals as nw

from order_ops.reconciliation.result import BREAK, INPUT_LEG, NO_CURRENCY


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is missing.

    Attributes:
        key: names it, the same on every day that it is missing.
        since: the first day that lacks it.
        told: one sentence: what is missing, and what to do about it.
    """

    key: str
    since: date
    told: str


@dataclass(frozen=True, slots=True)
class File:
    """A file that is there.

    Attributes:
        days: those that it speaks of.
        numbers: of what it has, by the series that they count in; none: it has no numbers.
    """

    name: str
    days: frozenset[date]
    numbers: Mapping[str, Sequence[int]] = field(default_factory=dict)


def missing_days(what: str, wanted: Sequence[date], files: Iterable[File], hint: str) -> list[Gap]:
    """Runs of days that no file speaks of.

    Args:
        what: names the kind of file.
        wanted: days whose file is due, in order.
        hint: what to do.
    """
    covered = frozenset[date]().union(*(one.days for one in files))
    gaps: list[list[date]] = []
    follows = False
    for day in wanted:
        there = day in covered
        if not there and follows:
            gaps[-1].append(day)
        elif not there:
            gaps.append([day])
        follows = not there
    return [
        Gap(f"{what} {run[0]}", run[0], f"No {what} speaks of {_span(run)}; {hint}.")
        for run in gaps
    ]


def _span(run: Sequence[date]) -> str:
    return str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]} ({len(run)} of them)"


def missing_numbers(what: str, files: Iterable[File], closing: date, hint: str) -> list[Gap]:
    """Numbers left out between files that are there, as far as they speak of the day or before."""
    series: dict[str, dict[int, File]] = {}
    for one in files:
        if one.days and min(one.days) <= closing:
            for name, told in one.numbers.items():
                series.setdefault(name, {}).update(dict.fromkeys(told, one))
    return [
        Gap(
            f"{what} {name} number {before + 1}" if name else f"{what} number {before + 1}",
            min(known[after].days),
            f"Of the {what}s{f' of {name}' if name else ''}, {numbers(before + 1, after - 1)} "
            f"missing, between number {before} ({known[before].name}) and {after} "
            f"({known[after].name}); {hint}.",
        )
        for name, known in sorted(series.items())
        for before, after in pairwise(sorted(known))
        if after - before > 1
    ]


def numbers(first: int, last: int) -> str:
    """Numbers left out, with their verb."""
    return f"number {first} is" if first == last else f"numbers {first} to {last} are"


def breaks(
    gaps: Sequence[Gap], ids: Sequence[str], ages: Sequence[int], backend: Any
) -> nw.DataFrame[Any]:
    """A break of class `incomplete_input` for each gap, with the columns of `result.BREAK`."""
    rows = [
        {
            "break_id": break_id,
            "class": "incomplete_input",
            "status": "break",
            "leg": INPUT_LEG,
            "key": gap.key,
            "kind": "file",
            "rule": None,
            "currency": NO_CURRENCY,
            "difference_minor": 0,
            "at_stake_minor": 0,
            "entries": 0,
            "order_ref": None,
            "provider_ref": None,
            "first_seen": gap.since,
            "break_on": gap.since,
            "explanation": gap.told,
            "business_days": age,
        }
        for gap, break_id, age in zip(gaps, ids, ages, strict=True)
    ]
    return nw.from_dicts(rows, BREAK, backend=backend)
