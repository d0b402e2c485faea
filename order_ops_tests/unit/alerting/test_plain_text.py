"""What pagers and mail are told, in plain words."""

from datetime import timedelta

from order_ops.alerting.notices import Links
from order_ops.alerting.plain_text import body, title
from order_ops_tests.unit.alerting.subjects import AT, notice


def test_a_title_is_one_line_that_says_how_it_stands() -> None:
    assert title(notice(title="a\nb")) == "critical: a b"
    assert title(notice("end", resolved_at=AT)) == "resolved: Order o1: paid after its expiry"
    assert len(title(notice(title="x" * 999))) == 200


def test_a_body_says_what_is_known_and_where_to_look() -> None:
    lines = body(notice(), Links("https://ui", "https://git")).splitlines()
    assert lines[0] == "Order o1: paid after its expiry"
    for line in (
        "since: 2026-03-10 15:00:00 UTC",
        "money at stake: BRL 1,284.20",
        "run: https://ui/runs/run-1",
        "runbook: https://git/docs/runbooks/orders.md",
        "correlation: cart-1",
        "alert: 7 order:shop:o1:2",
    ):
        assert line in lines


def test_an_end_says_after_how_long() -> None:
    told = body(notice("end", resolved_at=AT + timedelta(days=1, seconds=3)), Links())
    assert "Resolved 2026-03-11 15:00:03 UTC, after 1 d 3 s." in told
    assert "run: run-1" in told
