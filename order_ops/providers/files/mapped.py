"""Files of a provider that has no module of its own, read by a YAML mapping.

The mapping says what each column is (`mapped_provider`); what it does not say is not guessed. The
table is read in `mapped_table`, single columns in `mapped_columns`, totals of the file are checked
in `mapped_controls`. docs/mapped-files.md shows a mapping.
"""

import json
from pathlib import Path

import polars as pl

from order_ops.providers.files import mapped_columns, mapped_controls, text_columns
from order_ops.providers.files.csv_file import LINE_NO, TextTable
from order_ops.providers.files.mapped_provider import ProviderMapping
from order_ops.providers.files.mapped_table import MappedTable, read_mapping, read_table
from order_ops.providers.files.repeats import without_repeats
from order_ops.providers.files.report import LINE_SCHEMA, ProviderReport, totals_of
from order_ops.providers.masking import masked

_SIGNS = {"credit": 1, "debit": -1}


def read(path: Path, *, mapping: str = "") -> ProviderReport:
    """Read one file completely, or refuse it completely.

    Args:
        path: the CSV file.
        mapping: path of the YAML file that says what it is.

    Raises:
        ReportError: naming file, line, column (or key, of the mapping) and what to do; nothing of
            the file is returned.
        OSError: the file cannot be opened.
    """
    rules = read_mapping(Path(mapping) if mapping else None, ProviderMapping)
    mapped = read_table(path, rules.file)
    table = mapped.table
    table.require(sorted(rules.read_columns | set(rules.keep)))
    lines = _lines(table, rules)
    once = without_repeats(table, lines, rules.columns.entry_id[0])
    _check(mapped, rules, lines)
    return ProviderReport(
        provider=rules.provider,
        name=table.name,
        sha256=table.sha256,
        lines=once,
        totals=totals_of(once),
        repeated_lines=lines.height - once.height,
        unknown_columns=mapped_columns.unknown_columns(
            table, rules.read_columns | set(rules.keep) | set(rules.ignore)
        ),
        time_zone=rules.occurred_at.time_zone or "UTC",
    )


def _lines(table: TextTable, rules: ProviderMapping) -> pl.DataFrame:
    """Every line, canonical: columns `LINE_SCHEMA`."""
    columns = rules.columns
    category, kind = _kinds(table, rules)
    days = pl.repeat(None, table.frame.height, dtype=pl.Date, eager=True)
    if rules.available_on is not None:
        days = mapped_columns.days(table, rules.available_on)
    return pl.DataFrame(
        {
            "entry_id": mapped_columns.joined(table, columns.entry_id),
            "line_no": table.frame[LINE_NO],
            "kind": kind,
            "category": category,
            "status": _statuses(table, rules),
            "provider_ref": mapped_columns.optional(table, columns.provider_ref),
            "order_ref": mapped_columns.optional(table, columns.order_ref),
            **_amounts(table, rules),
            "occurred_at": mapped_columns.moments(table, rules.occurred_at),
            "available_on": days,
            "payout_id": mapped_columns.optional(table, columns.payout_id),
            "method": mapped_columns.optional(table, columns.method),
            "raw": _raw(table, rules.keep),
        },
        schema=LINE_SCHEMA,
    )


def _kinds(table: TextTable, rules: ProviderMapping) -> tuple[pl.Series, pl.Series]:
    """The provider's word for each line, and what it is."""
    if rules.types is None:
        kind = pl.repeat(rules.kind, table.frame.height, dtype=pl.String, eager=True)
        return kind, kind
    kinds = {word: line.kind for word, line in rules.types.map.items()}
    column = rules.types.column
    return table.frame[column], mapped_columns.words(table, column, kinds, "unclassified")


def _statuses(table: TextTable, rules: ProviderMapping) -> pl.Series:
    """A word that nobody has mapped is refused: whether money moved cannot be guessed."""
    if rules.status is None:
        return pl.repeat("succeeded", table.frame.height, dtype=pl.String, eager=True)
    return mapped_columns.words(table, rules.status.column, rules.status.map, None)


