"""Dead letters: rows written in the transaction of the fact they speak of.

A dead letter always comes with its alert; one open alert per fingerprint, so
that a burst of one cause wakes a person once, and it ends with the last letter
of that cause. Amounts are minor units. What people do with dead letters is
`order_ops.jobs.letters.dead_letters`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from order_ops.domain.failures import FailureKind
from order_ops.domain.redaction import kept, kept_config, kept_fields, kept_or_none
from order_ops.store import alerts
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.audit import Actor
from order_ops.store.engine import Connection
from order_ops.store.queries import columns
from order_ops.store.queries import letters as sql

_ERROR_TOLD = 3_000
_OF_ITS_ALERT = frozenset({"critical", "owner"})


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Something that could not be done: an event, or a run.

    Attributes:
        origin_id: the inbox row's id, or the run's.
        critical: it wakes somebody.
        holds: what its producer says later about its order's money waits for it.
        replay_of: the letter whose replay failed and opened this one.
        correlation_id: of the event, or the run itself.
        owner: who is asked about it; none: whoever the kind of its alert says.
    """

    origin: Literal["event", "run"]
    origin_id: str
    name: str
    category: FailureKind
    error: str
    fingerprint: str
    attempts: int
    stack: str | None = None
    payload: bytes | None = None
    headers: dict[str, Any] = field(default_factory=dict)
    tenant_id: str | None = None
    order_id: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    critical: bool = False
    holds: bool = False
    replay_of: int | None = None
    correlation_id: str | None = None
    owner: str | None = None


def add_dead_letters(conn: Connection, letters: Sequence[DeadLetter]) -> None:
    """Write dead letters with their alerts; one already known changes nothing."""
    if not letters:
        return
    letters = [_kept(letter) for letter in letters]
    names = [name for name in DeadLetter.__dataclass_fields__ if name not in _OF_ITS_ALERT]
    added = {tuple(row) for row in sql.add_dead_letters(conn, **columns(letters, *names))}
    news = [letter for letter in letters if (letter.origin, letter.origin_id) in added]
    raise_alerts(conn, [_alert(letter) for letter in news])


def _kept(letter: DeadLetter) -> DeadLetter:
    """A letter as it may be stored; its payload is what is replayed, byte for byte."""
    keep = kept_config if letter.origin == "run" else kept_fields
    return replace(
        letter,
        name=kept(letter.name),
        error=kept(letter.error),
        stack=kept_or_none(letter.stack),
        headers=keep(letter.headers),
    )


def review(
    conn: Connection,
    letter: Any,
    state: Literal["open", "replaying", "replayed", "discarded"],
    actor: Actor,
) -> None:
    """Record what was done about a letter that is locked; its alert ends with its cause."""
    sql.review(conn, id=letter.id, state=state, reviewer=actor.name, reason=kept(actor.reason))
    key = _alert_key(letter.fingerprint)
    # whoever writes another letter of this cause holds the alert until it has committed
    alerts.lock(conn, key)
    if not sql.is_unsettled(conn, fingerprint=letter.fingerprint):
        alerts.resolve(conn, key)


def subject(letter_id: int) -> str:
    """What a letter is called in the audit."""
    return f"dead_letter:{letter_id}"


def _alert_key(cause: str) -> str:
    return f"dead_letter:{cause}"


def _alert(letter: DeadLetter) -> Alert:
    return Alert(
        dedupe_key=_alert_key(letter.fingerprint),
        severity="critical" if letter.critical or letter.origin == "run" else "warning",
        title=f"Dead letter: {letter.name}: {letter.error}"[:300],
        detail=_detail(letter),
        tenant_id=letter.tenant_id,
        order_id=letter.order_id,
        amount_minor=letter.amount_minor,
        currency=letter.currency,
        owner=letter.owner,
    )


def _detail(letter: DeadLetter) -> dict[str, Any]:
    run = {"run_id": letter.origin_id} if letter.origin == "run" else {}
    return {
        "origin": letter.origin,
        "id": letter.origin_id,
        "category": letter.category,
        "correlation_id": letter.correlation_id,
        "attempt": letter.attempts,
        "error": letter.error[:_ERROR_TOLD],
        **run,
    }
