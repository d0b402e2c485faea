"""Figures that a mapped file tells outside of its rows: numbers of rows, sums, balances.

They are checked against the rows, and the file is refused with both figures where they differ.
"""

from collections.abc import Mapping, Sequence

import polars as pl

from order_ops.domain.money import format_minor
from order_ops.providers.files import mapped_columns
from order_ops.providers.files.csv_file import AGAIN, LINE_NO, TextTable
from order_ops.providers.files.mapped_grammar import Control, Numbers
from order_ops.providers.files.mapped_table import MappedTable
from order_ops.providers.files.report import ReportError

UNSIGNED = frozenset({"fee", "credits", "debits"})
"""Sums that files write with a sign or without."""
_WHOLE = Numbers(unit="minor")


def read_controls(
    mapped: MappedTable, controls: Sequence[Control], numbers: Numbers, currency: str
) -> dict[str, tuple[int, Control]]:
    """The figures that the file tells, and where; texts that must stand there are checked.

    Args:
        currency: of the sums.

    Raises:
        ReportError: a cell is missing, says another text, or is no figure.
    """
    told = {}
    for control in controls:
        text = _cell(mapped, control)
        if control.figure is None:
            if text != control.text:
                problem = f"{control.text!r} is expected in field {control.field}, not found"
                raise _refusal(mapped, control, problem, AGAIN)
            continue
        cell = _one_cell(mapped, control, text)
        count = control.figure == "count"
        code = pl.Series([currency])
        read = mapped_columns.units(cell, _WHOLE if count else numbers, _name(control), code)
        told[control.figure] = int(read[0]), control
    return told


def check_figures(
    mapped: MappedTable,
    told: Mapping[str, tuple[int, Control]],
    reached: Mapping[str, int],
    currency: str,
) -> None:
    """Refuse a figure that the rows do not make.

    Raises:
        ReportError: naming both figures.
    """
    for name, (says, control) in told.items():
        makes = reached.get(name)
        if makes is None:
            continue
        if makes != says and not (name in UNSIGNED and abs(makes) == abs(says)):
            if name == "count":
                problem = f"there are {makes} rows, and the file says {says}"
            else:
                problem = (
                    f"{name} of the rows is {format_minor(makes, currency)}, "
                    f"and the file says {format_minor(says, currency)}"
                )
            raise _refusal(mapped, control, problem, AGAIN)


def one_currency(mapped: MappedTable, currency: pl.Series, constant: str | None) -> str:
    """The currency of figures, which name none: that of all rows.

    Raises:
        ReportError: the rows have several.
    """
    codes = sorted(currency.unique())
    if len(codes) > 1:
        problem = f"the file tells sums, and its rows are in {', '.join(codes)}"
        raise ReportError(
            mapped.table.name, problem, "leave the sums out of the controls of the mapping"
        )
    # without a row, sums are zero, and zero is written alike in nearly all
    return codes[0] if codes else constant or "EUR"


def _cell(mapped: MappedTable, control: Control) -> str:
    cells = mapped.around[control.line]
    if control.field > len(cells):
        problem = f"the line has {len(cells)} fields, and the mapping reads field {control.field}"
        raise _refusal(mapped, control, problem, AGAIN)
    return cells[control.field - 1].strip()


def _one_cell(mapped: MappedTable, control: Control, text: str) -> TextTable:
    cells = {_name(control): [text or None], LINE_NO: [mapped.line_of(control.line)]}
    schema = {_name(control): pl.String, LINE_NO: pl.Int64}
    return TextTable(mapped.table.name, mapped.table.sha256, pl.DataFrame(cells, schema=schema))


def _name(control: Control) -> str:
    return f"field {control.field}"


def _refusal(mapped: MappedTable, control: Control, problem: str, hint: str) -> ReportError:
    line = mapped.line_of(control.line)
    return ReportError(mapped.table.name, problem, hint, line=line, column=_name(control))
