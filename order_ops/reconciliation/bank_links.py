"""Which lines of the bank are which payout: by reference, else by amount and day, or by nothing.

Values in, groups out; what a group that does not close is called belongs in `bank`. A link is made
only where each is the other's single candidate: of two payouts of the same amount and one credit,
none is taken.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from order_ops.reconciliation.calendars import BusinessDays

_SHORTEST = 6
_WRAPPED = 10
_WORD = re.compile(r"[\w-]+")
_MARK = re.compile(r"^\w{2,}[_/]|^(?:\w+/){2,}")
"""How ids of payouts begin that are marked as such, as in po_1A2b and Shop/ShopECOM/15."""
_EARLY = timedelta(days=1)
"""A payout made late in the evening may be booked, by the bank's own date, the day before."""


@dataclass(frozen=True, slots=True)
class Payout:
    """A payout as the bank should show it: positive when money comes to us, in minor units.

    Attributes:
        entries: its lines and what each should move; a payout that came back has two.
        day: on which it was made; arrives: on which it should be there.
        references: plain texts, see `plain`.
    """

    key: str
    currency: str
    amount_minor: int
    day: date
    arrives: date
    entries: tuple[tuple[str, int], ...]
    references: frozenset[str]


@dataclass(frozen=True, slots=True)
class BankLine:
    """A line of the bank; `known`: it is of the provider."""

    entry_id: str
    currency: str
    amount_minor: int
    day: date
    known: bool
    reference: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Group:
    """What belongs together, or could: payouts and lines of one currency.

    Attributes:
        ambiguous: each could be another's; otherwise it is one payout and its lines, or one line.
    """

    payouts: tuple[Payout, ...]
    lines: tuple[BankLine, ...]
    ambiguous: bool = False

    @property
    def apart_minor(self) -> int:
        """What the bank shows more than was paid out."""
        booked = sum(line.amount_minor for line in self.lines)
        return booked - sum(payout.amount_minor for payout in self.payouts)

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing more to say of it."""
        return bool(self.payouts) and not self.ambiguous and self.apart_minor == 0


@dataclass(slots=True)
class _Open:
    """What no link was found for so far."""

    payouts: list[Payout]
    lines: list[BankLine]
    groups: list[Group] = field(default_factory=list)


def plain(text: str) -> str:
    """A reference without what banks change of it: case, spaces and punctuation."""
    return re.sub(r"[\W_]", "", text).casefold()


def linked(
    payouts: Sequence[Payout],
    lines: Sequence[BankLine],
    window: int | None,
    business: BusinessDays,
) -> list[Group]:
    """Put every payout, and every line that is of the provider or names a payout, in one group.

    Args:
        window: business days after its arrival within which a payout is looked for by amount;
            None: it is not.
    """
    left = _Open(
        sorted(payouts, key=lambda one: (one.key, one.currency)),
        sorted(lines, key=lambda one: one.entry_id),
    )
    _by_reference(left)
    if window is not None:
        _by_amount(left, payouts, window, business)
    alone = [Group((payout,), ()) for payout in left.payouts]
    return [*left.groups, *alone, *(Group((), (line,)) for line in left.lines if line.known)]


def _by_reference(left: _Open) -> None:
    """A line that names one payout alone is of it, whatever the amounts; several may be."""
    naming: dict[Payout, list[BankLine]] = defaultdict(list)
    for line in left.lines:
        named = _named(line, left.payouts)
        if len(named) == 1:
            naming[named[0]].append(line)
    taken = {line.entry_id for found in naming.values() for line in found}
    # paid out and taken back before it left: the bank never heard of it
    done = [payout for payout in left.payouts if payout in naming or not payout.amount_minor]
    left.groups += [Group((payout,), tuple(naming.get(payout, ()))) for payout in done]
    left.payouts = [payout for payout in left.payouts if payout not in done]
    left.lines = [line for line in left.lines if line.entry_id not in taken]


def _named(line: BankLine, payouts: Iterable[Payout]) -> list[Payout]:
    """Payouts whose reference a line has: as a word, or a long one over the wraps of the text.

    Over wraps the amount must agree too, since an id may go on after a wrap.
    """
    words = {plain(word) for word in _WORD.findall(line.text)}
    whole = plain(line.text)

    def has(reference: str, amount_minor: int) -> bool:
        if len(reference) < _SHORTEST:
            return False
        # a figure alone may be anybody's
        if reference.isdigit() and not line.known and amount_minor != line.amount_minor:
            return False
        return reference in words or (
            amount_minor == line.amount_minor
            and len(reference) >= _WRAPPED
            and reference in whole
            and _stands_alone(reference, line.text)
        )

    return [
        payout
        for payout in payouts
        if payout.currency == line.currency
        and any(has(reference, payout.amount_minor) for reference in payout.references)
    ]


def _stands_alone(reference: str, text: str) -> bool:
    """Whether a text has a reference, wrapped or not, and not as a part of a longer word."""
    spread = r"[\W_]*".join(map(re.escape, reference))
    return re.search(rf"(?<![^\W_]){spread}(?![^\W_])", text.casefold()) is not None


def _names_another(line: BankLine, payouts: Sequence[Payout]) -> bool:
    """Whether a line that was not linked by a reference names a payout nevertheless.

    It may be one that is closed, one whose file is missing, or several.
    """
    marks = {mark[0].casefold() for payout in payouts if (mark := _MARK.match(payout.key))}
    ids = [
        plain(word)
        for mark in sorted(marks)
        for word in re.findall(rf"(?<![^\W_]){re.escape(mark)}[\w/-]+", line.text.casefold())
    ]
    own = {
        reference
        for payout in payouts
        if (payout.currency, payout.amount_minor) == (line.currency, line.amount_minor)
        for reference in payout.references
    }
    return bool(_named(line, payouts)) or not own.issuperset(ids)


def _by_amount(left: _Open, payouts: Sequence[Payout], window: int, business: BusinessDays) -> None:
    """Same currency and amount, booked in time; each the other's only candidate.

    A line that names a payout is of no other one.
    """
    known: dict[tuple[str, int], list[BankLine]] = defaultdict(list)
    wanted: dict[tuple[str, int], list[Payout]] = defaultdict(list)
    for line in left.lines:
        if line.known and not _names_another(line, payouts):
            known[line.currency, line.amount_minor].append(line)
    for payout in left.payouts:
        wanted[payout.currency, payout.amount_minor].append(payout)
    for amount in sorted(known.keys() & wanted.keys()):
        left.groups += _clusters(wanted[amount], known[amount], window, business)
    gone = {payout for group in left.groups for payout in group.payouts}
    seen = {line.entry_id for group in left.groups for line in group.lines}
    left.payouts = [payout for payout in left.payouts if payout not in gone]
    left.lines = [line for line in left.lines if line.entry_id not in seen]


def _clusters(
    payouts: Sequence[Payout], lines: Sequence[BankLine], window: int, business: BusinessDays
) -> list[Group]:
    """Payouts and lines of one amount, apart where none could be the other's."""
    rest, clusters = list(payouts), []
    reach = {payout: business.after(payout.arrives, window) for payout in payouts}

    def could_be(payout: Payout, line: BankLine) -> bool:
        return min(payout.day, payout.arrives) - _EARLY <= line.day <= reach[payout]

    while rest:
        ours, theirs = {rest[0]}, set[BankLine]()
        while True:
            found = {line for line in lines if any(could_be(one, line) for one in ours)}
            more = {one for one in payouts if any(could_be(one, line) for line in found)} | ours
            if (more, found) == (ours, theirs):
                break
            ours, theirs = more, found
        rest = [payout for payout in rest if payout not in ours]
        if theirs:
            ambiguous = len(ours) > 1 or len(theirs) > 1
            group = Group(
                tuple(sorted(ours, key=lambda one: one.key)),
                tuple(sorted(theirs, key=lambda one: one.entry_id)),
                ambiguous,
            )
            clusters.append(group)
    return clusters
