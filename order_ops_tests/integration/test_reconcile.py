"""A day's reconciliation in the tables: idempotent, convergent, and nothing of a bad file."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from order_ops.jobs.days.reconcile import uneven_matches
from order_ops.jobs.days.reconciliation_days import AccountDay, take_due
from order_ops.jobs.files.ingest import ingest
from order_ops.mapping.accounts import AccountFiles
from order_ops.providers.files.report import ReportError
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.reconciling import DAYS, RESULTS, reconciled, stripe_file, tables
from order_ops_tests.shop import NOW, created, paid, reserved
from order_ops_tests.unit.providers import files


@pytest.fixture
def traded(shop: Shop, tmp_path: Path) -> Shop:
    """Three paid orders on the 10th; the provider lists one on the 10th, one on the 11th."""
    for order in ("o1", "o2", "o3"):
        shop.stage(created(order), reserved(order), paid(order))
    shop.apply()
    lines = [("txn_1", "2026-03-10", "o1", 1_000), ("txn_2", "2026-03-11", "o2", 1_000)]
    ingest(shop.pool, shop.mapping.account("shop-cards"), stripe_file(tmp_path, "a.csv", lines))
    return shop


def test_late_counterparts_match_and_what_stays_missing_breaks(traded: Shop) -> None:
    found = reconciled(traded, *DAYS)
    assert [found[day]["verdict"] for day in DAYS] == [
        "RECONCILED",
        "RECONCILED_WITH_PENDING",
        "BREAKS",
        "BREAKS",
    ]
    assert found[DAYS[2]]["breaks"] == {
        "missing_provider": {"count": 1, "amount_minor": {"BRL": 1_000}}
    }
    assert {day.day: summary["matched"] for day, summary in found.items()} == {
        9: 0,
        10: 1,
        11: 1,
        12: 0,
    }
    residuals = [ends["residual"] for s in found.values() for ends in s["bridge"].values()]
    assert residuals
    assert not any(residuals)
    assert _uneven(traded) == 0


def test_a_day_again_gives_the_same_tables(traded: Shop) -> None:
    reconciled(traded, *DAYS)
    before = tables(traded)
    assert len(before["payment_matches"]) == 2
    reconciled(traded, *DAYS)
    assert tables(traded) == before


def test_any_order_of_days_and_files_comes_to_the_same_tables(traded: Shop, tmp_path: Path) -> None:
    account = traded.mapping.account("shop-cards")
    late = stripe_file(tmp_path, "late.csv", [("txn_3", "2026-03-10", "o3", 990)])
    reconciled(traded, *reversed(DAYS))
    ingest(traded.pool, account, late)
    rounds = 0
    while due := _due(traded):
        rounds += 1
        assert rounds < 20, "it converges"
        reconciled(traded, *[account_day.day for account_day in due])
    backwards = tables(traded)
    with transaction(traded.pool) as conn:
        for table in (*RESULTS, "run"):
            conn.execute(f"TRUNCATE recon.{table}")
    reconciled(traded, *DAYS)
    assert tables(traded) == backwards
    shorts = traded.rows(
        "SELECT DISTINCT break_id, difference_minor FROM recon.reconciliation_breaks "
        "WHERE status = 'break'"
    )
    assert [row.difference_minor for row in shorts] == [-10], "settled by the late file"


def _due(shop: Shop) -> list[AccountDay]:
    with transaction(shop.pool) as conn:
        due = take_due(conn, shop.mapping, NOW.replace(day=20))
        conn.execute("UPDATE recon.day SET requested_at = NULL")
    return [d.account_day for d in due if d.account_day.account == "shop-cards"]


def _uneven(shop: Shop) -> int:
    return sum(uneven_matches(shop.pool, AccountDay(day, "shop-cards")) for day in DAYS)


def test_news_makes_a_closed_day_due_until_it_is_taken_in(traded: Shop) -> None:
    assert AccountDay(date(2026, 3, 10), "shop-cards") in _due(traded)
    reconciled(traded, date(2026, 3, 10), date(2026, 3, 11))
    assert _due(traded) == []
    traded.stage(paid("o1", payment="pi_late", sequence=9))
    traded.apply()
    assert _due(traded) == [AccountDay(date(2026, 3, 10), "shop-cards")]


def test_a_day_that_is_not_over_is_not_due(traded: Shop) -> None:
    with transaction(traded.pool) as conn:
        assert take_due(conn, traded.mapping, NOW) == []


def test_a_file_is_known_by_its_content_and_lines_by_their_ids(
    traded: Shop, tmp_path: Path
) -> None:
    account = traded.mapping.account("shop-cards")
    lines = [("txn_1", "2026-03-10", "o1", 1_000), ("txn_2", "2026-03-11", "o2", 1_000)]
    again = ingest(traded.pool, account, stripe_file(tmp_path, "renamed.csv", lines))
    assert again.known_since is not None
    longer = [*lines, ("txn_9", "2026-03-11", "o9", 5)]
    more = ingest(traded.pool, account, stripe_file(tmp_path, "more.csv", longer))
    assert more.new_by_day == {date(2026, 3, 11): 1}


def test_a_contradiction_is_refused_and_nothing_of_its_file_is_stored(
    traded: Shop, tmp_path: Path
) -> None:
    lines = [("txn_8", "2026-03-10", "o8", 1), ("txn_1", "2026-03-10", "o1", 999)]
    path = stripe_file(tmp_path, "b.csv", lines)
    with pytest.raises(ReportError, match=r"b\.csv, line 3.*txn_1.*a\.csv, line 2"):
        ingest(traded.pool, traded.mapping.account("shop-cards"), path)
    assert traded.one("SELECT count(*) FROM recon.provider_transactions") == 2
    assert traded.one("SELECT count(*) FROM recon.source_file") == 1


@pytest.mark.parametrize(
    ("good", "bad", "where"),
    [
        ("gross", "grosse", "gross"),
        (",10.00,", ",1o.00,", "line 2, column gross"),
        (",10.00,0.00,10.00,", ',"1.000,00",0.00,"1.000,00",', "line 2, column gross"),
        (",charge,pi_o1,ch_o1,ch_o1,o1\n", ",charge,pi_", "line 2"),
    ],
    ids=["missing column", "broken number", "another format", "truncated"],
)
def test_a_bad_file_is_one_clear_error_and_nothing_is_stored(
    shop: Shop, tmp_path: Path, good: str, bad: str, where: str
) -> None:
    path = stripe_file(tmp_path, "bad.csv", [("txn_1", "2026-03-10", "o1", 1_000)])
    path.write_text(path.read_text().replace(good, bad))
    with pytest.raises(ReportError) as caught:
        ingest(shop.pool, shop.mapping.account("shop-cards"), path)
    assert "bad.csv" in str(caught.value)
    assert where in str(caught.value)
    assert shop.one("SELECT count(*) FROM recon.source_file") == 0
    assert shop.one("SELECT count(*) FROM recon.provider_transactions") == 0


def test_an_entry_that_moves_to_another_day_leaves_no_false_break(
    shop: Shop, tmp_path: Path
) -> None:
    """Pending on the day the provider captured, heard of as paid a day later."""
    shop.stage(created("o1"), reserved("o1"))
    shop.apply()
    account = shop.mapping.account("shop-cards")
    ingest(
        shop.pool, account, stripe_file(tmp_path, "a.csv", [("txn_1", "2026-03-10", "o1", 1_000)])
    )
    found = reconciled(shop, date(2026, 3, 10))
    assert set(found[date(2026, 3, 10)]["breaks"]) == {"paid_not_recorded"}
    late = paid("o1")
    shop.stage(replace(late, body=late.body.replace(b"2026-03-10T15", b"2026-03-11T15")))
    shop.apply()
    rounds = 0
    while due := _due(shop):
        rounds += 1
        assert rounds < 20, "it converges"
        reconciled(shop, *[account_day.day for account_day in due])
    standing = shop.rows(
        "SELECT day, class AS name, status FROM recon.reconciliation_breaks WHERE status = 'break'"
    )
    assert standing == []
    assert shop.rows("SELECT day FROM recon.payment_matches") == [(date(2026, 3, 11),)]


def test_a_match_without_both_of_its_entries_is_counted(traded: Shop) -> None:
    reconciled(traded, *DAYS)
    assert _uneven(traded) == 0
    with transaction(traded.pool) as conn:
        conn.execute(
            "DELETE FROM recon.match_members WHERE (match_id, side) IN"
            " (SELECT match_id, side FROM recon.match_members LIMIT 1)"
        )
    assert _uneven(traded) == 1


def test_a_later_file_may_name_what_an_earlier_one_left_blank(traded: Shop, tmp_path: Path) -> None:
    account = traded.mapping.account("shop-cards")
    poor = stripe_file(tmp_path, "poor.csv", [("txn_3", "2026-03-10", "o3", 1_000)])
    full = poor.read_text()
    poor.write_text(full.replace("pi_o3,ch_o3,ch_o3,o3", ",,,"))
    ingest(traded.pool, account, poor)
    rich = tmp_path / "rich.csv"
    rich.write_text(full)
    assert ingest(traded.pool, account, rich).new_by_day == {date(2026, 3, 10): 1}
    assert reconciled(traded, date(2026, 3, 10))[date(2026, 3, 10)]["matched"] == 2


TRR = Path(files.__file__).parent / "golden" / "paypal_trr.csv"


def test_a_pending_line_that_ends_is_news_for_both_its_days(traded: Shop, tmp_path: Path) -> None:
    """PayPal lists a payment again when it has come through, on the day that it did."""
    account = traded.mapping.account("shop-cards").model_copy(
        update={"name": "shop-paypal", "provider": "paypal",
                "files": AccountFiles(format="paypal_trr")}
    )  # fmt: skip
    ingest(traded.pool, account, TRR)
    day = date(2026, 1, 25)
    text = TRR.read_text(encoding="utf-8")
    ended = tmp_path / "later.csv"
    line = next(row for row in text.splitlines() if "8TR22222222222222" in row)
    done = line.replace('"P"', '"S"').replace("2026/01/25", "2026/01/27")
    told = text.replace(line, done).replace('"USD",2700,0,0,42,7', '"USD",5200,0,0,132,7')
    ended.write_text(told, encoding="utf-8")
    with transaction(traded.pool) as conn:
        conn.execute("UPDATE recon.day SET done_generation = generation")
    ingest(traded.pool, account, ended)
    found = traded.rows(
        "SELECT status, day FROM recon.provider_transactions WHERE entry_id LIKE '8TR222%%'"
    )
    assert found == [("succeeded", date(2026, 1, 27))]
    news = traded.rows("SELECT day FROM recon.day WHERE generation > done_generation ORDER BY day")
    assert [row.day for row in news if row.day.month == 1] == [day, date(2026, 1, 27)]


def test_a_line_whose_type_is_mapped_since_is_read_anew_and_is_no_contradiction(
    traded: Shop, tmp_path: Path
) -> None:
    with transaction(traded.pool) as conn:
        conn.execute("UPDATE recon.provider_transactions SET kind = 'unclassified'")
        conn.execute("UPDATE recon.day SET done_generation = generation")
    again = [("txn_1", "2026-03-10", "o1", 1_000), ("txn_3", "2026-03-12", "o3", 5)]
    ingest(traded.pool, traded.mapping.account("shop-cards"), stripe_file(tmp_path, "b.csv", again))
    kind = "SELECT kind FROM recon.provider_transactions WHERE entry_id = 'txn_1'"
    assert traded.one(kind) == "charge"
    news = traded.rows("SELECT day FROM recon.day WHERE generation > done_generation ORDER BY day")
    assert [row.day for row in news] == [date(2026, 3, 10), date(2026, 3, 12)]


def test_what_is_told_again_on_a_later_day_is_a_duplicate_and_stays_one(
    traded: Shop, tmp_path: Path
) -> None:
    account = traded.mapping.account("shop-cards")
    again = stripe_file(tmp_path, "again.csv", [("txn_7", "2026-03-11", "o1", 1_000)])
    ingest(traded.pool, account, again)
    reconciled(traded, *DAYS)
    found = traded.rows(
        "SELECT b.day, b.class AS found FROM recon.reconciliation_breaks b "
        "JOIN recon.break_members m USING (account, day, break_id) "
        "WHERE m.entry_id = 'txn_7' ORDER BY b.day"
    )
    assert {row.found for row in found} == {"duplicate_provider"}
    assert [row.day for row in found] == [day for day in sorted(DAYS) if day >= date(2026, 3, 11)]
