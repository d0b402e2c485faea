"""`order-ops simulate` as it is typed; what it writes is what `order-ops reconcile` takes."""

import json
import shlex
from pathlib import Path

import polars as pl

from order_ops_tests.unit.cli.invoked import refused, run


def test_what_it_writes_can_be_reconciled_as_it_says(tmp_path: Path) -> None:
    made = run(
        "simulate", "--size", "300", "--seed", "4", "--provider", "mapped", "--out", tmp_path
    )
    assert made.exit_code == 0, made.output
    line = next(line for line in made.stdout.splitlines() if line.startswith("order-ops "))
    found = run(*shlex.split(line)[1:], "--json", tmp_path / "summary.json")
    assert found.exit_code == 0, found.output
    summary = json.loads((tmp_path / "summary.json").read_text())
    labels = pl.read_parquet(tmp_path / "truth_breaks.parquet")
    told = labels.filter(pl.col("status") == "break", pl.col("class") == "fee_variance").height
    assert summary["breaks"]["fee_variance"]["count"] == told


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert "cannot be written" in refused("simulate", "--size", "200", "--out", file)
