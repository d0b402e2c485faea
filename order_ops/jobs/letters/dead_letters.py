"""Dead letters in people's hands: discarded, edited; `replays` and `letter_sets` are beside this.

Every act locks the letter, is refused unless the letter is still open, and is an
audit row with its actor and reason in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine

from order_ops.domain.messages import Message, Staged
from order_ops.domain.redaction import kept
from order_ops.jobs.letters.letter_sets import LetterError, State
from order_ops.jobs.orders.apply_lanes import Worker
from order_ops.store import audit, letters
from order_ops.store.audit import Actor
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import intake
from order_ops.store.queries import letters as sql


class Became(StrEnum):
    """What became of a letter."""

    REPLAYED = "replayed"
    REQUESTED = "requested"
    """A run that will be launched again."""
    FAILED_AGAIN = "failed again"
    DISCARDED = "discarded"
    EDITED = "edited"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of a letter, or would have in a `dry` run, and why."""

    id: int
    became: Became
    why: str
    dry: bool = False

    @property
    def ok(self) -> bool:
        """Whether it was done as asked."""
        return self.became not in {Became.FAILED_AGAIN, Became.REFUSED}

    @property
    def verdict(self) -> str:
        """What became of it, or would have, in words."""
        if self.dry and self.became == Became.FAILED_AGAIN:
            return "would fail again"
        return f"would be {self.became}" if self.dry else str(self.became)

    def __str__(self) -> str:
        return f"{self.id} {self.verdict}: {self.why}"


def lock_open(conn: Connection, letter_id: int, also: State = "open") -> Any:
    """The letter, locked until the transaction ends.

    Raises:
        LetterError: somebody has dealt with it already.
    """
    letter = sql.lock(conn, id=letter_id)
    if letter is None:
        raise LetterError(f"there is no dead letter {letter_id}")
    if letter.state not in {"open", also}:
        when = letter.reviewed_at.isoformat(timespec="seconds")
        raise LetterError(
            f"dead letter {letter_id} is {letter.state} already: by {letter.reviewer} "
            f"at {when}: {letter.reason}"
        )
    return letter


def discard(
    pool: Engine, ids: Sequence[int], actor: Actor, *, dry_run: bool = False
) -> list[Acted]:
    """Give letters up; events that were held by one are let go."""
    return [_discard(pool, one, actor, dry_run=dry_run) for one in ids]


def _discard(pool: Engine, letter_id: int, actor: Actor, *, dry_run: bool) -> Acted:
    try:
        with transaction(pool) as conn:
            letter = lock_open(conn, letter_id, also="replaying")
            if dry_run:
                return Acted(letter_id, Became.DISCARDED, letter.error, dry=True)
            letters.review(conn, letter, "discarded", actor)
            audit.record(conn, actor, "dlq.discard", letters.subject(letter_id))
            if letter.origin == "event":
                note = kept(f"discarded by {actor.name}: {actor.reason}")
                row = int(letter.origin_id)
                intake.settle_letter_row(conn, id=row, state="discarded", note=note)
                let_go(conn, letter)
    except LetterError as refusal:
        return Acted(letter_id, Became.REFUSED, str(refusal), dry=dry_run)
    return Acted(letter_id, Became.DISCARDED, actor.reason)


def staged_again(worker: Worker, row: Any, body: bytes) -> Staged:
    """What an inbox row would be with that body, read with all else that came with it."""
    properties = row.property_message_id, row.property_correlation_id
    return worker.codec.stage(Message(body, row.routing_key, row.headers, *properties))


def identity_changed(worker: Worker, row: Any, staged: Staged) -> str | None:
    """Why a body is not the event that its inbox row is of; None: it is, or nobody knew it."""
    if row.event_type is None:
        return None
    for name, what in (("tenant_id", "tenant"), ("order_id", "order"), ("producer", "producer")):
        before, now = getattr(row, name), getattr(staged, name)
        if before != now:
            return f"an edited body keeps its {what}: {before}, not {now}"
    known = row.message_id.removesuffix(f"#{bytes(row.sha256).hex()}")
    if not worker.mapping.events.has_ids or known.startswith("content:"):
        return None
    if staged.message_id != known:
        return f"an edited body keeps its id: {known}, not {staged.message_id}"
    return None


def let_go(conn: Connection, letter: Any) -> None:
    """The events that a letter held are due again."""
    if letter.holds:
        row = intake.lock_row(conn, id=int(letter.origin_id))
        intake.let_go(conn, tenant_id=row.tenant_id, order_id=row.order_id, producer=row.producer)


def edit(
    worker: Worker, letter_id: int, body: bytes, actor: Actor, *, dry_run: bool = False
) -> Acted:
    """Put another body in the place of the one that is replayed; the first is kept as it came."""
    try:
        with transaction(worker.pool) as conn:
            letter = lock_open(conn, letter_id)
            reading = _reading(worker, conn, letter, body)
            before = bytes(letter.payload if letter.edited is None else letter.edited)
            if not dry_run:
                sql.edit(conn, id=letter_id, body=body)
                hashes = {"before": sha256(before).hexdigest(), "after": sha256(body).hexdigest()}
                audit.record(conn, actor, "dlq.edit", letters.subject(letter_id), hashes)
    except LetterError as refusal:
        return Acted(letter_id, Became.REFUSED, str(refusal), dry=dry_run)
    why = f"{len(before)} bytes become {len(body)}; {reading}"
    return Acted(letter_id, Became.EDITED, why, dry=dry_run)


def _reading(worker: Worker, conn: Connection, letter: Any, body: bytes) -> str:
    """What an event's letter reads as with another body, in words.

    Raises:
        LetterError: it is no event's, or nobody should be able to replay that body as this event.
    """
    if letter.origin != "event":
        raise LetterError(
            f"dead letter {letter.id} is a run: launch it from the UI with another config, "
            "then discard this letter"
        )
    limit = worker.settings.message_limit_bytes
    if not 0 < len(body) <= limit:
        raise LetterError(f"the body has {len(body)} bytes: it needs 1, and {limit} at most")
    row = intake.lock_row(conn, id=int(letter.origin_id))
    if row is None:
        raise LetterError(f"dead letter {letter.id}: its message {letter.origin_id} is gone")
    staged = staged_again(worker, row, body)
    if staged.state != "pending":
        return f"it cannot be read: {staged.note}"
    if (changed := identity_changed(worker, row, staged)) is not None:
        raise LetterError(f"dead letter {letter.id}: {changed}")
    return (
        f"it reads as {staged.event_type} of order {staged.order_id} of {staged.tenant_id}, "
        f"id {staged.message_id}"
    )
