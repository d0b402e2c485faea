"""What every test gets: an environment of its own. It starts no server."""

import os

import pytest

from order_ops.settings import get_settings


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the developer's shell reaches a test, and no settings of another test."""
    for name in os.environ:
        if name.startswith(("ORDER_OPS_", "DAGSTER_")) and not name.startswith("ORDER_OPS_TEST_"):
            monkeypatch.delenv(name)
    get_settings.cache_clear()
