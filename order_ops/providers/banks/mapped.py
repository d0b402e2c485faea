"""A bank's CSV file, read by a YAML mapping of the same grammar as provider files have.

A file may tell a running balance, or opening and closing balance around its rows; then they are
controls like those of any statement. Without them its lines are read unchecked, and
`BankStatement.balances` is empty. The grammar is in `bank_mapping`.
"""

from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import polars as pl

from order_ops.domain.money import format_minor
from order_ops.providers.banks import controls
from order_ops.providers.banks.bank_mapping import BankMapping
from order_ops.providers.banks.remittance import Keeper
from order_ops.providers.banks.statement import (
    Balances,
    BankFile,
    Draft,
    Entry,
    Refusal,
    StatementOptions,
)
from order_ops.providers.files import mapped_columns, mapped_controls, text_columns
from order_ops.providers.files.csv_file import LINE_NO, TextTable
from order_ops.providers.files.mapped_table import MappedTable, read_mapping, read_table

_SIGNS = {"credit": 1, "debit": -1}
_ASK = "a line is missing, doubled or changed: export the statement again"


def read(path: Path, options: StatementOptions) -> BankFile:
    """Read one file completely, or refuse it completely.

    Raises:
        ReportError: naming file, line, column (or key, of the mapping) and what to do; nothing of
            the file is returned.
        OSError: the file cannot be opened.
    """
    rules = read_mapping(options.mapping, BankMapping)
    mapped = read_table(path, rules.file)
    table = mapped.table
    table.require(sorted(rules.read_columns | set(rules.keep)))
    if rules.order == "newest_first":
        mapped = replace(mapped, table=replace(table, frame=table.frame.reverse()))
    table = mapped.table
    currency = mapped_columns.currencies(table, rules.currency)
    amount = mapped_columns.amounts(
        table, rules.numbers, rules.amount, currency, _signs(table, rules)
    )
    booked_on = mapped_columns.days(table, rules.booked_on, required=True)
    draft = Draft(
        account=_account(table, rules),
        statement_id=_period(booked_on.to_list()),
        sequence=None,
        page=None,
        balances=_balances(mapped, rules, currency, amount),
        entries=_entries(table, rules, booked_on, currency, amount),
        line_no=table.header_line,
        count=table.frame.height,
    )
    keeper = Keeper(options.known_parties)
    return controls.finished("mapped", Refusal(table.name), table.sha256, [draft], keeper)


def _period(days: list[date]) -> str:
    """What stands for an id, which such files have not."""
    return f"{min(days)}/{max(days)}" if days else ""


def _signs(table: TextTable, rules: BankMapping) -> pl.Series | None:
    if rules.types is None or rules.amount.sign != "by_type":
        return None
    signs = {word: _SIGNS[line.sign] for word, line in rules.types.map.items() if line.sign}
    return table.frame[rules.types.column].replace_strict(
        signs, default=None, return_dtype=pl.Int64
    )


def _account(table: TextTable, rules: BankMapping) -> str:
    """The one account of the file, which an export of several accounts has not."""
    column = rules.account.column
    if column is None:
        return str(rules.account.constant)
    cells = text_columns.required_text(table, column)
    if cells.is_empty():
        raise Refusal(table.name)(
            "the file has no row, and so names no account",
            "name the account in the mapping",
            column=column,
        )
    text_columns.refuse_first(
        table,
        column,
        cells != cells[0],
        lambda _: "the row is of another account than the first",
        "export one account at a time",
    )
    return str(cells[0]).replace(" ", "")


def _entries(
    table: TextTable,
    rules: BankMapping,
    booked_on: pl.Series,
    currency: pl.Series,
    amount: pl.Series,
) -> list[Entry]:
    columns, reversals = rules.columns, _reversals(rules)
    value_on = booked_on
    if rules.value_on is not None:
        value_on = mapped_columns.days(table, rules.value_on)
    dates = pl.DataFrame({"booked_on": booked_on, "value_on": value_on})
    figures = zip(dates.iter_rows(), currency, amount, strict=True)
    return [
        Entry(
            line_no=row[LINE_NO],
            kind=_kind(units, reversed_=type_ in reversals),
            amount_minor=units,
            currency=code,
            booked_on=booked,
            value_on=value if rules.value_on is not None else None,
            bank_reference=row.get(columns.bank_reference or ""),
            reference=row.get(columns.reference or ""),
            text=" ".join(row[name] for name in columns.remittance if row[name]),
            parties=tuple(row[name] for name in columns.counterparty if row[name]),
            raw=tuple((name, row[name]) for name in rules.keep if row[name]),
        )
        for row, type_, ((booked, value), code, units) in zip(
            table.frame.iter_rows(named=True), _types(table, rules), figures, strict=True
        )
    ]


def _types(table: TextTable, rules: BankMapping) -> pl.Series:
    return mapped_columns.optional(table, rules.types.column if rules.types else None)


def _reversals(rules: BankMapping) -> set[str]:
    if rules.types is None:
        return set()
    return {word for word, line in rules.types.map.items() if line.reversal}


def _kind(amount: int, *, reversed_: bool) -> str:
    if reversed_:
        return "reversed_credit" if amount < 0 else "reversed_debit"
    return "debit" if amount < 0 else "credit"


def _balances(
    mapped: MappedTable, rules: BankMapping, currency: pl.Series, amount: pl.Series
) -> tuple[Balances, ...]:
    """Opening and closing balance, told around the rows or beside them; both must agree."""
    if rules.balance is None and not rules.controls:
        return ()
    code = mapped_controls.one_currency(mapped, currency, rules.currency.constant)
    told = mapped_controls.read_controls(mapped, rules.controls, rules.numbers, code)
    reached = {
        "count": amount.len(),
        "credits": int(amount.filter(amount > 0).sum()),
        "debits": int(amount.filter(amount < 0).sum()),
        "net": int(amount.sum()),
    }
    if rules.balance is not None:
        reached |= _running(mapped.table, rules, currency, amount, code)
    mapped_controls.check_figures(mapped, told, reached, code)
    ends = {name: figure for name, (figure, _) in told.items()} | reached
    if "opening" not in ends or "closing" not in ends:
        return ()
    return (Balances(code, ends["opening"], None, ends["closing"], None),)


def _running(
    table: TextTable, rules: BankMapping, currency: pl.Series, amount: pl.Series, code: str
) -> dict[str, int]:
    """Opening and closing balance of a column in which each row's follows from the one before."""
    column = str(rules.balance)
    balances = mapped_columns.units(table, rules.numbers, column, currency).to_list()
    if not balances:
        return {}
    lines = table.frame[LINE_NO].to_list()
    for place, (before, after) in enumerate(pairwise(balances), 1):
        if before + amount[place] != after:
            problem = (
                f"{format_minor(before, code)} and {format_minor(amount[place], code)} do not make "
                f"the balance {format_minor(after, code)}"
            )
            hint = f"{_ASK}, or correct order ({rules.order}) in the mapping"
            raise Refusal(table.name)(problem, hint, line=lines[place], column=column)
    return {"opening": balances[0] - amount[0], "closing": balances[-1]}
