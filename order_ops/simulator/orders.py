"""The orders that a simulation is about, before anything has happened to them.

One row per order, each a function of its index: references, amount, currency, method, moment.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl

from order_ops.simulator.chance import Chance, Draws
from order_ops.simulator.contract import CURRENCIES, HOME, amounts
from order_ops.simulator.dialects import Dialect

_LEAST = 100
_METHODS = (("card", 74), ("boleto", 19), ("pix", 5), ("wallet", 2))
_MOST_LATE_S = 6 * 3600
_QUIET_DAYS = 4
"""Days before the closing day on which nothing happens, so that no grace is still running."""


@dataclass(frozen=True, slots=True)
class Window:
    """The accounting days (UTC) that orders are spread over, and the one that is closed."""

    closing: date
    days: int

    @property
    def first(self) -> date:
        """The first day of an ordinary order."""
        return self.closing - timedelta(days=self.days + _QUIET_DAYS)


def orders(chance: Chance, dialect: Dialect, window: Window, indexes: range) -> pl.DataFrame:
    """One row per index.

    Columns: index; token, there (16 hex digits, ours and the provider's); order_ref; ref (the
    provider's reference of the payment); amount (minor units of currency, 100 at least); currency;
    method (card, boleto, pix or wallet); at (UTC, us); lag_s (after which the provider lists it);
    low, high (draws of 31 bits, for what a story leaves to chance).
    """
    index: Draws = np.arange(indexes.start, indexes.stop, dtype=np.uint64)
    places = _currencies(chance, dialect, index)
    up, down = (
        np.array([getattr(one, name) for one in CURRENCIES], dtype=np.int64)
        for name in ("numerator", "denominator")
    )
    paid = amounts()[chance.below("amount", index, len(amounts()))]
    start = datetime.combine(window.first, time(0), UTC)
    seconds = chance.below("at", index, window.days * 86_400)
    return pl.DataFrame(
        {
            "index": index.astype(np.int64),
            "token": chance.tokens("ours", index),
            "there": chance.tokens("there", index),
            "amount": np.maximum(paid * up[places] // down[places], _LEAST),
            "currency": _words([one.code for one in CURRENCIES], places),
            "method": _methods(chance, index, places),
            "second": seconds,
            "lag_s": chance.below("lag", index, _MOST_LATE_S),
            "low": chance.below("low", index, 1 << 31),
            "high": chance.below("high", index, 1 << 31),
        }
    ).with_columns(
        order_ref=pl.lit("ord_") + pl.col("token"),
        ref=pl.lit(dialect.prefix("charge")) + pl.col("there"),
        at=pl.lit(start).cast(pl.Datetime("us", "UTC")) + pl.duration(seconds="second"),
    )


def _currencies(
    chance: Chance, dialect: Dialect, index: Draws
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The place of each order's currency, by their shares."""
    held = [place for place, one in enumerate(CURRENCIES) if one.code in dialect.currencies]
    slots = np.repeat(held, [CURRENCIES[place].share for place in held])
    return slots[chance.below("currency", index, len(slots))]


def _methods(
    chance: Chance, index: Draws, places: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> pl.Series:
    """Boleto and pix are paid in BRL alone."""
    slots = np.repeat(range(len(_METHODS)), [share for _, share in _METHODS])
    drawn = slots[chance.below("method", index, len(slots))]
    at_home = places == [one.code for one in CURRENCIES].index(HOME)
    return _words([name for name, _ in _METHODS], np.where(at_home | (drawn == 3), drawn, 0))


def _words(words: list[str], places: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pl.Series:
    return pl.Series(words, dtype=pl.String).gather(places)
