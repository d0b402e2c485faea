"""What is wrong: findings, one per entry, and the breaks they add up to.

A linked pair is judged by what it says of the order, the currency and the amount; a lonely entry
by its kind and by whether its grace has passed. Finding counterparts belongs in `matching`, the
sentences in `words`.
"""

from datetime import date, timedelta
from typing import Any

import narwhals as nw
from narwhals.typing import FrameT

from order_ops.reconciliation.classes import CLASSES, CLEAN, PENDING, RANK, ranked
from order_ops.reconciliation.frames import ENTRY
from order_ops.reconciliation.matching import THEIRS, Matching
from order_ops.reconciliation.rules import Rules

FINDING = (
    "side",
    "entry_id",
    "rank",
    "key",
    "currency",
    "entry_currency",
    "kind",
    "day",
    "order_ref",
    "provider_ref",
    "order_state",
    "amount_minor",
    "difference_minor",
    "stake_minor",
    "carried",
)
"""One row per entry that is not cleanly matched.

key, currency: of its break. entry_currency: of the entry, another one in a currency mismatch.
difference_minor: what the entry adds to provider total - internal total. stake_minor: money at
stake, >= 0. carried: whether the next day takes the entry in.
"""

_ZERO = nw.lit(0, nw.Int64)
_STOPPED = ("CANCELLED", "EXPIRED")
_AFTER_CANCEL = RANK["captured_after_cancel"]


def judge_pairs(pairs: FrameT, rules: Rules) -> FrameT:
    """Add to each pair `rank`, CLEAN when it agrees, and `gap`: provider's minus our amount."""
    gap = nw.col("amount_minor" + THEIRS) - nw.col("amount_minor")
    stopped = (nw.col("kind") == "charge") & nw.col("order_state").is_in(_STOPPED)
    rank = (
        nw.when(nw.col("currency") != nw.col("currency" + THEIRS))
        .then(ranked("currency_mismatch"))
        .when(stopped.fill_null(value=False))
        .then(ranked("captured_after_cancel"))
        .when(nw.col("status") != "succeeded")
        .then(ranked("paid_not_recorded"))
        .when(nw.col("gap") < -rules.amount_tolerance_minor)
        .then(ranked("amount_short"))
        .when(nw.col("gap") > rules.amount_tolerance_minor)
        .then(ranked("amount_over"))
        .otherwise(nw.lit(CLEAN, nw.Int64))
    )
    return pairs.with_columns(gap=gap).with_columns(rank=rank)


def findings(matching: Matching[FrameT], judged: FrameT, day: date, rules: Rules) -> FrameT:
    """Return everything that is not cleanly matched, with the columns `FINDING`."""
    broken = judged.filter(nw.col("rank") != CLEAN)
    ours = matching.internal_left.filter(nw.col("status") == "succeeded")
    return nw.concat(
        [
            _of_pair(broken, "internal"),
            _of_pair(broken, "provider"),
            _of_aside(matching.aside),
            _of_lonely(ours, "internal", day - timedelta(days=rules.grace_days.internal)),
            _of_lonely(
                matching.provider_left, "provider", day - timedelta(days=rules.grace_days.provider)
            ),
        ]
    )


def group(found: FrameT) -> FrameT:
    """Return one row per (key, currency): the first class that fits, and the sums."""
    ours, same = nw.col("side") == "internal", nw.col("entry_currency") == nw.col("currency")
    theirs_only = nw.when(~ours)
    parts = found.with_columns(
        own_difference=nw.when(same).then(nw.col("difference_minor")).otherwise(_ZERO),
        ours_minor=nw.when(ours).then(nw.col("amount_minor")).otherwise(_ZERO),
        theirs_minor=theirs_only.then(nw.col("amount_minor")).otherwise(_ZERO),
        ours_stake=nw.when(ours).then(nw.col("stake_minor")).otherwise(_ZERO),
        theirs_stake=theirs_only.then(nw.col("stake_minor")).otherwise(_ZERO),
        theirs_currency=theirs_only.then(nw.col("entry_currency")),
    )
    grouped = parts.group_by("key", "currency").agg(
        nw.col("rank", "kind", "order_ref", "provider_ref", "order_state", "theirs_currency").min(),
        nw.col("ours_minor", "theirs_minor", "ours_stake", "theirs_stake").sum(),
        difference_minor=nw.col("own_difference").sum(),
        entries=nw.len(),
        first_seen=nw.col("day").min(),
    )
    pending = nw.col("rank") >= PENDING
    return grouped.with_columns(
        at_stake_minor=nw.max_horizontal("ours_stake", "theirs_stake"),
        status=nw.when(pending).then(nw.lit("pending")).otherwise(nw.lit("break")),
        place=nw.when(pending).then(nw.col("rank") - PENDING).otherwise(nw.col("rank")),
    ).with_columns(named("place").alias("class"))


