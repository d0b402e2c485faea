"""What a process says before it dies, and when it lives again."""

from sqlalchemy import Engine

from order_ops.domain.redaction import redacted
from order_ops.store import alerts
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import transaction


def tell_death(pool: Engine, process: str, why: str) -> None:
    """An alert that a process has died of an error that nobody handled."""
    alert = Alert(
        dedupe_key=_key(process),
        severity="critical",
        title=redacted(f"{process} has died: {why}")[:300],
    )
    with transaction(pool) as conn:
        raise_alerts(conn, [alert])


def tell_start(pool: Engine, process: str) -> None:
    """It lives again: its next death is another alert."""
    with transaction(pool) as conn:
        alerts.resolve(conn, _key(process))


def _key(process: str) -> str:
    return f"process:{process}:died"
