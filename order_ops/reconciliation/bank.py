"""The third leg: payouts against the lines of the bank that they are paid out to.

What is in no bank yet, and what the bank shows of the provider without a payout, is carried to the
next day. Which line is which payout is found in `bank_links`; lines of others are beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import narwhals as nw
from narwhals.typing import IntoFrame

from order_ops.reconciliation.bank_bridge import bridge, summed
from order_ops.reconciliation.bank_links import BankLine, Group, Payout, linked, plain
from order_ops.reconciliation.breaks import FINDING
from order_ops.reconciliation.bridge import Sum, Sums
from order_ops.reconciliation.classes import PENDING, RANK
from order_ops.reconciliation.closing import Closing
from order_ops.reconciliation.frames import Frame, bank_lines, eager, provider_lines
from order_ops.reconciliation.result import BANK_LEG

PAYOUTS, LINES_OF_BANK = "payout", "bank"
"""What its carried entries are called, beside internal, provider and settlement."""

_TEXT, _NUMBER = nw.String(), nw.Int64()
_LEFT_AND_GONE: tuple[Literal["anti"], Literal["semi"]] = ("anti", "semi")
_SCHEMA: Mapping[str, Any] = dict.fromkeys(FINDING, _TEXT) | {
    "rank": _NUMBER,
    "day": nw.Date(),
    "grace_days": _NUMBER,
    "amount_minor": _NUMBER,
    "difference_minor": _NUMBER,
    "stake_minor": _NUMBER,
    "entries": _NUMBER,
}


_LEFT: Mapping[str, Any] = dict.fromkeys(("side", "entry_id", "currency"), _TEXT) | {
    "under_way_minor": _NUMBER
}


@dataclass(frozen=True, slots=True)
class BankSide:
    """What the bank shows, for an account whose bank is known.

    Attributes:
        lines: of the day, columns `frames.BANK`.
        carried: those that an earlier day left open, the same columns; None: of no earlier day.
        carried_payouts: payouts that it left open, columns `frames.PROVIDER`.
        shared: other accounts are paid out to the same bank account, so that an amount says
            nothing: payouts are found by reference alone.
    """

    lines: IntoFrame
    carried: IntoFrame | None = None
    carried_payouts: IntoFrame | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Banked:
    """What the payouts and the bank come to.

    Attributes:
        found: findings, columns `breaks.FINDING`; one per payout line and line of the bank.
        left: entries that the next day takes in: side, entry_id, currency and
            under_way_minor.
        bridge: `bank_bridge.LINES` by currency, in minor units.
    """

    found: Frame
    left: Frame
    bridge: Mapping[str, Sums]


def find_payouts(provider: IntoFrame, bank: BankSide | None, closing: Closing) -> Banked:
    """Look for the day's payouts, and for those that are carried, in the bank.

    Args:
        provider: the provider's lines of the day, columns `frames.PROVIDER`.
        bank: None: the bank is not known, and nothing is looked for.
        closing: the day; its rules say how near a credit must be, and when it is overdue.
    """
    backend = eager(provider_lines(provider).head(0)).implementation
    if bank is None:
        return Banked(_found([], backend), _left([], backend), {})
    sent = _payouts(provider), _payouts(bank.carried_payouts)
    seen = _lines(bank.lines), _lines(bank.carried)
    days = closing.rules.bank_days
    groups = linked(
        _together([*sent[1], *sent[0]]),
        [*seen[1], *seen[0]],
        None if bank.shared else days.window,
        closing.business,
    )
    left = [group for group in groups if not group.is_whole]
    return Banked(
        found=_found(
            [row for group in left for part in _each(group) for row in _findings(part, closing)],
            backend,
        ),
        left=_left(left, backend),
        bridge=bridge(sent, seen, groups, left),
    )


def close(banked: Banked, closed: Frame) -> Banked:
    """Return it without the entries of closed breaks: leg, side, entry_id."""
    own = closed.filter(nw.col("leg") == BANK_LEG).select("side", "entry_id")
    if not len(own):
        return banked
    left, gone = (banked.left.join(own, on=["side", "entry_id"], how=how) for how in _LEFT_AND_GONE)
    sums = {"transit_after": _under_way(left), "closed_transit": _under_way(gone)}
    return replace(banked, left=left, bridge={**banked.bridge, **sums})


def _under_way(entries: Frame) -> dict[str, Sum]:
    return summed(entries.select("currency", "under_way_minor").iter_rows())


def _payouts(native: IntoFrame | None) -> list[Payout]:
    """Payouts that moved money, line by line; one that does not name itself is known by its id."""
    if native is None:
        return []
    moved = provider_lines(native).filter(
        nw.col("kind") == "payout", nw.col("status") == "succeeded", nw.col("net_minor") != 0
    )
    return [_payout(row) for row in eager(moved).iter_rows(named=True)]


def _payout(row: Mapping[str, Any]) -> Payout:
    entry_id, amount = row["entry_id"], -int(row["net_minor"])
    told = [text for text in (row["payout_id"], row["provider_ref"], entry_id) if text]
    return Payout(
        key=told[0],
        currency=row["settlement_currency"],
        amount_minor=amount,
        day=row["day"],
        arrives=row["available_on"] or row["day"],
        entries=((entry_id, amount),),
        references=frozenset(map(plain, told)),
    )


def _together(payouts: Sequence[Payout]) -> list[Payout]:
    """One per id and currency: a payout that came back is worth nothing."""
    found: dict[tuple[str, str], Payout] = {}
    for one in payouts:
        known = found.get((one.key, one.currency))
        found[one.key, one.currency] = one if known is None else _joined(known, one)
    return list(found.values())


def _joined(one: Payout, other: Payout) -> Payout:
    return Payout(
        one.key,
        one.currency,
        one.amount_minor + other.amount_minor,
        min(one.day, other.day),
        max(one.arrives, other.arrives),
        tuple(sorted({*one.entries, *other.entries})),
        one.references | other.references,
    )


def _lines(native: IntoFrame | None) -> list[BankLine]:
    if native is None:
        return []
    return [
        BankLine(
            row["entry_id"],
            row["currency"],
            int(row["amount_minor"]),
            row["day"],
            bool(row["known"]),
            row["reference"],
            " ".join(text for text in (row["reference"], row["remittance"]) if text),
        )
        for row in eager(bank_lines(native)).iter_rows(named=True)
    ]


def _each(group: Group) -> Iterator[Group]:
    """One part for each payout, so that each keeps its break; the lines stand with the first."""
    yield replace(group, payouts=group.payouts[:1])
    for payout in group.payouts[1:]:
        yield replace(group, payouts=(payout,), lines=())


def _findings(group: Group, closing: Closing) -> Iterator[dict[str, Any]]:
    """One per entry of a group that is not whole; the money at stake stands on the first, once."""
    starts, waited = _wait(group, closing)
    due = closing.business.after(starts, waited)
    rank = RANK[_class(group)] + (PENDING if due > closing.day else 0)
    of_payouts = sum(payout.amount_minor for payout in group.payouts)
    stake = abs(of_payouts if group.ambiguous else group.apart_minor)
    for side, entry_id, amount in _entries(group):
        yield {
            "leg": BANK_LEG,
            "side": side,
            "entry_id": entry_id,
            "rank": rank,
            "key": _key(group),
            "currency": _currency(group),
            "entry_currency": _currency(group),
            "kind": "payout",
            "rule": None,
            "day": starts,
            "grace_days": waited,
            "order_ref": None,
            "provider_ref": _reference(group),
            "order_state": None,
            "amount_minor": amount if side == PAYOUTS or not group.payouts else 0,
            "difference_minor": -amount if side == PAYOUTS else amount,
            "stake_minor": stake,
            "entries": 1,
        }
        stake = 0


def _class(group: Group) -> str:
    if group.ambiguous:
        return "ambiguous"
    return "payout_not_in_bank" if group.payouts else "bank_unexplained"


def _wait(group: Group, closing: Closing) -> tuple[date, int]:
    """The first day of a group, and how many business days after it what it waits for is due."""
    grace = closing.rules.bank_days.grace
    seen = [line.day for line in group.lines]
    if not group.payouts:
        return min(seen), grace
    starts = min(payout.day for payout in group.payouts)
    arrives = max(payout.arrives for payout in group.payouts)
    due, days = closing.business.after(arrives, grace), grace
    while closing.business.after(starts, days) < due:
        days += 1
    return starts, days


def _entries(group: Group) -> Iterator[tuple[str, str, int]]:
    """Side, entry and what it moves, of every entry of a group."""
    for payout in group.payouts:
        for entry_id, amount in payout.entries:
            yield PAYOUTS, entry_id, amount
    for line in group.lines:
        yield LINES_OF_BANK, line.entry_id, line.amount_minor


def _key(group: Group) -> str:
    return group.payouts[0].key if group.payouts else group.lines[0].entry_id


def _currency(group: Group) -> str:
    return group.payouts[0].currency if group.payouts else group.lines[0].currency


def _reference(group: Group) -> str | None:
    return group.payouts[0].key if group.payouts else group.lines[0].reference


def _found(rows: Sequence[Mapping[str, Any]], backend: Any) -> Frame:
    return _framed(rows, _SCHEMA, backend)


def _left(groups: Sequence[Group], backend: Any) -> Frame:
    rows = [
        {
            "side": side,
            "entry_id": entry_id,
            "currency": _currency(group),
            "under_way_minor": amount if side == PAYOUTS else -amount,
        }
        for group in groups
        for side, entry_id, amount in _entries(group)
    ]
    return _framed(rows, _LEFT, backend)


def _framed(rows: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], backend: Any) -> Frame:
    """A frame column by column: from no rows, pandas does not know a day from a number."""
    return nw.from_dict(
        {
            name: nw.new_series(name, [row[name] for row in rows], dtype, backend=backend)
            for name, dtype in schema.items()
        }
    )
