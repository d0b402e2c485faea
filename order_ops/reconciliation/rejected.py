"""What of a match's order was looked at and not taken: said with the match, in words.

An accountant who sees a payment matched asks about the failed attempt and the odd amount beside it.
Only entries that no match has are named: few, however long the day. Deciding what is taken is
`matching`.
"""

from collections.abc import Mapping
from typing import Any

import narwhals as nw

from order_ops.domain.money import format_minor
from order_ops.reconciliation.frames import Frame, eager

NAMED = 3
"""So many are named; how many more there are is said."""
REJECTED: Mapping[str, Any] = {"entry_id": nw.String(), "rejected": nw.String()}
_TOLD = ["order_ref", "kind", "amount_minor", "currency", "status"]


def of_orders(ours: Frame, internal_left: Frame, provider_left: Frame) -> Frame:
    """What is left of the orders of our entries, columns `REJECTED`: a sentence for each entry.

    Args:
        ours: every entry of ours.
        internal_left: those that nothing was linked to.
        provider_left: the same of the provider's.
    """
    sides = (("our", internal_left), ("the provider's", provider_left))
    by_order: dict[str, list[str]] = {}
    for whose, left in sides:
        known = eager(left.filter(~nw.col("order_ref").is_null()).select(_TOLD))
        for row in known.sort(_TOLD).iter_rows(named=True):
            by_order.setdefault(row["order_ref"], []).append(_told(whose, row))
    backend = eager(ours.head(0)).implementation
    said = nw.from_dicts(
        [{"order_ref": order, "rejected": _sentence(told)} for order, told in by_order.items()],
        {"order_ref": nw.String(), "rejected": nw.String()},
        backend=backend,
    )
    named = ours.filter(nw.col("order_ref").is_in(list(by_order))).select("entry_id", "order_ref")
    return eager(named).join(said, on="order_ref", how="inner").select(list(REJECTED))


def with_rejected(matches: Frame, rejected: Frame) -> Frame:
    """Matches with what was not taken of their orders behind their explanation."""
    if not len(rejected):
        return matches
    told = matches.join(rejected, left_on="internal_id", right_on="entry_id", how="left")
    more = nw.col("rejected").fill_null("")
    words = nw.concat_str("explanation", more)
    return told.with_columns(explanation=words).select(matches.columns).sort("internal_id")


def _told(whose: str, row: Mapping[str, Any]) -> str:
    amount = format_minor(row["amount_minor"], row["currency"])
    return f"{whose} {row['kind']} of {amount} ({row['status']})"


def _sentence(told: list[str]) -> str:
    more = f" and {len(told) - NAMED} more" if len(told) > NAMED else ""
    return f" Of the same order, not taken: {', '.join(told[:NAMED])}{more}."
