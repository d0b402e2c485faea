"""A file larger than the memory there is: refused in words, in a process that is truly limited."""

import subprocess
import sys
from pathlib import Path

import pytest

from order_ops.providers import memory
from order_ops.providers.files.report import ReportError
from order_ops.providers.memory import refuse_too_large
from order_ops_tests.unit.providers.files import stripe_files

_LIMITED = """
import resource, sys

resource.setrlimit(getattr(resource, sys.argv[1]), (int(sys.argv[2]) << 20, -1))
from order_ops.cli import app

app(sys.argv[3:])
"""


def previewed(limit: str, mib: int, path: Path, form: str) -> subprocess.CompletedProcess[str]:
    kind = "bank" if form == "camt053" else "provider"
    command = [kind, "preview", str(path), "--format", form]
    return subprocess.run(
        [sys.executable, "-c", _LIMITED, limit, str(mib), *command],
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "400", "PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
        timeout=60,
    )


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    return path


@pytest.mark.parametrize(
    ("limit", "form", "words"),
    [
        ("RLIMIT_AS", "stripe", "raise ulimit -v, or export it in parts"),
        ("RLIMIT_DATA", "paypal_trr", "raise ORDER_OPS_RUN_MEMORY_MB"),
        ("RLIMIT_AS", "camt053", "raise ulimit -v, or export it in parts"),
    ],
)
def test_a_file_larger_than_the_memory_is_refused_in_words(
    sparse: Path, limit: str, form: str, words: str
) -> None:
    done = previewed(limit, 3_000, sparse, form)
    assert (done.returncode, done.stdout) == (2, "")
    assert "large.csv: reading its 3,221 MB needs" in done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_said_to_fit_is_read_within_the_limit(tmp_path: Path) -> None:
    """Of 20 MB, with hardly more than what it is said to need."""
    path = tmp_path / "fits.csv"
    row = stripe_files.GOOD
    with path.open("w", encoding="utf-8") as file:
        file.write(stripe_files.HEADER + "\n")
        file.writelines(row.replace("txn_1", f"txn_{n}") + "\n" for n in range(270_000))
    size = path.stat().st_size
    needed = size * memory.RESIDENT + min(size * memory._ARENAS_BY_BYTE, memory._ARENAS)
    done = previewed("RLIMIT_AS", 700 + (needed >> 20), path, "stripe")
    assert done.returncode == 0, done.stderr[-500:]
    assert "270,000  charge, succeeded" in done.stdout


def test_the_limit_of_a_container_counts_without_what_it_can_give_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path)
    monkeypatch.setattr(memory, "_PROC", tmp_path)
    for name, text in (
        ("memory.max", "100000000"),
        ("memory.current", "90000000"),
        ("memory.stat", "anon 1\ninactive_file 4000000"),
    ):
        (tmp_path / name).write_text(text + "\n", encoding="utf-8")
    path = tmp_path / "a.csv"
    path.write_bytes(bytes(1_000_000))
    refuse_too_large(path)
    path.write_bytes(bytes(1_000_001))
    with pytest.raises(ReportError, match="there are 14 MB; give the container more memory"):
        refuse_too_large(path)
    (tmp_path / "memory.max").write_text("max\n", encoding="utf-8")
    refuse_too_large(path)
