"""The command line says what is wrong, where, and what to do, and exits with 2."""

import getpass
import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from order_ops.cli import app

REQUIRED_COLUMNS = [
    "balance_transaction_id", "created", "currency", "gross", "fee", "net",
    "reporting_category",
]  # fmt: skip
COMMANDS = [
    "up",
    "demo",
    "migrate",
    "consume",
    "relay",
    "watch",
    "pause",
    "resume",
    "doctor",
    "trace",
    "ingest",
    "reconcile",
    "alerts",
    "dlq",
    "messages",
]
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
INTERNAL = "entry_id,order_id,currency,occurred_at,amount\nc1,o1,BRL,2026-03-01T12:00:00Z,10.00\n"


def run(*arguments: str | Path) -> Result:
    # wide, so that no word of a message is broken over two lines
    wide = {"COLUMNS": "400", "TERM": "dumb"}
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=wide)


def refused(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    return result.stderr


def test_every_command_is_listed_and_explains_itself() -> None:
    listed = run("--help").stdout
    for command in COMMANDS:
        assert command in listed
        result = run(command, "-h")
        assert (result.exit_code, "Usage:" in result.stdout) == (0, True)


def test_the_commands_tested_here_are_all_there_are() -> None:
    names = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    groups = {str(group.name) for group in app.registered_groups}
    assert names | groups == set(COMMANDS)


def test_without_a_command_the_help_is_shown() -> None:
    assert "Usage:" in run().output


@pytest.mark.parametrize(
    "arguments",
    [
        ("migrate",),
        ("consume",),
        ("relay",),
        ("doctor",),
        ("ingest", "file.csv", "--account", "shop-cards"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_missing_database_is_named(arguments: tuple[str, ...]) -> None:
    assert "ORDER_OPS_DATABASE_URL: is not set" in refused(*arguments)


@pytest.mark.parametrize("command", ["consume", "relay"])
def test_a_missing_broker_is_named(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", NOWHERE)
    assert "ORDER_OPS_AMQP_URL: is not set" in refused(command)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ORDER_OPS_DATABASE_URL", "mysql://root:hunter2@db/shop"),
        ("ORDER_OPS_AMQP_URL", "http://broker"),
        ("ORDER_OPS_BROKER_API_URL", "amqp://order_ops:hunter2@broker"),
        ("ORDER_OPS_CONSUMER_BATCH", "many"),
        ("ORDER_OPS_PROVIDER_KEYS", "sk_live_hunter2"),
    ],
)
@pytest.mark.parametrize("command", ["migrate", "consume", "relay", "doctor"])
def test_a_wrong_variable_is_named_and_its_secret_is_not(
    command: str, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", NOWHERE)
    monkeypatch.setenv(name, value)
    told = refused(command)
    assert f"{name}: " in told
    assert "hunter2" not in told


def test_a_mapping_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "our-shop.yaml"
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", NOWHERE)
    monkeypatch.setenv("ORDER_OPS_AMQP_URL", "amqp://nobody@127.0.0.1:1/")
    monkeypatch.setenv("ORDER_OPS_MAPPING", str(missing))
    for command in (("consume",), ("relay",), ("doctor",), ("ingest", "f.csv", "--account", "x")):
        assert f"{missing}: cannot be read" in refused(*command)


def test_an_unknown_account_is_answered_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", NOWHERE)
    told = refused("ingest", "file.csv", "--account", "shop-card")
    assert "no account 'shop-card' in the mapping; there are: shop-cards, shop-boleto" in told


def test_a_provider_file_that_is_not_there_is_named_before_the_database_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", NOWHERE)
    told = refused("ingest", tmp_path / "march.csv", "--account", "shop-cards")
    assert "march.csv: No such file" in told


def reconcile(tmp_path: Path, internal: Path, provider: str, *more: str) -> str:
    out = tmp_path / "out"
    told = refused("reconcile", "--internal", internal, "--provider", provider, "--out", out, *more)
    assert not out.exists(), "nothing is written when a file is refused"
    return told


@pytest.fixture
def internal(tmp_path: Path) -> Path:
    path = tmp_path / "internal.csv"
    path.write_text(INTERNAL)
    return path


def provider_file(tmp_path: Path, columns: list[str], row: str = "") -> Path:
    path = tmp_path / "report.csv"
    path.write_text(",".join(columns) + "\n" + row)
    return path


def test_reconcile_names_the_missing_file(tmp_path: Path, internal: Path) -> None:
    told = reconcile(tmp_path, internal, f"stripe:{tmp_path / 'none.csv'}")
    assert "none.csv: No such file" in told


def test_reconcile_names_the_missing_internal_file(tmp_path: Path) -> None:
    report = provider_file(tmp_path, REQUIRED_COLUMNS)
    told = reconcile(tmp_path, tmp_path / "ours.csv", f"stripe:{report}")
    assert "ours.csv" in told


@pytest.mark.parametrize("missing", REQUIRED_COLUMNS)
def test_reconcile_names_file_line_and_missing_column(
    tmp_path: Path, internal: Path, missing: str
) -> None:
    columns = [name for name in REQUIRED_COLUMNS if name != missing]
    report = provider_file(tmp_path, columns)
    told = reconcile(tmp_path, internal, f"stripe:{report}")
    assert f"report.csv, line 1, column {missing}: " in told


def test_what_was_typed_is_repeated_as_it_was_typed(tmp_path: Path, internal: Path) -> None:
    """Rich would take [bold] for markup and :x: for an emoji, and fail on [/red]."""
    told = reconcile(tmp_path, internal, f"stripe:{tmp_path}/march[bold]:x:.csv")
    assert "march[bold]:x:.csv" in told
    assert "[/red]" in reconcile(tmp_path, internal, f"stripe:{tmp_path}/[/red].csv")


def test_reconcile_names_the_providers_there_are(tmp_path: Path, internal: Path) -> None:
    assert "known: stripe" in reconcile(tmp_path, internal, "paypal:file.csv")


def test_reconcile_names_missing_rules(tmp_path: Path, internal: Path) -> None:
    report = provider_file(tmp_path, REQUIRED_COLUMNS)
    rules = str(tmp_path / "rules.yaml")
    assert "rules.yaml" in reconcile(tmp_path, internal, f"stripe:{report}", "--rules", rules)


def test_reconcile_names_an_unknown_time_zone(tmp_path: Path, internal: Path) -> None:
    report = provider_file(tmp_path, REQUIRED_COLUMNS)
    report.write_text(
        report.read_text() + "txn_1,2026-03-01 12:00:00,brl,10.00,0.00,10.00,charge\n"
    )
    zone = "America/Sao_Paolo"
    assert zone in reconcile(tmp_path, internal, f"stripe:{report}", "--time-zone", zone)


def test_reconcile_refuses_a_day_that_is_none(tmp_path: Path, internal: Path) -> None:
    assert "--as-of" in reconcile(tmp_path, internal, "stripe:x.csv", "--as-of", "2026-02-30")


@pytest.mark.parametrize("option", ["--internal", "--provider", "--out"])
def test_reconcile_names_the_option_it_needs(option: str) -> None:
    given = {"--internal": "a.csv", "--provider": "stripe:b.csv", "--out": "out"}
    del given[option]
    words = [word for pair in given.items() for word in pair]
    assert option in refused("reconcile", *words)


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
    from order_ops.jobs.doctor import Check

    found = [Finding("queue [q]", problem, "declare it")] if problem else []
    wanted = [Check("the broker is fine", lambda: found)]
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", NOWHERE)
    monkeypatch.setattr("order_ops.jobs.doctor.checks", lambda *_, bindings: wanted)
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
    from order_ops.jobs.doctor import Check

    wanted = [Check("[/fine]", list), Check("x", lambda: [Finding("[/q]", "[/is]", "[/do]")])]
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", NOWHERE)
    monkeypatch.setattr("order_ops.jobs.doctor.checks", lambda *_, bindings: wanted)
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
    assert "out.json: cannot be written: " in told
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "cannot be written: Permission denied" in refused(*command, "--json", tmp_path / "x")


def test_a_disk_that_is_full_at_the_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Outcome:
        figures = {"matched": 3}  # noqa: RUF012
        as_labelled = True

    monkeypatch.setattr("order_ops.devstack.demo.run", lambda home, console: Outcome)
    assert "/dev/full: cannot be written: No space left" in refused("demo", "--json", "/dev/full")


@pytest.mark.parametrize("command", [("dlq", "discard", "1"), ("pause", "consumer")], ids=str)
@pytest.mark.parametrize("error", [KeyError("uid not found: 1234"), OSError("no entry")])
def test_a_user_without_a_name_is_asked_for_one(
    command: tuple[str, ...], error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise error

    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", NOWHERE)
    monkeypatch.setattr(getpass, "getuser", nameless)
    told = refused(*command, "--reason", "x")
    assert "--by: say who acts, or set ORDER_OPS_ACTOR" in told


@pytest.mark.parametrize("option", ["--by", "--reason"])
def test_a_nul_in_what_the_audit_keeps_is_refused(option: str) -> None:
    given = {"--by": "ana", "--reason": "x", option: "a\0"}
    words = [word for pair in given.items() for word in pair]
    assert f"{option}: a text cannot hold a NUL" in refused("pause", "consumer", *words)


def test_a_kind_of_failure_is_one_of_five() -> None:
    assert "'transient', 'throttled', 'permanent'" in refused("dlq", "list", "--category", "odd")


def test_watch_names_where_it_serves() -> None:
    told = run("watch", "-h").stdout
    assert "ORDER_OPS_METRICS_PORT" in told
    assert "ORDER_OPS_METRICS_ADDRESS" in told


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.1", "no such host", "a..b"])
def test_watch_says_where_it_cannot_serve_and_is_not_said_to_have_died(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", NOWHERE)
    monkeypatch.setenv("ORDER_OPS_METRICS_ADDRESS", address)
    for name in ("telemetry.logs.configure", "telemetry.crash.install"):
        monkeypatch.setattr(f"order_ops.{name}", lambda *_: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("ORDER_OPS_METRICS_PORT", str(port))
        told = refused("watch")
    assert "ORDER_OPS_METRICS_ADDRESS, ORDER_OPS_METRICS_PORT: metrics cannot be served" in told
    assert f"{address}:{port}" in told
    assert len(told.splitlines()) == 1
