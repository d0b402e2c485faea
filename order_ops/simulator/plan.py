"""How many orders live which story, in which dialect.

What a story is belongs in `ordinary` and `faults`; here are their shares, what a dialect has to be
able to say for them, and the class that a fault must become.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from order_ops.domain.failures import MendableError
from order_ops.simulator import faults, money_faults, ordinary, paid_out
from order_ops.simulator.dialects import DIALECTS, Dialect
from order_ops.simulator.scene import Scene

LEAST = 100
"""The smallest size: at least one order lives each story."""

Tell = Callable[[Scene], None]
Needs = Callable[[Dialect], bool]


class PlanError(MendableError, ValueError):
    """A simulation that cannot be; says which value is wrong and what it may be."""


@dataclass(frozen=True, slots=True)
class Config:
    """What is simulated.

    Attributes:
        size: entries a side, roughly: the two sides differ by what is missing on one.
        seed: the same seed, the same bytes.
        provider: whose files: one of `dialects.DIALECTS`.
        faults: the share of orders with a fault, 0 to 0.5; above 0 every fault is there once.
        closing: the accounting day that is closed, a day of business.
        days: over which orders are spread, before the closing day.
        without: names of stories that nobody lives.
    """

    size: int
    seed: int = 1
    provider: str = "mapped"
    faults: float = 0.02
    closing: date = date(2026, 6, 17)
    days: int = 28
    without: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            PlanError: a value outside of what it may be.
        """
        if self.size < LEAST:
            raise PlanError(f"size: {self.size} is too small, at least {LEAST}")
        if not 0 <= self.faults <= 0.5:
            raise PlanError(f"faults: {self.faults} is not a share from 0 to 0.5")
        if self.provider not in DIALECTS:
            raise PlanError(f"provider: {self.provider!r} is none of {', '.join(DIALECTS)}")
        if not 1 <= self.days <= 366:
            raise PlanError(f"days: {self.days} is not from 1 to 366")
        if self.closing.weekday() not in {2, 3, 4}:
            raise PlanError(
                "closing: take a Wednesday, Thursday or Friday, where all grace is over"
            )
        unknown = sorted(self.without - STORIES.keys())
        if unknown:
            raise PlanError(f"without: there is no story {unknown[0]!r}")


@dataclass(frozen=True, slots=True)
class Story:
    """A story, the share of orders that live it (in thousandths; faults share alike), its class."""

    tell: Tell
    share: int = 0
    breaks: tuple[str, ...] = ()
    needs: Needs = lambda _: True

    @property
    def name(self) -> str:
        """As its function is called."""
        return self.tell.__name__


def _blanks(dialect: Dialect) -> bool:
    return dialect.blanks


def _statuses(dialect: Dialect) -> bool:
    return dialect.statuses


def _exchanges(dialect: Dialect) -> bool:
    return dialect.exchanges


def _reversals(dialect: Dialect) -> bool:
    return "reversal" in dialect.categories


def _releases(dialect: Dialect) -> bool:
    return "release" in dialect.categories


def _refund_failures(dialect: Dialect) -> bool:
    return "refund_failed" in dialect.categories


def _shared_disputes(dialect: Dialect) -> bool:
    return "dispute" in dialect.shared


def _pays_by_day(dialect: Dialect) -> bool:
    return dialect.pays == "by_day"


def _own_ids(dialect: Dialect) -> bool:
    return dialect.ids == "own"


def _voids(dialect: Dialect) -> bool:
    return dialect.statuses and dialect.ids == "own"


_ORDINARY = (
    Story(ordinary.unnamed_there, 15, needs=_blanks),
    Story(ordinary.unnamed_here, 10),
    Story(ordinary.split_capture, 10),
    Story(ordinary.joint, 5),
    Story(ordinary.released, 5, needs=_releases),
    Story(ordinary.failed_after_all, 4, needs=_reversals),
    Story(ordinary.refunded, 20),
    Story(ordinary.given_back, 5),
    Story(ordinary.partly_refunded, 20),
    Story(ordinary.split_refund, 3, needs=_own_ids),
    Story(ordinary.retried, 40),
    Story(ordinary.retried_twice, 5, needs=_voids),
    Story(ordinary.refund_failed, 3, needs=_refund_failures),
    Story(ordinary.disputed, 4),
    Story(ordinary.dispute_won, 3),
    Story(ordinary.exchanged, 30, needs=_exchanges),
    Story(ordinary.exchanged_here, 10, needs=_exchanges),
    Story(ordinary.exchanged_unnamed, 2, needs=_exchanges),
    Story(ordinary.processing, 4),
    Story(ordinary.unpaid, 30),
    Story(ordinary.in_transit_there, 3),
    Story(ordinary.in_transit_here, 3),
    Story(ordinary.lookalikes, 10),
    Story(ordinary.paid_by_two_cards, 15),
    Story(ordinary.two_unnamed, 5, needs=_blanks),
)
"""All others are just paid."""


