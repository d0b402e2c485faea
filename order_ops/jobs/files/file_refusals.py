"""What cannot be done with a stored file, each with what to do instead.

Whether a file can be read at all belongs in `providers`; what is done with it in `source_files`.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from order_ops.domain.failures import MendableError
from order_ops.mapping import Account
from order_ops.providers.files.report import ReportError
from order_ops.store.engine import Connection
from order_ops.store.queries import files

_EARLIER = "stored by an earlier release, which did not keep all that it says"
_INSTEAD = "accept or write off the breaks of what is wrong (order-ops breaks --help)"


class FileError(MendableError):
    """A file that is not there, or cannot be corrected or withdrawn."""


def standing(conn: Connection, file_id: int, account: str | None = None) -> Any:
    """A file that is not withdrawn.

    Raises:
        FileError: there is none.
    """
    found = files.file_by_id(conn, id=file_id)
    if found is None or account not in (None, found.account):
        of = f" of account {account}" if account else ""
        raise FileError(f"file {file_id}: there is none{of}; order-ops provider files lists them")
    if found.withdrawn_at is not None:
        when = _told(found.withdrawn_at)
        raise FileError(f"file {file_id} ({found.name}) was withdrawn at {when}: nothing is left")
    return found


def correctable(conn: Connection, file_id: int, account: str, *, of_bank: bool) -> Any:
    """A file that one of a bank, or of a provider, may correct: of its kind, and by it alone.

    Raises:
        FileError: it is not, and why.
    """
    found = standing(conn, file_id, account)
    if found.of_bank != of_bank:
        kind, take = ("bank", "bank upload") if found.of_bank else ("provider", "ingest")
        raise FileError(
            f"{_named(found)} is a {kind} file: only another one corrects it; say --corrects with "
            f"order-ops {take}, or withdraw it with order-ops {kind} withdraw {file_id}"
        )
    if found.corrected_by is not None:
        raise FileError(
            f"{_named(found)} is corrected by file {found.corrected_by} "
            f"({found.corrected_by_name}) already: say --corrects {found.corrected_by}, or "
            f"withdraw {found.corrected_by} first and correct {file_id} by one whole file"
        )
    _told_in_full(found)
    return found


def withdrawable(conn: Connection, file_id: int, account: str) -> Any:
    """A file that can be taken back.

    Raises:
        FileError: it cannot, and why.
    """
    found = standing(conn, file_id, account)
    if found.corrected_by is not None:
        raise FileError(
            f"{_named(found)} is corrected by file {found.corrected_by} "
            f"({found.corrected_by_name}): withdraw that one first"
        )
    _told_in_full(found)
    return found


def refuse_days(account: Account, covers: Sequence[date]) -> None:
    """Refuse days that no file can be of: before the account's first, or after today (UTC).

    Raises:
        FileError: naming the day, and those that there are.
    """
    today = datetime.now(UTC).date()
    for day in covers:
        if not account.first_day <= day <= today:
            raise FileError(
                f"--covers {day}: no day of account {account.name}; say one from its first, "
                f"{account.first_day} (first_day in the mapping), to today, {today}"
            )


def refuse_to_come(lines: pl.DataFrame, name: str) -> None:
    """Refuse a file with a line of more than a day from now: its times are read wrongly.

    Raises:
        ReportError: naming the first such line.
    """
    latest = datetime.now(UTC) + timedelta(days=1)
    for row in lines.filter(pl.col("occurred_at") > latest).head(1).iter_rows(named=True):
        raise ReportError(
            name,
            f"line id {row['entry_id']} is of {_told(row['occurred_at'])}, which is still to come",
            "its time zone or the order of its dates is read wrongly: say time_zone or date_order "
            "(docs/provider-files.md), and look with order-ops provider preview",
            line=row["line_no"],
        )


def days_of_name(account: Account, name: str) -> tuple[date, ...]:
    """The days that a file's name tells, where the mapping says how; none: it says nothing.

    Raises:
        FileError: the name is not as the mapping says.
    """
    files_are = account.files
    if files_are is None or files_are.covers is None:
        return ()
    found = files_are.days_of(name)
    if found is None:
        raise FileError(
            f"{name}: its name does not tell its day as files.covers of account {account.name} "
            f"in the mapping says ({files_are.covers}): rename it, or say --covers"
        )
    return found


def refuse_unheard(
    known: Any, corrects: Sequence[int], covers: Sequence[date], *, of_bank: bool
) -> None:
    """Refuse what is said of a file that is stored, where it is not stored of it too.

    Not the days of one without lines: those of a copy that has some would hide that another is
    missing.

    Raises:
        FileError: naming what is not, what is, and what to do.
    """
    unheard = [f"--corrects {one}" for one in corrects if one not in known.corrects]
    if known.lines:
        unheard += [f"--covers {span}" for span in _spans(set(covers) - set(known.days))]
    if not unheard:
        return
    others = ", ".join(map(str, known.corrects))
    told = f"file {others} as corrected by it" if others else "no file as corrected by it"
    told += f", and {', '.join(_spans(known.days)) or 'no day'}"
    kind, take = ("bank", "bank upload") if of_bank else ("provider", "ingest")
    raise FileError(
        f"{' '.join(unheard)}: {_named(known)} is stored since {_told(known.received_at)}, with "
        f"{told}; to change that, order-ops {kind} withdraw {known.id} --reason WHY, and then "
        f"order-ops {take} it again with all of its options"
    )


def _spans(days: Iterable[date]) -> list[str]:
    """Days as --covers takes them, those that follow each other as one."""
    spans: list[list[date]] = []
    for day in sorted(days):
        if spans and day - spans[-1][-1] == timedelta(days=1):
            spans[-1].append(day)
        else:
            spans.append([day])
    return [str(one[0]) if len(one) == 1 else f"{one[0]}..{one[-1]}" for one in spans]


def refuse_contradiction(conflicts: Sequence[Any], name: str) -> None:
    """Refuse a file whose line id came with other amounts before.

    Raises:
        ReportError: naming both, and what to do.
    """
    for row in conflicts[:1]:
        raise ReportError(
            name,
            f"line id {row.entry_id} came with other amounts before "
            f"({row.known_file}, line {row.known_line})",
            "ask the sender which of the two files is right; this one was not stored. If it "
            f"corrects the other, say --corrects {row.known_file_id}",
            line=row.line_no,
        )


def refuse_partly_known(conn: Connection, withdrawn: Any) -> None:
    """Refuse to take back touched lines that a file may tell of which we do not know it.

    Raises:
        FileError: naming that file, and what to do.
    """
    found = files.partly_known_file(conn, account=withdrawn.account)
    if found is not None:
        raise FileError(
            f"{_named(withdrawn)} cannot be withdrawn: {_named(found)} was {_EARLIER}, and may "
            f"tell the same lines; {_INSTEAD}"
        )


def refuse_contradicted(conn: Connection, withdrawn: Any) -> None:
    """Refuse to take a file back when what it corrected, and counts again, contradicts another.

    Raises:
        FileError: naming both, and what to do.
    """
    found = files.contradicting_files(conn, file_ids=withdrawn.corrects)
    if found is not None:
        raise FileError(
            f"{_named(withdrawn)} cannot be withdrawn: file {found.again_id} "
            f"({found.again_name}) would count again, and contradicts file {found.other_id} "
            f"({found.other_name}) about line id {found.entry_id}; withdraw {found.other_id} "
            f"first, and take it in again with --corrects {found.again_id} if it is right"
        )


def _told_in_full(file: Any) -> None:
    if not file.told_in_full:
        raise FileError(
            f"{_named(file)} was {_EARLIER}: it is neither corrected nor withdrawn; {_INSTEAD}"
        )


def _named(file: Any) -> str:
    return f"file {file.id} ({file.name})"


def _told(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
