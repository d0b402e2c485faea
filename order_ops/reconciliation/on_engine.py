"""A day reconciled on an engine of choice; what goes in and what comes out are Polars frames."""

from dataclasses import replace
from typing import Any

import narwhals as nw

from order_ops.reconciliation.breaks import Repeats
from order_ops.reconciliation.core import reconcile
from order_ops.reconciliation.day import Day, Entries
from order_ops.reconciliation.decided import Decisions
from order_ops.reconciliation.engines import Engine, holding
from order_ops.reconciliation.result import TABLES, Reconciliation


def reconcile_on(
    engine: Engine,
    day: Day,
    entries: Entries,
    repeats: Repeats = lambda *_: (),
    *,
    decisions: Decisions | None = None,
) -> Reconciliation:
    """Reconcile a day; the result is the same on every engine.

    Args:
        engine: polars, unless its steps are more than memory holds.
        day: what is closed.
        entries: Polars frames; those of the bank are few, and stay what they are.
        repeats, decisions: see `core.reconcile`.
    """
    with holding(engine, entries.frames) as held:
        result = reconcile(day, replace(entries, **held), repeats, decisions=decisions)
        tables: dict[str, Any] = {
            name: nw.from_native(getattr(result, name), eager_only=True).to_polars()
            for name in (*TABLES, "told_members", "carry_out")
        }
    return replace(result, **tables)
