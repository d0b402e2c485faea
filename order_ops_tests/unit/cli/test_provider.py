"""`order-ops provider preview`: what a file says, before anything is stored."""

import json
from pathlib import Path

import fsspec
import pytest
from typer.testing import CliRunner, Result

from order_ops.cli import app
from order_ops_tests.unit.providers.files import stripe_files

GOLDEN = Path(stripe_files.__file__).parent / "golden"
STRIPE = stripe_files.GOOD


def preview(*arguments: object) -> Result:
    wide = {"COLUMNS": "300", "TERM": "dumb", "ORDER_OPS_DATABASE_URL": "postgresql+psycopg://x/y"}
    return CliRunner().invoke(app, ["provider", "preview", *map(str, arguments)], env=wide)


def test_each_line_is_shown_as_it_would_be_read() -> None:
    told = preview(GOLDEN / "paypal_trr.csv", "--format", "paypal_trr", "--lines", 2).stdout
    assert "8TR22222222222222/T0006" in told
    assert "USD 25.00" in told
    assert "8TR33333333333333" not in told
    assert "… and 5 more" in told
    assert "1  charge, pending" in told
    assert told.endswith("Nothing was stored.\n")


def test_an_account_s_file_is_read_as_the_mapping_says(tmp_path: Path) -> None:
    header = stripe_files.HEADER.replace("[order_id]", "[ours]")
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n{STRIPE}\n", encoding="utf-8")
    by_account = preview(path, "--account", "shop-cards", "--json", "-")
    assert json.loads(by_account.stdout)["lines"][0]["order_ref"] is None
    told = ("--option", "order_ref_column=payment_metadata[ours]")
    found = json.loads(preview(path, "--account", "shop-cards", *told, "--json", "-").stdout)
    assert found["lines"][0]["order_ref"] == "o1"
    assert found["totals"] == [
        {"currency": "BRL", "lines": 1, "gross_minor": 10000, "fee_minor": 350, "net_minor": 9650}
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("x.csv",), "say whose file it is, --account NAME, or how to read it"),
        (("x.csv", "--account", "shop-cards", "--format", "stripe"), "say whose file it is"),
        (("x.csv", "--account", "nobody"), "no account 'nobody' in the mapping"),
        (("x.csv", "--format", "nobody"), "known: adyen"),
        (("x.csv", "--format", "adyen"), "x.csv: No such file or directory"),
        (("x.csv", "--format", "adyen", "--option", "colour=red"), "no option 'colour'"),
        (("x.csv", "--format", "adyen", "--option", "colour"), "'colour' is not NAME=VALUE"),
    ],
)
def test_what_cannot_be_shown_is_said(arguments: tuple[str, ...], words: str) -> None:
    result = preview(*arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert "Traceback" not in result.output


def test_a_file_is_read_from_an_address_as_from_a_path() -> None:
    body = (GOLDEN / "paypal_trr.csv").read_bytes()
    fsspec.filesystem("memory").pipe("/sent/paypal_trr.csv", body)
    by_path = preview(GOLDEN / "paypal_trr.csv", "--format", "paypal_trr", "--json", "-")
    by_address = preview("memory://sent/paypal_trr.csv", "--format", "paypal_trr", "--json", "-")
    assert by_address.stdout == by_path.stdout
    refused = preview("ftq://sent/x.csv", "--format", "paypal_trr")
    assert (refused.exit_code, "Protocol not known: ftq" in refused.output) == (2, True)


def test_a_preview_of_an_address_needs_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORDER_OPS_DATABASE_URL", raising=False)
    body = f"{stripe_files.HEADER}\n{STRIPE}\n".encode()
    fsspec.filesystem("memory").pipe("/offline/a.csv", body)
    command = ["provider", "preview", "memory://offline/a.csv", "--account", "shop-cards"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "Nothing was stored." in result.stdout
