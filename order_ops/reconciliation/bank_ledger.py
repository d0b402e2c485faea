"""What a bank's statements are known to lack, by their numbers and their balances.

Judged for the day being closed from what the statements say of themselves, as in `incomplete`.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter, itemgetter

from order_ops.domain.money import format_minor
from order_ops.reconciliation.incomplete import Gap, numbers


@dataclass(frozen=True, slots=True)
class Statement:
    """A bank statement; amounts in minor units."""

    statement_id: str
    sequence: int | None
    page: int | None
    opening_minor: int
    opening_on: date | None
    closing_minor: int
    closing_on: date


@dataclass(frozen=True, slots=True)
class Ledger:
    """One currency of one bank account, up to the day being closed.

    Attributes:
        statements: those that count, in any order; they may overlap (of days and of their month).
        booked: sum of the lines by the day whose closing balance has them first, minor units.
    """

    currency: str
    statements: Sequence[Statement]
    booked: Mapping[date, int]


def missing_statements(ledgers: Iterable[Ledger], hint: str) -> list[Gap]:
    """Numbers left out before a statement, counted from one that closes with what it opens with.

    Daily and monthly statements count apart, and numbers may start anew with the year.
    """
    gaps = []
    for ledger in ledgers:
        known: set[int] = set()
        closed: dict[int, list[int]] = {}
        for one in sorted(ledger.statements, key=_place):
            left_out = _left_out(one, known, closed.get(one.opening_minor, ()))
            if one.sequence is not None:
                known.add(one.sequence)
                closed.setdefault(one.closing_minor, []).append(one.sequence)
            if left_out:
                key = f"bank statement {one.statement_id} {ledger.currency}"
                told = (
                    f"Before statement {one.statement_id} of {one.closing_on}, {left_out} missing"
                )
                gaps.append(Gap(key, one.closing_on, f"{told}; {hint}."))
    return gaps


def _place(one: Statement) -> tuple[date, int, int, str]:
    return one.closing_on, one.sequence or 0, one.page or 0, one.statement_id


def _left_out(one: Statement, known: Collection[int], before: Iterable[int]) -> str | None:
    """The numbers before a statement that no other has, in words.

    Args:
        known: numbers of the earlier statements.
        before: of those among them that close with what this one opens with.
    """
    # a page of the same statement, or one that is issued again, has the same number
    lower = max((number for number in before if number <= (one.sequence or 0)), default=None)
    if one.sequence is None or lower is None:
        return None
    left_out = [number for number in range(lower + 1, one.sequence) if number not in known]
    return numbers(left_out[0], left_out[-1]) if left_out else None


def unmet_balances(ledgers: Iterable[Ledger], hint: str) -> list[Gap]:
    """Closing balances that the balance before and the lines booked since do not come to.

    So a statement is missing, a line is told in two files in different words, or two equal lines
    of two files were taken for one. Of several balances on one day each may be the day's last.
    """
    return [gap for ledger in ledgers for gap in _unmet(ledger, hint)]


def _unmet(ledger: Ledger, hint: str) -> list[Gap]:
    booked = sorted(ledger.booked.items())
    first = min(one.opening_on or one.closing_on for one in ledger.statements)
    opened = [one for one in ledger.statements if (one.opening_on or one.closing_on) == first]
    may_be = _ends({one.opening_minor for one in opened}, {one.closing_minor for one in opened})
    gaps, done = [], 0
    by_day = groupby(sorted(ledger.statements, key=_place), attrgetter("closing_on"))
    for day, statements in by_day:
        told = list(statements)
        until = bisect_right(booked, day, key=itemgetter(0))
        moved = sum(amount for _, amount in booked[done:until])
        closings = _ends({one.closing_minor for one in told}, {one.opening_minor for one in told})
        reached = {balance + moved for balance in may_be}
        if not reached & closings:
            gaps.append(_gap(ledger.currency, day, told, reached, hint))
        may_be, done = reached & closings or closings, until
    return gaps


def _ends(balances: set[int], others: set[int]) -> set[int]:
    """Balances that are no other statement's on the other end, if there are such."""
    return balances - others or balances


def _gap(currency: str, day: date, told: Sequence[Statement], reached: set[int], hint: str) -> Gap:
    last = max(told, key=_place)
    closes, comes = (
        format_minor(amount, currency) for amount in (last.closing_minor, min(reached))
    )
    return Gap(
        f"bank balance {day} {currency}",
        day,
        f"Statement {last.statement_id} of {day} closes with {closes}, and the balance before it "
        f"with the lines booked since comes to {comes}: a statement is missing, a line stands in "
        "two files in different words, or equal lines of two files were taken for one; "
        f"{hint}, with --corrects ID where one file tells it better than those that are stored.",
    )
