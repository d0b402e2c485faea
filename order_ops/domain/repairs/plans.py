"""What a repair is made of: what the provider says, what is planned, and what is only told.

Values alone. Amounts are minor units of the order's currency, times UTC. When which plan is made
is decided beside this; `order_ops.jobs.orders` asks, and carries out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from order_ops.domain.orders import State


class ActKind(StrEnum):
    """What can be done about an order; each is enabled by itself, per account."""

    EXPIRE = "expire"
    CONFIRM = "confirm"
    CANCEL = "cancel"
    REFUND = "refund"
    REINSTATE = "reinstate"
    RELEASE = "release"
    SETTLE = "settle"
    REPEAT = "repeat"


class ActState(StrEnum):
    """How far an act is.

    Proposed, a person has to agree; approved or intended, it is carried out; then it is done, or
    failed, or overtaken by what happened to the order, or was rejected.
    """

    PROPOSED = "proposed"
    APPROVED = "approved"
    INTENDED = "intended"
    DONE = "done"
    OVERTAKEN = "overtaken"
    FAILED = "failed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class SeenRefund:
    """A refund as the provider reports it.

    Attributes:
        status: pending, succeeded, failed or canceled.
        key: what our own call named it by; none: it was not ours.
    """

    ref: str
    status: str
    amount_minor: int
    key: str | None = None

    @property
    def counts(self) -> bool:
        """Whether its money went back, or is on its way."""
        return self.status in {"pending", "succeeded"}


@dataclass(frozen=True, slots=True)
class SeenPayment:
    """A payment as the provider reports it.

    Attributes:
        status: requires_payment, processing, succeeded, canceled or unknown.
        amount_minor: received if it succeeded, else asked for.
        created: when it was made; none: the provider does not say.
        disputed: the customer takes it back through the bank, and that is not decided.
    """

    ref: str
    account: str
    status: str
    amount_minor: int = 0
    currency: str = ""
    created: datetime | None = None
    disputed: bool = False
    refunds: tuple[SeenRefund, ...] = ()

    @property
    def is_paid(self) -> bool:
        """Whether its money is captured."""
        return self.status == "succeeded"

    @property
    def kept_minor(self) -> int:
        """Captured, less what went back or is on its way back."""
        back = sum(one.amount_minor for one in self.refunds if one.counts)
        return self.amount_minor - back if self.is_paid else 0


@dataclass(frozen=True, slots=True)
class Terms:
    """By what an order is judged.

    Attributes:
        now: when; UTC.
        grace: how long after its expiry a reservation is left alone.
        stale: how long an order may be placed and not reserved; its events may be late.
        blind: accounts whose provider cannot be asked -> how long after its expiry an order
            without any sign of a payment expires; none: it is held.
        after_close: what becomes of money that comes after an order was closed: it goes back, or
            the order comes back, which a person has to agree to.
        fulfilment: how long after its confirmation an order has to be heard of as completed;
            none: the shop does not say.
    """

    now: datetime
    grace: timedelta = timedelta(0)
    stale: timedelta = timedelta(days=1)
    blind: Mapping[str, timedelta | None] = field(default_factory=dict)
    after_close: Literal["refund", "reinstate"] = "refund"
    fulfilment: timedelta | None = None


@dataclass(frozen=True, slots=True)
class GiveBack:
    """So much of a payment goes back."""

    payment: str
    account: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One act: first what the provider is told, in order, then what changes in our books.

    Reinstatement is never automatic: whether there is stock, only the shop knows.

    Attributes:
        reason: why, in words.
        amount_minor: money that moves, or that it is about.
        cancel: payments that must be seen cancelled first.
        give_back: what must have gone back, or be on its way, first.
        to: where the order moves; none: it stays.
    """

    kind: ActKind
    reason: str
    amount_minor: int = 0
    cancel: tuple[str, ...] = ()
    give_back: tuple[GiveBack, ...] = ()
    to: State | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What nobody may repair on a guess: somebody has to look.

    Attributes:
        code: what is wrong, in a word; one alert per order and code.
        reason: the same in a sentence.
        amount_minor: money at stake.
        critical: at once; else it becomes so with age.
    """

    code: str
    reason: str
    amount_minor: int = 0
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done about an order: at most one act at a time, and all there is to tell.

    Attributes:
        settled: there is nothing to look at again, until something happens.
    """

    plan: Plan | None = None
    findings: tuple[Finding, ...] = ()
    settled: bool = False
