"""The bridge of the third leg: what is under way to the bank, from one day to the next."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from order_ops.reconciliation.bank_links import BankLine, Group, Payout
from order_ops.reconciliation.bridge import Sum, Sums, left_over

LINES = (
    "transit_before",
    "sent_to_bank",
    "seen_in_bank",
    "closed_transit",
    "transit_after",
    "beside_payouts",
    "bank_residual",
)
"""Its bridge: what was under way and what was paid out, less what the bank booked of it, is under
way. closed_transit: what people let be, and what is no longer waited for; only where there is any.
Beside it: what the bank booked of others."""


def bridge(
    sent: tuple[Sequence[Payout], Sequence[Payout]],
    seen: tuple[Sequence[BankLine], Sequence[BankLine]],
    groups: Sequence[Group],
    left: Sequence[Group],
) -> Mapping[str, Sums]:
    """Sums of the inputs, and of what is left; both are counted from the entries by themselves."""
    ours = {line.entry_id for group in groups for line in group.lines}
    today, before = seen
    lines = {
        "transit_before": summed([*_amounts(sent[1]), *_amounts(before, -1)]),
        "sent_to_bank": summed(_amounts(sent[0])),
        "seen_in_bank": summed(_amounts([one for one in today if one.entry_id in ours], -1)),
        "transit_after": summed(
            amount
            for group in left
            for amount in (*_amounts(group.payouts), *_amounts(group.lines, -1))
        ),
        "beside_payouts": summed(_amounts([one for one in today if one.entry_id not in ours])),
    }
    return lines | {
        "bank_residual": left_over(
            lines, "transit_after", "transit_before", "sent_to_bank", "seen_in_bank"
        )
    }


def _amounts(items: Iterable[Payout | BankLine], sign: int = 1) -> Iterator[tuple[str, int]]:
    return ((item.currency, sign * item.amount_minor) for item in items)


def summed(amounts: Iterable[tuple[str, int]]) -> dict[str, Sum]:
    """Sum (currency, minor units) by currency, and count them."""
    found: dict[str, Sum] = {}
    for code, amount in amounts:
        known = found.get(code, Sum())
        found[code] = Sum(known.amount_minor + amount, known.count + 1)
    return found
