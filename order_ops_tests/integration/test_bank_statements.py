"""Statements of the bank in the tables, and payouts that are looked for in them."""

from datetime import date
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy.exc import DBAPIError

from order_ops.jobs.files.bank_statements import upload
from order_ops.jobs.files.file_refusals import FileError
from order_ops.jobs.files.ingest import ingest
from order_ops.jobs.files.source_files import withdraw
from order_ops.mapping.accounts import AccountBank
from order_ops.providers.files.report import ReportError
from order_ops.store.audit import Actor
from order_ops.store.engine import transaction
from order_ops.store.migrate import config
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.statements import IBAN, Paid
from order_ops_tests.unit.cli.invoked import refused, run

DAYS = [date(2026, 3, day) for day in (9, 10, 11, 12)]
PAYOUT = ("t1", "2026-03-10", -1_000)
CREDIT = ("B1", 1_000, "STRIPE po_t1")


@pytest.fixture
def paid(shop: Shop, tmp_path: Path) -> Paid:
    """A payout of the 10th."""
    made = Paid.of(shop, tmp_path)
    ingest(shop.pool, made.account, made.provider_file("a.csv", [PAYOUT]))
    return made


def test_the_schema_is_not_taken_back_while_there_are_bank_files(paid: Paid) -> None:
    pool, account = paid.shop.pool, paid.account
    database = config(paid.shop.settings.database_url)
    path = paid.statement("s.xml", "2026-03-11", [CREDIT])
    file_id = upload(pool, account, path).file_id
    with pytest.raises(DBAPIError, match=r"there are bank files.*order-ops bank withdraw"):
        command.downgrade(database, "0006")
    assert paid.shop.one("SELECT count(*) FROM recon.banked") == 1
    withdraw(pool, paid.mapping, file_id, Actor("ana", "to go back"))
    command.downgrade(database, "0006")
    command.upgrade(database, "head")
    upload(pool, account, path)
    assert paid.shop.rows("SELECT name, told_in_full FROM recon.source_file ORDER BY id") == [
        ("a.csv", False), ("s.xml", True),
    ]  # fmt: skip


def test_a_migration_keeps_what_files_speak_of(paid: Paid) -> None:
    path = paid.statement("s.xml", "2026-03-11", [CREDIT])
    upload(paid.shop.pool, paid.account, path)
    kept = "SELECT name, days FROM recon.source_file ORDER BY id"
    lines = "SELECT entry_id, bank_account, counted_on FROM recon.banked"
    before = paid.shop.rows(kept), paid.shop.rows(lines)
    database = config(paid.shop.settings.database_url)
    command.downgrade(database, "0009")
    command.upgrade(database, "head")
    assert (paid.shop.rows(kept), paid.shop.rows(lines)) == before


def test_a_payout_is_pending_until_the_bank_shows_it_and_then_a_break(paid: Paid) -> None:
    paid.reconcile(*DAYS)
    assert paid.breaks() == [
        (DAYS[1], "payout_not_in_bank", "pending"),
        (DAYS[2], "payout_not_in_bank", "pending"),
        (DAYS[3], "payout_not_in_bank", "break"),
    ]
    bridge = paid.shop.rows(
        "SELECT line, amount_minor FROM recon.reconciliation_bridge"
        " WHERE day = '2026-03-12' AND line IN ('transit_before', 'transit_after')"
    )
    assert dict(bridge) == {"transit_before": 1_000, "transit_after": 1_000}


def test_a_late_statement_makes_its_days_due_and_they_come_to_the_same(paid: Paid) -> None:
    paid.settle()
    assert paid.due() == []
    done = upload(paid.shop.pool, paid.account, paid.statement("s.xml", "2026-03-11", [CREDIT]))
    assert (done.known_since, done.new_by_day) == (None, {DAYS[2]: 1})
    assert paid.due() == [DAYS[2]]
    paid.settle()
    assert paid.breaks() == [(DAYS[1], "payout_not_in_bank", "pending")]
    late = paid.tables()
    with transaction(paid.shop.pool) as conn:
        for table in ("reconciliation_breaks", "break_members", "reconciliation_bridge", "carry"):
            conn.execute(f"TRUNCATE recon.{table}")
        conn.execute("DELETE FROM recon.run")
        conn.execute("UPDATE recon.day SET generation = generation + 1")
    paid.settle()
    assert paid.tables() == late


def test_a_statement_is_known_by_its_hash_and_its_lines_by_their_ids(paid: Paid) -> None:
    pool, account = paid.shop.pool, paid.account
    path = paid.statement("s.xml", "2026-03-11", [CREDIT])
    upload(pool, account, path)
    assert upload(pool, account, path).known_since is not None
    more = paid.statement("m.xml", "2026-03-11", [CREDIT, ("B2", 5, "other")])
    assert upload(pool, account, more).new_by_day == {DAYS[2]: 1}
    assert paid.shop.one("SELECT count(*) FROM recon.banked") == 2
    balances = paid.shop.rows(
        "SELECT bank_account, opening_minor, closing_minor, closing_on, lines"
        " FROM recon.bank_statements ORDER BY id"
    )
    assert balances == [(IBAN, 0, 1_000, DAYS[2], 1), (IBAN, 0, 1_005, DAYS[2], 2)]


