"""What one run of reconciliation returns: the columns of its frames, and the value that holds them.

Amounts are minor units of the row's currency, days are accounting days. How the frames come about
belongs in `core`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw

LEG = "order_provider"
"""The first leg: the order's payment against the provider's line."""

PAYOUT_LEG = "provider_payout"
"""The second leg: the provider's lines against the payout that they are in."""

BANK_LEG = "payout_bank"
"""The third leg: the payout against the line of the bank."""

INPUT_LEG = "input"
"""Of no leg: what is missing of the input itself."""

NO_CURRENCY = "XXX"
"""ISO 4217 for no currency: of a break that is no amount."""

Verdict = Literal["INCOMPLETE", "BREAKS", "RECONCILED_WITH_PENDING", "RECONCILED"]
"""Strongest first."""

TABLES = (
    "matches",
    "match_members",
    "breaks",
    "break_members",
    "proposals",
    "proposal_members",
    "bridge",
    "payouts",
    "bank",
    "outside",
)
"""The frames of a result that people read."""

BRIDGE: Mapping[str, Any] = {
    "currency": nw.String(),
    "position": nw.Int64(),
    "line": nw.String(),
    "amount_minor": nw.Int64(),
    "count": nw.Int64(),
}

BREAK: Mapping[str, Any] = {
    "break_id": nw.String(),
    "class": nw.String(),
    "status": nw.String(),
    "leg": nw.String(),
    "key": nw.String(),
    "kind": nw.String(),
    "rule": nw.String(),
    "currency": nw.String(),
    "difference_minor": nw.Int64(),
    "at_stake_minor": nw.Int64(),
    "entries": nw.Int64(),
    "order_ref": nw.String(),
    "provider_ref": nw.String(),
    "first_seen": nw.Date(),
    "break_on": nw.Date(),
    "explanation": nw.String(),
    "business_days": nw.Int64(),
}

OUTSIDE: Mapping[str, Any] = {
    "kind": nw.String(),
    "currency": nw.String(),
    "count": nw.Int64(),
    "amount_minor": nw.Int64(),
    "fee_minor": nw.Int64(),
    "net_minor": nw.Int64(),
}


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The result; frames are of the backend of the input and sorted by stable keys.

    Attributes:
        verdict: INCOMPLETE also when a residual is not 0, which is a bug or bad input.
        matched: links without any break.
        matches: match_id, rule, kind, currency, internal_minor, provider_minor, difference_minor
            (0, or what the rules tolerate), day (of the latest member), explanation. What is linked
            and does not agree is a break, and can still become a match.
        match_members: match_id, side (internal or provider), entry_id.
        breaks: break_id, class, status (break, pending, or let be by a person: accepted,
            written_off), leg, key, kind, rule (how its two sides were linked, null when they were
            not), currency, difference_minor (provider - internal), at_stake_minor (>= 0), entries,
            order_ref, provider_ref, first_seen, break_on, explanation, business_days (since
            first_seen). A currency mismatch is one break in our currency; what it does in the
            provider's currency stands in the bridge.
        break_members: break_id, side, entry_id.
        told_members: the same with what decisions are made upon: break_id, and `decided.MEMBER`.
        proposals, proposal_members: what a person may accept; see `proposals`.
        sums_searched: how far sums were searched for, in words; "" where there was nothing to.
        bridge: currency, position, line, amount_minor, count; see `bridge.LINES`.
        payouts: the bridge of the second leg, the same columns; see `payouts.LINES`.
        bank: the bridge of the third leg, the same columns; see `bank_bridge.LINES`.
        outside: kind, currency, count, amount_minor, fee_minor, net_minor of the provider's lines
            that are no order money.
        carry_out: side (internal, provider, settlement: of the second leg, payout or bank: of the
            third), entry_id of what the next day takes in.
        residual_minor: by currency, 0 unless something is wrong with the run itself.
        gross_drift_minor: by currency, sum of the absolute differences of breaks.
        net_drift_minor: by currency, sum of their differences.
        incomplete: reasons why no verdict is given.
        rules_hash: of the rules that were used.
    """

    verdict: Verdict
    matched: int
    matches: Any
    match_members: Any
    breaks: Any
    break_members: Any
    told_members: Any
    proposals: Any
    proposal_members: Any
    sums_searched: str
    bridge: Any
    payouts: Any
    bank: Any
    outside: Any
    carry_out: Any
    residual_minor: Mapping[str, int]
    gross_drift_minor: Mapping[str, int]
    net_drift_minor: Mapping[str, int]
    incomplete: tuple[str, ...]
    rules_hash: str
