"""Business days, and which item of a rule's list fits an entry.

Business days are counted on the account's accounting days. Expressions here take the last item that
fits, as `rules` says.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import narwhals as nw
import numpy as np

from order_ops.reconciliation.rules import Calendar, Fitting

_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class BusinessDays:
    """The days of a calendar on which something is expected."""

    def __init__(self, calendar: Calendar) -> None:
        """Take over the days off."""
        mask = [name not in calendar.days_off for name in _WEEK]
        self._calendar = np.busdaycalendar(mask, list(calendar.holidays))

    def has(self, day: date) -> bool:
        """Whether a day is a business day."""
        return bool(np.is_busday(day, busdaycal=self._calendar))

    def after(self, day: date, count: int) -> date:
        """Return the business day `count` after a day; of 0 the day itself, whatever it is.

        A day off counts as the next business day.
        """
        if count == 0:
            return day
        found = np.busday_offset(day, count, roll="forward", busdaycal=self._calendar)
        return date.fromisoformat(str(found))

    def latest_overdue(self, closing: date, count: int) -> date:
        """Return the latest day of which `count` business days have passed on the closing day."""
        day = closing
        while self.after(day, count) > closing:
            day -= timedelta(days=1)
        return day

    def passed(self, first: date, last: date) -> int:
        """Return how many business days lie between two days, the last one counted."""
        one = timedelta(days=1)
        return int(np.busday_count(first + one, last + one, busdaycal=self._calendar))

    def due(self, days: Iterable[date], count: int) -> dict[date, date]:
        """Return, of each day, the business day `count` after it."""
        return {day: self.after(day, count) for day in days}


def last_fitting(
    items: Sequence[Fitting],
    values: Sequence[nw.Expr],
    otherwise: nw.Expr,
    *,
    suffix: str = "",
    currency: str = "currency",
) -> nw.Expr:
    """Return the value of the last item that fits an entry, of a value per item.

    `suffix` is that of the columns looked at, `currency` the one that an item's currency means.
    """
    chain = otherwise
    for item, value in zip(items, values, strict=True):
        condition = _fits(item, suffix, currency)
        chain = value if condition is None else nw.when(condition).then(value).otherwise(chain)
    return chain


def _fits(item: Fitting, suffix: str, currency: str) -> nw.Expr | None:
    """Return whether an item fits; None: it fits every entry."""
    wanted = {"method": item.method, currency: item.currency}
    found = [
        (nw.col(column + suffix) == value).fill_null(value=False)
        for column, value in wanted.items()
        if value is not None
    ]
    if item.since is not None:
        found.append(nw.col("day" + suffix) >= nw.lit(item.since))
    return nw.all_horizontal(*found, ignore_nulls=False) if found else None
