"""What a process says before it dies."""

from sqlalchemy import Engine

from order_ops.store.engine import transaction
from order_ops.store.letters import Alert, raise_alerts


def tell_death(pool: Engine, process: str, why: str) -> None:
    """An alert that a process has died of an error that nobody handled; once while it is open."""
    alert = Alert(
        dedupe_key=f"process:{process}:died",
        severity="critical",
        title=f"{process} has died: {why}"[:300],
    )
    with transaction(pool) as conn:
        raise_alerts(conn, [alert])
