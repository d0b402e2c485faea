"""One day of one provider account: entries of both sides in, matches, breaks and bridge out.

This module only puts the steps together. It knows no files, no database and no clock, and gives
the same result for the same entries in any order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from order_ops.reconciliation import bank as banking
from order_ops.reconciliation import (
    bank_bridge,
    forced,
    one_to_one,
    payouts,
    proposals,
    rejected,
    tables,
)
from order_ops.reconciliation import bridge as bridging
from order_ops.reconciliation.breaks import Repeats, findings, typed
from order_ops.reconciliation.closing import Closing
from order_ops.reconciliation.day import Day, Entries, Sides, sides_of
from order_ops.reconciliation.decided import Decisions, Forced, decide, stated
from order_ops.reconciliation.frames import Frame, computed, eager
from order_ops.reconciliation.given_back import with_given_back
from order_ops.reconciliation.judging import agreed, judge_pairs
from order_ops.reconciliation.matching import Matching, match
from order_ops.reconciliation.payouts import settle
from order_ops.reconciliation.proposals import Proposal
from order_ops.reconciliation.result import BRIDGE, LEG, OUTSIDE, Reconciliation, Verdict


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
    closing = Closing.of(day.closing, day.rules, day.provider)
    if not day.names_payouts:
        closing = closing.without_payouts()
    linked = _linked(sides_of(entries), closing, decisions.forced if decisions else ())
    settled = settle(entries.provider, entries.carried_settlement, closing)
    banked = banking.find_payouts(entries.provider, entries.bank, closing)
    outside = tables.outside(entries.provider)
    found = typed(eager(findings(linked.matching, linked.judged, closing, repeats)))
    known = _Judged(closing, linked, found, settled, banked, entries)
    return _result(day, known, outside, decisions)


@dataclass(frozen=True, slots=True)
class _Linked:
    """What was linked.

    Attributes:
        totals: lines of the bridge that come from the input alone.
        matching, judged: what the passes made of it.
        agreed: all pairs that agree, columns `judging.AGREED`.
        rejected: what of an order was not taken, columns `rejected.REJECTED`.
    """

    totals: Mapping[str, bridging.Sums]
    matching: Matching[Frame]
    judged: Frame
    agreed: Frame
    rejected: Frame


def _linked(sides: Sides[Frame], closing: Closing, links: Sequence[Forced]) -> _Linked:
    ours = computed(nw.concat([sides.ours_before, sides.ours]))
    theirs = computed(nw.concat([sides.theirs_before, sides.theirs]))
    every_of_ours = ours
    known = ours.filter(~nw.col("provider_ref").is_null()).select("provider_ref")
    first = []
    # an engine that spills to disk has no need of slices
    if isinstance(ours, nw.DataFrame):
        taken = one_to_one.take(ours, theirs, closing, links)
        ours, theirs = taken.internal_left, taken.provider_left
        first = [taken.agreed]
    matching = match(ours, theirs, known, closing, links)
    pairs = with_given_back(matching.pairs, every_of_ours, first[0] if first else None)
    judged = computed(judge_pairs(pairs, closing))
    every = nw.concat([*first, eager(agreed(judged))])
    left = rejected.of_orders(every_of_ours, matching.internal_left, matching.provider_left)
    return _Linked(_totals(sides), matching, judged, every, left)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was linked, what that comes to, and what is wrong in each leg."""

    closing: Closing
    linked: _Linked
    found: Frame
    settled: payouts.Settled
    banked: banking.Banked
    entries: Entries


def _result(
    day: Day,
    judged: _Judged,
    outside: list[dict[str, Any]],
    decisions: Decisions | None,
) -> Reconciliation:
    """The tables and figures of a result."""
    found = nw.concat([judged.found, judged.settled.found, judged.banked.found])
    linked, matching, backend = judged.linked, judged.linked.matching, found.implementation
    parts, key = eager(matching.parts), ["leg", "key", "currency"]
    breaks = tables.breaks(found, judged.closing, day.tenant, day.account)
    break_members = tables.break_members(found.join(breaks.select("break_id", *key), on=key), parts)
    told_members = stated(break_members, judged.entries.by_side)
    decided = decide(breaks, told_members, decisions, judged.closing)
    closed = break_members.join(decided.closed, on="break_id")
    settled = payouts.close(judged.settled, closed)
    banked = banking.close(judged.banked, closed)
    links = decisions.forced if decisions else ()
    breaks = forced.told_lapsed(decided.breaks, break_members, linked.judged, links)
    breaks = tables.with_gaps(breaks, day.gaps, judged.closing, day.tenant, day.account)
    members = bridging.still_pending(found.join(decided.status, on=key))
    bridge = _bridge(linked, members.filter(nw.col("leg") == LEG))
    paid_out, in_bank = _later_bridges(settled, banked)
    residual = _residuals([*bridge, *paid_out, *in_bank])
    told = rejected.with_rejected(tables.matches(linked.agreed), linked.rejected)
    matches = forced.worded(told, links)
    found_near, sums_searched = _proposed(matching, judged.closing)
    proposed, proposal_members = proposals.frames(found_near, backend)
    gross, net = tables.drift(members)
    carried_on = judged.found.join(decided.closed, on=key, how="anti")
    carried = tables.carry_out(carried_on, linked.judged, matching, judged.closing)
    return Reconciliation(
        verdict=_verdict(breaks, residual, day.lacking),
        matched=len(matches),
        matches=matches.drop("internal_id", "provider_id").to_native(),
        match_members=tables.match_members(matches, parts).to_native(),
        breaks=breaks.to_native(),
        break_members=break_members.to_native(),
        told_members=told_members.to_native(),
        proposals=proposed,
        proposal_members=proposal_members,
        sums_searched=sums_searched,
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


def _proposed(matching: Matching[Frame], closing: Closing) -> tuple[list[Proposal], str]:
    """What a person may accept, and how far sums were searched."""
    near = proposals.of_pairs(matching.near)
    if "subset_sum" not in closing.rules.passes:
        return near, ""
    sums, told = proposals.of_sums(matching.internal_left, matching.provider_left, closing)
    return near + sums, told


def _totals(sides: Sides[Frame]) -> Mapping[str, bridging.Sums]:
    """The lines of the bridge that come from the input alone."""
    return {
        "internal_total": bridging.sums(sides.ours),
        "opening_carry_forward": bridging.minus(sides.ours_before, sides.theirs_before),
        "provider_total": bridging.sums(sides.theirs),
    }


def _bridge(linked: _Linked, members: Frame) -> list[dict[str, Any]]:
    between = {
        "tolerated": bridging.tolerated(linked.agreed),
        "exchanged": bridging.exchanged(linked.judged),
    }
    return bridging.build({**bridging.between(members), **linked.totals, **between})


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
