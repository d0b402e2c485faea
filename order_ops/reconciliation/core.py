"""One day of one provider account: entries of both sides in, matches, breaks and bridge out.

This module only puts the steps together. It knows no files, no database and no clock, and gives
the same result for the same entries in any order.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import narwhals as nw
from narwhals.typing import IntoFrame

from order_ops.reconciliation import bridge as bridging
from order_ops.reconciliation import tables
from order_ops.reconciliation.breaks import findings, judge_pairs
from order_ops.reconciliation.classes import CLEAN
from order_ops.reconciliation.frames import (
    Frame,
    eager,
    internal_entries,
    provider_entries,
    refuse_duplicate_ids,
)
from order_ops.reconciliation.matching import match
from order_ops.reconciliation.result import BRIDGE, OUTSIDE, Reconciliation, Verdict
from order_ops.reconciliation.rules import Rules


def reconcile(  # noqa: PLR0913 - one call has everything a run depends on
    internal: IntoFrame,
    provider: IntoFrame,
    *,
    day: date,
    account: str,
    tenant: str,
    rules: Rules,
    provider_name: str = "stripe",
    carried_internal: IntoFrame | None = None,
    carried_provider: IntoFrame | None = None,
    incomplete: Sequence[str] = (),
) -> Reconciliation:
    """Reconcile the entries of the day being closed, and those that earlier days carried forward.

    Args:
        internal: our entries of the day, columns `frames.INTERNAL`.
        provider: the provider's lines of the day, columns `frames.PROVIDER`.
        day: the accounting day being closed; grace is counted up to it.
        account: provider account.
        tenant: whose account it is.
        rules: see `rules.load_rules`.
        provider_name: names the passes in the rules.
        carried_internal: our entries that an earlier `carry_out` named.
        carried_provider: the provider's lines that an earlier `carry_out` named.
        incomplete: why the input is known to lack something; with any reason no verdict is given.

    Raises:
        FrameError: a column is missing, mistyped or empty, or an entry id stands twice on a side.
    """
    ours, theirs = internal_entries(internal), provider_entries(provider)
    ours_before, theirs_before = ours.head(0), theirs.head(0)
    if carried_internal is not None:
        ours_before = internal_entries(carried_internal)
    if carried_provider is not None:
        theirs_before = provider_entries(carried_provider)
    all_ours, all_theirs = nw.concat([ours_before, ours]), nw.concat([theirs_before, theirs])
    refuse_duplicate_ids(all_ours, "internal")
    refuse_duplicate_ids(all_theirs, "provider")

    matching = match(all_ours, all_theirs, rules.passes_of(provider_name))
    judged = judge_pairs(matching.pairs, rules)
    found = eager(findings(matching, judged, day, rules))
    breaks = tables.breaks(found, rules, tenant, account)
    members = found.join(
        breaks.select("break_id", "key", "currency", "class", "status"), on=["key", "currency"]
    )
    bridge = bridging.build(
        bridging.between(members)
        | {
            "internal_total": bridging.sums(ours),
            "opening_carry_forward": bridging.minus(ours_before, theirs_before),
            "tolerated": bridging.tolerated(judged),
            "provider_total": bridging.sums(theirs),
        }
    )
    residual = {row["currency"]: row["amount_minor"] for row in bridge if row["line"] == "residual"}
    matches = tables.matches(judged)
    gross, net = tables.drift(members)
    backend = found.implementation
    return Reconciliation(
        verdict=_verdict(breaks, residual, incomplete),
        matched=int(eager(judged.select((nw.col("rank") == CLEAN).sum())).item()),
        matches=matches.drop("internal_id", "provider_id").to_native(),
        match_members=tables.match_members(matches).to_native(),
        breaks=breaks.to_native(),
        break_members=tables.break_members(members).to_native(),
        bridge=nw.from_dicts(bridge, BRIDGE, backend=backend).to_native(),
        outside=nw.from_dicts(tables.outside(provider), OUTSIDE, backend=backend).to_native(),
        carry_out=tables.carry_out(found, matching.internal_left, day, rules).to_native(),
        residual_minor=residual,
        gross_drift_minor=gross,
        net_drift_minor=net,
        incomplete=tuple(incomplete),
        rules_hash=rules.rules_hash,
    )


def _verdict(breaks: Frame, residual: Mapping[str, int], incomplete: Sequence[str]) -> Verdict:
    statuses = set(breaks["status"].to_list())
    if incomplete or any(residual.values()):
        return "INCOMPLETE"
    if "break" in statuses:
        return "BREAKS"
    return "RECONCILED_WITH_PENDING" if statuses else "RECONCILED"
