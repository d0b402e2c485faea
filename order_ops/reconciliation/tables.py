"""The tables of a result, from judged pairs and findings: final columns, ids and order of rows.

What is linked and what is broken is decided before; here it is only given its public form, which
`result` documents.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import narwhals as nw
from narwhals.typing import IntoFrame

from order_ops.reconciliation import breaks as judging
from order_ops.reconciliation import incomplete, words
from order_ops.reconciliation.classes import CLEAN
from order_ops.reconciliation.closing import Closing
from order_ops.reconciliation.crowds import THEIRS
from order_ops.reconciliation.frames import ORDER_MONEY, Frame, eager
from order_ops.reconciliation.incomplete import Gap
from order_ops.reconciliation.matching import Matching
from order_ops.reconciliation.result import BREAK, INPUT_LEG, LEG, NO_CURRENCY, OUTSIDE


def break_id(tenant: str, account: str, leg: str, key: str, currency: str) -> str:
    """Return the id of a break, without its class: one that changes class keeps its history."""
    parts = (tenant, account, leg, key, currency)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def breaks(found: Frame, closing: Closing, tenant: str, account: str) -> Frame:
    """Breaks with the columns `result.BREAK`, by class, key and currency."""
    grouped = judging.group(_with_due(found, closing)).sort("place", "leg", "key", "currency")
    codes = set(found.get_column("entry_currency").to_list())
    worded = words.explained(grouped, codes)
    keys = zip(*(grouped[name].to_list() for name in ("leg", "key", "currency")), strict=True)
    ids = [break_id(tenant, account, *key) for key in keys]
    days = grouped["first_seen"].to_list()
    ages = {day: closing.business.passed(day, closing.day) for day in set(days)}
    backend = found.implementation
    return worded.with_columns(
        nw.new_series("break_id", ids, nw.String(), backend=backend),
        nw.new_series("business_days", [ages[day] for day in days], nw.Int64(), backend=backend),
        entries=nw.col("entries").cast(nw.Int64),
    ).select(list(BREAK))


def with_gaps(
    breaks: Frame, gaps: Sequence[Gap], closing: Closing, tenant: str, account: str
) -> Frame:
    """Breaks, before them one for each thing that the input lacks."""
    if not gaps:
        return breaks
    ids = [break_id(tenant, account, INPUT_LEG, gap.key, NO_CURRENCY) for gap in gaps]
    ages = [closing.business.passed(gap.since, closing.day) for gap in gaps]
    return nw.concat([incomplete.breaks(gaps, ids, ages, breaks.implementation), breaks])


def _with_due(found: Frame, closing: Closing) -> Frame:
    """Add `due`, the day on which what waits is a break."""
    rows = [
        {**row, "due": closing.business.after(row["day"], row["grace_days"])}
        for row in found.select("day", "grace_days").unique().iter_rows(named=True)
    ]
    schema = {"day": nw.Date(), "grace_days": nw.Int64(), "due": nw.Date()}
    dues: Frame = nw.from_dicts(rows, schema, backend=found.implementation)
    return found.join(dues, on=["day", "grace_days"], how="inner")


def matches(agreed: Frame) -> Frame:
    """Linked pairs that agree and moved money (`judging.AGREED`), in the order of our entry ids."""
    return agreed.select(
        nw.concat_str("entry_id", "entry_id" + THEIRS, separator="~").alias("match_id"),
        nw.col("rule", "kind", "currency"),
        internal_minor=nw.col("effective_minor"),
        provider_minor=nw.col("their_effective"),
        difference_minor=nw.col("their_effective") - nw.col("effective_minor"),
        day=nw.col("day"),
        explanation=words.of_match(),
        internal_id=nw.col("entry_id"),
        provider_id=nw.col("entry_id" + THEIRS),
    ).sort("internal_id")


def match_members(matches: Frame, parts: Frame) -> Frame:
    """The entries of each match: ours in the order of the matches, then the provider's."""
    heads = nw.concat(
        [
            matches.select("match_id", side=nw.lit(side), entry_id=nw.col(f"{side}_id"))
            for side in ("internal", "provider")
        ]
    )
    return with_parts(heads, parts)


def with_parts(heads: Frame, parts: Frame) -> Frame:
    """Add, below each entry that stands for several, the others; columns stay as they are."""
    if not len(parts):
        return heads
    others = heads.join(
        parts.rename({"entry_id": "part"}),
        left_on=["side", "entry_id"],
        right_on=["side", "head"],
        how="inner",
    ).with_columns(entry_id=nw.col("part"))
    return nw.concat([heads, others.select(heads.columns)])


def carry_out(found: Frame, judged: Frame, matching: Matching[Frame], closing: Closing) -> Frame:
    """Entries that a later one could still match or explain: every break, and what is unpaid.

    Unpaid payments count as nothing until they are paid; they are kept in sight for a while.
    """
    unpaid = nw.col("status") != "succeeded"
    recent = nw.col("day") > nw.lit(closing.day - timedelta(days=closing.rules.unpaid_days))
    quiet = judged.filter(
        nw.col("rank") == CLEAN, unpaid, nw.col("status" + THEIRS) != "succeeded", recent
    )
    waiting = [
        found.select("side", "entry_id"),
        _sided(matching.internal_left.filter(unpaid, recent), "internal"),
        _sided(matching.provider_left.filter(unpaid, recent), "provider"),
        _sided(quiet, "internal"),
        _sided(quiet.select(entry_id=nw.col("entry_id" + THEIRS)), "provider"),
    ]
    everything = with_parts(nw.concat(waiting), eager(matching.parts))
    return everything.unique().sort("side", "entry_id")


def _sided(frame: Any, side: str) -> Frame:
    return eager(frame.select(side=nw.lit(side), entry_id=nw.col("entry_id")))


def drift(members: Frame) -> tuple[dict[str, int], dict[str, int]]:
    """Sum of absolute and of signed differences of breaks: two errors that cancel stay two.

    Of the first leg alone: money that is missing in a payout is missing in the bank as well.
    """
    apart = (
        members.filter(nw.col("status") == "break", nw.col("leg") == LEG)
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
        .with_columns(currency=nw.col("settlement_currency"), amount_minor=nw.col("settled_minor"))
        .group_by("kind", "currency")
        .agg(nw.col("amount_minor", "fee_minor", "net_minor").sum(), count=nw.len())
        .sort("kind", "currency")
    )
    return [{name: row[name] for name in OUTSIDE} for row in eager(grouped).iter_rows(named=True)]


def break_members(members: Frame, parts: Frame) -> Frame:
    """Entries of each break, in the order of its id."""
    heads = members.select("break_id", "side", "entry_id")
    return with_parts(heads, parts).unique().sort("break_id", "side", "entry_id")
