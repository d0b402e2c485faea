from pathlib import Path

import pytest

from order_ops.devstack import services

OURS = services.Services(
    home=Path("/h"),
    database_url="postgresql+psycopg://postgres@/order_ops?host=/h/postgres",
    dagster_postgres_url="postgresql+psycopg2://postgres@/dagster?host=/h/postgres",
    amqp_url="amqp://order_ops:secret@127.0.0.1:1/%2F",
    broker_api_url="http://order_ops:secret@127.0.0.1:2",
)


def test_the_variables_of_embedded_servers_do_not_count_as_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in OURS.env().items():
        monkeypatch.setenv(name, value)
    assert services.needs_postgres()
    assert services.named(services.AMQP_URL) is None
    assert services.named(services.BROKER_API_URL) is None


def test_a_named_server_stays_named_beside_embedded_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(services.AMQP_URL, "amqp://elsewhere")
    for name, value in OURS.env().items():
        monkeypatch.setenv(name, value)
    assert services.named(services.AMQP_URL) == OURS.amqp_url
    assert services.named(services.DATABASE_URL) is None


def test_passwords_are_not_printed() -> None:
    assert "secret" not in repr(OURS)


def test_without_a_broker_no_variable_names_one() -> None:
    found = services.Services(Path("/h"), "a", "b")
    assert services.AMQP_URL not in found.env()
