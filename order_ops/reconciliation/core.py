"""One day of one provider account: entries of both sides in, matches, breaks and bridge out.

This module only puts the steps together. It knows no files, no database and no clock, and gives
the same result for the same entries in any order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic

import narwhals as nw
from narwhals.typing import FrameT, IntoFrame

from order_ops.reconciliation import bank as banking
from order_ops.reconciliation import bank_bridge, forced, payouts, proposals, tables
from order_ops.reconciliation import bridge as bridging
from order_ops.reconciliation.bank import BankSide
from order_ops.reconciliation.breaks import Repeats, findings, typed
from order_ops.reconciliation.closing import Closing
from order_ops.reconciliation.decided import Decisions, decide, stated
from order_ops.reconciliation.frames import (
    Frame,
    computed,
    eager,
    internal_entries,
    provider_entries,
    refuse_duplicate_ids,
)
from order_ops.reconciliation.incomplete import Gap
from order_ops.reconciliation.judging import judge_pairs
from order_ops.reconciliation.matching import Matching, match
from order_ops.reconciliation.payouts import settle
from order_ops.reconciliation.proposals import Proposal
from order_ops.reconciliation.result import BRIDGE, LEG, OUTSIDE, Reconciliation, Verdict
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
            banking.PAYOUTS: (self.provider, bank.carried_payouts if bank else None),
            banking.LINES_OF_BANK: (bank.lines, bank.carried) if bank else (),
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


def reconcile(
    day: Day,
    entries: Entries,
    repeats: Repeats = lambda *_: (),
    *,
    decisions: Decisions | None = None,
) -> Reconciliation:
    """Reconcile the entries of the day being closed, and those that earlier days carried forward.

    Args:
        day: what is closed.
        entries: what it is reconciled from.
        repeats: tells which entries an earlier day has matched already, under another id.
        decisions: what people have decided that holds on the day.

    Raises:
        FrameError: a column is missing, mistyped or empty, an entry id stands twice on a side, or
            a decision is of a later day.
    """
    sides = _sides(entries)
    closing = Closing.of(day.closing, day.rules, day.provider)
    if not day.names_payouts:
        closing = closing.without_payouts()
    matching = match(
        nw.concat([sides.ours_before, sides.ours]),
        nw.concat([sides.theirs_before, sides.theirs]),
        closing.rules,
        decisions.forced if decisions else (),
    )
    judged = computed(judge_pairs(matching.pairs, closing))
    found = typed(eager(findings(matching, judged, closing, repeats)))
    settled = settle(entries.provider, entries.carried_settlement, closing)
    banked = banking.find_payouts(entries.provider, entries.bank, closing)
    outside = tables.outside(entries.provider)
    known = _Judged(closing, matching, judged, found, settled, banked, entries)
    return _result(day, sides, known, outside, decisions)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was linked, what that comes to, and what is wrong in each leg."""

    closing: Closing
    matching: Matching[Frame]
    pairs: Frame
    found: Frame
    settled: payouts.Settled
    banked: banking.Banked
    entries: Entries


