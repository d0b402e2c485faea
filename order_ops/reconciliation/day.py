"""What is reconciled: which day of which account, and the entries of both sides and of the bank."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic

import narwhals as nw
from narwhals.typing import FrameT, IntoFrame

from order_ops.reconciliation.bank import LINES_OF_BANK, PAYOUTS, BankSide
from order_ops.reconciliation.frames import (
    Frame,
    internal_entries,
    provider_entries,
    refuse_duplicate_ids,
)
from order_ops.reconciliation.incomplete import Gap
from order_ops.reconciliation.rules import Rules


@dataclass(frozen=True, slots=True)
class Day:
    """Which day of which account is closed, under which rules.

    Attributes:
        closing: the accounting day being closed; grace is counted up to it.
        account, tenant: the provider account, and whose it is.
        provider: names the rules' section.
        rules: see `rules.load_rules`.
        incomplete: why the input is known to lack something; with any reason no verdict is given.
        names_payouts: the provider's lines say which payout they are in; where they do not, payouts
            are not looked at.
        gaps: what it lacks, by name: the same, and each is a break as well.
    """

    closing: date
    account: str
    tenant: str
    rules: Rules
    provider: str = "stripe"
    incomplete: Sequence[str] = ()
    names_payouts: bool = True
    gaps: Sequence[Gap] = ()

    @property
    def lacking(self) -> tuple[str, ...]:
        """Why no verdict is given; empty: one is."""
        return (*self.incomplete, *(gap.told for gap in self.gaps))


@dataclass(frozen=True, slots=True)
class Entries:
    """What a day is reconciled from.

    Attributes:
        internal: our entries of the day, columns `frames.INTERNAL`.
        provider: the provider's lines of the day, columns `frames.PROVIDER`.
        carried_internal: our entries that an earlier `carry_out` named; None: of no earlier day.
        carried_provider: the provider's lines that it named; None: the same.
        carried_settlement: those of any kind that it named as not yet paid out; None: the same.
        bank: lines of the bank; None where it is not known, and no payout is looked for in it.
    """

    internal: IntoFrame
    provider: IntoFrame
    carried_internal: IntoFrame | None = None
    carried_provider: IntoFrame | None = None
    carried_settlement: IntoFrame | None = None
    bank: BankSide | None = None

    @property
    def frames(self) -> dict[str, Any]:
        """Those of ours and of the provider that are there, by their names here."""
        given = {name: getattr(self, name) for name in _OF_PAYMENTS}
        return {name: frame for name, frame in given.items() if frame is not None}

    @property
    def by_side(self) -> Mapping[str, Sequence[IntoFrame | None]]:
        """All of them, by the side that results name."""
        bank = self.bank
        return {
            "internal": (self.internal, self.carried_internal),
            "provider": (self.provider, self.carried_provider, self.carried_settlement),
            PAYOUTS: (self.provider, bank.carried_payouts if bank else None),
            LINES_OF_BANK: (bank.lines, bank.carried) if bank else (),
        }


_OF_PAYMENTS = (
    "internal", "provider", "carried_internal", "carried_provider", "carried_settlement",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sides(Generic[FrameT]):
    """Entries of the day, and those that earlier days carried forward, of both sides."""

    ours: FrameT
    theirs: FrameT
    ours_before: FrameT
    theirs_before: FrameT


def sides_of(entries: Entries) -> Sides[Frame]:
    """Check the entries of both sides, and return them with the columns `frames.ENTRY`.

    Raises:
        FrameError: a column is missing, mistyped or empty, or an entry id stands twice on a side.
    """
    ours, theirs = internal_entries(entries.internal), provider_entries(entries.provider)
    ours_before, theirs_before = ours.head(0), theirs.head(0)
    if entries.carried_internal is not None:
        ours_before = internal_entries(entries.carried_internal)
    if entries.carried_provider is not None:
        theirs_before = provider_entries(entries.carried_provider)
    refuse_duplicate_ids(nw.concat([ours_before, ours]), "internal")
    refuse_duplicate_ids(nw.concat([theirs_before, theirs]), "provider")
    return Sides(ours, theirs, ours_before, theirs_before)
