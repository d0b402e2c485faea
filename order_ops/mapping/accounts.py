"""A provider account of the shop: its accounting day, and which acts are enabled."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from order_ops.mapping.parts import AccountName, Strict, TimeOfDay, TimeZone

ActKind = Literal["expire", "confirm", "cancel", "refund", "reinstate"]
ActMode = Literal["off", "propose", "automatic"]


class Account(Strict):
    """A provider account and its accounting day."""

    name: AccountName
    provider: Literal["stripe"]
    tenant: str = Field(min_length=1, max_length=64)
    time_zone: TimeZone
    cut_off: TimeOfDay = time(0)
    first_day: date
    order_reference: str = "payment_metadata[order_id]"
    acts: dict[ActKind, ActMode] = Field(default_factory=dict)

    def act_mode(self, kind: ActKind) -> ActMode:
        """Whether an act moves anything: a proposal, unless enabled."""
        return self.acts.get(kind, "propose")

    def accounting_day(self, moment: datetime) -> date:
        """The accounting day of a moment (aware): it starts at `cut_off`, local time."""
        day = moment.astimezone(ZoneInfo(self.time_zone)).date()
        start, end = self.day_bounds(day)
        # not by the clock on the wall: it may jump over the cut-off, or strike it twice
        return day + timedelta(days=(moment >= end) - (moment < start))

    def day_bounds(self, day: date) -> tuple[datetime, datetime]:
        """The accounting day as a half-open interval of UTC moments."""
        zone = ZoneInfo(self.time_zone)
        start, end = (
            datetime.combine(moment, self.cut_off, zone).astimezone(UTC)
            for moment in (day, day + timedelta(days=1))
        )
        return start, end

    def last_closed_day(self, now: datetime) -> date:
        """The latest accounting day that has ended by `now` (aware)."""
        return self.accounting_day(now) - timedelta(days=1)
