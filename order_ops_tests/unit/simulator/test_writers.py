"""Each writer is the inverse of its reader: what is read back is what was simulated."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from order_ops.domain.money import format_minor, parse_major
from order_ops.jobs.days.internal_file import read_internal
from order_ops.jobs.days.reconcile_files import with_days
from order_ops.providers.banks.registry import open_statement
from order_ops.providers.banks.statement import StatementOptions
from order_ops.providers.files.registry import open_report
from order_ops.providers.files.report import LINE_SCHEMA
from order_ops.reconciliation.core import reconcile
from order_ops.simulator.dialects import DIALECTS
from order_ops.simulator.plan import Config
from order_ops.simulator.score import score
from order_ops.simulator.simulation import simulate
from order_ops.simulator.writers import ours
from order_ops.simulator.writers.folder import write_folder
from order_ops.simulator.writers.text import major

_OF_THE_FILE = ("line_no", "raw")


@pytest.mark.parametrize("provider", DIALECTS)
def test_lines_survive_the_file_of_their_provider(provider: str, tmp_path: Path) -> None:
    made = simulate(Config(1_500, seed=11, provider=provider, faults=0.2))
    written = write_folder(made, tmp_path)
    report = open_report(written.provider, **written.options)
    wanted = made.provider.select(LINE_SCHEMA.names()).drop(_OF_THE_FILE)
    assert_frame_equal(report.lines.drop(_OF_THE_FILE), wanted)
    assert report.repeated_lines == 0
    assert report.unknown_columns == ()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_our_entries_survive_our_file(suffix: str, tmp_path: Path) -> None:
    made = simulate(Config(1_500, seed=12))
    path = tmp_path / f"internal.{suffix}"
    ours.write(made.internal, path)
    assert_frame_equal(read_internal(path).select(made.internal.columns), made.internal)


@pytest.mark.parametrize("provider", DIALECTS)
def test_lines_of_the_bank_survive_its_statements(provider: str, tmp_path: Path) -> None:
    made = simulate(Config(1_000, seed=12, provider=provider, faults=0.2))
    file = open_statement(f"camt053:{write_folder(made, tmp_path).bank}", StatementOptions())
    days = made.bank.select("day", "currency").unique()
    assert len(file.statements) == days.height
    told = ["amount_minor", "currency", "reference", "day"]
    read = file.lines.rename({"booked_on": "day"}).select(told)
    assert_frame_equal(read, made.bank.select(told), check_row_order=False)


@pytest.mark.parametrize("provider", DIALECTS)
def test_files_are_reconciled_as_the_frames_are(provider: str, tmp_path: Path) -> None:
    made = simulate(Config(500, seed=13, provider=provider, faults=0.1))
    written = write_folder(made, tmp_path)
    report = open_report(written.provider, **written.options)
    lines = with_days(report.lines, "UTC")
    read = replace(made.entries, internal=read_internal(written.internal), provider=lines)
    of_files, of_frames = reconcile(made.day, read), reconcile(made.day, made.entries)
    assert_frame_equal(of_files.breaks, of_frames.breaks)
    assert score(of_files, made.truth).precision == 1.0


def test_the_batches_of_adyen_are_closed_up_to_the_closing_day(tmp_path: Path) -> None:
    made = simulate(Config(1_000, seed=14, provider="adyen"))
    lines = open_report(write_folder(made, tmp_path).provider).lines
    closed = lines.filter(pl.col("payout_id").is_not_null())
    sums = closed.group_by("payout_id", "settlement_currency").agg(pl.col("net_minor").sum())
    assert set(sums["net_minor"]) == {0}
    open_days = with_days(lines.filter(pl.col("payout_id").is_null()), "UTC")["day"]
    assert set(open_days) == {made.config.closing}


@pytest.mark.parametrize("code", ["BRL", "JPY", "KWD"])
@pytest.mark.parametrize("amount", [0, 5, -5, 1_234_567, -100])
def test_major_units_are_exact(code: str, amount: int) -> None:
    text = pl.select(major(pl.lit(amount), pl.lit(code))).item()
    assert parse_major(text, code) == amount, format_minor(amount, code)
