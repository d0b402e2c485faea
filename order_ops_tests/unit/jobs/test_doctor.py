"""The doctor's own checks, without a server."""

import pytest

from order_ops.domain.findings import Finding, reason
from order_ops.jobs.upkeep import doctor
from order_ops.mapping import load_mapping
from order_ops.settings import Settings

EVENTS = load_mapping().events
NOWHERE = "postgresql://me:hunter2@127.0.0.1:1/nothing"


def settings(**values: str) -> Settings:
    return Settings.model_validate({"database_url": NOWHERE} | values)


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    (found,) = doctor.database(settings().database_url)
    assert found.subject == "database 127.0.0.1:1/nothing"
    assert "does not answer" in found.problem
    assert "hunter2" not in str(found)


def test_an_old_postgres_and_a_pending_migration_are_findings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "_server", lambda url: (13, True))
    monkeypatch.setattr(doctor.migrate, "pending", lambda url: ("0001", "0002"))
    old, behind = doctor.database(NOWHERE)
    assert "is PostgreSQL 13, older than 14" in old.problem
    assert "is at migration 0001, this release needs 0002" in behind.problem
    assert "order-ops migrate" in behind.remedy


def test_a_broker_that_does_not_answer_is_named_without_its_password() -> None:
    (found,) = doctor.broker(settings(amqp_url="amqp://me:hunter2@127.0.0.1:1/"), EVENTS)
    assert found.subject == "broker 127.0.0.1:1"
    assert "Connection refused" in found.problem
    assert "hunter2" not in str(found)


def test_variables_that_are_not_set_are_findings() -> None:
    assert "ORDER_OPS_AMQP_URL: is not set" in str(doctor.broker(settings(), EVENTS)[0])
    (found,) = doctor.bindings_of(settings(amqp_url="amqp://b/"), EVENTS)
    assert "ORDER_OPS_BROKER_API_URL: is not set" in str(found)
    assert "--without-bindings" in found.remedy


def test_bindings_are_left_out_when_asked() -> None:
    fine = [check.fine for check in doctor.checks(settings(), EVENTS, bindings=False)]
    assert len(fine) == len(doctor.checks(settings(), EVENTS, bindings=True)) - 1
    assert not any("bindings" in line for line in fine)


def test_a_check_that_fails_is_a_finding_and_the_next_is_run() -> None:
    def broken() -> list[Finding]:
        raise RuntimeError("no luck\ntoday")

    first, second = doctor.run([doctor.Check("a", broken), doctor.Check("b", list)])
    assert "RuntimeError: no luck" in first.findings[0].problem
    assert second.findings == []
    assert doctor.as_json([first, second])["ok"] is False


def test_a_finding_is_one_line() -> None:
    assert str(Finding("here", "wrong", "do this")) == "here: wrong; do this"
    assert reason(ValueError("\nfirst\nsecond")) == "first"
    assert reason(ValueError()) == "ValueError"
