"""Messages of a shop that knows nothing of order_ops, read through `foreign_mapping.yaml`."""

import json
from pathlib import Path
from typing import Any

from order_ops.domain.messages import Message

MAPPING = Path(__file__).with_name("foreign_mapping.yaml")


def legacy(key: str, *, at: str = "2026-03-10T15:00:00+01:00", **body: Any) -> Message:
    """A message as it leaves the shop: no id, no sequence, the type is the routing key."""
    return Message(json.dumps({"at": at, **body}).encode(), f"legacy.{key}", {"app": "till"})


def placed(number: str = "A-1", total: Any = "49.90") -> Message:
    return legacy("order.placed", order={"number": number, "total": total, "ccy": "EUR"})


def held(number: str = "A-1", amount: Any = 49.9) -> Message:
    return legacy(
        "order.held",
        order={"number": number, "ccy": "EUR"},
        hold_until="2026-03-10T15:30:00+01:00",
        lines=[{"article": "seat", "pieces": 2}],
        charges=[{"ref": f"ch_{number}", "amount": amount}],
    )


def captured(number: str = "A-1", amount: Any = "49.90", **more: Any) -> Message:
    charge = {"charge": f"ch_{number}", "amount": amount, "ccy": "EUR", **more}
    return legacy("pay.captured", order={"number": number}, **charge)
