"""Two files in, verdict, tables and page out; or a refusal, and then nothing at all."""

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from order_ops.jobs.days.internal_file import read_internal
from order_ops.jobs.days.reconcile_files import TABLES, FilesResult, reconcile_files
from order_ops.providers.files.report import ReportError
from order_ops.reconciliation.rules import load_rules

REAL = Path(__file__).parents[2] / "data" / "olist_payments.parquet"
DAY = date(2024, 1, 10)

OURS = "entry_id,order_id,provider_ref,amount,currency,occurred_at\n"
OUR_LINE = "p1,o1,pi_1,100.00,BRL,2024-01-05T10:00:00Z\n"
THEIRS = (
    "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,"
    "payment_intent_id,payment_metadata[order_id]\n"
)
THEIR_LINE = "txn_1,2024-01-05 10:00:00,brl,100.00,3.50,96.50,charge,pi_1,o1\n"


def run(folder: Path, ours: str | Path, theirs: str | Path) -> FilesResult:
    internal, provider = folder / "ours.csv", folder / "stripe.csv"
    if isinstance(ours, str):
        internal.write_text(ours, encoding="utf-8")
    if isinstance(theirs, str):
        provider.write_text(theirs, encoding="utf-8")
    return reconcile_files(
        internal if isinstance(ours, str) else ours,
        f"stripe:{provider if isinstance(theirs, str) else theirs}",
        rules=load_rules(),
        account="acct",
        out=folder / "out",
        as_of=DAY,
    )


def _cents(value: pl.Expr) -> pl.Expr:
    """The exact cents of a float that prints as an amount: its digits, never its product."""
    parts = value.cast(pl.String).str.splitn(".", 2).struct
    digits = parts.field("field_0") + parts.field("field_1").str.pad_end(2, "0")
    return digits.cast(pl.Int64)


@pytest.fixture(scope="module")
def real_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """103,886 real payments as the shop would export them, and as Stripe would list them."""
    folder = tmp_path_factory.mktemp("real")
    payments = pl.read_parquet(REAL).with_columns(
        entry_id=pl.concat_str("order_id", "payment_sequential", separator="-"),
        cents=_cents(pl.col("payment_value")),
    )
    assert payments["cents"].sum() == 1_600_887_212
    intent = "pi_" + pl.col("entry_id").str.replace("-", "")
    amount = pl.col("cents") // 100
    written = pl.concat_str(
        amount.cast(pl.String),
        pl.lit("."),
        (pl.col("cents") - amount * 100).cast(pl.String).str.zfill(2),
    )
    ours = payments.select(
        "entry_id",
        "order_id",
        provider_ref=intent,
        amount=pl.col("payment_value"),
        currency=pl.lit("BRL"),
        occurred_at=pl.lit("2018-05-01T12:00:00Z"),
    )
    theirs = payments.select(
        balance_transaction_id="txn_" + pl.col("entry_id"),
        created_utc=pl.lit("2018-05-01 12:00:05"),
        currency=pl.lit("brl"),
        gross=written,
        fee=pl.lit("0.00"),
        net=written,
        reporting_category=pl.lit("charge"),
        payment_intent_id=intent,
        order=pl.col("order_id"),
    ).rename({"order": "payment_metadata[order_id]"})
    ours.write_csv(folder / "ours.csv")
    # Another order of rows, so that nothing can match by its place.
    theirs.sort("balance_transaction_id").write_csv(folder / "stripe.csv")
    return folder / "ours.csv", folder / "stripe.csv"


def test_real_payments_reconcile_to_the_cent(tmp_path: Path, real_files: tuple[Path, Path]) -> None:
    started = time.monotonic()
    done = run(tmp_path, *real_files)
    assert time.monotonic() - started < 15
    assert done.summary == {
        "verdict": "RECONCILED",
        "matched": 103_886,
        "breaks": {},
        "pending": {},
        "accepted": {},
        "written_off": {},
        "bridge": {
            "BRL": {"internal": 1_600_887_212, "provider": 1_600_887_212, "residual": 0},
        },
    }
    assert done.sentence == "Nothing is at stake: no breaks."
    assert done.result.matches["match_id"].n_unique() == 103_886
    # Ours and theirs are named after the same payment: every single pair is the right one.
    pairs = done.result.matches["match_id"].str.split("~txn_")
    assert (pairs.list.first() == pairs.list.last()).all()
    assert pl.read_parquet(tmp_path / "out" / "matches.parquet").height == 103_886


