"""A day reconciled on an engine of choice; what goes in and what comes out are Polars frames."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import narwhals as nw
import polars as pl

from order_ops.reconciliation.bank import BankSide
from order_ops.reconciliation.breaks import Repeats
from order_ops.reconciliation.core import Day, reconcile
from order_ops.reconciliation.decided import Decisions
from order_ops.reconciliation.engines import Engine, holding
from order_ops.reconciliation.result import TABLES, Reconciliation


def reconcile_on(
    engine: Engine,
    day: Day,
    frames: Mapping[str, pl.DataFrame],
    repeats: Repeats = lambda *_: (),
    *,
    bank: BankSide | None = None,
    decisions: Decisions | None = None,
) -> Reconciliation:
    """Reconcile a day; the result is the same on every engine.

    Args:
        engine: polars, unless its steps are more than memory holds.
        day: what is closed.
        frames: by the names that `core.reconcile` gives them: internal, provider, ...
        repeats, bank, decisions: see `core.reconcile`.
    """
    with holding(engine, frames) as held:
        result = reconcile(day, **held, repeats=repeats, bank=bank, decisions=decisions)
        tables: dict[str, Any] = {
            name: nw.from_native(getattr(result, name), eager_only=True).to_polars()
            for name in (*TABLES, "told_members", "carry_out")
        }
    return replace(result, **tables)
