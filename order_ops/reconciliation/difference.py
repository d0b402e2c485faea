"""What two sets of a day's tables differ in, row by row: frames in, frames out.

The same function tells what a later run changed of a day that was read before, and what a
dry run would change. Where the tables come from, and who is told, belongs elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from order_ops.domain.money import format_minor

DIFFERENCE: Mapping[str, Any] = {
    "table_name": nw.String(),
    "change": nw.String(),
    "row_id": nw.String(),
    "currency": nw.String(),
    "what_from": nw.String(),
    "what_to": nw.String(),
    "amount_from_minor": nw.Int64(),
    "amount_to_minor": nw.Int64(),
    "columns": nw.String(),
}
"""Columns of a difference. `change` is appeared, gone or changed; `what` is the class of a break,
the rule of a match, the line of a bridge; amounts are minor units of `currency`; `columns` names
those of a changed row that are no longer the same."""

MEMBERS = "members"
"""Named among the columns of a row whose entries are others than before."""

Frame = nw.DataFrame[Any]


@dataclass(frozen=True, slots=True)
class Watched:
    """A table whose rows are compared: by their id, with the amount and the word to show.

    Attributes:
        members: the table of the entries that belong to its rows.
    """

    name: str
    row_id: str
    amount: str
    what: str
    members: str | None = None


WATCHED = (
    Watched("payment_matches", "match_id", "provider_minor", "rule", "match_members"),
    Watched("reconciliation_breaks", "break_id", "at_stake_minor", "class", "break_members"),
    Watched("match_proposals", "proposal_id", "provider_minor", "rule", "proposal_members"),
    Watched("reconciliation_bridge", "line", "amount_minor", "line"),
)
"""The tables that people read, strongest statement first."""

COMPARED = tuple(
    name for table in WATCHED for name in (table.name, table.members) if name is not None
)
"""Every table that a difference is taken of."""


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Any:
    """Every row of the watched tables that appeared, is gone, or is another than it was.

    Args:
        before: the tables that stood, by name; `COMPARED`, each with the columns of `after`.
        after: the tables that stand now, of the same backend.

    Returns:
        A frame with the columns of `DIFFERENCE`, in the order of `WATCHED`, then by id. Empty
        when the same stands.
    """
    told = [_of_table(table, before, after) for table in WATCHED]
    return nw.concat(told).to_native()


def _of_table(table: Watched, before: Mapping[str, Any], after: Mapping[str, Any]) -> Frame:
    old, new = _rows(before[table.name]), _rows(after[table.name])
    keys = [table.row_id, "currency"]
    moved = _moved(table, before, after)
    both = new.join(old, on=keys, how="inner", suffix="_was")
    parts = [
        _told(table, old.join(new, on=keys, how="anti"), "gone"),
        _told(table, new.join(old, on=keys, how="anti"), "appeared"),
        _changed(table, both, [name for name in new.columns if name not in keys], moved),
    ]
    return nw.concat(parts).sort("row_id", "currency", nulls_last=True)


def _rows(native: Any) -> Frame:
    return nw.from_native(native, eager_only=True)


def _moved(table: Watched, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Ids of rows that other entries belong to than before."""
    if table.members is None:
        return []
    old, new = _rows(before[table.members]), _rows(after[table.members])
    keys = [table.row_id, "side", "entry_id"]
    apart = [old.join(new, on=keys, how="anti"), new.join(old, on=keys, how="anti")]
    return sorted({row_id for frame in apart for row_id in frame[table.row_id].to_list()})


def _told(table: Watched, rows: Frame, change: str) -> Frame:
    """Rows of one side alone."""
    gone = change == "gone"
    what, amount = nw.col(table.what), nw.col(table.amount)
    no_word, no_amount = (nw.when(nw.col("currency").is_null()).then(it) for it in (what, amount))
    return _shaped(
        table,
        rows,
        change,
        what_from=what if gone else no_word,
        what_to=no_word if gone else what,
        amount_from_minor=amount if gone else no_amount,
        amount_to_minor=no_amount if gone else amount,
        columns=no_word,
    )


def _changed(table: Watched, both: Frame, names: list[str], moved: list[str]) -> Frame:
    """Rows of both sides that are not the same, with the names of the columns that are not."""
    apart = [(name, _differs(name)) for name in names if f"{name}_was" in both.columns]
    apart.append((MEMBERS, nw.col(table.row_id).is_in(moved)))
    marked = both.with_columns(
        nw.concat_str(
            [nw.when(differs).then(nw.lit(name)) for name, differs in apart],
            separator=", ",
            ignore_nulls=True,
        ).alias("_apart")
    ).filter(nw.col("_apart") != "")
    # the id of a bridge line is its word: it has no other side to be compared with
    what_was = table.what if table.what == table.row_id else f"{table.what}_was"
    return _shaped(
        table,
        marked,
        "changed",
        what_from=nw.col(what_was),
        what_to=nw.col(table.what),
        amount_from_minor=nw.col(f"{table.amount}_was"),
        amount_to_minor=nw.col(table.amount),
        columns=nw.col("_apart"),
    )


def _differs(name: str) -> nw.Expr:
    now, was = nw.col(name), nw.col(f"{name}_was")
    return (now != was).fill_null(value=False) | (now.is_null() != was.is_null())


def _shaped(table: Watched, rows: Frame, change: str, **cells: nw.Expr) -> Frame:
    given = {
        "table_name": nw.lit(table.name),
        "change": nw.lit(change),
        "row_id": nw.col(table.row_id),
        "currency": nw.col("currency"),
        **cells,
    }
    return rows.select(given[name].cast(kind).alias(name) for name, kind in DIFFERENCE.items())


def said(difference: Any) -> list[str]:
    """Each row of a difference in words, such as `break gone: amount_short of BRL 10.00, ab12…`."""
    return [_sentence(row) for row in _rows(difference).iter_rows(named=True)]


_NAMES = {
    "payment_matches": "match",
    "reconciliation_breaks": "break",
    "match_proposals": "proposal",
    "reconciliation_bridge": "bridge",
}


def _sentence(row: Mapping[str, Any]) -> str:
    ends = [
        f"{row[f'what_{end}']} {format_minor(row[f'amount_{end}_minor'], row['currency'])}"
        for end in ("from", "to")
        if row[f"amount_{end}_minor"] is not None
    ]
    told = " -> ".join(ends) if len(set(ends)) > 1 else ends[0]
    which = "" if row["table_name"] == "reconciliation_bridge" else f", {row['row_id']}"
    columns = f" ({row['columns']})" if row["columns"] else ""
    return f"{_NAMES[row['table_name']]} {row['change']}: {told}{which}{columns}"
