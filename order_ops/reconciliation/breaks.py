"""What is wrong: findings, one per entry, and the breaks they add up to.

A linked pair is judged in `judging`; a lonely entry is judged here, by its kind and by whether its
grace has passed. Finding counterparts belongs in `matching`, the sentences in `words`.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

import narwhals as nw
from narwhals.typing import FrameT

from order_ops.reconciliation.classes import CLASSES, CLEAN, PENDING, RANK, ranked
from order_ops.reconciliation.closing import Closing, Side
from order_ops.reconciliation.crowds import THEIRS
from order_ops.reconciliation.frames import ENTRY, Frame, eager
from order_ops.reconciliation.matching import Matching
from order_ops.reconciliation.result import LEG

FINDING = (
    "leg",
    "side",
    "entry_id",
    "rank",
    "key",
    "currency",
    "entry_currency",
    "kind",
    "rule",
    "day",
    "grace_days",
    "order_ref",
    "provider_ref",
    "order_state",
    "amount_minor",
    "difference_minor",
    "stake_minor",
    "entries",
)
"""One row per entry that is not cleanly matched.

key, currency: of its break. entry_currency: of the entry, another one in a currency mismatch.
difference_minor: what the entry adds to provider total - internal total. stake_minor: money at
stake, >= 0. grace_days: business days that it waits for a counterpart, 0 where it waits for
none. entries: how many entries it stands for.
"""

_OF_PAYMENT = FINDING[1:]
_NUMBERS = ["rank", "grace_days", "amount_minor", "difference_minor", "stake_minor", "entries"]
_ZERO = nw.lit(0, nw.Int64)
_NO_RULE = nw.lit(None, dtype=nw.String)
_AMOUNT = ("currency_mismatch", "recorded_not_paid", "status_stuck")
"""Classes of a pair whose stake is the whole of our amount."""
_CAPTURED = ("captured_after_cancel", "paid_not_recorded")
"""Classes of a pair whose stake is the whole of the provider's amount."""
AWAITED = ("charge", "refund", "dispute")


Repeats = Callable[[Side, Sequence[str]], Collection[str]]
"""Which of some entries an earlier day has matched already, under another id, or take that back."""


def findings(
    matching: Matching[FrameT], judged: FrameT, closing: Closing, repeats: Repeats
) -> FrameT:
    """Return everything that is not cleanly matched, with the columns `FINDING`."""
    broken = judged.filter(nw.col("rank") != CLEAN)
    paid = nw.col("status") == "succeeded"
    latest = closing.day - timedelta(days=closing.rules.stuck_days)
    unfinished = (nw.col("status") == "pending") & (nw.col("day") <= nw.lit(latest))
    stuck = ranked("status_stuck")
    unmapped = nw.col("kind") == "unclassified"
    found = nw.concat(
        [
            _of_pair(broken, "internal", closing),
            _of_pair(broken, "provider", closing),
            _of_aside(matching.aside),
            _of_lonely(matching.internal_left.filter(paid), "internal", closing, repeats),
            _of_lonely(
                matching.provider_left.filter(paid | unmapped), "provider", closing, repeats
            ),
            _lonely(matching.internal_left.filter(unfinished), "internal", stuck, _ZERO),
            _lonely(matching.provider_left.filter(unfinished, ~unmapped), "provider", stuck, _ZERO),
        ]
    )
    return found.with_columns(leg=nw.lit(LEG)).select(FINDING)


def typed(found: Frame) -> Frame:
    """Return findings with whole numbers where an engine has made others of them."""
    return found.with_columns(nw.col(_NUMBERS).cast(nw.Int64))


