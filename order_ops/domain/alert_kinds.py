"""What kinds of alerts there are: whose they are, and which page says what to do.

The kind of an alert is the first word of its dedupe key: `expiry:shop:o1:new` is of kind
`expiry`. A kind that is not named here has the default. How an alert looks, and where it is
told, is `order_ops.alerting`.
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""In rising order."""


@dataclass(frozen=True, slots=True)
class AlertKind:
    """Who is asked about it, and the page that says what to do, as a path of the repository."""

    owner: str
    runbook: str


def _page(owner: str, name: str) -> AlertKind:
    return AlertKind(owner, f"docs/runbooks/{name}.md")


DEFAULT = _page("operations", "other")
KINDS = {
    "dead_letter": _page("operations", "dead-letters"),
    "delivery": _page("operations", "delivery"),
    "file": _page("finance-operations", "files"),
    "job": _page("operations", "jobs"),
    "messages": _page("operations", "messages"),
    "order": _page("payments", "orders"),
    "process": _page("operations", "processes"),
    "overdue": _page("operations", "overdue"),
    "provider": _page("payments", "repairs"),
    "repair": _page("payments", "repairs"),
    "slow": _page("operations", "slow-jobs"),
    "stall": _page("operations", "stalls"),
    "untold": _page("operations", "untold"),
    "watch": _page("operations", "watcher"),
}


def kind_of(dedupe_key: str) -> AlertKind:
    """The kind of an alert, by the first word of its key."""
    return KINDS.get(dedupe_key.partition(":")[0], DEFAULT)
