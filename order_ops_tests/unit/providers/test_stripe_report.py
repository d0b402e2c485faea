"""A Stripe report is read completely and exactly, or refused with the place and the remedy."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.domain.money import MoneyError, format_minor
from order_ops.providers import text_columns
from order_ops.providers.csv_file import TextTable
from order_ops.providers.registry import open_report
from order_ops.providers.report import LINE_SCHEMA, CurrencyTotals, ReportError
from order_ops.providers.stripe_report import read

HEADER = (
    "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,"
    "source_id,payment_intent_id,payment_metadata[order_id]"
)
GOOD = "txn_1,2024-01-05 10:00:00,brl,100.00,3.50,96.50,charge,ch_1,pi_1,o1"
REAL_HEADER = (
    "balance_transaction_id,payment_metadata[external_identifier],"
    "payment_metadata[orchestrator_tx_ref],payment_metadata[gr4vy_tx_ref],"
    "payment_metadata[gr4vy_tx_sid],payment_metadata[orchestrator_tx_sid],source_id,"
    "payment_intent_id,charge_id,created,available_on,automatic_payout_effective_at,currency,"
    "gross,fee,net,reporting_category,payment_method_type,card_brand,card_country,card_funding,"
    "description,trace_id_status,gateway_account,automatic_payout_id,customer_facing_amount,"
    "customer_facing_currency"
)


def write(folder: Path, *lines: str, end: str = "\n") -> Path:
    path = folder / "report.csv"
    path.write_bytes(("\n".join((HEADER, *lines)) + end).encode())
    return path


def refused(path: Path, **options: str) -> ReportError:
    with pytest.raises(ReportError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


def test_a_line_becomes_canonical(tmp_path: Path) -> None:
    report = read(write(tmp_path, GOOD))
    assert report.lines.schema == LINE_SCHEMA
    assert report.lines.row(0, named=True) == {
        "entry_id": "txn_1",
        "line_no": 2,
        "kind": "charge",
        "category": "charge",
        "provider_ref": "pi_1",
        "order_ref": "o1",
        "amount_minor": 10000,
        "fee_minor": 350,
        "net_minor": 9650,
        "currency": "BRL",
        "occurred_at": datetime(2024, 1, 5, 10, tzinfo=UTC),
        "available_on": None,
        "payout_id": None,
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
        ("fee", "other", "src_9"),
        ("risk_reserved_funds", "other", "src_9"),
        ("partial_capture_reversal", "unclassified", "src_9"),
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
    assert row["order_ref"] == "ext-1"
    assert report.unknown_columns == ("gateway_account",)
    raw = json.loads(row["raw"])
    assert raw["gateway_account"] == "gw_7"
    assert "Jane" not in row["raw"]
    assert not {name for name in raw if "card" in name or name == "description"}


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


def test_decimal_comma(tmp_path: Path) -> None:
    line = 'txn_1,2024-01-05 10:00:00,brl,"100,00","3,50","96,5",charge,ch_1,pi_1,o1'
    report = read(write(tmp_path, line), decimal_separator=",")
    assert report.lines["net_minor"].to_list() == [9650]


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


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n\n"])
def test_a_finished_last_line_is_read(tmp_path: Path, end: str) -> None:
    assert read(write(tmp_path, GOOD, end=end)).lines.height == 1


@pytest.mark.parametrize("order", ["o1234", "o12", "o", ""])
def test_a_cut_inside_the_last_cell_is_refused(tmp_path: Path, order: str) -> None:
    """Its line has the right number of fields, so nothing but the newline tells."""
    second = GOOD.replace("txn_1", "txn_2").replace("o1", order)
    error = refused(write(tmp_path, GOOD, second, end=""))
    assert (error.line, error.column) == (3, "payment_metadata[order_id]")
    assert "newline" in error.problem


def test_a_cut_inside_the_last_number_is_refused(tmp_path: Path) -> None:
    """Cut to a number that is as good as the whole one, even to gross - fee."""
    path = tmp_path / "report.csv"
    names = HEADER.split(",")
    cells = dict(zip(names, GOOD.split(","), strict=True)) | {"net": "96.50"}
    names = [name for name in names if name != "net"] + ["net"]
    path.write_text(f"{','.join(names)}\n{','.join(cells[name] for name in names)[:-1]}", "utf-8")
    error = refused(path)
    assert (error.line, error.column) == (2, "net")


@pytest.mark.parametrize("cut", [*range(1, 400, 7)])
def test_no_prefix_of_a_file_passes_for_a_file(tmp_path: Path, cut: int) -> None:
    """Wherever an export is cut, it is refused, or ends with the last whole line."""
    whole = write(tmp_path, *(GOOD.replace("txn_1", f"txn_{number}") for number in range(9)))
    content = whole.read_bytes()
    part = tmp_path / "part.csv"
    part.write_bytes(content[:-cut])
    if content[:-cut].endswith(b"\n"):
        assert read(part).lines.height < 9
    else:
        assert refused(part).line == content[:-cut].count(b"\n") + 1


def test_an_unfinished_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text(HEADER, encoding="utf-8")
    assert refused(path).line == 1


def test_lines_that_end_with_cr_alone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_bytes(f"{HEADER}\r{GOOD}\r".encode())
    assert "CR alone" in refused(path).problem


@pytest.mark.parametrize(
    ("currency", "gross", "minor"),
    [("jpy", "500", 500), ("kwd", "1.234", 1234), ("kwd", "1.2", 1200), ("brl", "1.2", 120)],
)
def test_each_currency_has_its_own_minor_unit(
    tmp_path: Path, currency: str, gross: str, minor: int
) -> None:
    line = f"txn_1,2024-01-05 10:00:00,{currency},{gross},0,{gross},charge,ch_1,pi_1,o1"
    assert read(write(tmp_path, line)).lines["amount_minor"].to_list() == [minor]


@pytest.mark.parametrize(("currency", "gross"), [("jpy", "500.00"), ("kwd", "1.2345")])
def test_more_decimals_than_the_currency_has_are_refused(
    tmp_path: Path, currency: str, gross: str
) -> None:
    line = f"txn_1,2024-01-05 10:00:00,{currency},{gross},0,{gross},charge,ch_1,pi_1,o1"
    assert refused(write(tmp_path, line)).column == "gross"


def test_currencies_of_one_file_are_totalled_apart(tmp_path: Path) -> None:
    yen = "txn_2,2024-01-05 10:00:00,jpy,500,18,482,charge,ch_2,pi_2,o2"
    assert read(write(tmp_path, GOOD, yen)).totals == (
        CurrencyTotals("BRL", 1, 10000, 350, 9650),
        CurrencyTotals("JPY", 1, 500, 18, 482),
    )


@pytest.mark.parametrize("separator", ["", ";", "'"])
def test_a_separator_that_is_none_is_refused(tmp_path: Path, separator: str) -> None:
    with pytest.raises(MoneyError, match="decimal separator"):
        read(write(tmp_path, GOOD), decimal_separator=separator)


def test_points_are_refused_where_commas_were_promised(tmp_path: Path) -> None:
    error = refused(write(tmp_path, GOOD), decimal_separator=",")
    assert (error.line, error.column) == (2, "gross")


def test_a_thousands_point_is_refused(tmp_path: Path) -> None:
    line = 'txn_1,2024-01-05 10:00:00,brl,"1.234,50",0,"1.234,50",charge,ch_1,pi_1,o1'
    for separator in (".", ","):
        error = refused(write(tmp_path, line), decimal_separator=separator)
        assert (error.line, error.column) == (2, "gross")


BAD = {
    "broken number": ("100.00,3.50", "1oo.00,3.50", "gross"),
    "other number format": ("100.00,3.50", '"1.000,00",3.50', "gross"),
    "too many decimals": ("100.00,3.50", "100.000,3.50", "gross"),
    "not a number": ("3.50", "NaN", "fee"),
    "empty amount": ("96.50", "", "net"),
    "unknown currency": ("brl", "xyz", "currency"),
    "net is not gross - fee": ("96.50", "96.51", "net"),
    "impossible day": ("2024-01-05", "2024-02-30", "created_utc"),
    "american date": ("2024-01-05 10:00:00", "01/05/2024", "created_utc"),
    "net is another column's": ("100.00,3.50,96.50", "96.50,3.50,100.00", "net"),
    "no id": ("txn_2", "", "balance_transaction_id"),
    "no category": ("charge", "", "reporting_category"),
    "id with other content": ("txn_2", "txn_1", "balance_transaction_id"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_cell_is_named(tmp_path: Path, case: str) -> None:
    old, new, column = BAD[case]
    second = GOOD.replace("txn_1", "txn_2").replace("o1", "o2")
    error = refused(write(tmp_path, GOOD, second.replace(old, new)))
    assert (error.file, error.line, error.column) == ("report.csv", 3, column)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("balance_transaction_id,currency\nx,brl\n", encoding="utf-8")
    error = refused(path)
    assert (error.line, error.column) == (1, "gross")


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("txn_2,2024-01-05 10:00:00,brl,10", "gross"),
        ("txn_2", "balance_transaction_id"),
        ('txn_2,2024-01-05 10:00:00,brl,5,0,5,charge,ch_2,pi_2,"o2', "payment_metadata[order_id]"),
        (GOOD + ",extra", "payment_metadata[order_id]"),
        (GOOD.replace("charge", 'cha"rge'), "reporting_category"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_truncated_or_torn_line_is_named(
    tmp_path: Path, line: str, column: str, end: str
) -> None:
    error = refused(write(tmp_path, GOOD, line, end=end))
    assert (error.line, error.column) == (3, column)


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"", 1), (b"\n\n", 1), (HEADER.encode() + b"\n\xff\xfe\n", 2), (b"a,b\nc\0,d\n", 2)],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, line: int) -> None:
    path = tmp_path / "report.csv"
    path.write_bytes(content)
    assert refused(path).line == line


def test_a_doubled_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("net,net\n1,2\n", encoding="utf-8")
    assert refused(path).column == "net"


def test_a_time_that_the_clock_skipped_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("2024-01-05 10:00:00", "2024-03-31 02:30:00"))
    path.write_text(path.read_text(encoding="utf-8").replace("created_utc", "created"), "utf-8")
    assert refused(path, time_zone="Europe/Berlin").column == "created"


def test_reports_are_opened_by_provider(tmp_path: Path) -> None:
    assert open_report(f"stripe:{write(tmp_path, GOOD)}").lines.height == 1
    with pytest.raises(ReportError, match="known: stripe"):
        open_report("acme:file.csv")
    with pytest.raises(ReportError, match="No such file"):
        open_report(f"stripe:{tmp_path / 'none.csv'}")


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(-(10**18) + 1, 10**18 - 1), st.sampled_from(["BRL", "JPY", "KWD", "CLF"])
        ),
        min_size=1,
    ),
    separator=st.sampled_from([".", ","]),
)
def test_columns_of_amounts_read_like_single_ones(
    rows: list[tuple[int, str]], separator: str
) -> None:
    texts = [
        format_minor(amount, code).replace(f"{code} ", "").replace(",", "").replace(".", separator)
        for amount, code in rows
    ]
    frame = pl.DataFrame({"amount": texts, "line_no": range(len(texts))})
    currency = pl.Series([code for _, code in rows])
    table = TextTable("f", "", frame)
    amounts = text_columns.minor_units(table, "amount", currency, separator)
    assert amounts.to_list() == [amount for amount, _ in rows]
