"""What a person may accept: entries that look as if they belong together, and are not linked.

Nothing here changes a total, a match or a break. Finding who is near is in `nearness`, the search
for sums in `subset_sum`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import narwhals as nw

from order_ops.domain.money import format_minor
from order_ops.reconciliation.closing import Closing
from order_ops.reconciliation.crowds import THEIRS
from order_ops.reconciliation.frames import Frame, eager
from order_ops.reconciliation.nearness import ONE_ORDER
from order_ops.reconciliation.subset_sum import MOST_FOUND, search

PROPOSALS: Mapping[str, Any] = {
    "proposal_id": nw.String(),
    "rule": nw.String(),
    "currency": nw.String(),
    "internal_minor": nw.Int64(),
    "provider_minor": nw.Int64(),
    "explanation": nw.String(),
}
MEMBERS: Mapping[str, Any] = {
    "proposal_id": nw.String(),
    "side": nw.String(),
    "entry_id": nw.String(),
}
_MOST_LINES = 50
"""So many lines of a day are tried; each may take as many sums as the rules allow."""

_ENTRY = ("entry_id", "currency", "amount_minor", "day")


@dataclass(frozen=True, slots=True)
class Proposal:
    """Entries of both sides that may belong together; amounts in minor units."""

    rule: str
    currency: str
    internal: tuple[str, ...]
    provider: tuple[str, ...]
    internal_minor: int
    provider_minor: int
    explanation: str

    @property
    def id(self) -> str:
        """Hash of the rule and the members: the same proposal has the same id on every day."""
        parts = (self.rule, *self.internal, "~", *self.provider)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def of_pairs(pairs: Frame) -> list[Proposal]:
    """Propose the pairs that are near and that the rules do not accept."""
    return [
        Proposal(
            rule=row["rule"],
            currency=row["currency"],
            internal=(row["entry_id"],),
            provider=(row["entry_id" + THEIRS],),
            internal_minor=row["amount_minor"],
            provider_minor=row["amount_minor" + THEIRS],
            explanation=_said(row),
        )
        for row in eager(pairs).iter_rows(named=True)
    ]


def _said(pair: Mapping[str, Any]) -> str:
    ours, theirs = (
        format_minor(pair["amount_minor" + suffix], pair["currency"]) for suffix in ("", THEIRS)
    )
    if pair["rule"] == ONE_ORDER:
        return (
            f"Order {pair['order_ref']}, {ours} on both sides, and nothing else of it; but the "
            f"provider's reference is {pair['provider_ref']} with us and "
            f"{pair['provider_ref' + THEIRS]} with them: perhaps another payment."
        )
    return (
        f"No common reference; {ours} of ours and {theirs} of theirs are each other's only "
        "candidate."
    )


def of_sums(
    internal_left: Frame, provider_left: Frame, closing: Closing
) -> tuple[list[Proposal], str]:
    """Propose sets of our entries that make up one line of the provider.

    Tried are entries of the line's currency, at most the rules' `tolerance.days` away from it.

    Returns:
        the proposals, and how far the search went, in words; "" where there was nothing to search.
    """
    paid = (nw.col("status") == "succeeded") & nw.col("kind").is_in(("charge", "refund"))
    left = _rows(provider_left.filter(paid))
    lines = left[:_MOST_LINES]
    if not lines:
        return [], ""
    ours: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for one in _rows(internal_left.filter(paid)):
        ours.setdefault((one["currency"], one["day"]), []).append(one)
    reach = closing.rules.tolerance.days
    found: list[Proposal] = []
    stopped = 0
    for line in lines:
        days = (line["day"] + timedelta(days=apart) for apart in range(-reach, reach + 1))
        near = [one for day in days for one in ours.get((line["currency"], day), ())]
        of_line, whole = _of_line(line, near, closing)
        found += of_line
        stopped += not whole
    return found, _how_far(len(lines), len(left), stopped)


def _how_far(tried: int, left: int, stopped: int) -> str:
    """What the search did not look at is said: nothing found there means nothing."""
    all_of = f"all {left}" if tried == left else f"{tried} of the {left}"
    told = f"Sums of ours were searched for {all_of} lines of the provider that are left"
    if stopped:
        return f"{told}; {stopped} searches stopped at their bound."
    return f"{told}; each search was exhausted."


def _of_line(
    line: dict[str, Any], near: Sequence[dict[str, Any]], closing: Closing
) -> tuple[list[Proposal], bool]:
    """The sets of one line, and whether every one was tried."""
    bounds = closing.rules.subset_sum
    tried = near[: bounds.lines]
    done = search(line["amount_minor"], [one["amount_minor"] for one in tried], bounds.sums)
    whole = done.is_exhausted and len(tried) == len(near)
    how_far = "search exhausted" if whole else "search stopped at its bound"
    sets = len(done.sets)
    which = "the only set" if whole and sets == 1 else f"one of {sets} sets found"
    if sets == MOST_FOUND and not done.is_exhausted:
        which = f"one of more than {sets} sets"
    code = line["currency"]
    found = [
        Proposal(
            rule="subset_sum",
            currency=code,
            internal=tuple(tried[place]["entry_id"] for place in places),
            provider=(line["entry_id"],),
            internal_minor=line["amount_minor"],
            provider_minor=line["amount_minor"],
            explanation=f"{len(places)} entries of ours add up to "
            f"{format_minor(line['amount_minor'], code)} of theirs: {which} ({how_far}, "
            f"{len(tried)} entries tried).",
        )
        for places in done.sets
    ]
    return found, whole


def _rows(frame: Any) -> list[dict[str, Any]]:
    rows = eager(frame.select(_ENTRY)).iter_rows(named=True)
    return sorted(rows, key=lambda row: (row["day"], row["entry_id"]))


def frames(proposals: Sequence[Proposal], backend: Any) -> tuple[Any, Any]:
    """Return the proposals and their members, `PROPOSALS` and `MEMBERS`, as native frames."""
    ordered = sorted({one.id: one for one in proposals}.items())
    rows = [
        {
            "proposal_id": name,
            **{column: getattr(one, column) for column in PROPOSALS if column != "proposal_id"},
        }
        for name, one in ordered
    ]
    members = [
        {"proposal_id": name, "side": side, "entry_id": entry}
        for name, one in ordered
        for side in ("internal", "provider")
        for entry in getattr(one, side)
    ]
    return (
        nw.from_dicts(rows, PROPOSALS, backend=backend).to_native(),
        nw.from_dicts(members, MEMBERS, backend=backend).to_native(),
    )