def group(found: FrameT) -> FrameT:
    """Return one row per (leg, key, currency): the first class that fits, and the sums.

    What is at stake and the difference are of all that is broken, and of what waits only where
    nothing is broken. The amounts that are told are of the entries of that class alone, `others`
    counts the rest.
    """
    ours, same = nw.col("side") == "internal", nw.col("entry_currency") == nw.col("currency")
    first, broken = nw.col("rank") == nw.col("lowest"), nw.col("rank") < PENDING
    counts = broken | (nw.col("lowest") >= PENDING)
    parts = found.with_columns(lowest=nw.col("rank").min().over(*_KEY)).with_columns(
        **{name: nw.when(first).then(nw.col(name)) for name in _OF_CLASS},
        own_difference=nw.when(same & counts).then(nw.col("difference_minor")).otherwise(_ZERO),
        ours_minor=nw.when(ours & first).then(nw.col("amount_minor")).otherwise(_ZERO),
        theirs_minor=nw.when(~ours & first).then(nw.col("amount_minor")).otherwise(_ZERO),
        ours_told=nw.when(ours & first).then(nw.col("stake_minor")).otherwise(_ZERO),
        theirs_told=nw.when(~ours & first).then(nw.col("stake_minor")).otherwise(_ZERO),
        ours_stake=nw.when(ours & counts).then(nw.col("stake_minor")).otherwise(_ZERO),
        theirs_stake=nw.when(~ours & counts).then(nw.col("stake_minor")).otherwise(_ZERO),
        theirs_currency=nw.when(~ours & first).then(nw.col("entry_currency")),
        others=nw.when(~first).then(nw.col("entries")).otherwise(_ZERO),
        due=nw.when(counts).then(nw.col("due")),
    )
    grouped = parts.group_by(*_KEY).agg(
        nw.col("rank", *_OF_CLASS, "theirs_currency").min(),
        nw.col("ours_minor", "theirs_minor", "ours_stake", "theirs_stake").sum(),
        nw.col("ours_told", "theirs_told", "entries", "others").sum(),
        difference_minor=nw.col("own_difference").sum(),
        first_seen=nw.col("day").min(),
        break_on=nw.col("due").min(),
    )
    pending = nw.col("rank") >= PENDING
    return grouped.with_columns(
        at_stake_minor=nw.max_horizontal("ours_stake", "theirs_stake"),
        stake_told=nw.max_horizontal("ours_told", "theirs_told"),
        status=nw.when(pending).then(nw.lit("pending")).otherwise(nw.lit("break")),
        place=nw.when(pending).then(nw.col("rank") - PENDING).otherwise(nw.col("rank")),
    ).with_columns(named("place").alias("class"))


_KEY = ("leg", "key", "currency")
_OF_CLASS = ("kind", "rule", "order_ref", "provider_ref", "order_state")
"""What is told of a break by the entries of its class."""


def named(column: str) -> nw.Expr:
    """Return the expression that turns a rank into the name of its class."""
    chain: Any = nw.when(nw.col(column) == 0).then(nw.lit(CLASSES[0]))
    for rank, name in enumerate(CLASSES[1:], start=1):
        chain = chain.when(nw.col(column) == rank).then(nw.lit(name))
    name_of: nw.Expr = chain.otherwise(nw.lit("unclassified"))
    return name_of


def _of_pair(broken: FrameT, side: Side, closing: Closing) -> FrameT:
    """One half of each broken pair; the money at stake stands on our half, once."""
    rank = nw.col("rank")
    place = nw.when(rank >= PENDING).then(rank - PENDING).otherwise(rank)
    stake = (
        nw.when(_is_one_of(place, _AMOUNT))
        .then(nw.col("amount_minor").abs())
        .when(_is_one_of(place, _CAPTURED))
        .then(nw.col("their_minor").abs())
        .when(_is_one_of(place, ("partial_capture",)))
        .then(nw.col("ceiling_minor") - nw.col("their_minor"))
        .when(_is_one_of(place, ("refund_over",)))
        .then(nw.col("amount_minor").abs() - nw.col("ceiling_minor"))
        .when(_is_one_of(place, ("fee_variance",)))
        .then(nw.col("fee_minor" + THEIRS).abs())
        .when(_is_one_of(place, ("fx_variance",)))
        .then(nw.col("their_minor").abs())
        .otherwise(nw.col("gap").abs())
    )
    order_ref = nw.coalesce("order_ref", "order_ref" + THEIRS)
    provider_ref = nw.coalesce("provider_ref", "provider_ref" + THEIRS)
    ours = side == "internal"
    own = "" if ours else THEIRS
    in_ours = nw.when(nw.col("exchanged")).then(nw.col("currency"))
    return broken.select(
        nw.col("rank", "kind", "rule", "currency", "order_state"),
        side=nw.lit(side),
        entry_id=nw.col("entry_id" + own),
        key=nw.coalesce(
            # ours first: what was ours alone keeps its break when a line is linked to it
            *("provider_ref", "order_ref", "provider_ref" + THEIRS, "order_ref" + THEIRS),
            "entry_id",
        ),
        entry_currency=nw.col("currency")
        if ours
        else in_ours.otherwise(nw.col("currency" + THEIRS)),
        day=nw.col("day" + own),
        grace_days=nw.when(rank >= PENDING).then(closing.grace("internal")).otherwise(_ZERO),
        order_ref=order_ref,
        provider_ref=provider_ref,
        amount_minor=nw.col("amount_minor") if ours else nw.col("their_minor"),
        difference_minor=-nw.col("effective_minor") if ours else nw.col("their_effective"),
        stake_minor=stake if ours else _ZERO,
        entries=nw.col("entries" + own),
    ).select(_OF_PAYMENT)


