"""The ids that a trace has come to, and which log lines are of it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Key = tuple[str, str]
"""(tenant, order id)."""


@dataclass(slots=True)
class Links:
    """The ids that a trace has come to, as texts.

    Attributes:
        runs: whose work a message was in; `whole` are those that are followed to all they did.
        near: orders that a message or an act is about; `orders` are those that were asked for.
    """

    correlations: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)
    executions: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    letters: set[str] = field(default_factory=set)
    alerts: set[str] = field(default_factory=set)
    outbox: set[str] = field(default_factory=set)
    orders: set[Key] = field(default_factory=set)
    near: set[Key] = field(default_factory=set)

    @property
    def all_runs(self) -> set[str]:
        """Every run that is known."""
        return self.runs | self.whole


_SUBJECTS = frozenset({"correlation_id", "event_id", "letter", "order"})
_IDS = _SUBJECTS | {"alert", "run_id", "execution_id"}

Line = Mapping[str, Any]


def of_links(links: Links) -> Callable[[Line], bool]:
    """Which lines are of a trace.

    A line of a run that names another message or order is that one's, unless the run itself
    is followed: one run has thousands of messages in hand.
    """
    own = {"event_id": links.events, "letter": links.letters, "alert": links.alerts}
    asked = {order for _, order in links.orders}
    near = asked | {order for _, order in links.near}
    runs = links.all_runs

    def wanted(line: Line) -> bool:
        told = _ids(line)
        if any(told.get(name) in ids for name, ids in own.items()):
            return True
        if told.get("run_id") in links.whole:
            return True
        if "order" in told and told["order"] not in near:
            return False
        if told.get("correlation_id") in links.correlations or told.get("order") in asked:
            return True
        its = told.get("run_id") in runs or told.get("execution_id") in links.executions
        return its and not _SUBJECTS & set(told)

    return wanted


def of_text(text: str) -> Callable[[Line], bool]:
    """Lines that have a text as one of their ids: all there is about what the database forgot."""
    return lambda line: text in _ids(line).values()


def _ids(line: Line) -> dict[str, str]:
    return {name: str(line[name]) for name in _IDS & line.keys() if line[name] is not None}