def _fault(tell: Tell, *classes: str, needs: Needs = lambda _: True) -> Story:
    return Story(tell, breaks=classes or (tell.__name__,), needs=needs)


_FAULTS = (
    _fault(faults.unclassified),
    _fault(faults.duplicate_provider),
    _fault(money_faults.duplicate_refund_provider, "duplicate_provider", needs=_own_ids),
    _fault(faults.duplicate_internal),
    _fault(faults.ambiguous),
    _fault(faults.ambiguous_one, "ambiguous"),
    _fault(faults.currency_mismatch),
    _fault(faults.currency_mismatch_unnamed, "currency_mismatch"),
    _fault(faults.captured_after_cancel),
    _fault(faults.captured_and_recorded, "captured_after_cancel"),
    _fault(faults.paid_not_recorded),
    _fault(faults.recorded_not_paid, needs=_statuses),
    _fault(faults.recorded_and_voided, "recorded_not_paid", needs=_voids),
    _fault(faults.recorded_and_taken_back, "recorded_not_paid", needs=_reversals),
    _fault(faults.retried_not_recorded, "paid_not_recorded"),
    _fault(faults.recorded_and_failed_twice, "recorded_not_paid", needs=_statuses),
    _fault(faults.missing_provider),
    _fault(faults.missing_internal),
    _fault(faults.nameless, "missing_internal", needs=_blanks),
    _fault(faults.missing_lookalikes, "missing_provider", "missing_internal"),
    _fault(faults.second_payment, "missing_internal"),
    _fault(faults.other_reference, "missing_provider", "missing_internal"),
    _fault(money_faults.dispute_missing_provider, "missing_provider"),
    _fault(money_faults.amount_short),
    _fault(money_faults.amount_short_unnamed, "amount_short"),
    _fault(money_faults.refund_short, "amount_short"),
    _fault(money_faults.amount_over),
    _fault(money_faults.partial_capture),
    _fault(money_faults.fee_variance),
    _fault(money_faults.fx_variance, needs=_exchanges),
    _fault(money_faults.refund_missing_internal),
    _fault(money_faults.refund_missing_provider),
    _fault(money_faults.refund_over),
    _fault(money_faults.dispute_unrecorded),
    _fault(money_faults.dispute_won_unrecorded, "dispute_unrecorded"),
    _fault(money_faults.dispute_and_end_unrecorded, "dispute_unrecorded", needs=_shared_disputes),
    _fault(faults.status_stuck),
    _fault(faults.status_stuck_there, "status_stuck", needs=_statuses),
    _fault(money_faults.settlement_overdue, needs=_pays_by_day),
)
PAID = Story(ordinary.paid)
STORIES: Mapping[str, Story] = {one.name: one for one in (PAID, *_ORDINARY, *_FAULTS)}
"""Every story by its name, `paid` first."""


def classes(dialect: Dialect) -> tuple[str, ...]:
    """The classes that some fault in a dialect stands for, sorted."""
    told = {name for one in _FAULTS if one.needs(dialect) for name in one.breaks}
    return tuple(sorted(told | set(paid_out.faults(dialect))))


def cast(config: Config, orders: pl.DataFrame) -> Iterator[tuple[Story, range]]:
    """Which orders, by index, live which story.

    Args:
        config: what is simulated.
        orders: one order, by which it is seen how many entries a story makes.
    """
    dialect = DIALECTS[config.provider]
    told = [one for one in STORIES.values() if one.name not in config.without]
    told = [one for one in told if one.needs(dialect)]
    shares = _shares(told, config.faults)
    rows = {one.name: _rows(one, dialect, orders, config.closing) for one in told}
    mean = sum(shares[name] * rows[name] for name in shares) / sum(shares.values())
    count = round(config.size / mean)
    start = 0
    for one in told:
        if one is PAID:
            continue
        wanted = round(count * shares[one.name])
        stop = start + (max(1, wanted) if shares[one.name] else 0)
        yield one, range(start, stop)
        start = stop
    if PAID.name not in config.without:
        yield PAID, range(start, max(start, count))


def _shares(told: list[Story], faulty: float) -> dict[str, float]:
    """The share of orders that live each story; what is left is just paid."""
    wrong = sum(1 for one in told if one.breaks)
    shares = {
        one.name: faulty / wrong if one.breaks else one.share * (1 - faulty) / 1000 for one in told
    }
    shares[PAID.name] = 1 - sum(shares.values())
    return shares


def _rows(story: Story, dialect: Dialect, orders: pl.DataFrame, closing: date) -> float:
    """How many entries a side an order with this story has, on average of the sides."""
    scene = Scene(orders, dialect, closing, story.name)
    story.tell(scene)
    return (len(scene.internal) + len(scene.provider)) / 2
