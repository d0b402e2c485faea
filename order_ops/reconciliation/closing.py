"""The day that is being closed, and what its rules make of the days before it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import narwhals as nw

from order_ops.reconciliation.calendars import BusinessDays, last_fitting
from order_ops.reconciliation.rules import ProviderRules, Rules

Side = Literal["internal", "provider"]


@dataclass(frozen=True, slots=True)
class Closing:
    """An accounting day and the rules that hold for its account."""

    day: date
    rules: ProviderRules
    business: BusinessDays

    @classmethod
    def of(cls, day: date, rules: Rules, provider: str) -> "Closing":
        """Of a day, under the rules for a provider."""
        return cls(day, rules.of(provider, day), BusinessDays(rules.calendar))

    def without_payouts(self) -> "Closing":
        """Return it with payouts not looked at."""
        return replace(self, rules=self.rules.model_copy(update={"settlement_days": None}))

    def grace(self, side: Side) -> nw.Expr:
        """Return how many business days an entry of a side waits, as an expression."""
        values = [nw.lit(days, nw.Int64) for days in self._days(side)]
        return last_fitting(self.rules.grace, values, values[0])

    def waits(self, side: Side) -> nw.Expr:
        """Return whether an entry of a side is still within its grace, as an expression."""
        overdue = [self.business.latest_overdue(self.day, days) for days in self._days(side)]
        values = [nw.col("day") > nw.lit(day) for day in overdue]
        return last_fitting(self.rules.grace, values, values[0])

    def _days(self, side: Side) -> Sequence[int]:
        return [int(getattr(item, side)) for item in self.rules.grace]