def _amounts(table: TextTable, rules: ProviderMapping) -> dict[str, pl.Series]:
    sign, numbers = _signs(table, rules), rules.numbers
    currency = mapped_columns.currencies(table, rules.currency)
    amount = mapped_columns.amounts(table, numbers, rules.amount, currency, sign)
    balance, settled, net = currency, None, None
    if rules.settlement_currency is None:
        settled = amount
    else:
        balance = mapped_columns.currencies(table, rules.settlement_currency)
    if rules.settled is not None:
        settled = mapped_columns.amounts(table, numbers, rules.settled, balance, sign)
    if rules.net is not None:
        net = mapped_columns.amounts(table, numbers, rules.net, balance, sign)
    fee = _fees(table, rules, balance)
    settled, fee, net = _completed(table, rules, settled, fee, net)
    return {
        "amount_minor": amount,
        "currency": currency,
        "settled_minor": settled,
        "fee_minor": fee,
        "net_minor": net,
        "settlement_currency": balance,
    }


def _completed(
    table: TextTable,
    rules: ProviderMapping,
    settled: pl.Series | None,
    fee: pl.Series | None,
    net: pl.Series | None,
) -> tuple[pl.Series, pl.Series, pl.Series]:
    """What the file leaves out, by net = settled - fee; what it says must agree."""
    zero = pl.repeat(0, table.frame.height, dtype=pl.Int64, eager=True)
    if settled is None:  # then the mapping names both others
        settled = (zero if net is None else net) + (zero if fee is None else fee)
    if fee is None:
        fee = zero if net is None else settled - net
    if net is None:
        net = settled - fee
    column = rules.net.names[0] if rules.net else rules.amount.names[0]
    text_columns.refuse_first(
        table,
        column,
        net != settled - fee,
        lambda text: f"{text} is not amount - fee",
        "the file was edited, or the mapping swaps columns or the sign of the fee",
    )
    return settled, fee, net


def _signs(table: TextTable, rules: ProviderMapping) -> pl.Series | None:
    if rules.types is None:
        return None
    signs = {word: _SIGNS[line.sign] for word, line in rules.types.map.items() if line.sign}
    if not signs:
        return None
    return table.frame[rules.types.column].replace_strict(
        signs, default=None, return_dtype=pl.Int64
    )


def _fees(table: TextTable, rules: ProviderMapping, currency: pl.Series) -> pl.Series | None:
    """What lines cost, positive."""
    if rules.fee is None:
        return None
    empty = rules.fee.empty == "zero"
    total = pl.repeat(0, table.frame.height, dtype=pl.Int64, eager=True)
    for column in rules.fee.columns:
        total += mapped_columns.units(table, rules.numbers, column, currency, empty=empty)
    return total if rules.fee.costs == "positive" else -total


def _raw(table: TextTable, keep: list[str]) -> pl.Series:
    """JSON objects of the columns of the allow-list, cells masked."""
    cells = (
        {name: cell if cell is None else masked(cell) for name, cell in row.items()}
        for row in table.frame.select(keep).iter_rows(named=True)
    )
    if not keep:
        return pl.repeat("{}", table.frame.height, dtype=pl.String, eager=True)
    texts = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in cells]
    return pl.Series(texts, dtype=pl.String)


def _check(mapped: MappedTable, rules: ProviderMapping, lines: pl.DataFrame) -> None:
    if not rules.controls:
        return
    balance = rules.settlement_currency or rules.currency
    currency = "EUR"
    if any(control.figure not in {None, "count"} for control in rules.controls):
        codes = lines["settlement_currency"]
        currency = mapped_controls.one_currency(mapped, codes, balance.constant)
    told = mapped_controls.read_controls(mapped, rules.controls, rules.numbers, currency)
    reached = {
        "count": lines.height,
        "gross": int(lines["settled_minor"].sum()),
        "fee": int(lines["fee_minor"].sum()),
        "net": int(lines["net_minor"].sum()),
    }
    mapped_controls.check_figures(mapped, told, reached, currency)
