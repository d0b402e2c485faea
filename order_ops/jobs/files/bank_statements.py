"""Taking in a file of a bank: read whole, or refused whole, as a provider's file is.

A file may have statements of several accounts: those of the account that the mapping names are
stored. A line that comes again with other amounts is a contradiction, unless the file says which
one it corrects: then nothing of that one counts any more, since most lines of banks have no id by
which one line could be told from the other. How a file is read belongs in `providers.banks`.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from order_ops.jobs.files import source_files
from order_ops.jobs.files.file_refusals import FileError, refuse_contradiction
from order_ops.jobs.files.source_files import Ingested
from order_ops.mapping import Account
from order_ops.mapping.accounts import AccountBank
from order_ops.providers.banks.registry import open_statement
from order_ops.providers.banks.remittance import Keeper
from order_ops.providers.banks.statement import (
    NAMED_BY_DEFAULT,
    BankFile,
    BankStatement,
    StatementOptions,
)
from order_ops.providers.files.report import ReportError
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import columns, files

LINE_COLUMNS = (
    "account", "bank_account", "entry_id", "file_id", "line_no", "day", "counted_on", "value_on",
    "kind", "amount_minor", "currency", "reference", "remittance", "party", "raw",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Told:
    """A statement's row of one currency; amounts in minor units."""

    bank_account: str
    statement_id: str
    sequence: int | None
    page: int | None
    lines: int
    currency: str | None = None
    opening_minor: int | None = None
    opening_on: date | None = None
    closing_minor: int | None = None
    closing_on: date | None = None


def bank_of(account: Account) -> AccountBank:
    """The bank of an account.

    Raises:
        FileError: the mapping names none.
    """
    if account.bank is None:
        raise FileError(
            f"account {account.name}: the mapping names no bank; say accounts: bank: "
            "{account: IBAN, format: camt053} where the account is"
        )
    return account.bank


def read_statement(bank: AccountBank, path: Path) -> BankFile:
    """Read a file of a bank as the mapping says.

    Raises:
        ReportError: the file cannot be read.
        FileError: an option that there is not.
    """
    return open_statement(f"{bank.format}:{path}", options_of(bank.options, parties_of(bank)))


def options_of(
    said: dict[str, str], known_parties: tuple[str, ...] = NAMED_BY_DEFAULT
) -> StatementOptions:
    """What a reader is told, from texts.

    Raises:
        FileError: an option that there is not.
    """
    odd = sorted(said.keys() - {"encoding", "mapping"})
    if odd:
        raise FileError(f"option {odd[0]}: not one of a bank's files; there are: encoding, mapping")
    mapping = Path(said["mapping"]) if "mapping" in said else None
    return StatementOptions(known_parties, said.get("encoding", "utf-8"), mapping)


def parties_of(bank: AccountBank) -> tuple[str, ...]:
    """Counterparties whose names are kept: no natural persons."""
    return NAMED_BY_DEFAULT if bank.known_parties is None else tuple(bank.known_parties)


def recognised(account: Account, frame: pl.DataFrame) -> pl.DataFrame:
    """Bank lines with `known`: whether one is of the account's provider, by name or text."""
    own = account.bank.known_parties if account.bank else None
    keeper = Keeper(tuple(own or (account.provider.partition("_")[0],)))
    texts = zip(frame["party"].to_list(), frame["remittance"].to_list(), strict=True)
    known = [any(keeper.knows(text) for text in said if text is not None) for said in texts]
    return frame.with_columns(pl.Series("known", known, pl.Boolean()))


def upload(pool: Engine, account: Account, path: Path, *, corrects: Sequence[int] = ()) -> Ingested:
    """Store the statements of a bank's file that are of the account's bank.

    Args:
        corrects: ids of files that this one stands for; nothing of them counts any more.

    Raises:
        ReportError: the file cannot be read, has nothing of the account, or contradicts another;
            nothing is stored.
        FileError: a file cannot be corrected, is stored otherwise, or the mapping names no bank.
    """
    bank = bank_of(account)
    file = read_statement(bank, path)
    own = [one for one in file.statements if one.account == bank.account]
    others = tuple(sorted({one.account for one in file.statements} - {bank.account}))
    if not own:
        found = f"it has statements of {', '.join(others)}" if others else "it has no statement"
        hint = f"the mapping says that {account.name} is paid out to {bank.account}"
        raise ReportError(file.name, found, hint)
    lines = _lines(file, account, bank)
    with transaction(pool) as conn:
        known = source_files.opened(conn, account.name, file.sha256, corrects, of_bank=True)
        if known is not None:
            source_files.end_refusals(conn, account.name, "bank", path, known.id)
            return source_files.known(known, file.name, lines.height)
        days = {row.day for row in files.days_of_files(conn, file_ids=list(corrects))}
        file_id = _add_file(conn, account, file, own, lines, corrects)
        _copy(conn, lines.with_columns(pl.lit(file_id).alias("file_id")))
        conflicts = files.conflicting_bank_lines(conn, corrects=list(corrects))
        refuse_contradiction(list(conflicts), file.name)
        new = {row.day: row.lines for row in files.add_bank_lines(conn)}
        source_files.mark(conn, account, days | new.keys() | _spoken_of(own, lines))
        source_files.end_refusals(conn, account.name, "bank", path, file_id)
    return Ingested(file.name, None, lines.height, new, file_id, others)


def _lines(file: BankFile, account: Account, bank: AccountBank) -> pl.DataFrame:
    """The lines of the account, as rows of recon.bank_lines without their file."""
    return (
        file.lines.filter(pl.col("account") == bank.account)
        .rename({"account": "bank_account", "booked_on": "day"})
        .with_columns(
            pl.lit(account.name).alias("account"),
            pl.col("raw").str.json_path_match("$.counterparty").alias("party"),
        )
    )


def _spoken_of(statements: Iterable[BankStatement], lines: pl.DataFrame) -> set[date]:
    """Days of lines, and those from an opening balance to the closing one."""
    told = {day for one in statements for balance in one.balances for day in balance.days}
    return told | set(lines["day"].unique().to_list())


def _add_file(
    conn: Connection,
    account: Account,
    file: BankFile,
    own: Sequence[BankStatement],
    lines: pl.DataFrame,
    corrects: Sequence[int],
) -> int:
    totals = [asdict(total) for statement in own for total in statement.totals]
    file_id: int = files.add_file(
        conn,
        account=account.name,
        provider=file.format,
        name=file.name,
        sha256=file.sha256,
        lines=lines.height,
        totals=json.dumps(totals),
        days=sorted(_spoken_of(own, lines)),
        numbers="{}",
        corrects=list(corrects),
    )
    told = [row for statement in own for row in _told(statement)]
    names = _Told.__slots__
    files.add_bank_statements(conn, file_id=file_id, account=account.name, **columns(told, *names))
    return file_id


def _told(statement: BankStatement) -> list[_Told]:
    row = _Told(
        statement.account,
        statement.statement_id,
        statement.sequence,
        statement.page,
        statement.lines.height,
    )
    return [
        replace(
            row,
            currency=one.currency,
            opening_minor=one.opening_minor,
            opening_on=one.opening_on,
            closing_minor=one.closing_minor,
            closing_on=one.closing_on,
        )
        for one in statement.balances
    ] or [row]


def _copy(conn: Connection, lines: pl.DataFrame) -> None:
    files.make_bank_line_table(conn)
    statement = f"COPY incoming_bank_line ({', '.join(LINE_COLUMNS)}) FROM STDIN"
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        for row in lines.select(LINE_COLUMNS).iter_rows():
            copy.write_row(row)
