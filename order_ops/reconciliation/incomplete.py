"""What the input is known to lack: files past due, numbers left out, balances that do not meet.

Judged for the day being closed from what the files say of themselves, and never by a clock: the
same files give the same gaps whenever it is asked. Which files there are belongs in `jobs`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import narwhals as nw

from order_ops.domain.money import format_minor
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
    """A file that is there: the days that it speaks of, and its number where files have one."""

    name: str
    first_day: date | None
    last_day: date | None
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A bank statement of one currency; amounts in minor units."""

    account: str
    statement_id: str
    sequence: int | None
    page: int | None
    currency: str
    opening_minor: int
    closing_minor: int
    closing_on: date


def missing_days(what: str, wanted: Sequence[date], files: Iterable[File], hint: str) -> list[Gap]:
    """Runs of days that no file speaks of.

    Args:
        what: names the kind of file.
        wanted: days whose file is due, in order.
        hint: what to do.
    """
    spans = [(one.first_day, one.last_day) for one in files]
    covered = [(first, last) for first, last in spans if first and last]
    gaps: list[list[date]] = []
    follows = False
    for day in wanted:
        there = any(first <= day <= last for first, last in covered)
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
    known = {
        one.sequence: one
        for one in files
        if one.sequence is not None and one.first_day and one.first_day <= closing
    }
    return [
        Gap(
            f"{what} number {before + 1}",
            known[after].first_day or closing,
            f"Of the {what}s, {_numbers(before + 1, after - 1)} missing, between number {before} "
            f"({known[before].name}) and {after} ({known[after].name}); {hint}.",
        )
        for before, after in pairwise(sorted(known))
        if after - before > 1
    ]


def _numbers(first: int, last: int) -> str:
    return f"number {first} is" if first == last else f"numbers {first} to {last} are"


def missing_statements(told: Iterable[Statement], closing: date, hint: str) -> list[Gap]:
    """Statements that no other leads to: none closes with what it opens with, or numbers between.

    Statements may overlap (of days and of their month), and numbers may start anew with the year:
    so that one is enough that closes with the balance, and has the number before.
    """
    known = [one for one in told if one.closing_on <= closing]
    gaps = []
    for one in sorted(known, key=_place):
        earlier = [
            other
            for other in known
            if (other.account, other.currency) == (one.account, one.currency)
            and _place(other) < _place(one)
        ]
        if earlier and (problem := _unlinked(one, earlier)) is not None:
            key = f"bank statement {one.statement_id} {one.currency}"
            gaps.append(Gap(key, one.closing_on, f"{problem}; {hint}."))
    return gaps


def _place(one: Statement) -> tuple[date, int, int, str]:
    return one.closing_on, one.sequence or 0, one.page or 0, one.statement_id


def _unlinked(one: Statement, earlier: Sequence[Statement]) -> str | None:
    leading = [other for other in earlier if other.closing_minor == one.opening_minor]
    if not leading:
        opens = format_minor(one.opening_minor, one.currency)
        return (
            f"Statement {one.statement_id} of {one.closing_on} opens with {opens}, and none before "
            "it closes with that: at least one is missing"
        )
    # a page of the same statement, or one that is issued again, has the same number
    numbers = {other.sequence for other in earlier if other.sequence is not None}
    before = [other.sequence for other in leading if other.sequence is not None]
    lower = max((number for number in before if number <= (one.sequence or 0)), default=None)
    if one.sequence is None or lower is None:
        return None
    left_out = sorted(set(range(lower + 1, one.sequence)) - numbers)
    if not left_out:
        return None
    told = _numbers(left_out[0], left_out[-1])
    return f"Before statement {one.statement_id} of {one.closing_on}, {told} missing"


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
