"""The tables of a result, from judged pairs and findings: final columns, ids and order of rows.

What is linked and what is broken is decided before; here it is only given its public form, which
`result` documents.
"""

import hashlib
from datetime import date, timedelta
from typing import Any

import narwhals as nw
from narwhals.typing import IntoFrame

from order_ops.reconciliation import breaks as judging
from order_ops.reconciliation import words
from order_ops.reconciliation.frames import ORDER_MONEY, Frame, eager
from order_ops.reconciliation.matching import THEIRS
from order_ops.reconciliation.result import LEG, OUTSIDE
from order_ops.reconciliation.rules import Rules

BREAK_COLUMNS = (
    "break_id",
    "class",
    "status",
    "leg",
    "key",
    "kind",
    "currency",
    "difference_minor",
    "at_stake_minor",
    "entries",
    "order_ref",
    "provider_ref",
    "first_seen",
    "break_on",
    "explanation",
)


def break_id(tenant: str, account: str, key: str, currency: str) -> str:
    """Return the id of a break, without its class: one that changes class keeps its history."""
    parts = (tenant, account, LEG, key, currency)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def breaks(found: Frame, rules: Rules, tenant: str, account: str) -> Frame:
    """Breaks with `BREAK_COLUMNS`, by class, key and currency."""
    grouped = judging.group(found).sort("place", "key", "currency")
    codes = set(found.get_column("entry_currency").to_list())
    worded = words.explained(grouped.with_columns(break_on=judging.due_on(rules)), codes)
    keys = zip(grouped["key"].to_list(), grouped["currency"].to_list(), strict=True)
    ids = [break_id(tenant, account, key, currency) for key, currency in keys]
    series = nw.new_series("break_id", ids, nw.String(), backend=found.implementation)
    return worded.with_columns(
        series, leg=nw.lit(LEG), entries=nw.col("entries").cast(nw.Int64)
    ).select(BREAK_COLUMNS)


def matches(judged: Frame) -> Frame:
    """Linked pairs with equal currency, in the order of our entry ids."""
    same = judged.filter(nw.col("currency") == nw.col("currency" + THEIRS))
    later = nw.col("day") >= nw.col("day" + THEIRS)
    own = nw.col("rule") == "own_reference"
    return (
        eager(same)
        .sort("entry_id")
        .select(
            nw.concat_str("entry_id", "entry_id" + THEIRS, separator="~").alias("match_id"),
            nw.col("rule", "kind", "currency"),
            internal_minor=nw.col("effective_minor"),
            provider_minor=nw.col("effective_minor" + THEIRS),
            difference_minor=nw.col("effective_minor" + THEIRS) - nw.col("effective_minor"),
            day=nw.when(later).then(nw.col("day")).otherwise(nw.col("day" + THEIRS)),
            explanation=nw.when(own)
            .then(nw.lit(words.RULE_WORDS["own_reference"]))
            .otherwise(nw.lit(words.RULE_WORDS["exact_reference"])),
            internal_id=nw.col("entry_id"),
            provider_id=nw.col("entry_id" + THEIRS),
        )
    )


def match_members(matches: Frame) -> Frame:
    """Both entries of each match: ours in the order of the matches, then the provider's."""
    return nw.concat(
        [
            matches.select("match_id", side=nw.lit(side), entry_id=nw.col(f"{side}_id"))
            for side in ("internal", "provider")
        ]
    )


def carry_out(found: Frame, internal_left: Frame, day: date, rules: Rules) -> Frame:
    """Entries that a later one could still match; unpaid payments count as nothing until then."""
    waiting = found.filter(nw.col("carried")).select("side", "entry_id")
    kept_since = day - timedelta(days=rules.unpaid_days)
    unpaid = (nw.col("status") != "succeeded") & (nw.col("day") > nw.lit(kept_since))
    silent = eager(internal_left.filter(unpaid).with_columns(side=nw.lit("internal")))
    return nw.concat([waiting, silent.select("side", "entry_id")]).sort("side", "entry_id")


def drift(members: Frame) -> tuple[dict[str, int], dict[str, int]]:
    """Sum of absolute and of signed differences of breaks: two errors that cancel stay two."""
    apart = (
        members.filter(nw.col("status") == "break")
        .group_by("break_id", "entry_currency")
        .agg(nw.col("difference_minor").sum())
        .with_columns(gross=nw.col("difference_minor").abs())
        .group_by("entry_currency")
        .agg(nw.col("gross").sum(), net=nw.col("difference_minor").sum())
        .sort("entry_currency")
    )
    rows = list(apart.iter_rows(named=True))
    return (
        {row["entry_currency"]: int(row["gross"]) for row in rows},
        {row["entry_currency"]: int(row["net"]) for row in rows},
    )


def outside(provider: IntoFrame) -> list[dict[str, Any]]:
    """Count and sum the provider's lines that are no order money, such as payouts and fees."""
    frame: Frame = nw.from_native(provider)
    grouped = (
        frame.filter(~nw.col("kind").is_in(ORDER_MONEY))
        .group_by("kind", "currency")
        .agg(nw.col("amount_minor", "fee_minor", "net_minor").sum(), count=nw.len())
        .sort("kind", "currency")
    )
    return [{name: row[name] for name in OUTSIDE} for row in eager(grouped).iter_rows(named=True)]


def break_members(members: Frame) -> Frame:
    """Entries of each break, in the order of its id."""
    return members.select("break_id", "side", "entry_id").sort("break_id", "side", "entry_id")
