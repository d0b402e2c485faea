"""Parquet of each reconciled day beside its tables: the same rows, for programs without a database.

`ROOT/TABLE/account=NAME/day=2026-01-31/part.parquet`, which Polars, DuckDB and pyarrow read as one
table. Postgres is the truth: a run first commits, then writes the files, each aside and then in
place, and last notes with the run that they stand. What was killed in between is not noted, and is
written by the next run of the account. The same rows give the same bytes.
"""

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pyarrow as pa
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem
from sqlalchemy import BigInteger, Date, DateTime, Engine, Table

from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.settings import Settings
from order_ops.store import results
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import recon
from order_ops.store.tables.analytics import PARTITIONED

_AT_ONCE = 20
"""So many other days of an account are mended by one run."""
_PARTITION = ("account", "day")
_FILE = "part.parquet"
_ASIDE = ".part"


def root_of(settings: Settings) -> str:
    """Where the files are: a path, or an address such as s3://bucket/folder."""
    return settings.parquet_root or str(settings.home.resolve() / "tables")


def write_day(pool: Engine, root: str, account_day: AccountDay) -> bool:
    """Write the files of a day; whether they are of its latest run, which has it noted then.

    Raises:
        OSError: the folder cannot be written. The tables stand nevertheless.
    """
    at = {"account": account_day.account, "day": account_day.day}
    with transaction(pool) as conn:
        # one writer at a time: an older state never replaces a newer one
        recon.lock_parquet(conn, account=account_day.account)
        if (run := recon.standing_run(conn, **at)) is None:
            return False
        for table in PARTITIONED:
            _place(root, table.name, at, _frame(conn, table, at))
        noted = recon.set_parquet(conn, **at, finished_at=run.finished_at, parquet=root)
    return bool(noted)


def mend(pool: Engine, root: str, account: str) -> int:
    """Write what other runs of the account have left unwritten; how many days still are."""
    for day in _unwritten(pool, root, account)[:_AT_ONCE]:
        write_day(pool, root, AccountDay(day, account))
    return len(_unwritten(pool, root, account))


def _unwritten(pool: Engine, root: str, account: str) -> list[date]:
    """Days whose files are not noted, or are noted and not there any more."""
    with transaction(pool) as conn:
        days = list(recon.days_of_parquet(conn, account=account, parquet=root))
    there = [_days_there(root, table.name, account) for table in PARTITIONED]
    whole = set.intersection(*there)
    return [row.day for row in days if not row.noted or row.day.isoformat() not in whole]


def _days_there(root: str, table: str, account: str) -> set[str]:
    """Days that have a file, as their folders write them."""
    files, base = filesystem(root)
    of_account = FileSelector(
        f"{base}/{table}/account={account}", allow_not_found=True, recursive=True
    )
    return {
        info.path.split("/")[-2].removeprefix("day=")
        for info in files.get_file_info(of_account)
        if info.base_name == _FILE
    }


def _frame(conn: Connection, table: Table, at: Mapping[str, Any]) -> pl.DataFrame:
    """A partition's rows, in the order of their key, without the columns that the path says."""
    columns = [column for column in table.columns if column.name not in _PARTITION]
    schema = {column.name: _kind(column.type) for column in columns}
    frame = results.read(conn, table.name, at, schema)
    return frame.sort([key.name for key in table.primary_key if key.name not in _PARTITION])


def _kind(sql: Any) -> pl.DataType:
    if isinstance(sql, BigInteger):
        return pl.Int64()
    if isinstance(sql, DateTime):
        return pl.Datetime("us", "UTC")
    return pl.Date() if isinstance(sql, Date) else pl.String()


def _place(root: str, table: str, at: Mapping[str, Any], frame: pl.DataFrame) -> None:
    """Write a file aside, then put it in its place: who reads sees the old one or the new one."""
    files, base = filesystem(root)
    folder = f"{base}/{table}/account={at['account']}/day={at['day'].isoformat()}"
    files.create_dir(folder, recursive=True)
    _clear(files, folder)
    # a leading dot: whoever reads the folder meanwhile passes it over
    aside = f"{folder}/.{uuid4().hex}{_ASIDE}"
    buffer = pa.BufferOutputStream()
    frame.write_parquet(buffer, compression="zstd", statistics=True)
    try:
        with files.open_output_stream(aside) as stream:
            stream.write(buffer.getvalue())
        _settle(files, aside)
        files.move(aside, f"{folder}/{_FILE}")
        _settle(files, folder)
    except BaseException:
        if files.get_file_info(aside).type is FileType.File:
            files.delete_file(aside)
        raise


def _clear(files: Any, folder: str) -> None:
    """Remove what a killed writer left aside; there is one writer at a time."""
    for info in files.get_file_info(FileSelector(folder)):
        if info.base_name.startswith(".") and info.base_name.endswith(_ASIDE):
            files.delete_file(info.path)


def _settle(files: Any, path: str) -> None:
    """Have a file or a folder on the disk: after a power cut a new name has its bytes."""
    if not isinstance(files, LocalFileSystem):
        return
    held = os.open(path, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)


def filesystem(root: str) -> tuple[Any, str]:
    """How a root is reached, and its path there."""
    address = root if "://" in root else Path(root).resolve().as_uri()
    files, base = FileSystem.from_uri(address)
    return files, base.rstrip("/")
