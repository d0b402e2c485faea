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

from order_ops.reconciliation import bridge as bridging
from order_ops.reconciliation import proposals, tables
from order_ops.reconciliation.breaks import Repeats, findings
from order_ops.reconciliation.closing import Closing
from order_ops.reconciliation.frames import (
    Frame,
    computed,
    eager,
    internal_entries,
    provider_entries,
    refuse_duplicate_ids,
)
from order_ops.reconciliation.judging import judge_pairs
from order_ops.reconciliation.matching import Matching, match
from order_ops.reconciliation.proposals import Proposal
from order_ops.reconciliation.result import BRIDGE, OUTSIDE, Reconciliation, Verdict
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
    """

    closing: date
    account: str
    tenant: str
    rules: Rules
    provider: str = "stripe"
    incomplete: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sides(Generic[FrameT]):
    """Entries of the day, and those that earlier days carried forward, of both sides."""

    ours: FrameT
    theirs: FrameT
    ours_before: FrameT
    theirs_before: FrameT


def reconcile(
    day: Day,
    internal: IntoFrame,
    provider: IntoFrame,
    carried_internal: IntoFrame | None = None,
    carried_provider: IntoFrame | None = None,
    repeats: Repeats = lambda *_: (),
) -> Reconciliation:
    """Reconcile the entries of the day being closed, and those that earlier days carried forward.

    Args:
        day: what is closed.
        internal: our entries of the day, columns `frames.INTERNAL`.
        provider: the provider's lines of the day, columns `frames.PROVIDER`.
        carried_internal: our entries that an earlier `carry_out` named.
        carried_provider: the provider's lines that an earlier `carry_out` named.
        repeats: tells which entries an earlier day has matched already, under another id.

    Raises:
        FrameError: a column is missing, mistyped or empty, or an entry id stands twice on a side.
    """
    sides = _sides(internal, provider, carried_internal, carried_provider)
    closing = Closing.of(day.closing, day.rules, day.provider)
    matching = match(
        nw.concat([sides.ours_before, sides.ours]),
        nw.concat([sides.theirs_before, sides.theirs]),
        closing.rules,
    )
    judged = computed(judge_pairs(matching.pairs, closing))
    found = eager(findings(matching, judged, closing, repeats))
    outside = tables.outside(provider)
    return _result(day, sides, _Judged(closing, matching, judged, found), outside)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was linked, what that comes to, and what is wrong."""

    closing: Closing
    matching: Matching[Frame]
    pairs: Frame
    found: Frame


def _result(
    day: Day, sides: Sides[Frame], judged: _Judged, outside: list[dict[str, Any]]
) -> Reconciliation:
    """The tables and figures of a result."""
    found, matching, backend = judged.found, judged.matching, judged.found.implementation
    breaks = tables.breaks(found, judged.closing, day.tenant, day.account)
    members = found.join(
        breaks.select("break_id", "key", "currency", "class", "status"), on=["key", "currency"]
    )
    bridge = _bridge(sides, judged.pairs, members)
    residual = {row["currency"]: row["amount_minor"] for row in bridge if row["line"] == "residual"}
    parts, matches = eager(matching.parts), tables.matches(judged.pairs)
    proposed, proposal_members = proposals.frames(_proposed(matching, judged.closing), backend)
    gross, net = tables.drift(members)
    carried = tables.carry_out(found, judged.pairs, matching, judged.closing)
    return Reconciliation(
        verdict=_verdict(breaks, residual, day.incomplete),
        matched=len(matches),
        matches=matches.drop("internal_id", "provider_id").to_native(),
        match_members=tables.match_members(matches, parts).to_native(),
        breaks=breaks.to_native(),
        break_members=tables.break_members(members, parts).to_native(),
        proposals=proposed,
        proposal_members=proposal_members,
        bridge=nw.from_dicts(bridge, BRIDGE, backend=backend).to_native(),
        outside=nw.from_dicts(outside, OUTSIDE, backend=backend).to_native(),
        carry_out=carried.to_native(),
        residual_minor=residual,
        gross_drift_minor=gross,
        net_drift_minor=net,
        incomplete=tuple(day.incomplete),
        rules_hash=day.rules.rules_hash,
    )


def _proposed(matching: Matching[Frame], closing: Closing) -> list[Proposal]:
    found = proposals.of_pairs(matching.near)
    if "subset_sum" in closing.rules.passes:
        found += proposals.of_sums(matching.internal_left, matching.provider_left, closing)
    return found


def _sides(
    internal: IntoFrame,
    provider: IntoFrame,
    carried_internal: IntoFrame | None,
    carried_provider: IntoFrame | None,
) -> Sides[Frame]:
    ours, theirs = internal_entries(internal), provider_entries(provider)
    ours_before, theirs_before = ours.head(0), theirs.head(0)
    if carried_internal is not None:
        ours_before = internal_entries(carried_internal)
    if carried_provider is not None:
        theirs_before = provider_entries(carried_provider)
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


def _verdict(breaks: Frame, residual: Mapping[str, int], incomplete: Sequence[str]) -> Verdict:
    statuses = set(breaks["status"].to_list())
    if incomplete or any(residual.values()):
        return "INCOMPLETE"
    if "break" in statuses:
        return "BREAKS"
    return "RECONCILED_WITH_PENDING" if statuses else "RECONCILED"
