"""A small mapped file and its mapping, and how either is refused."""

from pathlib import Path

import pytest

from order_ops.providers.files.mapped import read
from order_ops.providers.files.report import ProviderReport, ReportError

GOLDEN = Path(__file__).parent / "golden"
MAPPING = """
version: 1
provider: acme
numbers: {unit: major, decimal_separator: "."}
columns: {entry_id: [id], order_ref: order}
currency: {column: currency}
amount: {column: amount}
fee: {columns: [fee], costs: positive}
types:
  column: type
  map:
    sale: {kind: charge}
    back: {kind: refund}
occurred_at: {columns: [time], formats: ["%Y-%m-%d %H:%M:%S"], time_zone: Europe/Berlin}
keep: [note]
"""
HEADER = "id,type,time,order,amount,fee,currency,note"
SALE = "t1,sale,2026-02-01 10:00:00,o-1,100.00,3.50,eur,hello"
BACK = "t2,back,2026-02-01 11:00:00,o-1,-20.00,0,eur,"


def write(folder: Path, *lines: str, header: str = HEADER, end: str = "\n") -> Path:
    path = folder / "acme.csv"
    path.write_bytes(("\n".join((header, *lines) if header else lines) + end).encode())
    return path


def mapped(folder: Path, mapping: str = MAPPING) -> str:
    path = folder / "acme.yaml"
    path.write_text(mapping, encoding="utf-8")
    return str(path)


def changed(*changes: tuple[str, str]) -> str:
    mapping = MAPPING
    for old, new in changes:
        assert old in mapping
        mapping = mapping.replace(old, new)
    return mapping


def report(
    folder: Path, *lines: str, mapping: str = MAPPING, header: str = HEADER
) -> ProviderReport:
    return read(write(folder, *lines, header=header), mapping=mapped(folder, mapping))


def refused(path: Path, mapping: str) -> ReportError:
    with pytest.raises(ReportError) as caught:
        read(path, mapping=mapping)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value
