"""What a mapping can say about amounts, times, types and the shape of a file."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.domain.money import format_minor
from order_ops.providers.files.mapped import read
from order_ops_tests.unit.providers.files.mapped_files import (
    BACK,
    HEADER,
    MAPPING,
    SALE,
    changed,
    mapped,
    report,
    write,
)


def test_the_small_file(tmp_path: Path) -> None:
    lines = report(tmp_path, SALE, BACK).lines
    columns = ("entry_id", "kind", "order_ref", "amount_minor", "fee_minor", "net_minor", "raw")
    assert lines.select(columns).rows() == [
        ("t1", "charge", "o-1", 10000, 350, 9650, '{"note":"hello"}'),
        ("t2", "refund", "o-1", -2000, 0, -2000, '{"note":null}'),
    ]
    assert lines["occurred_at"][0] == datetime(2026, 2, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "header", "cells", "minor"),
    [
        ("{column: amount, sign: as_written}", "amount", "-5.00", -500),
        ("{column: amount, sign: negated}", "amount", "-5.00", 500),
        ("{credit: in, debit: out}", "in,out", "5.00,", 500),
        ("{credit: in, debit: out}", "in,out", "0.00,5.00", -500),
        ("{credit: in, debit: out, debits: negative}", "in,out", ",-5.00", -500),
        ("{credit: in, debit: out}", "in,out", "0,0", 0),
    ],
)
def test_signs(tmp_path: Path, amount: str, header: str, cells: str, minor: int) -> None:
    mapping = changed(
        ("{column: amount}", amount), ("fee: {columns: [fee], costs: positive}\n", "")
    )
    line = SALE.replace("100.00", cells)
    found = report(tmp_path, line, mapping=mapping, header=HEADER.replace("amount", header))
    assert found.lines.select("amount_minor", "net_minor").rows() == [(minor, minor)]


def test_signs_by_type(tmp_path: Path) -> None:
    mapping = changed(
        ("{column: amount}", "{column: amount, sign: by_type}"),
        ("{kind: charge}", "{kind: charge, sign: credit}"),
        ("{kind: refund}", "{kind: refund, sign: debit}"),
    )
    lines = report(tmp_path, SALE, BACK.replace("-20", "20"), mapping=mapping).lines
    assert lines["amount_minor"].to_list() == [10000, -2000]


@pytest.mark.parametrize(
    ("costs", "fee", "minor"), [("positive", "3.50", 350), ("negative", "-3.50", 350),
                                ("negative", "3.50", -350)]
)  # fmt: skip
def test_signs_of_fees(tmp_path: Path, costs: str, fee: str, minor: int) -> None:
    mapping = changed(("costs: positive", f"costs: {costs}"))
    assert (
        report(tmp_path, SALE.replace("3.50", fee), mapping=mapping).lines["fee_minor"][0] == minor
    )


def test_what_is_left_out_follows(tmp_path: Path) -> None:
    mapping = changed(("fee: {columns: [fee], costs: positive}", "net: {column: fee}"))
    row = report(tmp_path, SALE.replace("3.50", "96.50"), mapping=mapping).lines.row(0, named=True)
    assert (row["settled_minor"], row["fee_minor"], row["net_minor"]) == (10000, 350, 9650)


def test_an_exchange(tmp_path: Path) -> None:
    more = "settlement_currency: {constant: BRL}\nnet: {column: paid}\n"
    header, line = f"{HEADER},paid", f"{SALE},596.50"
    row = report(tmp_path, line, mapping=MAPPING + more, header=header).lines.row(0, named=True)
    assert (row["amount_minor"], row["currency"]) == (10000, "EUR")
    assert (row["settled_minor"], row["fee_minor"], row["net_minor"]) == (60000, 350, 59650)
    assert row["settlement_currency"] == "BRL"


def test_minor_units(tmp_path: Path) -> None:
    mapping = changed(('{unit: major, decimal_separator: "."}', "{unit: minor}"))
    line = SALE.replace("100.00", "10000").replace("3.50", "350").replace("eur", "jpy")
    row = report(tmp_path, line, mapping=mapping).lines.row(0, named=True)
    assert (row["amount_minor"], row["currency"]) == (10000, "JPY")


@pytest.mark.parametrize("mark", [".", " ", "'"])
def test_thousands(tmp_path: Path, mark: str) -> None:
    numbers = f'{{unit: major, decimal_separator: ",", thousands_separator: "{mark}"}}'
    mapping = changed(('{unit: major, decimal_separator: "."}', numbers))
    line = SALE.replace("100.00", f'"1{mark}284{mark}000,5"').replace("3.50", '"3,50"')
    assert report(tmp_path, line, mapping=mapping).lines["amount_minor"][0] == 128400050


TIMES = {
    "date and time apart": ("[day, time]", ["%d/%m/%y %H:%M"], "01/02/26,10:05", (9, 5, 0)),
    "twelve hours": ("[time]", ["%m/%d/%Y %I:%M:%S %p"], "02/01/2026 10:05:06 PM", (21, 5, 6)),
    "fractions": ("[time]", ["%Y-%m-%dT%H:%M:%S.%f"], "2026-02-01T10:05:06.5", (9, 5, 6)),
    "two formats": ("[time]", ["%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M"], "1.2.2026 10:05", (9, 5, 0)),
    "a day alone": ("[time]", ["%Y-%m-%d"], "2026-02-02", (23, 0, 0)),
    "an hour alone": ("[time]", ["%Y-%m-%d %H"], "2026-02-01 10", (9, 0, 0)),
}


@pytest.mark.parametrize("case", TIMES)
def test_times(tmp_path: Path, case: str) -> None:
    columns, formats, cells, (hour, minute, second) = TIMES[case]
    mapping = changed(("[time]", columns), ('["%Y-%m-%d %H:%M:%S"]', str(formats)))
    header = HEADER.replace("time", columns.strip("[]").replace(" ", ""))
    line = SALE.replace("2026-02-01 10:00:00", cells)
    found = report(tmp_path, line, mapping=mapping, header=header).lines["occurred_at"][0]
    assert found.replace(microsecond=0) == datetime(2026, 2, 1, hour, minute, second, tzinfo=UTC)


def test_the_zone_in_the_text(tmp_path: Path) -> None:
    mapping = changed(("%S", "%S %z"), (", time_zone: Europe/Berlin", ""))
    line = SALE.replace("10:00:00", "10:00:00 -0300")
    found = report(tmp_path, line, mapping=mapping).lines["occurred_at"]
    assert found.to_list() == [datetime(2026, 2, 1, 13, tzinfo=UTC)]


def test_the_zone_in_a_column(tmp_path: Path) -> None:
    mapping = changed(("time_zone: Europe/Berlin", "time_zone_column: zone"))
    lines = (f"{SALE},America/Sao_Paulo", f"{BACK},+01:00")
    found = report(tmp_path, *lines, mapping=mapping, header=f"{HEADER},zone").lines["occurred_at"]
    assert [moment.hour for moment in found] == [13, 10]


def test_dates(tmp_path: Path) -> None:
    more = 'available_on: {column: due, formats: ["%d.%m.%Y"]}\n'
    lines = (f"{SALE},3.2.2026", f"{BACK},")
    found = report(tmp_path, *lines, mapping=MAPPING + more, header=f"{HEADER},due").lines
    assert found["available_on"].to_list() == [date(2026, 2, 3), None]


def test_types_nobody_mapped_are_unclassified(tmp_path: Path) -> None:
    row = report(tmp_path, SALE.replace("sale", "gift")).lines.row(0, named=True)
    assert (row["kind"], row["category"]) == ("unclassified", "gift")


def test_one_kind_for_all(tmp_path: Path) -> None:
    start, end = MAPPING.index("types:"), MAPPING.index("occurred_at")
    mapping = MAPPING[:start] + "kind: payout\n" + MAPPING[end:]
    row = report(tmp_path, SALE, mapping=mapping).lines.row(0, named=True)
    assert (row["kind"], row["category"]) == ("payout", "payout")


def test_statuses(tmp_path: Path) -> None:
    more = "status: {column: state, map: {ok: succeeded, wait: pending}}\n"
    lines = (f"{SALE},ok", f"{BACK},wait")
    found = report(tmp_path, *lines, mapping=MAPPING + more, header=f"{HEADER},state").lines
    assert found["status"].to_list() == ["succeeded", "pending"]


def test_ids_of_several_columns_differ_where_one_does(tmp_path: Path) -> None:
    mapping = changed(("entry_id: [id]", "entry_id: [id, order]"))
    lines = (
        SALE.replace("t1", "a/b").replace("o-1", "c"),
        SALE.replace("t1", "a").replace("o-1", "b/c"),
    )
    assert report(tmp_path, *lines, mapping=mapping).lines["entry_id"].n_unique() == 2


def test_a_file_without_header(tmp_path: Path) -> None:
    mapping = MAPPING + f"file: {{columns: [{HEADER}]}}\n"
    lines = report(tmp_path, SALE, BACK, mapping=mapping, header="").lines
    assert lines["line_no"].to_list() == [1, 2]


def test_a_file_without_rows(tmp_path: Path) -> None:
    assert report(tmp_path).lines.height == 0
    assert (
        report(
            tmp_path, mapping=MAPPING + f"file: {{columns: [{HEADER}]}}\n", header="\n"
        ).lines.height
        == 0
    )


def test_a_title_blank_lines_and_a_bom(tmp_path: Path) -> None:
    mapping = MAPPING + "file: {skip_lines: 2}\n"
    path = write(tmp_path, SALE, header=f"Acme; daily\n\n{HEADER}", end="\n\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    lines = read(path, mapping=mapped(tmp_path, mapping)).lines
    assert lines["line_no"].to_list() == [4]


def test_tabs_and_quoted_newlines(tmp_path: Path) -> None:
    mapping = MAPPING + 'file: {delimiter: "\\t"}\n'
    lines = [line.replace(",", "\t") for line in (SALE.replace("hello", '"a\nb"'), BACK)]
    found = report(tmp_path, *lines, mapping=mapping, header=HEADER.replace(",", "\t")).lines
    assert found["line_no"].to_list() == [2, 4]


def test_what_the_mapping_does_not_name_is_told(tmp_path: Path) -> None:
    found = report(
        tmp_path, f"{SALE},1,2", mapping=MAPPING + "ignore: [old]\n", header=f"{HEADER},old,new"
    )
    assert found.unknown_columns == ("new",)


def test_the_same_line_twice_counts_once(tmp_path: Path) -> None:
    found = report(tmp_path, SALE, SALE)
    assert (found.lines.height, found.repeated_lines) == (1, 1)


@settings(deadline=None, max_examples=50)
@given(
    amounts=st.lists(st.integers(-(10**15), 10**15), max_size=12),
    marks=st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (",", None)]),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_amounts_are_exact_however_they_are_written(
    amounts: list[int],
    marks: tuple[str, str | None],
    currency: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    decimal, thousands = marks
    numbers = f'{{unit: major, decimal_separator: "{decimal}"'
    numbers += f', thousands_separator: "{thousands}"}}' if thousands else "}"
    mapping = changed(
        ('{unit: major, decimal_separator: "."}', numbers),
        ("fee: {columns: [fee], costs: positive}\n", ""),
    )
    table = str.maketrans({",": thousands or "", ".": decimal})
    lines = [
        SALE.replace("t1", f"t{place}")
        .replace("eur", currency)
        .replace(
            "100.00",
            '"' + format_minor(amount, currency).replace(f"{currency} ", "").translate(table) + '"',
        )
        for place, amount in enumerate(amounts)
    ]
    found = report(tmp_path_factory.mktemp("m"), *lines, mapping=mapping)
    assert found.lines["amount_minor"].to_list() == amounts
