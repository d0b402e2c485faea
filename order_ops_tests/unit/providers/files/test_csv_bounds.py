"""No cell of a CSV file is longer than any honest one, and none is held to find that out."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from order_ops.providers.files.csv_bounds import MAX_CELL, refuse_long_cells
from order_ops.providers.files.csv_file import read_csv
from order_ops.providers.files.report import ReportError
from order_ops_tests.unit.providers.files.mapped_files import mapped, refused


def _bomb(folder: Path, start: bytes, filling: bytes = b"x") -> Path:
    path = folder / "bomb.csv"
    with path.open("wb") as file:
        file.write(start)
        for _ in range(100):
            file.write(filling * ((1 << 20) // len(filling)))
        file.write(b"\n")
    return path


@pytest.mark.parametrize(
    ("start", "filling"),
    [
        (b"a,b\n1,", b"x"),
        (b'a,b\n1,"', b"x"),
        (b'a,b\n1,"', b"x,\n"),
        (b"", b"x"),
        (b"a,b\n1,", b'""'),
    ],
)
@pytest.mark.parametrize("reader", [read_csv, refuse_long_cells])
def test_a_cell_of_a_hundred_megabytes_is_refused_in_small_memory(
    tmp_path: Path, start: bytes, filling: bytes, reader: Callable[[Path], object]
) -> None:
    path = _bomb(tmp_path, start, filling)
    tracemalloc.start()
    with pytest.raises(ReportError) as caught:
        reader(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "a cell is longer than" in caught.value.problem
    assert caught.value.line == start.count(b"\n") + 1
    assert peak < 32 << 20


def test_the_same_for_a_mapped_file(tmp_path: Path) -> None:
    path = _bomb(tmp_path, b"a;b\n1;")
    assert "a cell is longer than" in refused(path, mapped(tmp_path)).problem


@pytest.mark.parametrize("before", [0, 1, (1 << 20) - 3, 1 << 20, 3 << 20])
@pytest.mark.parametrize(("length", "fits"), [(MAX_CELL, True), (MAX_CELL + 1, False)])
def test_the_bound_to_the_byte_wherever_pieces_end(
    tmp_path: Path, before: int, length: int, *, fits: bool
) -> None:
    path = tmp_path / "f.csv"
    short = "y\n" * (before // 2) + "z" * (before % 2)
    path.write_text(f"{short},{'x' * length}\n", "utf-8", newline="\n")
    if fits:
        refuse_long_cells(path)
    else:
        with pytest.raises(ReportError) as caught:
            refuse_long_cells(path)
        assert caught.value.line == before // 2 + 1