def test_real_payments_with_three_errors_name_those_three(
    tmp_path: Path, real_files: tuple[Path, Path]
) -> None:
    ours, theirs = real_files
    lines = theirs.read_text(encoding="utf-8").splitlines(keepends=True)
    gone, short, doubled = lines.pop(1), lines[500], lines[900]
    cells = short.split(",")
    gross = cells[3]
    whole, decimals = gross.split(".")
    cells[3] = cells[5] = f"{int(whole) - 1}.{decimals}"
    lines[500] = ",".join(cells)
    lines.append(doubled.replace("txn_", "txn_again_", 1))
    done = run(tmp_path, ours, "".join(lines))
    found = {row["class"]: row for row in done.result.breaks.iter_rows(named=True)}
    assert set(found) == {"missing_provider", "amount_short", "duplicate_provider"}
    assert found["amount_short"]["difference_minor"] == -100
    assert found["missing_provider"]["at_stake_minor"] == _minor(gone)
    assert found["duplicate_provider"]["difference_minor"] == _minor(doubled)
    bridge = done.summary["bridge"]["BRL"]
    assert bridge["provider"] - bridge["internal"] == -100 - _minor(gone) + _minor(doubled)
    assert (done.summary["matched"], bridge["residual"]) == (103_884, 0)


def _minor(line: str) -> int:
    return int(line.split(",")[3].replace(".", ""))


def test_tables_and_page_are_written(tmp_path: Path) -> None:
    done = run(tmp_path, OURS + OUR_LINE, THEIRS + THEIR_LINE.replace("96.50,", "96.50,"))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"{name}.{kind}" for name in TABLES for kind in ("csv", "parquet")} | {
        "report.html"
    }
    assert done.report == tmp_path / "out" / "report.html"
    assert "Reconciled" in done.report.read_text(encoding="utf-8")
    for name in TABLES:
        table = pl.read_parquet(tmp_path / "out" / f"{name}.parquet")
        assert table.equals(getattr(done.result, name)), name
        assert pl.read_csv(tmp_path / "out" / f"{name}.csv").columns == table.columns


def test_a_second_run_writes_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for _ in range(2):
        run(tmp_path, OURS + OUR_LINE, THEIRS)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()})
    assert contents[0] == contents[1]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_no_cell_runs_in_a_spreadsheet(tmp_path: Path, start: str) -> None:
    hostile = f'{start}cmd|"" /C calc""!A0'
    line = OUR_LINE.replace(",o1,", f',"{hostile}",')
    run(tmp_path, OURS + line, THEIRS)
    exact = hostile.replace('""', '"')
    shown = pl.read_csv(tmp_path / "out" / "breaks.csv")["order_ref"].to_list()
    assert shown == [f"'{exact}"]
    kept = pl.read_parquet(tmp_path / "out" / "breaks.parquet")["order_ref"].to_list()
    assert kept == [exact]
    # Amounts stay numbers: a negative one is no formula.
    assert pl.read_csv(tmp_path / "out" / "breaks.csv")["difference_minor"].to_list() == [-10000]


