"""Staging messages: the consumer's store, and the loop of the consumer process.

One batch, one transaction, then the ack. A batch that the database refuses for
good is stored message by message, and the one it refuses is parked with its
body alone: nothing that a message holds can stop the intake.
"""

from collections.abc import Sequence

import structlog
from sqlalchemy import Engine

from order_ops.domain.failures import FailureKind, classify
from order_ops.domain.messages import Message, Staged, content_id
from order_ops.mapping import Mapping, load_mapping
from order_ops.messaging.codec import Codec
from order_ops.messaging.consumer import Consumer
from order_ops.messaging.session import Intake, Limits
from order_ops.settings import Settings, SettingsError
from order_ops.store import pauses
from order_ops.store.beats import Beating
from order_ops.store.engine import engine, transaction
from order_ops.store.inbox import StageResult, stage

_REFUSED = "refused by the database"
log = structlog.get_logger(__name__)


def store_messages(pool: Engine, codec: Codec, messages: Sequence[Message]) -> StageResult:
    """Stage a batch and commit it.

    Raises:
        Exception: the database is away; nothing was stored, try again later.
    """
    return _store(pool, [codec.stage(message) for message in messages])


def _store(pool: Engine, batch: Sequence[Staged]) -> StageResult:
    try:
        with transaction(pool) as conn:
            return stage(conn, batch)
    except Exception as error:
        if classify(error) is not FailureKind.PERMANENT:
            raise
        if len(batch) == 1 and (batch[0].note or "").startswith(_REFUSED):
            raise
        log.warning("consumer.refused_batch", messages=len(batch), error=repr(error))
        parts = batch if len(batch) > 1 else [_bare(batch[0], error)]
        return _sum([_store(pool, [row]) for row in parts])


def _bare(row: Staged, error: Exception) -> Staged:
    """What is left of a row that the database refuses: its body, parked."""
    return Staged(
        source=row.source,
        message_id=content_id(row.body, row.routing_key),
        sha256=row.sha256,
        priority=row.priority,
        routing_key=row.routing_key,
        body=row.body,
        headers={},
        state="parked",
        note=f"{_REFUSED}: {type(error).__name__}",
    )


def _sum(results: Sequence[StageResult]) -> StageResult:
    return StageResult(
        staged=sum(result.staged for result in results),
        copies=sum(result.copies for result in results),
        parked=sum(result.parked for result in results),
        conflicts=sum(result.conflicts for result in results),
    )


def make_consumer(settings: Settings, mapping: Mapping | None = None) -> Consumer:
    """The consumer of this shop.

    Raises:
        SettingsError: no broker is named.
    """
    if settings.amqp_url is None:
        raise SettingsError("ORDER_OPS_AMQP_URL: is not set: the consumer needs a broker")
    mapping = mapping or load_mapping(settings.mapping)
    codec = Codec(mapping.events, settings.message_limit_bytes)
    pool = engine(settings)

    def store(batch: Sequence[Staged]) -> None:
        log.info("consumer.stored", **_counts(_store(pool, batch)))

    limits = Limits(
        batch=settings.consumer_batch,
        wait_s=settings.consumer_wait_ms / 1000,
        prefetch=settings.consumer_prefetch,
    )
    alive = Beating(pool, "process:consumer")

    def is_open() -> bool:
        alive.turn()
        return pauses.paused(pool, "consumer") is None

    intake = Intake(codec.stage, store, is_open)
    return Consumer(settings.amqp_url, mapping.events, intake, limits)


def _counts(result: StageResult) -> dict[str, int]:
    return {name: getattr(result, name) for name in StageResult.__dataclass_fields__}
