"""Files that are corrected, issued again, or taken back, with what they caused."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from order_ops.jobs.files.bank_statements import upload
from order_ops.jobs.files.file_refusals import FileError
from order_ops.jobs.files.ingest import ingest
from order_ops.jobs.files.source_files import withdraw
from order_ops.mapping.accounts import AccountFiles
from order_ops.providers.files.report import ReportError
from order_ops.store import audit
from order_ops.store.audit import Actor
from order_ops.store.engine import transaction
from order_ops.store.queries import files
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.statements import Paid
from order_ops_tests.integration.test_reconcile import TRR
from order_ops_tests.unit.cli.invoked import refused, run

WHO = Actor("ana", "the bank sent it again")
TENTH, ELEVENTH = date(2026, 3, 10), date(2026, 3, 11)
FIRST = ("t1", "2026-03-10", 1_000)
SECOND = ("t2", "2026-03-11", 500)


@pytest.fixture
def paid(shop: Shop, tmp_path: Path) -> Iterator[Paid]:
    return Paid.of(shop, tmp_path)


def take(
    paid: Paid, name: str, *lines: tuple[str, str, int], corrects: tuple[int, ...] = ()
) -> int:
    path = paid.provider_file(name, list(lines))
    return ingest(paid.shop.pool, paid.account, path, corrects=corrects).file_id


def amounts(paid: Paid) -> dict[str, int]:
    rows = paid.shop.rows("SELECT entry_id, amount_minor FROM recon.provider_transactions")
    return dict(rows)


def test_a_file_that_is_taken_back_leaves_what_others_tell_as_well(paid: Paid) -> None:
    wrong = take(paid, "a.csv", FIRST, SECOND)
    take(paid, "b.csv", FIRST)
    paid.settle()
    assert len(paid.breaks("order_provider")) > 2
    done = withdraw(paid.shop.pool, paid.mapping, wrong, WHO)
    assert (done.lines, done.gone, done.days) == (2, 1, (TENTH, ELEVENTH))
    assert amounts(paid) == {"t1": 1_000}
    assert paid.due() == [TENTH, ELEVENTH]
    paid.settle()
    keys = paid.shop.rows("SELECT DISTINCT key FROM recon.reconciliation_breaks")
    assert keys == [("pi_t1",)]


def test_what_is_taken_back_comes_to_the_same_as_if_it_had_never_come(paid: Paid) -> None:
    take(paid, "a.csv", FIRST)
    paid.reconcile(TENTH, ELEVENTH)
    before = paid.tables()
    extra = take(paid, "b.csv", FIRST, SECOND, ("t3", "2026-03-10", -700))
    paid.settle()
    assert paid.tables() != before
    withdraw(paid.shop.pool, paid.mapping, extra, WHO)
    paid.settle()
    assert paid.tables() == before


def test_a_dry_run_says_what_would_be_and_changes_nothing(paid: Paid) -> None:
    file_id = take(paid, "a.csv", FIRST)
    paid.settle()
    done = withdraw(paid.shop.pool, paid.mapping, file_id, WHO, dry_run=True)
    assert (done.gone, done.days) == (1, (TENTH,))
    assert (paid.due(), amounts(paid)) == ([], {"t1": 1_000})
    with transaction(paid.shop.pool) as conn:
        assert audit.of(conn, f"file:{file_id}") == []


def test_a_withdrawal_is_in_the_audit_and_happens_once(paid: Paid) -> None:
    file_id = take(paid, "a.csv", FIRST)
    withdraw(paid.shop.pool, paid.mapping, file_id, WHO)
    with transaction(paid.shop.pool) as conn:
        (row,) = audit.of(conn, f"file:{file_id}")
    assert (row.actor, row.action, row.reason) == ("ana", "file.withdraw", WHO.reason)
    assert row.detail == {"file": "a.csv", "lines": 1, "gone": 1, "days": 1}
    with pytest.raises(FileError, match=r"was withdrawn at .*: nothing is left"):
        withdraw(paid.shop.pool, paid.mapping, file_id, WHO)
    with pytest.raises(FileError, match=r"file 999: there is none; order-ops provider files"):
        withdraw(paid.shop.pool, paid.mapping, 999, WHO)


def test_a_file_that_was_taken_back_can_come_again(paid: Paid) -> None:
    first = take(paid, "a.csv", FIRST)
    withdraw(paid.shop.pool, paid.mapping, first, WHO)
    assert take(paid, "a.csv", FIRST) != first
    assert amounts(paid) == {"t1": 1_000}


def test_a_correction_replaces_the_lines_that_it_tells_and_no_others(paid: Paid) -> None:
    wrong = take(paid, "a.csv", FIRST, SECOND)
    paid.settle()
    other = ("t1", "2026-03-10", 990)
    with pytest.raises(ReportError, match=rf"line 2: .*t1 .*--corrects {wrong}"):
        take(paid, "b.csv", other)
    right = take(paid, "b.csv", other, corrects=(wrong,))
    assert amounts(paid) == {"t1": 990, "t2": 500}
    assert paid.due() == [TENTH]
    withdraw(paid.shop.pool, paid.mapping, right, WHO)
    assert amounts(paid) == {"t1": 1_000, "t2": 500}, "what it corrected counts again"


def test_a_line_that_a_third_file_tells_otherwise_is_still_a_contradiction(paid: Paid) -> None:
    wrong, same = take(paid, "a.csv", FIRST), take(paid, "m.csv", FIRST, SECOND)
    other = ("t1", "2026-03-10", 990)
    with pytest.raises(ReportError, match=rf"m\.csv.*--corrects {same}"):
        take(paid, "b.csv", other, corrects=(wrong,))
    assert amounts(paid) == {"t1": 1_000, "t2": 500}
    take(paid, "b.csv", other, corrects=(wrong, same))
    assert amounts(paid) == {"t1": 990, "t2": 500}


def test_a_file_that_is_not_there_cannot_be_corrected(paid: Paid) -> None:
    with pytest.raises(FileError, match="file 7: there is none of account shop-cards"):
        take(paid, "b.csv", FIRST, corrects=(7,))
    assert paid.shop.one("SELECT count(*) FROM recon.source_file") == 0


def test_lines_told_anew_are_what_the_files_made_of_them_one_by_one(paid: Paid) -> None:
    """Pending, ended and filled lines: the two ways to the same table give the same rows."""
    account = paid.account.model_copy(
        update={"provider": "paypal", "files": AccountFiles(format="paypal_trr")}
    )
    ingest(paid.shop.pool, account, TRR)
    text = TRR.read_text(encoding="utf-8")
    line = next(row for row in text.splitlines() if "8TR22222222222222" in row)
    ended = line.replace('"P"', '"S"').replace("2026/01/25", "2026/01/27")
    told = text.replace(line, ended).replace('"USD",2700,0,0,42,7', '"USD",5200,0,0,132,7')
    for number, body in enumerate((told, text + "\n")):
        path = paid.folder / f"{number}.csv"
        path.write_text(body, encoding="utf-8")
        ingest(paid.shop.pool, account, path)
    query = "SELECT t::text FROM recon.provider_transactions t ORDER BY entry_id"
    one_by_one = paid.shop.rows(query)
    assert len(one_by_one) == 7
    with transaction(paid.shop.pool) as conn:
        files.make_touched_table(conn)
        conn.execute("INSERT INTO touched_line SELECT entry_id FROM recon.provider_transactions")
        list(files.forget_lines(conn, account=account.name))
        list(files.retell(conn, account=account.name, but=[]))
        assert conn.execute(query).fetchall() == one_by_one


def test_files_of_a_provider_and_of_a_bank_do_not_correct_one_another(paid: Paid) -> None:
    pool, account = paid.shop.pool, paid.account
    provided = take(paid, "a.csv", FIRST)
    path = paid.statement("s.xml", "2026-03-11", [("B1", 900, "STRIPE x1")])
    with pytest.raises(
        FileError, match=rf"file {provided} \(a\.csv\) is a provider file: .*ingest"
    ):
        upload(pool, account, path, corrects=[provided])
    banked = upload(pool, account, path).file_id
    with pytest.raises(FileError, match=rf"file {banked} \(s\.xml\) is a bank file: .*bank upload"):
        take(paid, "b.csv", SECOND, corrects=(banked,))
    assert paid.shop.rows("SELECT amount_minor FROM recon.banked") == [(900,)]
    assert amounts(paid) == {"t1": 1_000}


def test_a_corrected_file_is_neither_withdrawn_nor_corrected_again(paid: Paid) -> None:
    first = take(paid, "a.csv", FIRST)
    second = take(paid, "b.csv", ("t1", "2026-03-10", 990), corrects=(first,))
    with pytest.raises(FileError, match=rf"file {second} \(b\.csv\): withdraw that one first"):
        withdraw(paid.shop.pool, paid.mapping, first, WHO)
    third = ("t1", "2026-03-10", 980)
    with pytest.raises(
        FileError, match=rf"file {second} \(b\.csv\) already: say --corrects {second}"
    ):
        take(paid, "c.csv", third, corrects=(first,))
    last = take(paid, "c.csv", third, corrects=(second,))
    assert amounts(paid) == {"t1": 980}
    for file_id, left in ((last, {"t1": 990}), (second, {"t1": 1_000}), (first, {})):
        withdraw(paid.shop.pool, paid.mapping, file_id, WHO)
        assert amounts(paid) == left


def as_an_earlier_release_stored(paid: Paid, file_id: int) -> None:
    """Without what the file says of lines that another told first, which then was not kept."""
    with transaction(paid.shop.pool) as conn:
        conn.execute("UPDATE recon.source_file SET told_in_full = false WHERE id = %s", [file_id])
        conn.execute(
            "DELETE FROM recon.told_lines t USING recon.provider_transactions p"
            " WHERE t.file_id = %s AND p.entry_id = t.entry_id AND p.file_id <> t.file_id",
            [file_id],
        )


def test_a_file_of_an_earlier_release_is_neither_withdrawn_nor_corrected(paid: Paid) -> None:
    file_id = take(paid, "a.csv", FIRST)
    as_an_earlier_release_stored(paid, file_id)
    told = rf"file {file_id} \(a\.csv\) was stored by an earlier release, .*order-ops breaks"
    with pytest.raises(FileError, match=told):
        withdraw(paid.shop.pool, paid.mapping, file_id, WHO)
    with pytest.raises(FileError, match=told):
        take(paid, "b.csv", ("t1", "2026-03-10", 990), corrects=(file_id,))
    assert amounts(paid) == {"t1": 1_000}


def test_lines_that_a_file_of_an_earlier_release_may_tell_are_not_taken_back(paid: Paid) -> None:
    first = take(paid, "a.csv", FIRST)
    second = take(paid, "b.csv", FIRST, SECOND)
    as_an_earlier_release_stored(paid, second)
    told = rf"file {first} .*: file {second} \(b\.csv\) was stored by an earlier release"
    with pytest.raises(FileError, match=told):
        withdraw(paid.shop.pool, paid.mapping, first, WHO)
    assert amounts(paid) == {"t1": 1_000, "t2": 500}
    third = take(paid, "c.csv", SECOND)
    assert withdraw(paid.shop.pool, paid.mapping, third, WHO).gone == 0, "it is known to tell it"
    with transaction(paid.shop.pool) as conn:
        conn.execute("UPDATE recon.source_file SET received_at = '2026-03-08'")
    withdraw(paid.shop.pool, paid.mapping, first, WHO)
    assert amounts(paid) == {"t2": 500}, "it came before the day of the line"


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_would_count_again_may_not_contradict_another_file(
    paid: Paid, *, dry_run: bool
) -> None:
    other = ("t1", "2026-03-10", 990)
    first = take(paid, "a.csv", FIRST)
    second = take(paid, "b.csv", other, corrects=(first,))
    third = take(paid, "c.csv", other, SECOND)
    told = rf"file {first} \(a\.csv\) .* contradicts file {third} \(c\.csv\) about line id t1"
    with pytest.raises(FileError, match=told):
        withdraw(paid.shop.pool, paid.mapping, second, WHO, dry_run=dry_run)
    assert amounts(paid) == {"t1": 990, "t2": 500}
    withdraw(paid.shop.pool, paid.mapping, third, WHO)
    withdraw(paid.shop.pool, paid.mapping, second, WHO)
    assert amounts(paid) == {"t1": 1_000}


def test_a_statement_that_would_count_again_may_not_contradict_another(paid: Paid) -> None:
    pool, account = paid.shop.pool, paid.account
    wrong = paid.statement("a.xml", "2026-03-11", [("B1", 900, "STRIPE x")])
    right = paid.statement("b.xml", "2026-03-11", [("B1", 990, "STRIPE x")])
    more = paid.statement("c.xml", "2026-03-11", [("B1", 990, "STRIPE x"), ("B2", 5, "rent")])
    first = upload(pool, account, wrong).file_id
    second = upload(pool, account, right, corrects=[first]).file_id
    third = upload(pool, account, more).file_id
    told = rf"file {first} \(a\.xml\) .* contradicts file {third} \(c\.xml\) about line id"
    with pytest.raises(FileError, match=told):
        withdraw(pool, paid.mapping, second, WHO)
    query = "SELECT amount_minor FROM recon.banked ORDER BY 1"
    assert paid.shop.rows(query) == [(5,), (990,)]


def test_a_corrected_statement_stands_for_the_whole_of_the_other(paid: Paid) -> None:
    pool, account = paid.shop.pool, paid.account
    wrong = paid.statement("w.xml", "2026-03-11", [("B1", 900, "STRIPE x1"), ("", 7, "STRIPE x2")])
    first = upload(pool, account, wrong).file_id
    right = paid.statement("r.xml", "2026-03-11", [("B1", 990, "STRIPE x1"), ("", 8, "STRIPE x2")])
    second = upload(pool, account, right, corrects=[first]).file_id
    query = "SELECT amount_minor FROM recon.banked ORDER BY 1"
    assert paid.shop.rows(query) == [(8,), (990,)]
    done = withdraw(pool, paid.mapping, second, WHO)
    assert (done.gone, done.days) == (1, (ELEVENTH,)), "what it corrected counts again"
    assert paid.shop.rows(query) == [(7,), (900,)]
    withdraw(pool, paid.mapping, first, WHO)
    assert paid.shop.rows(query) == []


def test_days_of_what_stops_counting_and_of_what_counts_again_are_due(paid: Paid) -> None:
    pool, account = paid.shop.pool, paid.account
    credit = paid.statement("a.xml", "2026-03-12", [("B1", 900, "STRIPE x1")])
    empty = paid.statement("b.xml", "2026-03-13", [])
    corrects = [upload(pool, account, path).file_id for path in (credit, empty)]
    paid.settle()
    other = paid.statement("c.xml", "2026-03-09", [("B2", 5, "rent")])
    file_id = upload(pool, account, other, corrects=corrects).file_id
    counting = [date(2026, 3, day) for day in (9, 12, 13)]
    assert paid.due() == counting
    paid.settle()
    assert withdraw(pool, paid.mapping, file_id, WHO).days == tuple(counting)
    assert paid.due() == counting


def test_the_commands_list_files_and_take_one_back(paid: Paid) -> None:
    file_id = take(paid, "a.csv", FIRST)
    assert "--reason: say why" in refused("provider", "withdraw", str(file_id))
    told = run("provider", "withdraw", str(file_id), "--dry-run").stdout
    assert f"File {file_id} (a.csv) of shop-cards would be withdrawn: of its 1 lines, 1" in told
    assert "a.csv" in run("provider", "files", "--account", "shop-cards").stdout
    told = run("bank", "withdraw", str(file_id), "--reason", "wrong", "--by", "ana").stdout
    assert "is withdrawn" in told
    assert "2026-03-10 will be reconciled again" in told
    assert "withdrawn" in run("provider", "files", "--account", "shop-cards").stdout
    assert "there is none" in refused("provider", "withdraw", "99", "--reason", "x")


def test_a_stored_file_is_refused_with_what_is_not_stored_of_it(paid: Paid) -> None:
    wrong = take(paid, "a.csv", FIRST)
    right = take(paid, "b.csv", ("t1", "2026-03-10", 990), corrects=(wrong,))
    same = ("t1", "2026-03-10", 990)
    assert take(paid, "b.csv", same, corrects=(wrong,)) == right, "as it is stored: no effect"
    told = rf"--corrects {wrong}: file {wrong} \(a\.csv\) is stored since .*, with no file as .*"
    told += rf"2026-03-10; .*provider withdraw {wrong} --reason .*ingest"
    with pytest.raises(FileError, match=told):
        take(paid, "a.csv", FIRST, corrects=(wrong,))
    path = paid.folder / "b.csv"
    pool, account = paid.shop.pool, paid.account
    assert ingest(pool, account, path, covers=[TENTH]).file_id == right
    unheard = [TENTH, date(2026, 3, 14), date(2026, 3, 12), ELEVENTH]
    told = rf"--covers 2026-03-11\.\.2026-03-12 --covers 2026-03-14: .*file {wrong} as corrected"
    with pytest.raises(FileError, match=told):
        ingest(pool, account, path, covers=unheard)
    withdraw(pool, paid.mapping, right, WHO)
    ingest(pool, account, path, corrects=[wrong], covers=[ELEVENTH])
    assert paid.due() == [TENTH, ELEVENTH]


def test_a_stored_statement_is_refused_with_what_is_not_stored_of_it(paid: Paid) -> None:
    pool, account = paid.shop.pool, paid.account
    first = upload(pool, account, paid.statement("s.xml", "2026-03-11", [("B1", 900, "x")]))
    path = paid.statement("u.xml", "2026-03-12", [("B2", 800, "x")])
    stored = upload(pool, account, path).file_id
    told = rf"--corrects {first.file_id}: file {stored} .*bank withdraw {stored} .*bank upload"
    with pytest.raises(FileError, match=told):
        upload(pool, account, path, corrects=[first.file_id])


EXCHANGED = (
    "balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,reporting_category,"
    "payment_intent_id,charge_id,source_id{more}\n"
    "txn_1,2026-03-10 15:00:00,2026-03-12 00:00:00,brl,{gross},0.00,{gross},charge,pi_1,ch_1,ch_1"
    "{values}\n"
)
PLAIN = EXCHANGED.format(more="", values="", gross="50.00")
FULLER = EXCHANGED.format(
    more=",customer_facing_amount,customer_facing_currency", values=",10.00,usd", gross="50.00"
)


def _take_text(paid: Paid, name: str, text: str) -> int:
    path = paid.folder / name
    path.write_text(text, encoding="utf-8")
    return ingest(paid.shop.pool, paid.account, path).file_id


@pytest.mark.parametrize("order", [(PLAIN, FULLER), (FULLER, PLAIN)], ids=["later", "first"])
def test_what_the_customer_paid_is_known_whichever_report_tells_it(
    paid: Paid, order: tuple[str, str]
) -> None:
    told = "SELECT amount_minor, currency, settled_minor, settlement_currency"
    known = f"{told} FROM recon.provider_transactions"
    ids = [_take_text(paid, f"{number}.csv", text) for number, text in enumerate(order)]
    assert paid.shop.rows(known) == [(1_000, "USD", 5_000, "BRL")]
    withdraw(paid.shop.pool, paid.mapping, ids[order.index(FULLER)], WHO)
    assert paid.shop.rows(known) == [(5_000, "BRL", 5_000, "BRL")], "nobody tells it any more"


@pytest.mark.parametrize(
    "other",
    [PLAIN.replace("50.00", "49.00"), FULLER.replace(",10.00,usd", ",11.00,usd")],
    ids=["settled", "customer"],
)
def test_two_reports_that_tell_other_amounts_contradict(paid: Paid, other: str) -> None:
    _take_text(paid, "a.csv", FULLER)
    with pytest.raises(ReportError, match="txn_1"):
        _take_text(paid, "b.csv", other)
