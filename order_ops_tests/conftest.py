"""What every test gets: an environment of its own. It starts no server."""

import os
import signal

import pytest

from order_ops.settings import get_settings

# A console that is made while they are set keeps them, whatever a test then says.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)

# A shell's background job starts with SIGINT ignored; Dagster then ignores SIGTERM too, in this
# process and in every process that a test starts: they could not be ended.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the developer's shell reaches a test, and no settings of another test."""
    for name in os.environ:
        if name.startswith(("ORDER_OPS_", "DAGSTER_")) and not name.startswith("ORDER_OPS_TEST_"):
            monkeypatch.delenv(name)
    get_settings.cache_clear()