def named(column: str) -> nw.Expr:
    """Return the expression that turns a rank into the name of its class."""
    chain: Any = nw.when(nw.col(column) == 0).then(nw.lit(CLASSES[0]))
    for rank, name in enumerate(CLASSES[1:], start=1):
        chain = chain.when(nw.col(column) == rank).then(nw.lit(name))
    name_of: nw.Expr = chain.otherwise(nw.lit("unclassified"))
    return name_of


def due_on(rules: Rules) -> nw.Expr:
    """Return the expression of the day on which a pending break becomes one."""
    waits_internal = nw.col("class").is_in(("missing_provider", "refund_missing_provider"))
    waits_provider = nw.col("class").is_in(("missing_internal", "refund_missing_internal"))
    seen = nw.col("first_seen")
    return (
        nw.when(waits_internal)
        .then(seen.dt.offset_by(f"{rules.grace_days.internal}d"))
        .when(waits_provider)
        .then(seen.dt.offset_by(f"{rules.grace_days.provider}d"))
        .otherwise(seen)
    )


def _of_pair(broken: FrameT, side: str) -> FrameT:
    """One half of each broken pair; the money at stake stands on our half, once."""
    own = "" if side == "internal" else THEIRS
    theirs = nw.col("amount_minor" + THEIRS).abs()
    stake = (
        nw.when(nw.col("rank") == RANK["currency_mismatch"])
        .then(nw.col("amount_minor").abs())
        .when(nw.col("rank").is_in((_AFTER_CANCEL, RANK["paid_not_recorded"])))
        .then(theirs)
        .otherwise(nw.col("gap").abs())
    )
    order_ref = nw.coalesce("order_ref", "order_ref" + THEIRS)
    provider_ref = nw.coalesce("provider_ref", "provider_ref" + THEIRS)
    sign = -1 if side == "internal" else 1
    return broken.select(
        nw.col("rank", "kind", "currency", "order_state"),
        side=nw.lit(side),
        entry_id=nw.col("entry_id" + own),
        key=nw.coalesce(provider_ref, order_ref, nw.col("entry_id")),
        entry_currency=nw.col("currency" + own),
        day=nw.col("day" + own),
        order_ref=order_ref,
        provider_ref=provider_ref,
        amount_minor=nw.col("amount_minor" + own),
        difference_minor=nw.col("effective_minor" + own) * sign,
        stake_minor=stake if side == "internal" else _ZERO,
        carried=nw.lit(value=False),
    ).select(FINDING)


def _of_aside(aside: FrameT) -> FrameT:
    """Duplicates and ambiguous entries, under the reference they share."""
    ours = nw.col("side") == "internal"
    effective = nw.col("effective_minor")
    return aside.select(
        *ENTRY,
        "rank",
        "side",
        "key",
        entry_currency=nw.col("currency"),
        difference_minor=nw.when(ours).then(-effective).otherwise(effective),
        stake_minor=nw.col("amount_minor").abs(),
        carried=nw.col("rank") == RANK["ambiguous"],
    ).select(FINDING)


def _of_lonely(left: FrameT, side: str, waits_since: date) -> FrameT:
    """Entries without a counterpart; those of days after `waits_since` are still in grace."""
    other = "provider" if side == "internal" else "internal"
    rank = (
        nw.when(nw.col("kind") == "dispute")
        .then(ranked("dispute_unrecorded"))
        .when(nw.col("kind") == "unclassified")
        .then(ranked("unclassified"))
        .when(nw.col("kind") == "refund")
        .then(ranked(f"refund_missing_{other}"))
        .otherwise(ranked(f"missing_{other}"))
    )
    awaited = nw.col("kind").is_in(("charge", "refund"))
    waits = awaited & (nw.col("day") > nw.lit(waits_since))
    sign = -1 if side == "internal" else 1
    return (
        left.with_columns(rank=rank)
        .with_columns(
            rank=nw.when(waits).then(nw.col("rank") + PENDING).otherwise(nw.col("rank")),
            side=nw.lit(side),
            key=nw.coalesce("provider_ref", "order_ref", "entry_id"),
            entry_currency=nw.col("currency"),
            difference_minor=nw.col("effective_minor") * sign,
            stake_minor=nw.col("amount_minor").abs(),
            carried=awaited,
        )
        .select(FINDING)
    )