def _is_one_of(rank: nw.Expr, names: tuple[str, ...]) -> nw.Expr:
    return rank.is_in([RANK[name] for name in names])


def _of_aside(aside: FrameT) -> FrameT:
    """Duplicates and ambiguous entries, under the reference they share."""
    ours = nw.col("side") == "internal"
    effective = nw.col("effective_minor")
    return aside.select(
        *ENTRY,
        "rank",
        "side",
        "key",
        rule=_NO_RULE,
        entry_currency=nw.col("currency"),
        grace_days=_ZERO,
        difference_minor=nw.when(ours).then(-effective).otherwise(effective),
        stake_minor=nw.col("amount_minor").abs(),
    ).select(_OF_PAYMENT)


def _of_lonely(left: FrameT, side: Side, closing: Closing, repeats: Repeats) -> FrameT:
    """Entries without a counterpart, those within their grace as pending."""
    again = list(repeats(side, eager(left.select("entry_id"))["entry_id"].to_list()))
    other = "provider" if side == "internal" else "internal"
    taken_back = _takes_back()
    unrecorded = "dispute_unrecorded" if side == "provider" else f"missing_{other}"
    rank = (
        nw.when(nw.col("kind") == "unclassified")
        .then(ranked("unclassified"))
        .when(nw.col("again") & taken_back & (nw.col("kind") == "charge"))
        .then(ranked("recorded_not_paid"))
        .when(nw.col("again") & taken_back)
        .then(ranked("refund_missing_provider"))
        .when(nw.col("again"))
        .then(ranked(f"duplicate_{side}"))
        .when(nw.col("kind") == "dispute")
        .then(ranked(unrecorded))
        .when(nw.col("kind") == "refund")
        .then(ranked(f"refund_missing_{other}"))
        .when(taken_back)
        .then(ranked("amount_short"))
        .otherwise(ranked(f"missing_{other}"))
    )
    awaited = left.with_columns(again=nw.col("entry_id").is_in(again)).with_columns(
        awaited=nw.col("kind").is_in(AWAITED) & (~nw.col("again") | taken_back),
        waits=closing.waits(side),
    )
    return _lonely(
        awaited,
        side,
        nw.when(nw.col("awaited") & nw.col("waits")).then(rank + PENDING).otherwise(rank),
        nw.when(nw.col("awaited")).then(closing.grace(side)).otherwise(_ZERO),
    )


def _takes_back() -> nw.Expr:
    """Whether it takes a charge or a refund back that is not there: it is of an earlier day."""
    return nw.col("reversals") == nw.col("entries")


def _lonely(left: FrameT, side: Side, rank: nw.Expr, grace: nw.Expr) -> FrameT:
    sign = -1 if side == "internal" else 1
    return left.with_columns(
        rank=rank,
        kind=nw.when(_takes_back()).then(nw.lit("reversal")).otherwise(nw.col("kind")),
        grace_days=grace,
        side=nw.lit(side),
        key=nw.coalesce("provider_ref", "order_ref", "entry_id"),
        rule=_NO_RULE,
        entry_currency=nw.col("currency"),
        difference_minor=nw.col("effective_minor") * sign,
        stake_minor=nw.col("amount_minor").abs(),
    ).select(_OF_PAYMENT)
