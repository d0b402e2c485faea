"""Files of providers and banks as such: each once by its hash, corrected by others, taken back.

What is stored of a provider's file belongs in `ingest`, of a bank's in `bank_statements`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine

from order_ops.jobs.days import reconciliation_days
from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.jobs.files import file_refusals
from order_ops.mapping import Account, Mapping
from order_ops.store import alerts, audit
from order_ops.store.audit import Actor
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import files, recon, watched

Source = Literal["files", "bank"]
"""Whose file it is: of the account's provider, or of its bank."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What a file brought: lines that are new by accounting day; none when it was known.

    Attributes:
        lines: how many the file has, of the account.
        other_accounts: bank accounts of the file that the mapping does not name: nothing of them
            is stored.
        too_early: lines before the first day of the account: stored, and no day reconciles them.
        also_covers: days that a known file without lines is of as well from now on.
    """

    name: str
    known_since: str | None
    lines: int
    new_by_day: dict[date, int]
    file_id: int
    other_accounts: tuple[str, ...] = ()
    too_early: int = 0
    also_covers: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What was taken back: days that are due again, and how many lines no file tells any more."""

    file_id: int
    name: str
    account: str
    days: tuple[date, ...]
    lines: int
    gone: int
    dry_run: bool


def opened(
    conn: Connection,
    account: str,
    sha256: str,
    corrects: Sequence[int],
    covers: Sequence[date] = (),
    *,
    of_bank: bool,
) -> Any:
    """Lock the files of an account; the file of that hash, or None.

    Raises:
        FileError: a file cannot be corrected by this one, or it is stored without what is said.
    """
    files.lock_files(conn, account=account)
    known = files.known_file(conn, account=account, sha256=sha256)
    for file_id in corrects if known is None else ():
        file_refusals.correctable(conn, file_id, account, of_bank=of_bank)
    if known is not None:
        file_refusals.refuse_unheard(known, corrects, covers, of_bank=of_bank)
    return known


def known(found: Any, name: str, lines: int, also_covers: Iterable[date] = ()) -> Ingested:
    """The outcome of a file that is known."""
    since = found.received_at.isoformat(timespec="seconds")
    return Ingested(name, since, lines, {}, found.id, also_covers=tuple(sorted(also_covers)))


def cover(conn: Connection, account: Account, file: Any, days: set[date]) -> set[date]:
    """A file without lines is of these days as well: reports of two quiet days are one by hash.

    Returns:
        those that it was not of until now.
    """
    more = days - set(file.days)
    if more:
        files.cover_days(conn, id=file.id, days=sorted(more))
        mark(conn, account, more)
    return more


def end_refusals(conn: Connection, account: str, source: Source, path: Path, file_id: int) -> None:
    """A file that was refused in a watched folder, and is taken in by hand, is refused no more."""
    name, size = path.name, path.stat().st_size
    about = {"account": account, "source": source, "name": name, "size": size, "file_id": file_id}
    taken = watched.taken_by_hand(conn, **about)
    alerts.resolve(conn, *(alert_key(account, source, row.address) for row in taken))


def alert_key(account: str, source: Source, address: str) -> str:
    """The key of a watched file's alert; hashed, since a name may have what no alert keeps."""
    return f"file:{account}:{source}:{sha256(address.encode()).hexdigest()[:12]}"


def mark(conn: Connection, account: Account, days: set[date]) -> set[date]:
    """These days have news; where files have to be there, so have all that were closed since.

    Returns:
        the days that are due.
    """
    if days and account.expects:
        since = recon.days_since(conn, account=account.name, since=min(days))
        days = days | {row.day for row in since}
    reconciliation_days.mark(conn, {AccountDay(day, account.name) for day in days})
    return days


def withdraw(
    pool: Engine, mapping: Mapping, file_id: int, actor: Actor, *, dry_run: bool = False
) -> Withdrawn:
    """Take a file back with what it caused; lines that other files tell as well stay.

    Raises:
        FileError: there is no such file, or it cannot be withdrawn.
        MappingError: the mapping does not name its account.
    """
    with transaction(pool) as conn, conn.transaction(force_rollback=dry_run):
        account = file_refusals.standing(conn, file_id).account
        files.lock_files(conn, account=account)
        file = file_refusals.withdrawable(conn, file_id, account)
        days = _untold(conn, file)
        gone = files.lines_gone(conn, file_id=file_id)
        days = mark(conn, mapping.account(account), days)
        done = Withdrawn(
            file_id, file.name, account, tuple(sorted(days)), file.lines, gone, dry_run
        )
        detail = {"file": file.name, "lines": file.lines, "gone": gone, "days": len(done.days)}
        audit.record(conn, actor, "file.withdraw", f"file:{file_id}", detail)
    return done


def listed(pool: Engine, account: str) -> list[dict[str, Any]]:
    """The files of an account, oldest first: id, provider, name, lines, days, corrects, times."""
    with transaction(pool) as conn:
        return [row._asdict() for row in files.files_of(conn, account=account)]


def retold(conn: Connection, account: str, but: Sequence[int] = ()) -> set[date]:
    """Tell the touched lines anew from the files that count, some of them left out.

    Returns:
        the days that lines left or came to, and of later lines that may tell the same.
    """
    left = {row.day for row in files.forget_lines(conn, account=account)}
    return left | {row.day for row in files.retell(conn, account=account, but=list(but))}


def _untold(conn: Connection, file: Any) -> set[date]:
    """What the file told is told anew by the others; what it corrected counts again."""
    files.make_touched_table(conn)
    files.touch_lines_of_file(conn, file_id=file.id)
    file_refusals.refuse_partly_known(conn, file)
    files.withdraw_file(conn, id=file.id)
    file_refusals.refuse_contradicted(conn, file)
    days = retold(conn, file.account)
    counting = [file.id, *file.corrects]
    return days | {row.day for row in files.days_of_files(conn, file_ids=counting)}