BAD_OURS: dict[str, tuple[str, int, str]] = {
    "no such column": (OURS.replace("order_id", "order") + OUR_LINE, 1, "order_id"),
    "no amount": (OURS.replace("amount", "value") + OUR_LINE, 1, "amount"),
    "broken number": (OURS + OUR_LINE.replace("100.00", "1OO.00"), 2, "amount"),
    "too many decimals": (OURS + OUR_LINE.replace("100.00", "100.001"), 2, "amount"),
    "another number format": (OURS + OUR_LINE.replace("100.00", '"1.000,00"'), 2, "amount"),
    "negative charge": (OURS + OUR_LINE.replace("100.00", "-100.00"), 2, "amount"),
    "unknown currency": (OURS + OUR_LINE.replace("BRL", "XXQ"), 2, "currency"),
    "no such day": (OURS + OUR_LINE.replace("01-05", "02-30"), 2, "occurred_at"),
    "no id": (OURS + OUR_LINE + OUR_LINE.replace("p1", "", 1), 3, "entry_id"),
    "id twice": (OURS + OUR_LINE + OUR_LINE, 3, "entry_id"),
    "cut line": (OURS + OUR_LINE + "p2,o2,pi_2,5", 3, "amount"),
    "cut inside the last cell": (
        OURS + OUR_LINE + OUR_LINE.replace("p1", "p2")[:-5],
        3,
        "occurred_at",
    ),
    "unknown status": (
        OURS.replace("\n", ",status\n") + OUR_LINE.replace("\n", ",paid\n"),
        2,
        "status",
    ),
    "unknown kind": (
        OURS.replace("\n", ",kind\n") + OUR_LINE.replace("\n", ",capture\n"),
        2,
        "kind",
    ),
    "unknown state": (
        OURS.replace("\n", ",order_state\n") + OUR_LINE.replace("\n", ",PAID\n"),
        2,
        "order_state",
    ),
    "positive refund": (
        OURS.replace("\n", ",kind\n") + OUR_LINE.replace("\n", ",refund\n"),
        2,
        "amount",
    ),
    "half a minor unit": (
        OURS.replace("amount", "amount_minor") + OUR_LINE.replace("100.00", "100.5"),
        2,
        "amount_minor",
    ),
}


@pytest.mark.parametrize("case", BAD_OURS)
def test_a_bad_file_of_ours_is_named_and_nothing_written(tmp_path: Path, case: str) -> None:
    content, line, column = BAD_OURS[case]
    with pytest.raises(ReportError) as caught:
        run(tmp_path, content, THEIRS + THEIR_LINE)
    error = caught.value
    assert (error.file, error.line, error.column) == ("ours.csv", line, column)
    assert error.hint
    assert not (tmp_path / "out").exists()


def test_a_bad_file_of_the_provider_leaves_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(ReportError) as caught:
        run(tmp_path, OURS + OUR_LINE, THEIRS + THEIR_LINE.replace("96.50", "96.51"))
    assert (caught.value.file, caught.value.line, caught.value.column) == ("stripe.csv", 2, "net")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReportError, match=f"{name}: No such file"):
        run(tmp_path, tmp_path / name, THEIRS + THEIR_LINE)


def _as_floats(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("amount").cast(pl.Float64))


def _as_decimals(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("amount").cast(pl.Decimal(12, 2)))


@pytest.mark.parametrize("typed", [_as_floats, _as_decimals])
def test_parquet_reads_like_csv(
    tmp_path: Path, typed: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    text = OURS + OUR_LINE + OUR_LINE.replace("p1", "p2").replace("100.00", "0.29")
    (tmp_path / "ours.csv").write_text(text, encoding="utf-8")
    plain = pl.read_csv(tmp_path / "ours.csv", try_parse_dates=True)
    typed(plain).write_parquet(tmp_path / "ours.parquet")
    ours = read_internal(tmp_path / "ours.parquet")
    assert ours.equals(read_internal(tmp_path / "ours.csv"))
    assert ours["amount_minor"].to_list() == [10000, 29]


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ours.parquet"
    path.write_bytes(b"PAR1 but no table")
    with pytest.raises(ReportError, match="not Parquet"):
        read_internal(path)


def test_the_day_is_the_one_of_the_account(tmp_path: Path) -> None:
    path = tmp_path / "ours.csv"
    path.write_text(OURS + OUR_LINE.replace("T10:00", "T01:00"), encoding="utf-8")
    assert read_internal(path)["day"].to_list() == [date(2024, 1, 5)]
    away = read_internal(path, time_zone="America/Sao_Paulo")
    assert away["day"].to_list() == [date(2024, 1, 4)]
