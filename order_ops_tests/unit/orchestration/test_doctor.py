"""Dagster's part of the doctor, where no instance is needed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from order_ops.orchestration.doctor import dagster_findings

NOW = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dagster.yaml").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


def test_a_home_that_is_not_set_is_a_finding() -> None:
    assert "DAGSTER_HOME: is not set" in str(dagster_findings(NOW)[0])


def test_a_home_without_configuration_is_a_finding(home: Path) -> None:
    (home / "dagster.yaml").unlink()
    assert "with a dagster.yaml" in dagster_findings(NOW)[0].problem


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "is not set"),
        ("postgresql+psycopg://me:hunter2@db/dagster", "is postgresql+psycopg://"),
        ("postgresql://me:hunter2@db/dagster", "is postgresql://"),
        ("hunter2", "is no database URL"),
    ],
)
def test_another_driver_is_a_finding(
    home: Path, url: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    (found,) = dagster_findings(NOW)
    assert f"DAGSTER_POSTGRES_URL: {told}" in str(found)
    assert "postgresql+psycopg2://" in found.remedy
    assert "hunter2" not in str(found)


def test_a_storage_that_does_not_answer_is_a_finding(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql+psycopg2://me:hunter2@127.0.0.1:1/d")
    (found,) = dagster_findings(NOW)
    assert "does not answer" in found.problem
    assert "hunter2" not in str(found)
