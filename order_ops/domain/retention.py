"""How long things are kept: three classes, and what each is for.

A class is kept for its time, and its newest ones are kept however old they are. What
nobody has reviewed yet is kept whatever its class says: that is the purge's to see to.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Retention:
    """What goes: older than `keep_for`, and not among the newest `keep_at_least`."""

    name: str
    keep_for: timedelta
    keep_at_least: int = 0

    def before(self, now: datetime) -> datetime:
        """What ended before this may go."""
        return now - self.keep_for


BUSY = Retention("busy", timedelta(hours=24), 1_000)
"""What there is very much of and is soon of no use: payloads, sent messages, runs of busy jobs."""

MONEY = Retention("money", timedelta(days=400))
"""A business year and its closing, 13 months: ids of messages, settled failures, other runs."""

AUDIT = Retention("audit", timedelta(days=3_653))
"""Ten years: what people did, and why."""

CLASSES = {one.name: one for one in (BUSY, MONEY, AUDIT)}
