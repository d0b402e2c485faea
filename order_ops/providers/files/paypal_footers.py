"""The totals and counts at the end of PayPal's sections and reports, against what was read.

A total is four sums of one currency, in hundredths: gross credits, gross debits, fee credits, fee
debits. The balances behind them are not compared: they move with holds too, which are no payments.
"""

import polars as pl

from order_ops.providers.files.paypal_records import Report, Row

_SUMS = ("gross credits", "gross debits", "fee credits", "fee debits")
_NOTHING = (0, 0, 0, 0)
_HINT = "rows are missing or were changed: download the file again"

Sums = dict[str, tuple[int, int, int, int]]
"""The four sums by currency."""


def check(report: Report, money: pl.DataFrame, settled: pl.Series) -> None:
    """Compare what was read with what the footers say.

    Args:
        report: the file, taken apart.
        money: of each body row, columns currency, gross and fee: signed hundredths.
        settled: of each body row, whether it has moved money. The transaction detail report lists
            others too, and PayPal does not say whether its totals count them: they must be right
            with all rows, or with the settled ones.

    Raises:
        ReportError: a count or a sum is another one, with both figures; a currency has no total, or
            two.
    """
    money = money.with_columns(report.section.alias("section"), settled.alias("settled"))
    totals: list[Row] = []
    section = 0
    for row in report.rows:
        if row.kind in {"SF", "RF"}:
            totals.append(row)
        elif row.kind in {"SC", "RC"}:
            here = money.filter(pl.col("section") == section) if row.kind == "SC" else money
            _check_count(report, row, here.height)
            _check_totals(report, totals, row, here)
            totals = []
            section += 1


def _check_count(report: Report, row: Row, count: int) -> None:
    if _number(report, row, 1) != count:
        raise report.refuse(row, f"the count is {row.cell(1)}, but there are {count} rows", _HINT)


def _check_totals(report: Report, totals: list[Row], count: Row, rows: pl.DataFrame) -> None:
    every, settled = _sums(rows), _sums(rows.filter("settled"))
    counts = dict(rows["currency"].value_counts().iter_rows())
    told: set[str] = set()
    for row in totals:
        code = row.cell(1)
        if code in told:
            raise report.refuse(row, f"a second total of {code}")
        told.add(code)
        _check_sums(report, row, every.get(code, _NOTHING), settled.get(code, _NOTHING))
        _check_row_count(report, row, {counts.get(code, 0), rows.height})
    for code in sorted(counts.keys() - told):
        raise report.refuse(count, f"there are rows in {code}, and no total of {code}", _HINT)


def _check_sums(
    report: Report,
    row: Row,
    every: tuple[int, int, int, int],
    settled: tuple[int, int, int, int],
) -> None:
    said = tuple(_number(report, row, place) for place in range(2, 6))
    if said in {every, settled}:
        return
    place = next(place for place in range(4) if said[place] != every[place])
    problem = (
        f"{_SUMS[place]} in {row.cell(1)} are {said[place]} hundredths, "
        f"but the rows make {every[place]}"
    )
    raise report.refuse(row, problem, _HINT)


def _check_row_count(report: Report, row: Row, counts: set[int]) -> None:
    """A total ends with a count, of the rows of its currency or of all; PayPal does not say."""
    if len(row.cells) > 6 and row.cells[-2] not in {"CR", "DR"}:
        told = _number(report, row, len(row.cells) - 1)
        if told not in counts:
            rows = " or ".join(str(count) for count in sorted(counts))
            raise report.refuse(row, f"the count is {told}, but there are {rows} rows", _HINT)


def _number(report: Report, row: Row, place: int) -> int:
    text = row.cell(place)
    if not (text.isascii() and text.isdigit()):
        raise report.refuse(row, f"{text!r} is not a whole number")
    return int(text)


def _sums(rows: pl.DataFrame) -> Sums:
    gross, fee = pl.col("gross"), pl.col("fee")
    told = rows.group_by("currency").agg(
        gross.clip(lower_bound=0).sum().alias("gross_credits"),
        -gross.clip(upper_bound=0).sum().alias("gross_debits"),
        fee.clip(lower_bound=0).sum().alias("fee_credits"),
        -fee.clip(upper_bound=0).sum().alias("fee_debits"),
    )
    return {code: (a, b, c, d) for code, a, b, c, d in told.iter_rows()}
