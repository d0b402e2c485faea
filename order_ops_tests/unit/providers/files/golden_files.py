"""Files kept in `golden/`, the lines they must become, and copies of them that were changed."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from order_ops.providers.files.registry import open_report
from order_ops.providers.files.report import LINE_SCHEMA, ProviderReport, ReportError

FOLDER = Path(__file__).parent / "golden"


def golden(name: str) -> Path:
    return FOLDER / f"{name}.csv"


def told(report: ProviderReport) -> str:
    """All canonical columns but `raw`, as text that a person can read."""
    assert report.lines.schema == LINE_SCHEMA
    times = report.lines.with_columns(pl.col("occurred_at").dt.strftime("%Y-%m-%d %H:%M:%SZ"))
    return times.drop("raw").write_csv()


def expected(name: str) -> str:
    return (FOLDER / f"{name}.lines.csv").read_text(encoding="utf-8")


def changed(folder: Path, name: str, *edits: tuple[str, str]) -> Path:
    """A copy of a golden file with texts replaced, each of which must stand there."""
    content = golden(name).read_text(encoding="utf-8")
    for old, new in edits:
        assert old in content, old
        content = content.replace(old, new)
    path = folder / f"{name}.csv"
    path.write_text(content, encoding="utf-8")
    return path


def edited(
    folder: Path, name: str, edit: Callable[[pl.DataFrame], pl.DataFrame], skip: int = 0
) -> Path:
    """A copy of a golden file after an edit of its rows; cells are text."""
    text = golden(name).read_text(encoding="utf-8").lstrip("\n")
    frame = edit(pl.read_csv(io.StringIO(text), infer_schema=False, skip_lines=skip))
    path = folder / f"{name}.csv"
    frame.write_csv(path)
    return path


def refused(provider: str, path: Path, **options: str) -> ReportError:
    with pytest.raises(ReportError) as caught:
        open_report(f"{provider}:{path}", **options)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


def prefixes(content: bytes) -> Iterator[bytes]:
    """What is left of a file that is cut after any of its bytes but the last."""
    return (content[:end] for end in range(len(content)))
