"""Files that the mapping expects: a day without one has no verdict, until it has come."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from order_ops.jobs.files.bank_statements import upload
from order_ops.jobs.files.file_refusals import FileError
from order_ops.jobs.files.ingest import ingest
from order_ops.jobs.files.source_files import withdraw
from order_ops.mapping.accounts import AccountBank, AccountFiles, Expected
from order_ops.store.audit import Actor
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.statements import IBAN, Paid

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 3, day) for day in (9, 10, 11))
FRIDAY, SATURDAY, SUNDAY = date(2026, 3, 13), date(2026, 3, 14), date(2026, 3, 15)
DAILY = Expected(every="business_day", by=time(10), since=MONDAY)
LINE = ("t1", "2026-03-09", -1_000)


@pytest.fixture
def expecting(shop: Shop, tmp_path: Path) -> Paid:
    """A file of every business day is expected at ten on the day after."""
    return Paid.of(shop, tmp_path, files=AccountFiles(format="stripe", expected=DAILY))


def verdicts(paid: Paid) -> dict[int, str]:
    rows = paid.shop.rows("SELECT day, verdict FROM recon.run ORDER BY day")
    return {row.day.day: row.verdict for row in rows}


def test_a_day_is_incomplete_once_a_file_is_past_due_and_not_before(expecting: Paid) -> None:
    found = expecting.reconcile(MONDAY, TUESDAY, WEDNESDAY)
    assert [found[day].result.verdict for day in found] == [
        "RECONCILED", "INCOMPLETE", "INCOMPLETE",
    ]  # fmt: skip
    assert found[WEDNESDAY].result.incomplete == (
        "No provider file speaks of 2026-03-09 to 2026-03-10 (2 of them); fetch it and run"
        " order-ops ingest FILE --account shop-cards (with --covers DAY where it has no line).",
    )
    assert expecting.breaks("input") == [
        (TUESDAY, "incomplete_input", "break"),
        (WEDNESDAY, "incomplete_input", "break"),
    ]


def test_grace_and_days_off_are_waited_for(expecting: Paid) -> None:
    calm = DAILY.model_copy(update={"grace_days": 1, "since": FRIDAY})
    files = AccountFiles(format="stripe", expected=calm)
    paid = Paid.of(expecting.shop, expecting.folder, files=files)
    monday, tuesday = date(2026, 3, 16), date(2026, 3, 17)
    found = paid.reconcile(FRIDAY, SATURDAY, SUNDAY, monday, tuesday)
    assert [found[day].result.verdict for day in found] == [
        "RECONCILED", "RECONCILED", "RECONCILED", "RECONCILED", "INCOMPLETE",
    ]  # fmt: skip


def test_a_file_that_comes_late_completes_every_day_that_lacked_it(expecting: Paid) -> None:
    pool, account = expecting.shop.pool, expecting.account
    expecting.reconcile(MONDAY, TUESDAY, WEDNESDAY)
    covers = [MONDAY, TUESDAY]
    done = ingest(pool, account, expecting.provider_file("a.csv", [LINE]), covers=covers)
    assert expecting.due() == [MONDAY, TUESDAY, WEDNESDAY]
    expecting.settle()
    assert "INCOMPLETE" not in verdicts(expecting).values()
    assert expecting.breaks("input") == []
    withdraw(pool, expecting.mapping, done.file_id, Actor("ana", "wrong account"))
    expecting.settle()
    assert [day for day, found in verdicts(expecting).items() if found == "INCOMPLETE"] == [10, 11]


def test_a_file_covers_no_day_before_the_account_or_after_today(expecting: Paid) -> None:
    pool, account = expecting.shop.pool, expecting.account
    path = expecting.provider_file("a.csv", [LINE])
    today = datetime.now(UTC).date()
    for day in (account.first_day - timedelta(days=1), today + timedelta(days=1)):
        told = f"--covers {day}: no day of .*{account.first_day} .*{today}"
        with pytest.raises(FileError, match=told):
            ingest(pool, account, path, covers=[day])
    assert expecting.shop.one("SELECT count(*) FROM recon.source_file") == 0
    ingest(pool, account, path, covers=[account.first_day])
    assert expecting.shop.one("SELECT days[1] FROM recon.source_file") == account.first_day


def test_a_statement_that_is_missing_between_two_is_named(shop: Shop, tmp_path: Path) -> None:
    bank = AccountBank(account=IBAN, format="camt053", expected=Expected(since=MONDAY))
    paid = Paid.of(shop, tmp_path, bank=bank)
    first = paid.statement("1.xml", "2026-03-09", [("B1", 100, "rent 1")], number=1)
    second = paid.statement("2.xml", "2026-03-10", [("B2", 5, "rent 2")], opening=100, number=2)
    third = paid.statement("3.xml", "2026-03-11", [("B3", 7, "rent 3")], opening=105, number=3)
    for path in (first, third):
        upload(shop.pool, paid.account, path)
    found = paid.reconcile(MONDAY, TUESDAY, WEDNESDAY)
    assert [found[day].result.verdict for day in found] == [
        "RECONCILED", "RECONCILED", "INCOMPLETE",
    ]  # fmt: skip
    assert found[WEDNESDAY].result.incomplete == (
        "Statement S-2026-03-11 of 2026-03-11 closes with BRL 1.12, and the balance before it with"
        " the lines booked since comes to BRL 1.07: a statement is missing, a line stands in two"
        " files in different words, or equal lines of two files were taken for one; get it from the"
        " bank and run order-ops bank upload FILE --account shop-cards, with --corrects ID where"
        " one file tells it better than those that are stored.",
    )
    upload(shop.pool, paid.account, second)
    assert WEDNESDAY in paid.due()
    paid.settle()
    assert set(verdicts(paid).values()) == {"RECONCILED"}


def test_a_late_file_that_shows_a_gap_takes_the_verdict_back(shop: Shop, tmp_path: Path) -> None:
    bank = AccountBank(account=IBAN, format="camt053", expected=Expected(since=MONDAY))
    paid = Paid.of(shop, tmp_path, bank=bank)
    upload(shop.pool, paid.account, paid.statement("1.xml", "2026-03-09", [("B1", 100, "rent 1")]))
    paid.reconcile(MONDAY, TUESDAY, WEDNESDAY)
    path = paid.statement("2.xml", "2026-03-10", [("B2", 5, "rent 2")], opening=90)
    upload(shop.pool, paid.account, path)
    paid.settle()
    assert verdicts(paid) == {9: "RECONCILED", 10: "INCOMPLETE", 11: "INCOMPLETE"}
