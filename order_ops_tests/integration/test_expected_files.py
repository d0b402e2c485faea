"""Files that the mapping expects: a day without one has no verdict, until it has come."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from order_ops.jobs.files.bank_statements import upload
from order_ops.jobs.files.file_refusals import FileError
from order_ops.jobs.files.ingest import ingest
from order_ops.jobs.files.source_files import withdraw
from order_ops.mapping.accounts import AccountBank, AccountFiles, Expected
from order_ops.providers.files.report import ReportError
from order_ops.store.audit import Actor
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.statements import IBAN, Paid
from order_ops_tests.unit.providers.files.golden_files import golden

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


def test_one_empty_report_is_of_every_quiet_day_that_it_is_said_to_be_of(expecting: Paid) -> None:
    pool, account = expecting.shop.pool, expecting.account
    empty = expecting.provider_file("quiet.csv", [])
    first = ingest(pool, account, empty, covers=[MONDAY])
    expecting.settle()
    again = ingest(pool, account, empty, covers=[MONDAY, TUESDAY])
    assert (again.file_id, again.also_covers) == (first.file_id, (TUESDAY,))
    assert TUESDAY in expecting.due()
    days = expecting.shop.one("SELECT days FROM recon.source_file")
    assert days == [MONDAY, TUESDAY]


def test_the_name_of_a_file_may_tell_its_day(shop: Shop, tmp_path: Path) -> None:
    files = AccountFiles(format="stripe", expected=DAILY, covers=r"_(?P<day>\d{4}-\d{2}-\d{2})\.")
    paid = Paid.of(shop, tmp_path, files=files)
    for day in (MONDAY, TUESDAY):
        ingest(shop.pool, paid.account, paid.provider_file(f"report_{day}.csv", []))
    assert shop.rows("SELECT name, days FROM recon.source_file") == [
        (f"report_{MONDAY}.csv", [MONDAY, TUESDAY])
    ], "two empty reports are one file, of both days"
    with pytest.raises(FileError, match=r"does not tell its day .* rename it, or say --covers"):
        ingest(shop.pool, paid.account, paid.provider_file("report.csv", []))
    named = paid.provider_file("report.csv", [LINE])
    assert ingest(shop.pool, paid.account, named, covers=[WEDNESDAY]).lines == 1


@pytest.mark.parametrize(
    ("time_zone", "covered"),
    [
        ("America/Los_Angeles", [date(2025, 12, 23)]),
        ("UTC", [date(2025, 12, 23), date(2025, 12, 24)]),
    ],
    ids=["as-the-report", "another"],
)
def test_a_report_with_a_period_is_of_its_whole_days(
    shop: Shop, tmp_path: Path, time_zone: str, covered: list[date]
) -> None:
    """Of a day that the period cuts it knows a part: only where no day is whole, lines tell."""
    paid = Paid.of(
        shop,
        tmp_path,
        provider="paypal",
        files=AccountFiles(format="paypal_stl"),
        time_zone=time_zone,
        first_day=date(2025, 12, 1),
    )
    ingest(shop.pool, paid.account, golden("paypal_stl"))
    assert set(shop.one("SELECT days FROM recon.source_file")) <= set(covered)
    assert date(2025, 12, 23) in shop.one("SELECT days FROM recon.source_file")


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(", "is no regular expression"),
        (r"\d+", "name its groups"),
        ("(?P<x>.)", "name its groups"),
    ],
)
def test_a_pattern_that_tells_no_day_is_refused(pattern: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        AccountFiles(format="stripe", covers=pattern)


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("a_20260309.csv", (MONDAY,)),
        ("a_20260309-20260311.csv", (MONDAY, TUESDAY, WEDNESDAY)),
        ("a_20260311-20260309.csv", None),
        ("a_20261301.csv", None),
    ],
)
def test_days_of_a_name(name: str, days: tuple[date, ...] | None) -> None:
    span = r"_(?P<first>\d{8})-(?P<last>\d{8})\." if "-" in name else r"_(?P<day>\d{8})\."
    assert AccountFiles(format="stripe", covers=span).days_of(name) == days


def test_lines_that_are_to_come_are_refused(expecting: Paid) -> None:
    day = f"{datetime.now(UTC).date() + timedelta(days=3)}"
    path = expecting.provider_file("a.csv", [("t1", day, 100)])
    with pytest.raises(ReportError, match=r"t1 is of .* still to come; .*time zone|t1 is of"):
        ingest(expecting.shop.pool, expecting.account, path)
    assert expecting.shop.one("SELECT count(*) FROM recon.source_file") == 0


def test_lines_before_the_first_day_are_counted(expecting: Paid) -> None:
    path = expecting.provider_file("a.csv", [("t0", "2025-12-31", 100), LINE])
    assert ingest(expecting.shop.pool, expecting.account, path).too_early == 1


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