def _result(
    day: Day,
    sides: Sides[Frame],
    judged: _Judged,
    outside: list[dict[str, Any]],
    decisions: Decisions | None,
) -> Reconciliation:
    """The tables and figures of a result."""
    found = nw.concat([judged.found, judged.settled.found, judged.banked.found])
    matching, backend = judged.matching, found.implementation
    parts, key = eager(matching.parts), ["leg", "key", "currency"]
    breaks = tables.breaks(found, judged.closing, day.tenant, day.account)
    break_members = tables.break_members(found.join(breaks.select("break_id", *key), on=key), parts)
    told = stated(break_members, judged.entries.by_side)
    decided = decide(breaks, told, decisions, judged.closing)
    closed = break_members.join(decided.closed, on="break_id")
    settled = payouts.close(judged.settled, closed)
    banked = banking.close(judged.banked, closed)
    links = decisions.forced if decisions else ()
    breaks = forced.told_lapsed(decided.breaks, break_members, judged.pairs, links)
    breaks = tables.with_gaps(breaks, day.gaps, judged.closing, day.tenant, day.account)
    members = found.join(decided.status, on=key)
    bridge = _bridge(sides, judged.pairs, members.filter(nw.col("leg") == LEG))
    paid_out, in_bank = _later_bridges(settled, banked)
    residual = _residuals([*bridge, *paid_out, *in_bank])
    matches = forced.worded(tables.matches(judged.pairs), links)
    proposed, proposal_members = proposals.frames(_proposed(matching, judged.closing), backend)
    gross, net = tables.drift(members)
    carried_on = judged.found.join(decided.closed, on=key, how="anti")
    carried = tables.carry_out(carried_on, judged.pairs, matching, judged.closing)
    return Reconciliation(
        verdict=_verdict(breaks, residual, day.lacking),
        matched=len(matches),
        matches=matches.drop("internal_id", "provider_id").to_native(),
        match_members=tables.match_members(matches, parts).to_native(),
        breaks=breaks.to_native(),
        break_members=break_members.to_native(),
        told_members=told.to_native(),
        proposals=proposed,
        proposal_members=proposal_members,
        bridge=nw.from_dicts(bridge, BRIDGE, backend=backend).to_native(),
        payouts=nw.from_dicts(paid_out, BRIDGE, backend=backend).to_native(),
        bank=nw.from_dicts(in_bank, BRIDGE, backend=backend).to_native(),
        outside=nw.from_dicts(outside, OUTSIDE, backend=backend).to_native(),
        carry_out=nw.concat(
            [carried, *(leg.left.select(carried.columns) for leg in (settled, banked))]
        ).to_native(),
        residual_minor=residual,
        gross_drift_minor=gross,
        net_drift_minor=net,
        incomplete=day.lacking,
        rules_hash=day.rules.rules_hash,
    )


def _proposed(matching: Matching[Frame], closing: Closing) -> list[Proposal]:
    found = proposals.of_pairs(matching.near)
    if "subset_sum" in closing.rules.passes:
        found += proposals.of_sums(matching.internal_left, matching.provider_left, closing)
    return found


def _sides(entries: Entries) -> Sides[Frame]:
    ours, theirs = internal_entries(entries.internal), provider_entries(entries.provider)
    ours_before, theirs_before = ours.head(0), theirs.head(0)
    if entries.carried_internal is not None:
        ours_before = internal_entries(entries.carried_internal)
    if entries.carried_provider is not None:
        theirs_before = provider_entries(entries.carried_provider)
    refuse_duplicate_ids(nw.concat([ours_before, ours]), "internal")
    refuse_duplicate_ids(nw.concat([theirs_before, theirs]), "provider")
    return Sides(ours, theirs, ours_before, theirs_before)


def _bridge(sides: Sides[Frame], judged: Frame, members: Frame) -> list[dict[str, Any]]:
    return bridging.build(
        bridging.between(members)
        | {
            "internal_total": bridging.sums(sides.ours),
            "opening_carry_forward": bridging.minus(sides.ours_before, sides.theirs_before),
            "tolerated": bridging.tolerated(judged),
            "exchanged": bridging.exchanged(judged),
            "provider_total": bridging.sums(sides.theirs),
        }
    )


def _later_bridges(
    settled: payouts.Settled, banked: banking.Banked
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the second and of the third leg, in positions after those of the first."""
    start = len(bridging.LINES)
    return (
        bridging.listed(payouts.LINES, settled.bridge, start),
        bridging.listed(bank_bridge.LINES, banked.bridge, start + len(payouts.LINES)),
    )


def _residuals(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """What remains by currency, in any bridge: two that cancel out are still something."""
    residual: dict[str, int] = {}
    for row in rows:
        if row["line"] in {"residual", "payout_residual", "bank_residual"}:
            code = row["currency"]
            residual[code] = residual.get(code) or row["amount_minor"]
    return residual


def _verdict(breaks: Frame, residual: Mapping[str, int], incomplete: Sequence[str]) -> Verdict:
    statuses = set(breaks["status"].to_list())
    if incomplete or any(residual.values()):
        return "INCOMPLETE"
    if "break" in statuses:
        return "BREAKS"
    return "RECONCILED_WITH_PENDING" if "pending" in statuses else "RECONCILED"
