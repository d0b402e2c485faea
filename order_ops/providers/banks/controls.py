"""The controls of a statement: balances that close, statements that follow each other.

What a file says about itself is checked here and refused with figures; whether a statement is
missing between two files is judged in `reconciliation.incomplete`.
"""

import json
from collections import Counter
from collections.abc import Sequence

import polars as pl

from order_ops.domain.money import format_minor
from order_ops.providers.banks.entry_ids import EntryIds
from order_ops.providers.banks.remittance import Keeper
from order_ops.providers.banks.statement import (
    BANK_SCHEMA,
    BankFile,
    BankStatement,
    Draft,
    Entry,
    Refusal,
)
from order_ops.providers.masking import masked, masked_reference

_ASK = "a line is missing, doubled or changed: get the statement from the bank again"


def finished(
    format_name: str, refuse: Refusal, sha256: str, drafts: Sequence[Draft], keeper: Keeper
) -> BankFile:
    """Check every statement of a file and make canonical lines of it.

    Raises:
        ReportError: balances that do not close, or one line id that says two things.
    """
    ids: dict[tuple[str, tuple[str, ...]], EntryIds] = {}
    statements: list[BankStatement] = []
    repeated = 0
    for draft in drafts:
        _check_balances(refuse, draft)
        of_what = draft.account, tuple(told.currency for told in draft.balances)
        earlier = [known for known in statements if known.of_what == of_what]
        twins = [known for known in earlier if _same_figures(known, draft)]
        if twins and _stands_in(twins, _statement(draft, EntryIds(), keeper)):
            repeated += 1
            continue
        if not earlier or not _follows(earlier[-1], draft):
            ids[of_what] = EntryIds()
        statements.append(_statement(draft, ids[of_what], keeper))
    _check_ids(refuse, statements)
    return BankFile(format_name, refuse.name, sha256, tuple(statements), repeated)


def _follows(before: BankStatement, draft: Draft) -> bool:
    """Whether the lines of a statement come after those of another, and are none of them.

    Balances alone do not tell: those of an account that is swept every evening are always zero.
    """
    closing = {code: closing for code, _, closing in before.balances_minor}
    opening = {code: opening for code, opening, _ in draft.balances_minor}
    last = max(before.lines["booked_on"].to_list(), default=None)
    first = min((entry.booked_on for entry in draft.entries), default=None)
    later = last is None or first is None or first >= last
    return closing == opening and later and _is_numbered_after(before, draft)


def _is_numbered_after(before: BankStatement, draft: Draft) -> bool:
    if before.sequence is None or draft.sequence is None:
        return True
    return (before.sequence, before.page or 0) < (draft.sequence, draft.page or 0)


def _check_balances(refuse: Refusal, draft: Draft) -> None:
    if not draft.balances:
        return
    sums: Counter[str] = Counter()
    for entry in draft.entries:
        sums[entry.currency] += entry.amount_minor
    for balance in draft.balances:
        currency, moved = balance.currency, sums.pop(balance.currency, 0)
        reached = balance.opening_minor + moved
        if reached != balance.closing_minor:
            problem = (
                f"opening balance {format_minor(balance.opening_minor, currency)} and "
                f"{format_minor(moved, currency)} of lines make {format_minor(reached, currency)}, "
                f"but the closing balance says {format_minor(balance.closing_minor, currency)}"
            )
            raise refuse(problem, _ASK, line=balance.line_no)
    for currency in sums:
        line = next(entry.line_no for entry in draft.entries if entry.currency == currency)
        problem = f"a line is in {currency}, of which the statement has no balances"
        raise refuse(problem, "ask the bank for a statement with balances in it", line=line)


def _statement(draft: Draft, ids: EntryIds, keeper: Keeper) -> BankStatement:
    rows = [
        _row(entry, entry_id, keeper)
        for entry, entry_id in zip(draft.entries, ids.of(draft.entries), strict=True)
    ]
    return BankStatement(
        account=draft.account,
        statement_id=draft.statement_id,
        sequence=draft.sequence,
        page=draft.page,
        balances=draft.balances,
        lines=pl.DataFrame(rows, schema=BANK_SCHEMA, orient="row"),
        entries=draft.count,
        unbooked=draft.unbooked,
    )


def _row(entry: Entry, entry_id: str, keeper: Keeper) -> tuple[object, ...]:
    """One line in the order of `BANK_SCHEMA`."""
    kept = keeper.keep(entry.text, entry.parties)
    raw = {name: masked(value) for name, value in entry.raw}
    if kept.party is not None:
        raw["counterparty"] = kept.party
    reference = entry.reference or entry.bank_reference
    return (
        entry_id,
        entry.line_no,
        entry.kind,
        entry.amount_minor,
        entry.currency,
        entry.booked_on,
        entry.value_on,
        None if reference is None else masked_reference(reference),
        kept.text,
        json.dumps(raw, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
    )


def _same_figures(known: BankStatement, draft: Draft) -> bool:
    return (known.statement_id, known.sequence, known.page, known.balances_minor) == (
        draft.statement_id,
        draft.sequence,
        draft.page,
        draft.balances_minor,
    )


def _stands_in(statements: Sequence[BankStatement], draft: BankStatement) -> bool:
    """Whether a statement was there already, line by line."""
    apart = ("line_no", "entry_id")
    lines = draft.lines.drop(apart)
    return any(lines.equals(known.lines.drop(apart)) for known in statements)


def _check_ids(refuse: Refusal, statements: Sequence[BankStatement]) -> None:
    """Refuse one id that says two things in statements that overlap."""
    if len(statements) == 1:
        return
    seen: dict[tuple[str, str], tuple[object, ...]] = {}
    for statement in statements:
        for row in statement.lines.iter_rows(named=True):
            line, entry_id = row.pop("line_no"), row["entry_id"]
            says = tuple(row.values())
            if seen.setdefault((statement.account, entry_id), says) != says:
                problem = f"line {entry_id} stands there before, and says something else"
                raise refuse(problem, "ask the bank which of the two is right", line=line)
