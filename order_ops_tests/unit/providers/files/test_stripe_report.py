"""A Stripe report is read completely, line by line, and nothing personal of it is kept."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from order_ops.providers.files.registry import open_report
from order_ops.providers.files.report import LINE_SCHEMA, CurrencyTotals, ReportError
from order_ops.providers.files.stripe_report import read
from order_ops_tests.unit.providers.files.stripe_files import GOOD, HEADER, write

REAL_HEADER = (
    "balance_transaction_id,payment_metadata[external_identifier],"
    "payment_metadata[orchestrator_tx_ref],payment_metadata[gr4vy_tx_ref],"
    "payment_metadata[gr4vy_tx_sid],payment_metadata[orchestrator_tx_sid],source_id,"
    "payment_intent_id,charge_id,created,available_on,automatic_payout_effective_at,currency,"
    "gross,fee,net,reporting_category,payment_method_type,card_brand,card_country,card_funding,"
    "description,trace_id_status,gateway_account,automatic_payout_id,customer_facing_amount,"
    "customer_facing_currency"
)


def test_a_line_becomes_canonical(tmp_path: Path) -> None:
    report = read(write(tmp_path, GOOD))
    assert report.lines.schema == LINE_SCHEMA
    assert report.lines.row(0, named=True) == {
        "entry_id": "txn_1",
        "line_no": 2,
        "kind": "charge",
        "category": "charge",
        "status": "succeeded",
        "provider_ref": "pi_1",
        "order_ref": "o1",
        "amount_minor": 10000,
        "currency": "BRL",
        "settled_minor": 10000,
        "fee_minor": 350,
        "net_minor": 9650,
        "settlement_currency": "BRL",
        "occurred_at": datetime(2024, 1, 5, 10, tzinfo=UTC),
        "available_on": None,
        "payout_id": None,
        "method": None,
        "raw": '{"source_id":"ch_1","payment_intent_id":"pi_1"}',
    }
    assert report.totals == (CurrencyTotals("BRL", 1, 10000, 350, 9650),)
    assert len(report.sha256) == 64
    assert (report.provider, report.name, report.time_zone) == ("stripe", "report.csv", "UTC")


@pytest.mark.parametrize(
    ("category", "kind", "ref"),
    [
        ("charge", "charge", "pi_9"),
        ("refund", "refund", "src_9"),
        ("refund_failure", "refund", "src_9"),
        ("dispute", "dispute", "src_9"),
        ("dispute_reversal", "dispute", "src_9"),
        ("payout", "payout", "src_9"),
        ("payout_reversal", "payout", "src_9"),
        ("fee", "fee", "src_9"),
        ("risk_reserved_funds", "other", "src_9"),
        ("charge_failure", "reversal", "pi_9"),
        ("partial_capture_reversal", "reversal", "pi_9"),
        ("something_new", "unclassified", "src_9"),
    ],
)
def test_kinds_and_references(tmp_path: Path, category: str, kind: str, ref: str) -> None:
    line = f"txn_1,2024-01-05 10:00:00,brl,-5.00,0.00,-5.00,{category},src_9,pi_9,"
    row = read(write(tmp_path, line)).lines.row(0, named=True)
    assert (row["kind"], row["category"], row["provider_ref"]) == (kind, category, ref)
    assert row["order_ref"] is None


@pytest.mark.parametrize(("source", "ref"), [("ch_1", "ch_1"), ("py_1", "py_1"), ("tr_1", None)])
def test_a_charge_without_intent_is_known_by_itself(
    tmp_path: Path, source: str, ref: str | None
) -> None:
    line = f"txn_1,2024-01-05 10:00:00,brl,5,0,5,charge,{source},,"
    assert read(write(tmp_path, line)).lines["provider_ref"].to_list() == [ref]


def test_the_header_of_a_real_export(tmp_path: Path) -> None:
    path = tmp_path / "real.csv"
    cells = (
        "txn_1,ext-1,ref,,,,ch_1,pi_1,ch_1,2024-07-01 00:30:00,2024-07-03 00:00:00,"
        '2024-07-04 00:00:00,jpy,500,18,482,charge,card,visa,JP,credit,"For Jane Doe, thanks",'
        "complete,gw_7,po_1,500,jpy"
    )
    path.write_bytes(f"\ufeff{REAL_HEADER}\r\n{cells}\r\n".encode())
    report = read(
        path,
        order_ref_column="payment_metadata[external_identifier]",
        time_zone="America/Sao_Paulo",
    )
    row = report.lines.row(0, named=True)
    assert (row["amount_minor"], row["fee_minor"], row["currency"]) == (500, 18, "JPY")
    assert row["occurred_at"] == datetime(2024, 7, 1, 3, 30, tzinfo=UTC)
    assert (row["available_on"], row["payout_id"]) == (date(2024, 7, 3), "po_1")
    assert row["method"] == "card"
    assert row["order_ref"] == "ext-1"
    assert report.unknown_columns == ("gateway_account",)
    raw = json.loads(row["raw"])
    assert raw["gateway_account"] == "gw_7"
    assert "Jane" not in row["raw"]
    assert not {name for name in raw if "card" in name or name == "description"}


def test_what_stripe_exchanged_is_kept_in_both_currencies(tmp_path: Path) -> None:
    header = f"{HEADER},customer_facing_amount,customer_facing_currency"
    cells = (
        "txn_1,2024-07-01 00:30:00,brl,100.00,4.00,96.00,charge,ch_1,pi_1,o1,18.50,usd",
        "txn_2,2024-07-01 00:30:00,brl,-50.00,0.00,-50.00,refund,re_1,pi_1,o1,9.25,usd",
        "txn_3,2024-07-01 00:30:00,brl,7.00,0.00,7.00,charge,ch_2,pi_2,o2,7.00,brl",
        "txn_4,2024-07-01 00:30:00,brl,-9.00,0.00,-9.00,fee,fee_1,,,,",
    )
    path = tmp_path / "report.csv"
    path.write_text("\n".join((header, *cells, "")), encoding="utf-8")
    report = read(path)
    columns = ("amount_minor", "currency", "settled_minor", "settlement_currency")
    assert report.lines.select(columns).rows() == [
        (1850, "USD", 10000, "BRL"),
        (-925, "USD", -5000, "BRL"),
        (700, "BRL", 700, "BRL"),
        (-900, "BRL", -900, "BRL"),
    ]
    assert report.totals == (CurrencyTotals("BRL", 4, 4800, 400, 4400),)


def test_no_customer_data_is_kept(tmp_path: Path) -> None:
    names = ["customer_email", "card_address_line1", "shipping_address_city", "note", "Phone"]
    path = tmp_path / "report.csv"
    path.write_text(
        f"{HEADER},{','.join(names)}\n{GOOD},canary1,canary2,canary3,"
        "call me at a@b.example or 4242 4242 4242 4242,canary4\n",
        encoding="utf-8",
    )
    lines = read(path).lines
    raw = lines["raw"][0]
    assert "canary" not in lines.write_json()
    assert json.loads(raw)["note"] == "call me at *** or ***"


DOCUMENTED_PERSONAL = [
    *(
        f"{start}{part}"
        for start in ("card_address_", "customer_address_", "customer_shipping_address_")
        for part in ("city", "country", "line1", "line2", "postal_code", "state")
    ),
    *(f"shipping_address_{part}" for part in ("city", "country", "line1", "postal_code", "state")),
    *("card_brand", "card_country", "card_funding", "customer_description", "customer_email"),
    *("customer_id", "customer_name", "connected_account_name", "description"),
    *("statement_descriptor", "payment_metadata[customer_email]", "payment_metadata[cpf]"),
    *("Payer", "buyer", "card_number", "E-Mail", "holder", "tax_id", "ip"),
]


def test_canaries_of_every_personal_column_appear_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    canaries = [f"canary{number}" for number, _ in enumerate(DOCUMENTED_PERSONAL)]
    metadata = "4242424242424242,jane.canary@shop.example"
    path.write_text(
        f"{HEADER},{','.join(DOCUMENTED_PERSONAL)},payment_metadata[a],refund_metadata[b]\n"
        f"{GOOD},{','.join(canaries)},{metadata}\n",
        encoding="utf-8",
    )
    told = read(path).lines.write_json()
    assert "canary" not in told
    assert "4242" not in told


def test_quoted_newlines_keep_line_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace(",o1", ',"o\n1"'), GOOD.replace("txn_1", "txn_2"))
    assert read(path).lines["line_no"].to_list() == [2, 4]


def test_columns_are_taken_by_name(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    names, cells = HEADER.split(","), GOOD.split(",")
    path.write_text(",".join(names[::-1]) + "\n" + ",".join(cells[::-1]) + "\n", encoding="utf-8")
    assert read(path).lines.drop("raw").equals(read(write(tmp_path, GOOD)).lines.drop("raw"))


def test_the_same_line_twice_counts_once(tmp_path: Path) -> None:
    report = read(write(tmp_path, GOOD, GOOD))
    assert (report.lines.height, report.repeated_lines) == (1, 1)
    assert report.totals[0].gross_minor == 10000


def test_no_lines_is_a_report(tmp_path: Path) -> None:
    report = read(write(tmp_path))
    assert (report.lines.height, report.totals) == (0, ())
    assert report.lines.schema == LINE_SCHEMA


def test_reports_are_opened_by_provider(tmp_path: Path) -> None:
    assert open_report(f"stripe:{write(tmp_path, GOOD)}").lines.height == 1
    with pytest.raises(ReportError, match=r"known: adyen, .*stripe"):
        open_report("acme:file.csv")
    with pytest.raises(ReportError, match="No such file"):
        open_report(f"stripe:{tmp_path / 'none.csv'}")
