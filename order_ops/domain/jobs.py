"""What a job is declared to be: when, whose, how urgent, for how long, how often.

A declaration that could not hold refuses to exist, naming the job: everything that
runs a job (Dagster's definitions, the runtime, the sweeper, purge) is made from it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from re import fullmatch

from order_ops.domain.failures import RETRIED, FailureKind, MendableError, RetryPolicy
from order_ops.domain.retention import Retention

LEASE_S = 45.0
"""A lease that is not renewed passes after this, whatever the job: one clock for all."""
RENEWALS = 3
"""A lease is renewed at a third of it."""
STALLS = 3
"""So often may work be lost with its worker and be done again; the next loss is given up."""
SLOW = 0.8
"""From this part of its timeout on an execution is slow."""

Retries = Mapping[FailureKind, RetryPolicy]
POOLS = {
    "failures": 1,
    "intake": 1,
    "money": 2,
    "dead_letters": 1,
    "reconciliation": 3,
    "housekeeping": 1,
}
"""How many runs of a pool there are at a time; dagster.yaml allows as many runs as all together."""


class Priority(IntEnum):
    """Who goes first when runs wait: the higher number."""

    MONEY = 60
    EXPIRY = 50
    RELAY = 40
    REMINDERS = 30
    ARCHIVE = 20
    PURGE = 10


class JobError(MendableError):
    """A declaration that could not hold; names the job, and what to change."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job, as it is declared.

    Attributes:
        name: as in Dagster, `..._job`.
        what: what it does, for people.
        owner: the team that is told and asked.
        retries: how often a kind of failure is tried again; other kinds never are.
        timeout_s: after so long its work is stopped: process, database session and all.
        lease_s: the longest that work may be held, however often its lease is renewed.
        cron: when it is looked whether there is work, in UTC; none: a sensor or a person asks.
        alone: one at a time of the same work; not so are acts that differ with their config.
        assets: what it makes; whoever has these made without naming a job means this one.
    """

    name: str
    what: str
    owner: str
    priority: Priority
    pool: str
    retries: Retries
    timeout_s: float
    lease_s: float
    retention: Retention
    cron: str | None = None
    alone: bool = True
    assets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if found := next(self._wrong(), None):
            raise JobError(f"job {self.name}: {found}")

    def _wrong(self) -> Iterator[str]:
        if not fullmatch(r"[a-z][a-z_]*_job", self.name):
            yield "its name is to be lower_case and to end in _job"
        if not self.owner.strip():
            yield "has no owner: name the team that is told when it fails"
        if self.pool not in POOLS:
            yield f"pool {self.pool!r} is none of {', '.join(POOLS)}"
        if self.timeout_s <= 0:
            yield f"timeout_s is {self.timeout_s}: it is to be above 0"
        if self.lease_s <= self.timeout_s:
            yield (
                f"its lease of {self.lease_s} s does not outlast its timeout of {self.timeout_s} "
                "s: another could begin the work before this one is stopped"
            )
        if unasked := set(self.retries) - RETRIED:
            yield f"retries {', '.join(sorted(unasked))}, which is never tried again"
        if missing := RETRIED - set(self.retries):
            yield f"says nothing of {', '.join(sorted(missing))} failures in retries"
        if self.cron is not None and period_s(self.cron) is None:
            yield f"cron {self.cron!r} is not of the forms * * * * *, */N, M * * * *, M H * * *"

    @property
    def schedule(self) -> str:
        """What its schedule is called, when it has a cron."""
        return f"{self.name.removesuffix('_job')}_schedule"


def period_s(cron: str) -> float | None:
    """Seconds between two ticks of a cron of the forms that are used; none of any other."""
    minute, hour = r"[1-5]?\d", r"1?\d|2[0-3]"
    if cron == "* * * * *":
        return 60.0
    if match := fullmatch(rf"\*/({minute}) \* \* \* \*", cron):
        step = int(match[1])
        return step * 60.0 if step and 60 % step == 0 else None
    if fullmatch(rf"({minute}) \* \* \* \*", cron):
        return 3_600.0
    return 86_400.0 if fullmatch(rf"({minute}) ({hour}) \* \* \*", cron) else None


def retries(transient: RetryPolicy, throttled: RetryPolicy | None = None) -> Retries:
    """Transient failures by one policy, throttled ones by another or the same."""
    return {FailureKind.TRANSIENT: transient, FailureKind.THROTTLED: throttled or transient}
