"""Statements as banks send them, and how one is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from order_ops.providers.banks.statement import BankFile, StatementOptions
from order_ops.providers.files.report import ReportError

GOLDEN = Path(__file__).parent / "golden"
Reader = Callable[[Path, StatementOptions], BankFile]


def refused(reader: Reader, path: Path, options: StatementOptions | None = None) -> ReportError:
    with pytest.raises(ReportError) as caught:
        reader(path, options or StatementOptions())
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert caught.value.file == path.name
    return caught.value


def everything(file: BankFile) -> str:
    """All that a reader gives back, as one text."""
    return f"{file!r} {file.lines.write_json()}"
