"""One alert at one channel: begun, told outside of any transaction, recorded.

Before a call the delivery is `sending`, committed: whoever finds it so does not know whether the
message arrived, and asks the channel before anything is sent again. The number of the notice is
a fence: what a deliverer that was overtaken finds out late is not recorded. What is due, and when
a channel rests, is `order_ops.jobs.alerts.alert_delivery`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from random import SystemRandom
from typing import Any

import structlog
from sqlalchemy import Engine

from order_ops.alerting.channels import Channel, DeliveryError, Receipt, redacted
from order_ops.alerting.notices import Notice, Subject
from order_ops.domain.failures import RetryPolicy
from order_ops.store.engine import transaction
from order_ops.store.queries import deliveries as sql

log = structlog.get_logger(__name__)

RETRY = RetryPolicy(attempts=1_000_000, base_s=1.0, cap_s=60.0)
LASTING_S = 60.0
"""Between tries of what only a person can mend."""
SETTLE_S = 2.0
"""Until a message that may have arrived is looked for."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Tells what is due at a channel; `secrets` are kept out of what is recorded."""

    pool: Engine
    secrets: tuple[str, ...] = ()
    retry: RetryPolicy = RETRY
    lasting_s: float = LASTING_S
    settle_s: float = SETTLE_S

    def send(self, channel: Channel, due: Any) -> None:
        """Do what is due, a row of the query `due`.

        Raises:
            DeliveryError: recorded already; it says whether the channel should rest.
        """
        if due.state == "sending":
            self._look(channel, due)
        elif due.step == "skip":
            self._skip(due)
        else:
            self._tell(channel, due)

    def pause_s(self, error: DeliveryError, failures: int) -> float:
        """How long to wait after failure number `failures`: at least as long as was asked for."""
        if error.retry_after_s is not None:
            return error.retry_after_s
        if error.lasting:
            return self.lasting_s
        return self.retry.delay_s(max(failures, 1), SystemRandom())

    def _skip(self, due: Any) -> None:
        with transaction(self.pool) as conn:
            sql.skip(conn, id=due.id, reason=due.reason)

    def _tell(self, channel: Channel, due: Any) -> None:
        with transaction(self.pool) as conn:
            number = sql.begin(conn, id=due.id, notice=due.notice, step=due.step)
            row = sql.subject(conn, id=due.alert_id)
        if number is None or row is None:
            return  # somebody else has begun, or the alert was deleted
        begun_at = datetime.now(UTC)
        try:
            with _explained():
                notice = Notice(subject_of(row), due.step, number, due.told_severity, begun_at)
                receipt = channel.tell(notice, due.ref)
        except DeliveryError as error:
            self._failed(due, number, error)
            raise
        self._told(due, number, row.version, receipt)

    def _look(self, channel: Channel, due: Any) -> None:
        """What became of a notice whose outcome nobody recorded."""
        with transaction(self.pool) as conn:
            row = sql.subject(conn, id=due.alert_id)
        was = due.told_severity
        try:
            with _explained():
                notice = Notice(subject_of(row), due.step, due.notice, was, due.sent_at)
                receipt = channel.find(notice, due.ref)
        except DeliveryError as error:
            with transaction(self.pool) as conn:
                self._unknown(conn, due, due.notice, error, self.pause_s(error, due.attempts + 1))
            raise
        if receipt is None:
            # one that was killed is told at once, one that failed waits its turn
            wait_s = self.retry.delay_s(due.attempts, SystemRandom()) if due.attempts else 0.0
            with transaction(self.pool) as conn:
                which = {"id": due.id, "notice": due.notice}
                sql.not_sent(conn, **which, failures=0, error=None, seconds=wait_s)
            return
        # what it said may be older than the alert: the next pass brings it up to date
        self._told(due, due.notice, 0, receipt)
        log.info("alerts.found", alert=due.alert_id, channel=channel.name, step=due.step)

    def _told(self, due: Any, number: int, version: int, receipt: Receipt) -> None:
        which = {"id": due.id, "notice": number}
        with transaction(self.pool) as conn:
            step = sql.told(conn, **which, ref=receipt.ref, note=receipt.note, version=version)
            if step == "escalate":
                sql.note_escalation(conn, id=due.alert_id)

    def _failed(self, due: Any, number: int, error: DeliveryError) -> None:
        pause_s = self.pause_s(error, due.attempts + 1)
        with transaction(self.pool) as conn:
            if error.may_be_there:
                self._unknown(conn, due, number, error, min(pause_s, self.settle_s))
                return
            failures = 0 if error.retry_after_s is not None else 1
            told = redacted(str(error), self.secrets)
            which = {"id": due.id, "notice": number}
            sql.not_sent(conn, **which, failures=failures, error=told, seconds=pause_s)

    def _unknown(
        self, conn: Any, due: Any, number: int, error: DeliveryError, seconds: float
    ) -> None:
        told = redacted(str(error), self.secrets)
        sql.unknown(conn, id=due.id, notice=number, error=told, seconds=seconds)


@contextmanager
def _explained() -> Iterator[None]:
    """A fault of our own or of a channel's library concerns one alert and stops no other."""
    try:
        yield
    except DeliveryError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise DeliveryError(told, may_be_there=True, whole_channel=False) from error


def subject_of(row: Any) -> Subject:
    """An alert's row, as it is told; money and orders of its dead letters before its own."""
    detail = row.detail
    own = {row.currency: row.amount_minor} if row.currency and row.amount_minor is not None else {}
    given = detail.get("money")
    orders = tuple(row.named or ()) or tuple(filter(None, [row.order_id]))
    return Subject(
        id=row.id,
        dedupe_key=row.dedupe_key,
        severity=row.severity,
        title=row.title,
        owner=row.owner,
        runbook=row.runbook,
        seen=row.seen,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        tenant_id=row.tenant_id,
        orders=orders,
        order_count=max(row.orders or 0, len(orders)),
        money=row.money or (_amounts(given) if isinstance(given, dict) else own),
        error=_text(detail.get("error")),
        attempt=detail.get("attempt") if isinstance(detail.get("attempt"), int) else None,
        run_id=_text(detail.get("run_id")),
        correlation_id=_text(detail.get("correlation_id")),
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        snoozed_until=row.snoozed_until,
        snoozed_by=row.snoozed_by,
        resolved_at=row.resolved_at,
    )


def _amounts(given: dict[str, Any]) -> dict[str, int]:
    return {currency: amount for currency, amount in given.items() if isinstance(amount, int)}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
