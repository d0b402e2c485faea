"""Replaying a dead letter: once, whoever asks how often, and nothing if it is killed midway.

An event is applied here and now, alone, in the one transaction that locks its
letter: applied, its letter is replayed; failed again, a new letter stands beside
the old one; too early, nothing has happened. An event about money is applied only
if its provider says the same. A dry run is the same transaction, rolled back.
A failed run is launched again: `order_ops.jobs.letters.run_replays`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import stamina
import structlog
from sqlalchemy import Engine

from order_ops.domain import events, replays
from order_ops.domain.failures import ClassifiedError, FailureKind, classify
from order_ops.domain.findings import reason
from order_ops.domain.orders import Change
from order_ops.jobs.letters import run_replays
from order_ops.jobs.letters.dead_letters import (
    Acted,
    Became,
    identity_changed,
    let_go,
    lock_open,
    staged_again,
)
from order_ops.jobs.letters.letter_sets import LetterError, story
from order_ops.jobs.orders.apply_lanes import Worker, apply_lanes, settle, staged_events
from order_ops.jobs.orders.staged import Outcome, failed, readable
from order_ops.mapping import MappingError
from order_ops.messaging.codec import Unreadable
from order_ops.providers.client import ProviderClient
from order_ops.store import audit, ledger, letters
from order_ops.store.audit import Actor
from order_ops.store.engine import Connection, transaction
from order_ops.store.ledger import Key
from order_ops.store.queries import intake
from order_ops.store.queries import letters as sql

log = structlog.get_logger(__name__)

_TRIED_AGAIN = stamina.retry(
    on=lambda error: classify(error) is FailureKind.TRANSIENT, attempts=3, timeout=20.0
)


@dataclass(frozen=True, slots=True)
class Replayer:
    """Who replays, with what, and for whom.

    client_of: gives an account's provider client; None: providers are not asked.
    """

    worker: Worker
    actor: Actor
    client_of: Callable[[str], ProviderClient] | None


def in_order(pool: Engine, ids: Sequence[int]) -> list[int]:
    """Letters as they can be replayed: of one lane and producer by sequence."""
    with transaction(pool) as conn:
        known = [row.id for row in sql.in_order(conn, ids=list(ids))]
    return [*known, *(one for one in ids if one not in known)]


def replay(
    replayer: Replayer,
    ids: Sequence[int],
    *,
    dry_run: bool = False,
    progress: Callable[[Acted], None] = lambda _: None,
) -> list[Acted]:
    """Replay letters, each by itself; of one lane and producer by sequence."""
    done = []
    for letter_id in in_order(replayer.worker.pool, ids):
        acted = _replay(replayer, letter_id, dry_run=dry_run)
        progress(acted)
        done.append(acted)
    return done


def _replay(replayer: Replayer, letter_id: int, *, dry_run: bool) -> Acted:
    try:
        letter = story(replayer.worker.pool, letter_id).letter
        if letter.origin == "run":
            acted = run_replays.request(
                replayer.worker.pool, letter_id, replayer.actor, dry_run=dry_run
            )
        else:
            event = _read(replayer.worker, letter)
            asked = _ask_provider(replayer, letter, event)
            acted = _replay_event(replayer, letter, event, asked, dry_run=dry_run)
    except LetterError as refusal:
        return Acted(letter_id, Became.REFUSED, str(refusal), dry=dry_run)
    except Exception as error:
        log.warning("replay.failed", letter=letter_id, exc_info=error)
        why = (
            f"{type(error).__name__}: {reason(error)}: nothing was changed: the log's "
            "replay.failed says where; mend that and try again, edit the letter, or discard it"
        )
        return Acted(letter_id, Became.REFUSED, why, dry=dry_run)
    return replace(acted, dry=dry_run)


def _ask_provider(replayer: Replayer, letter: Any, event: Any) -> str:
    """What the provider said, in words; an event about money needs its consent.

    Raises:
        LetterError: the provider says otherwise, or cannot be asked.
    """
    if event.type not in events.MONEY_EVENTS:
        return "nobody was asked: the event moves no money"
    if replayer.client_of is None:
        return "the provider was not asked, as the actor wished"
    try:
        answer = _answer(replayer.client_of(event.data.account), event)
    except (ClassifiedError, MappingError) as error:
        raise LetterError(
            f"the provider cannot be asked about dead letter {letter.id}: {error}: try again, or "
            "replay it --without-provider if you know better"
        ) from error
    doubt = replays.doubt(event, answer)
    if doubt is not None:
        raise LetterError(f"dead letter {letter.id}: {doubt}: discard it, or edit it")
    return f"the provider says {answer.status}"


@_TRIED_AGAIN
def _answer(client: ProviderClient, event: events.Event) -> replays.Answer:
    data: Any = event.data
    if event.type.startswith("refund."):
        return client.refund(data.refund)
    if event.type.startswith("dispute."):
        return client.dispute(data.dispute)
    return client.payment(data.payment)


@_TRIED_AGAIN
def _replay_event(
    replayer: Replayer, seen: Any, event: events.Event, asked: str, *, dry_run: bool
) -> Acted:
    worker, actor = replayer.worker, replayer.actor
    lane = (event.tenant, event.order)
    with transaction(worker.pool) as conn, conn.transaction(force_rollback=dry_run):
        ledger.load(conn, [lane])  # the order before the letter, as a worker locks them
        letter = lock_open(conn, seen.id)
        if letter.edited != seen.edited:
            raise LetterError(f"dead letter {seen.id} was edited meanwhile: look at it again")
        _stage_again(worker, conn, letter)
        letters.review(conn, letter, "replayed", actor)
        outcome, told = _apply_alone(worker, conn, letter, lane)
        if outcome.state == "retry":
            raise LetterError(
                f"dead letter {seen.id} cannot be applied yet: {outcome.note}: nothing was changed"
            )
        let_go(conn, letter)
        detail = {"provider": asked, "became": outcome.label, "changes": told}
        audit.record(conn, actor, "dlq.replay", letters.subject(seen.id), detail)
    if outcome.letter is not None:
        return Acted(seen.id, Became.FAILED_AGAIN, f"{outcome.letter.error}; {asked}")
    changes = ", ".join(told) or "no effect: known already"
    return Acted(seen.id, Became.REPLAYED, f"{changes}; {asked}")


def _read(worker: Worker, letter: Any) -> events.Event:
    """The event of a letter, as it would be applied now.

    Raises:
        LetterError: it cannot be read.
    """
    body = bytes(letter.payload if letter.edited is None else letter.edited)
    with transaction(worker.pool) as conn:
        row = _row(conn, letter)
    try:
        return worker.codec.decode(
            body,
            row.routing_key,
            row.headers,
            row.property_message_id,
            row.property_correlation_id,
        )
    except Unreadable as problem:
        raise _unreadable(letter, str(problem)) from None


def _unreadable(letter: Any, problem: str) -> LetterError:
    return LetterError(
        f"dead letter {letter.id} cannot be read: {problem}: mend it with order-ops dlq edit "
        f"{letter.id}, or discard it"
    )


def _row(conn: Connection, letter: Any) -> Any:
    row = intake.lock_row(conn, id=int(letter.origin_id))
    if row is None:
        raise LetterError(f"dead letter {letter.id}: its message {letter.origin_id} is gone")
    return row


def _stage_again(worker: Worker, conn: Connection, letter: Any) -> None:
    """Read the letter's message again and make its inbox row due, as it reads now.

    Raises:
        LetterError: it cannot be read, or is not the event that it was.
    """
    row = _row(conn, letter)
    body = bytes(letter.payload if letter.edited is None else letter.edited)
    staged = staged_again(worker, row, body)
    if staged.state != "pending":
        raise _unreadable(letter, staged.note or "unreadable")
    if (changed := identity_changed(worker, row, staged)) is not None:
        raise LetterError(f"dead letter {letter.id}: {changed}")
    if row.event_type is not None and not row.message_id.startswith("content:"):
        staged = replace(staged, message_id=row.message_id)  # it may be one of two bodies
    named = {"source": row.source, "message_id": staged.message_id, "id": row.id}
    if (other := intake.other_row(conn, **named)) is not None:
        raise LetterError(
            f"dead letter {letter.id}: message {staged.message_id} is there as inbox row "
            f"{other} already: discard this one"
        )
    values = {name: getattr(staged, name) for name in _READ_AGAIN}
    intake.stage_again(conn, id=row.id, **values)


_READ_AGAIN = (
    "message_id", "tenant_id", "order_id", "producer", "sequence", "event_type", "body",
    "occurred_at",
)  # fmt: skip


def _apply_alone(
    worker: Worker, conn: Connection, letter: Any, lane: Key
) -> tuple[Outcome, list[str]]:
    """What became of the letter's event, and the changes of its order in words."""
    row = int(letter.origin_id)
    terms = replace(worker.terms(), attempts=1, replay_of=letter.id)
    try:
        with conn.transaction():
            (folded,) = apply_lanes(worker, conn, [lane], only=row, terms=terms)
    except Exception as error:
        if classify(error) is FailureKind.TRANSIENT:
            raise
        staged = next(one for one in staged_events(conn, [lane])[lane] if one.id == row)
        outcome = failed(staged, error, terms, readable(staged, worker.codec))
        settle(conn, worker, [outcome])
        return outcome, []
    (outcome,) = folded.outcomes
    changes = folded.touched.changes if folded.touched else []
    return outcome, [_told(change) for change in changes]


def _told(change: Change) -> str:
    if change.from_state == change.to_state:
        return change.kind
    return f"{change.kind} ({change.from_state or 'nothing'} -> {change.to_state})"
