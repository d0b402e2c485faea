"""Log lines are found in time order, within bounds, and what was not read is counted."""

import gzip
import json
import zlib
from datetime import UTC, datetime
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from order_ops.telemetry.log_lines import STDIN, LogsError, read


def line(number: int, second: int | None, **more: Any) -> str:
    at = {} if second is None else {"timestamp": f"2026-03-10T15:00:{second:02}.5Z"}
    return json.dumps({"n": number, **at, **more})


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def every(_: dict[str, Any]) -> bool:
    return True


def numbers(*sources: Path, most: int = 100) -> list[int]:
    return [one.fields["n"] for one in read(sources, every, most).found]


def test_lines_of_several_files_are_in_time_order(tmp_path: Path) -> None:
    first = written(tmp_path / "a.log", line(1, 1), line(4, 4))
    second = written(tmp_path / "b.log", line(3, 3), line(2, 2))
    assert numbers(first, second) == numbers(tmp_path) == [1, 2, 3, 4]
    assert read([tmp_path, first], every, 9).files == 2, "a file that is named twice is read once"


def test_only_what_is_wanted_is_found_and_the_rest_is_counted(tmp_path: Path) -> None:
    file = written(
        tmp_path / "a.log", line(1, 1), "", "Traceback (most", "[1]", '{"cut', line(2, 2)
    )
    found = read([file], lambda told: told["n"] == 2, 9)
    assert [one.fields["n"] for one in found.found] == [2]
    assert (found.files, found.read, found.matched, found.not_json) == (1, 5, 1, 3)


def test_bytes_that_are_no_text_are_no_json(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"\xff\xfe\n\x00\n" + line(1, 1).encode())
    found = read([tmp_path], every, 9)
    assert (found.matched, found.not_json) == (1, 2)


def test_the_earliest_are_kept_and_how_many_there_are_is_known(tmp_path: Path) -> None:
    written(tmp_path / "a.log", *(line(n, n) for n in range(59, -1, -1)))
    found = read([tmp_path], every, 3)
    assert [one.fields["n"] for one in found.found] == [0, 1, 2]
    assert found.matched == 60


def test_a_line_without_a_time_stays_behind_the_one_before_it(tmp_path: Path) -> None:
    written(tmp_path / "a.log", line(2, 2), line(3, None), json.dumps({"n": 4, "timestamp": 7}))
    written(tmp_path / "b.log", line(1, 1), line(5, 5))
    assert numbers(tmp_path) == [1, 2, 3, 4, 5]
    zoneless = written(tmp_path / "c", json.dumps({"n": 1, "timestamp": "2026-03-10T15:00:00"}))
    assert read([zoneless], every, 1).found[0].at == datetime(2026, 3, 10, 15, tzinfo=UTC)


def test_nothing_sensitive_is_read_back(tmp_path: Path) -> None:
    written(tmp_path / "a.log", line(1, 1, text="of ana@example.com", email="x", name="lease"))
    (one,) = read([tmp_path], every, 9).found
    assert one.fields["text"] == "of [redacted]"
    assert (one.fields["email"], one.fields["name"]) == ("[redacted]", "lease")


def test_what_was_packed_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(line(1, 1).encode()))
    assert numbers(tmp_path) == [1]


def test_stdin_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(line(1, 1).encode())))
    assert numbers(STDIN) == [1]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("none.log", None, "No such file"),
        ("a.gz", b"plain", "Not a gzipped file"),
        ("a.gz", gzip.compress(b"x" * 99)[:20], "end-of-stream"),
        ("a.gz", gzip.compress(b"x" * 99)[:10] + b"\xff" * 9, ""),
    ],
    ids=["absent", "not packed", "cut", "broken"],  # a packed file has the time in it
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: bytes | None, why: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(LogsError, match=f"--logs .*{name}: cannot be read: .*{why}") as refused:
        read([file], every, 9)
    assert not isinstance(refused.value.__cause__, zlib.error)
