"""What came of the demo's day, read from the tables and judged against the labels.

Belongs here: figures. They come from what is stored and not from what the demo
did, so that a second demo reports the same.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from order_ops.devstack.shop.model import ShopDay
from order_ops.devstack.shop.truth import FoundBreak, Truth, score
from order_ops.mapping import load_mapping
from order_ops.reconciliation.summary import ClassSummary, money_sentence
from order_ops.settings import Settings
from order_ops.store.engine import Connection, engine, transaction
from order_ops.store.queries import intake, orders, recon

TENANT = "shop"
_VERDICTS = ("INCOMPLETE", "BREAKS", "RECONCILED_WITH_PENDING", "RECONCILED")


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a played day; amounts in minor units."""

    broker: str | None
    messages: dict[str, int]
    orders: dict[str, int]
    verdict: str
    matched: int
    breaks: dict[str, ClassSummary]
    bridge: dict[str, dict[str, int]]
    bridge_lines: list[tuple[str, str, int]]
    truth: Truth
    expected_orders: Mapping[str, int]
    reports: list[str]

    def sentence(self) -> str:
        """The money, first."""
        return money_sentence(self.breaks)

    def as_labelled(self) -> bool:
        """Whether the system found what was put in, and nothing else."""
        exact = (self.truth.precision, self.truth.recall) == (1.0, 1.0)
        closed = not any(ends["residual"] for ends in self.bridge.values())
        return exact and closed and self.orders == dict(self.expected_orders)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        truth = self.truth
        return {
            "broker": self.broker,
            "messages": self.messages,
            "orders": self.orders,
            "verdict": self.verdict,
            "matched": self.matched,
            "breaks": self.breaks,
            "bridge": self.bridge,
            "truth": {
                "precision": truth.precision,
                "recall": truth.recall,
                "missed": list(truth.missed),
                "wrong": list(truth.wrong),
            },
        }


def copies_received(settings: Settings) -> int:
    """Messages that were ever taken in, further copies included."""
    with transaction(engine(settings)) as conn:
        return sum(row.copies for row in intake.count_by_state(conn))


def messages_in_state(settings: Settings, state: str) -> int:
    """Messages of the inbox in a state."""
    with transaction(engine(settings)) as conn:
        rows = intake.count_by_state(conn)
        return sum(row.messages for row in rows if row.state == state)


def other_reservations(day: ShopDay, settings: Settings) -> int:
    """Reserved orders that are not the day's."""
    with transaction(engine(settings)) as conn:
        return int(orders.count_other_reservations(conn, order_ids=_orders_of(day)))


def collect(day: ShopDay, settings: Settings, broker: str | None, published: int) -> Figures:
    """Read the figures of the day and judge them."""
    with transaction(engine(settings)) as conn:
        mine = {"tenant_id": TENANT, "order_ids": _orders_of(day)}
        states = {row.state: row.messages for row in intake.count_by_state_of(conn, **mine)}
        poison = {label.body for label in day.labels if label.body is not None}
        parked = poison & {bytes(row.body) for row in intake.parked_bodies(conn)}
        accounts = [a.name for a in load_mapping(settings.mapping).accounts]
        last = day.day + timedelta(days=1)
        runs = list(recon.runs(conn, account=accounts, first_day=day.day, last_day=last))
        standing = list(recon.standing_breaks(conn, account=accounts, day=last))
        return Figures(
            broker=broker,
            messages={
                "published": published,
                "staged": sum(states.values()),
                "applied": states.get("done", 0),
                "parked": len(parked),
            },
            orders={r.state: r.orders for r in orders.count_by_state_of(conn, **mine)},
            verdict=min((run.verdict for run in runs), key=_VERDICTS.index),
            matched=sum(run.summary["matched"] for run in runs),
            breaks=_by_class(standing),
            bridge=_bridge(runs),
            bridge_lines=[
                (row.currency, row.line, int(row.amount_minor))
                for row in recon.bridge_over(
                    conn, account=accounts, first_day=day.day, last_day=last
                )
            ],
            truth=_truth(conn, day, accounts, standing, parked),
            expected_orders=day.expected.orders,
            reports=[run.report for run in runs if run.report and run.day == day.day],
        )


def _by_class(rows: list[Any]) -> dict[str, ClassSummary]:
    found: dict[str, ClassSummary] = {}
    for row in rows:
        entry = found.setdefault(row.break_class, {"count": 0, "amount_minor": {}})
        entry["count"] += 1
        amounts = entry["amount_minor"]
        amounts[row.currency] = amounts.get(row.currency, 0) + row.at_stake_minor
    return dict(sorted(found.items()))


def _bridge(runs: list[Any]) -> dict[str, dict[str, int]]:
    total: dict[str, dict[str, int]] = {}
    for run in runs:
        for currency, ends in run.summary["bridge"].items():
            mine = total.setdefault(currency, {"internal": 0, "provider": 0, "residual": 0})
            for name, amount in ends.items():
                mine[name] += amount
    return total


def _orders_of(day: ShopDay) -> list[str]:
    """The day's own orders: a home may hold others, which are not judged."""
    found = set()
    for message in day.messages:
        with suppress(ValueError):
            found.add(str(json.loads(message.body)["order"]))
    return sorted(found)


def _truth(
    conn: Connection, day: ShopDay, accounts: list[str], standing: list[Any], parked: set[bytes]
) -> Truth:
    last = day.day + timedelta(days=1)
    pairs = recon.matched_pairs(conn, account=accounts, first_day=day.day, last_day=last)
    members: dict[str, set[str]] = {}
    for account in accounts:
        for row in recon.break_members_of(conn, account=account):
            members.setdefault(row.break_id, set()).add(row.entry_id)
    found = [
        FoundBreak(row.break_class, frozenset(members[row.break_id]), row.at_stake_minor)
        for row in standing
    ]
    return score(day, [(p.internal_id, p.provider_id) for p in pairs], found, parked)
