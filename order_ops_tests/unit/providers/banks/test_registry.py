"""Statements are opened by the name of their format."""

from pathlib import Path

import pytest

from order_ops.providers.banks.registry import open_statement
from order_ops.providers.banks.statement import StatementOptions
from order_ops.providers.files.report import ReportError
from order_ops_tests.unit.providers.banks.readers import GOLDEN


@pytest.mark.parametrize(
    ("spec", "lines"),
    [
        (f"camt053:{GOLDEN}/two_days.camt053.xml", 5),
        (f"mt940:{GOLDEN}/german.mt940", 4),
        (f"mapped:{GOLDEN}/banco_verde.csv", 4),
    ],
)
def test_every_format(spec: str, lines: int) -> None:
    options = StatementOptions(mapping=GOLDEN / "banco_verde.yaml")
    assert open_statement(spec, options).lines.height == lines


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="known: camt053, mapped, mt940"):
        open_statement("ofx:file.ofx")
    with pytest.raises(ReportError, match="No such file"):
        open_statement(f"camt053:{tmp_path / 'none.xml'}")
    with pytest.raises(ReportError, match="no mapping is named"):
        open_statement(f"mapped:{GOLDEN}/banco_verde.csv")
    with pytest.raises(ReportError, match="not well-formed"):
        open_statement(f"camt053:{GOLDEN}/german.mt940")
