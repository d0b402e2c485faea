"""The command line says what is wrong, where, and what to do, and exits with 2."""

import getpass
import socket
from pathlib import Path

import pytest

from order_ops.cli import app
from order_ops_tests.unit.cli.invoked import NOWHERE, refused, run

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
    "rehearse",
    "acts",
    "alerts",
    "audit",
    "bank",
    "breaks",
    "dlq",
    "messages",
    "order",
    "provider",
    "simulate",
]


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
