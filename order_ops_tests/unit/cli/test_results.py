"""What a command found is told as it is and kept with `--json`, or it is said why not."""

import json
from pathlib import Path

import pytest

from order_ops_tests.unit.cli.invoked import NOWHERE, refused, run


def test_the_figures_of_a_demo_go_to_the_named_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Outcome:
        figures = {"matched": 3}  # noqa: RUF012
        as_labelled = False

    monkeypatch.setattr("order_ops.devstack.demo.run", lambda home, console: Outcome)
    file = tmp_path / "figures.json"
    result = run("demo", "--home", tmp_path, "--json", file)
    assert result.exit_code == 1, "a demo that does not find what it labelled has failed"
    assert json.loads(file.read_text()) == {"matched": 3}


@pytest.mark.parametrize("problem", ["is away", None])
def test_doctor_says_what_is_fine_and_what_is_not(
    problem: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from order_ops.domain.findings import Finding
    from order_ops.jobs.upkeep.doctor import Check

    found = [Finding("queue [q]", problem, "declare it")] if problem else []
    wanted = [Check("the broker is fine", lambda: found)]
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", NOWHERE)
    monkeypatch.setattr("order_ops.jobs.upkeep.doctor.checks", lambda *_, bindings: wanted)
    monkeypatch.setattr("order_ops.orchestration.doctor.dagster_findings", lambda now: [])
    result = run("doctor", "--json", tmp_path / "new" / "out.json")
    assert result.exit_code == (1 if problem else 0)
    line = "✘ queue [q]: is away; declare it" if problem else "✔ the broker is fine"
    assert result.stdout.splitlines()[0] == line
    assert "✔ Dagster" in result.stdout
    assert json.loads((tmp_path / "new" / "out.json").read_text())["ok"] is (problem is None)
    assert json.loads(run("doctor", "--json", "-").stdout)["ok"] is (problem is None)


def test_a_check_with_brackets_in_it_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from order_ops.domain.findings import Finding
    from order_ops.jobs.upkeep.doctor import Check

    wanted = [Check("[/fine]", list), Check("x", lambda: [Finding("[/q]", "[/is]", "[/do]")])]
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", NOWHERE)
    monkeypatch.setattr("order_ops.jobs.upkeep.doctor.checks", lambda *_, bindings: wanted)
    monkeypatch.setattr("order_ops.orchestration.doctor.dagster_findings", lambda now: [])
    told = run("doctor").stdout.splitlines()
    assert told[:2] == ["✔ [/fine]", "✘ [/q]: [/is]; [/do]"]


WITH_JSON = [
    ("doctor",),
    ("demo",),
    ("reconcile", "--internal", "a.csv", "--provider", "stripe:b.csv", "--out", "out"),
    ("dlq", "list"),
    ("dlq", "groups"),
    ("dlq", "show", "1"),
    ("messages", "ledger"),
    ("messages", "gaps"),
    ("trace", "x"),
]


@pytest.mark.parametrize("command", WITH_JSON, ids=" ".join)
def test_a_file_that_cannot_be_written_is_named_before_any_work(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", NOWHERE)
    monkeypatch.setattr("order_ops.devstack.demo.run", lambda *_: pytest.fail("it has begun"))
    (tmp_path / "file").touch()
    told = refused(*command, "--json", tmp_path)
    assert f"--json {tmp_path}: cannot be written: Is a directory" in told
    told = refused(*command, "--json", tmp_path / "file" / "out.json")
    assert "out.json: cannot be written: Not a directory" in told
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "cannot be written: Permission denied" in refused(*command, "--json", tmp_path / "x")


@pytest.mark.parametrize("command", WITH_JSON[2:], ids=" ".join)
def test_a_command_that_fails_leaves_no_folder(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", NOWHERE)
    refused(*command, "--json", tmp_path / "new" / "out.json")
    assert not (tmp_path / "new").exists()


def test_a_disk_that_is_full_at_the_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Outcome:
        figures = {"matched": 3}  # noqa: RUF012
        as_labelled = True

    monkeypatch.setattr("order_ops.devstack.demo.run", lambda home, console: Outcome)
    assert "/dev/full: cannot be written: No space left" in refused("demo", "--json", "/dev/full")