def test_a_line_with_another_amount_is_refused_and_nothing_is_stored(paid: Paid) -> None:
    upload(paid.shop.pool, paid.account, paid.statement("s.xml", "2026-03-11", [CREDIT]))
    path = paid.statement("t.xml", "2026-03-11", [("B1", 900, "STRIPE po_t1")])
    with pytest.raises(ReportError, match=r"t\.xml, line .*B1.*s\.xml.*--corrects \d+"):
        upload(paid.shop.pool, paid.account, path)
    assert paid.shop.one("SELECT count(*) FROM recon.bank_lines") == 1
    assert paid.shop.one("SELECT count(*) FROM recon.bank_statements") == 1


def test_a_statement_whose_balances_do_not_close_is_refused(paid: Paid) -> None:
    path = paid.statement("s.xml", "2026-03-11", [CREDIT])
    end = "</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt>"
    path.write_text(path.read_text().replace(f">10.00{end}", f">11.00{end}"))
    with pytest.raises(ReportError, match="closing balance"):
        upload(paid.shop.pool, paid.account, path)
    assert paid.shop.one("SELECT count(*) FROM recon.source_file") == 1


def test_a_statement_of_another_account_is_refused(paid: Paid) -> None:
    elsewhere = paid.account.model_copy(
        update={"bank": AccountBank(account="DE00 1", format="camt053")}
    )
    with pytest.raises(ReportError, match=f"statements of {IBAN}.*paid out to DE001"):
        upload(paid.shop.pool, elsewhere, paid.statement("s.xml", "2026-03-11", [CREDIT]))


def test_an_account_without_a_bank_says_what_to_do(paid: Paid) -> None:
    nowhere = paid.account.model_copy(update={"bank": None})
    with pytest.raises(FileError, match=r"names no bank; say accounts: bank:"):
        upload(paid.shop.pool, nowhere, paid.statement("s.xml", "2026-03-11", [CREDIT]))


def test_a_credit_of_the_provider_without_a_payout_breaks_and_others_are_beside_it(
    paid: Paid,
) -> None:
    lines = [CREDIT, ("B2", 7_000, "STRIPE payments"), ("B3", 50, "rent 7")]
    upload(paid.shop.pool, paid.account, paid.statement("s.xml", "2026-03-10", lines))
    found = paid.reconcile(*DAYS)
    assert paid.breaks() == [
        (DAYS[1], "bank_unexplained", "pending"),
        (DAYS[2], "bank_unexplained", "pending"),
        (DAYS[3], "bank_unexplained", "break"),
    ]
    assert found[DAYS[3]].summary["breaks"]["bank_unexplained"] == {
        "count": 1, "amount_minor": {"BRL": 7_000},
    }  # fmt: skip
    beside = paid.shop.rows(
        "SELECT day, amount_minor, count FROM recon.reconciliation_bridge"
        " WHERE line = 'beside_payouts' AND count > 0"
    )
    assert beside == [(DAYS[1], 50, 1)]
    assert paid.shop.one("SELECT count(*) FROM analytics.bank_lines") == 3


def test_the_command_stores_a_statement_and_says_what_is_due(
    paid: Paid, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = paid.statement("s.xml", "2026-03-11", [CREDIT])
    told = run("bank", "preview", path, "--format", "camt053")
    assert "S-2026-03-11" in told.stdout
    assert "BRL 10.00" in told.stdout
    assert told.stdout.endswith("Nothing was stored.\n")
    assert "names no bank" in refused("bank", "upload", path, "--account", "shop-cards")
    mapping = paid.folder / "mapping.yaml"
    mapping.write_text(_with_bank(), encoding="utf-8")
    monkeypatch.setenv("ORDER_OPS_MAPPING", str(mapping))
    from order_ops.settings import get_settings

    get_settings.cache_clear()
    told = run("bank", "upload", path, "--account", "shop-cards")
    assert told.exit_code == 0, told.output
    assert "1 lines, 1 of them new" in told.stdout
    assert "2026-03-11: 1 lines; the day will be reconciled" in told.stdout
    assert "is known since" in run("bank", "upload", path, "--account", "shop-cards").stdout


def _with_bank() -> str:
    from order_ops.mapping import BUNDLED

    bank = f"  - name: shop-cards\n    bank: {{account: {IBAN}, format: camt053}}"
    return BUNDLED.read_text(encoding="utf-8").replace("  - name: shop-cards", bank)
