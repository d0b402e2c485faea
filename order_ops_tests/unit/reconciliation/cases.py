"""Labelled cases, one or more per class, and the tables of a result that they show in."""

from datetime import timedelta

from order_ops.reconciliation import result
from order_ops_tests.unit.reconciliation.entries import TODAY, Row, ours, rules_with, theirs

LONG_AGO = TODAY - timedelta(days=30)

TABLES = (*result.TABLES, "carry_out")

CONTRACT = rules_with(
    fees=[{"fixed_minor": 200, "tolerance_minor": 200}],
    rates=[{"from": "USD", "to": "BRL", "low": "4.5", "high": "6.5"}],
)

# name: ours, theirs, then class, difference, at stake, words of the explanation
CASES: dict[str, tuple[list[Row], list[Row], str, int, int, str]] = {
    "unclassified": (
        [],
        [theirs("t1", -500, "x", kind="unclassified")],
        "unclassified", -500, 500, "-BRL 5.00 under a type that is not mapped",
    ),
    "duplicate_provider": (
        [ours("p1", ref="pi")],
        [theirs(name, ref="pi", minute=at) for name, at in (("t2", 5), ("t1", 0), ("t0", 9))],
        "duplicate_provider", 20000, 20000, "The provider lists BRL 200.00 once more",
    ),
    "duplicate_internal": (
        [ours("p1", ref="pi"), ours("p2", ref="pi")],
        [theirs("t1", ref="pi")],
        "duplicate_internal", -10000, 10000, "We recorded BRL 100.00 once more",
    ),
    "lines that do not sum to ours": (
        [ours("p1", 10000, "pi")],
        [theirs("t1", 4000, "pi"), theirs("t2", 5000, "pi")],
        "ambiguous", -1000, 10000, "none is taken",
    ),
    "several of both that their amounts do not tell apart": (
        [ours("p1", 50, "pi"), ours("p2", 50, "pi")],
        [theirs("t1", 40, "pi"), theirs("t2", 60, "pi")],
        "ambiguous", 0, 100, "none is taken",
    ),
    "two candidates by our reference": (
        [ours("p1", order="o1"), ours("p2", order="o1")],
        [theirs("t1", order="o1")],
        "ambiguous", -10000, 20000, "ours sum to BRL 200.00, the provider's to BRL 100.00",
    ),
    "currency_mismatch": (
        [ours("p1", 10000, "pi")],
        [theirs("t1", 10000, "pi", currency="JPY")],
        "currency_mismatch", -10000, 10000, "We recorded BRL 100.00, the provider lists JPY 10,000",
    ),
    "captured_after_cancel": (
        [ours("p1", ref="pi", order_state="EXPIRED")],
        [theirs("t1", ref="pi")],
        "captured_after_cancel", 0, 10000, "captured BRL 100.00 for an order that is EXPIRED",
    ),
    "captured_after_cancel, not recorded": (
        [ours("p1", ref="pi", order_state="CANCELLED", status="failed")],
        [theirs("t1", ref="pi")],
        "captured_after_cancel", 10000, 10000, "an order that is CANCELLED",
    ),
    "paid_not_recorded": (
        [ours("p1", ref="pi", status="pending")],
        [theirs("t1", ref="pi")],
        "paid_not_recorded", 10000, 10000, "we have it as unpaid",
    ),
    "recorded_not_paid, failed": (
        [ours("p1", ref="pi")],
        [theirs("t1", ref="pi", status="failed")],
        "recorded_not_paid", -10000, 10000, "BRL 100.00 as paid; the provider did not collect",
    ),
    "recorded_not_paid, failed after all": (
        [ours("p1", ref="pi")],
        [theirs("t1", ref="pi"), theirs("t2", -10000, "pi", kind="reversal", minute=9)],
        "recorded_not_paid", -10000, 10000, "BRL 100.00 as paid; the provider did not collect",
    ),
    "missing_provider": (
        [ours("p1", 123456789, "pi")], [],
        "missing_provider", -123456789, 123456789, "We recorded BRL 1,234,567.89; the provider",
    ),
    "missing_internal": (
        [], [theirs("t1", ref="pi")],
        "missing_internal", 10000, 10000, "The provider lists BRL 100.00; we recorded nothing",
    ),
    "amount_short": (
        [ours("p1", ref="pi")], [theirs("t1", 9999, "pi")],
        "amount_short", -1, 1, "lists BRL 99.99 where we recorded BRL 100.00: BRL 0.01 short",
    ),
    "amount_over": (
        [ours("p1", ref="pi")], [theirs("t1", 10001, "pi")],
        "amount_over", 1, 1, "BRL 0.01 over",
    ),
    "amount_short, taken back in part": (
        [ours("p1", ref="pi")],
        [theirs("t1", ref="pi"), theirs("t2", -4000, "pi", kind="reversal", minute=9)],
        "amount_short", -4000, 4000, "lists BRL 60.00 where we recorded BRL 100.00",
    ),
    "amount_short, exchanged": (
        [ours("p1", ref="pi")],
        [theirs("t1", 1850, "pi", currency="USD", settled=9900, balance="BRL")],
        "amount_short", -100, 100, "lists BRL 99.00 where we recorded BRL 100.00: BRL 1.00 short",
    ),
    "partial_capture": (
        [ours("p1", 6000, "pi", ceiling=10000)],
        [theirs("t1", 6000, "pi")],
        "partial_capture", 0, 4000, "captured BRL 60.00; BRL 40.00 more was authorised",
    ),
    "fee_variance": (
        [ours("p1", ref="pi")],
        [theirs("t1", ref="pi", fee=433)],
        "fee_variance", 0, 433, "a fee of BRL 4.33, not the contracted",
    ),
    "fx_variance": (
        [ours("p1", 1000, "pi", currency="USD")],
        [theirs("t1", 1000, "pi", currency="USD", settled=7000, balance="BRL", fee=200)],
        "fx_variance", 0, 1000, "at a rate outside its bounds",
    ),
    "refund_over": (
        [ours("r1", -700, "re", kind="refund", ceiling=500)],
        [theirs("t1", -700, "re", kind="refund")],
        "refund_over", 0, 200, "A refund of -BRL 7.00 is BRL 2.00 above what was left",
    ),
    "status_stuck, on both sides": (
        [ours("p1", ref="pi", status="pending", day=LONG_AGO)],
        [theirs("t1", ref="pi", status="pending", day=LONG_AGO)],
        "status_stuck", 0, 10000, "BRL 100.00 is still not final",
    ),
    "status_stuck, unknown there": (
        [ours("p1", ref="pi", status="pending", day=LONG_AGO)], [],
        "status_stuck", 0, 10000, "BRL 100.00 is still not final",
    ),
    "refund_missing_internal": (
        [], [theirs("t1", -700, "re", kind="refund")],
        "refund_missing_internal", -700, 700, "refunded BRL 7.00; we recorded no such",
    ),
    "refund_missing_provider": (
        [ours("p1", -700, "re", kind="refund")], [],
        "refund_missing_provider", 700, 700, "a refund of BRL 7.00; the provider lists none",
    ),
    "dispute_unrecorded": (
        [], [theirs("t1", -700, "dp", kind="dispute")],
        "dispute_unrecorded", -700, 700, "A dispute moved -BRL 7.00",
    ),
}  # fmt: skip
