"""`order-ops ingest` and `bank upload` of an address, and days that a file is said to cover."""

from datetime import date
from pathlib import Path

import fsspec
import pytest
import yaml

from order_ops.mapping import BUNDLED
from order_ops.settings import get_settings
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.reconciling import stripe_file
from order_ops_tests.integration.statements import IBAN, Paid
from order_ops_tests.unit.cli.invoked import refused, run

LINE = ("t1", "2026-03-10", "o1", 1_000)


def addressed(path: Path) -> str:
    fsspec.filesystem("memory").pipe(f"/sent/{path.name}", path.read_bytes())
    return f"memory://sent/{path.name}"


def test_a_provider_s_file_is_taken_in_from_its_address(shop: Shop, tmp_path: Path) -> None:
    address = addressed(stripe_file(tmp_path, "a.csv", [LINE]))
    told = run("ingest", address, "--account", "shop-cards")
    assert told.exit_code == 0, told.output
    assert "a.csv: file 1, 1 lines, 1 of them new." in told.stdout
    assert shop.rows("SELECT name, lines FROM recon.source_file") == [("a.csv", 1)]


def test_a_bank_s_file_is_taken_in_from_its_address(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = yaml.safe_load(BUNDLED.read_text(encoding="utf-8"))
    (account,) = [one for one in text["accounts"] if one["name"] == "shop-cards"]
    account["bank"] = {"account": IBAN, "format": "camt053"}
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(yaml.safe_dump(text), encoding="utf-8")
    monkeypatch.setenv("ORDER_OPS_MAPPING", str(mapping))
    get_settings.cache_clear()
    paid = Paid.of(shop, tmp_path)
    address = addressed(paid.statement("s.xml", "2026-03-10", [("r1", 900, "STRIPE r1")]))
    told = run("bank", "upload", address, "--account", "shop-cards")
    assert told.exit_code == 0, told.output
    assert shop.one("SELECT count(*) FROM recon.bank_lines") == 1


def test_days_that_a_file_covers_are_said_as_a_span(shop: Shop, tmp_path: Path) -> None:
    path = stripe_file(tmp_path, "a.csv", [LINE])
    asked = ("ingest", path, "--account", "shop-cards", "--covers")
    assert run(*asked, "2026-03-09..2026-03-11").exit_code == 0
    days = shop.one("SELECT days FROM recon.source_file")
    assert days == [date(2026, 3, 9), date(2026, 3, 10), date(2026, 3, 11)]
    assert "ends before it begins" in refused(*asked, "2026-03-11..2026-03-09")
    assert "is not a day" in refused(*asked, "march")
