"""Dead letters in people's hands: choose, look, edit, discard; `replays` is beside this.

Every act locks the letter, is refused unless the letter is still open, and is an
audit row with its actor and reason in the same transaction. An act on many letters
names the set that was looked at: a set that has changed meanwhile is refused.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import Engine

from order_ops.domain.failures import MendableError
from order_ops.domain.messages import Staged
from order_ops.store import audit, letters
from order_ops.store.audit import Actor
from order_ops.store.engine import Connection, transaction
from order_ops.store.queries import intake
from order_ops.store.queries import letters as sql

State = Literal["open", "replaying", "replayed", "discarded"]
MOST = 10_000
"""Letters in one selection; more are a second one."""


class LetterError(MendableError):
    """Refused; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters; what is None selects all. Times are UTC, `until` is exclusive."""

    ids: tuple[int, ...] | None = None
    states: tuple[State, ...] | None = ("open",)
    fingerprint: str | None = None
    origin: Literal["event", "run"] | None = None
    name: str | None = None
    category: str | None = None
    order_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


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

    def __str__(self) -> str:
        return f"{self.id} {'would be ' if self.dry else ''}{self.became}: {self.why}"


def find(pool: Engine, selection: Selection, limit: int = MOST) -> list[Any]:
    """The letters of a selection, oldest first; columns as in ops.dead_letter, without payload."""
    wanted = asdict(selection)
    for name in ("ids", "states"):
        wanted[name] = None if wanted[name] is None else list(wanted[name])
    with transaction(pool) as conn:
        return list(sql.find(conn, **wanted, letters=limit))


def groups(pool: Engine) -> list[Any]:
    """Open letters by cause: fingerprint, letters, first_at, last_at, name, error, money."""
    with transaction(pool) as conn:
        return list(sql.groups(conn))


def set_name(ids: Sequence[int]) -> str:
    """What a set of letters is called, so that an act can name the one that was looked at."""
    digest = sha256(",".join(map(str, sorted(ids))).encode()).hexdigest()
    return f"{len(ids)}-{digest[:6]}"


def chosen(
    pool: Engine, selection: Selection, expect: str | None, *, looking: bool = False
) -> list[int]:
    """The ids of a selection that is still the one that was looked at, unless it is `looking`.

    Raises:
        LetterError: an id is unknown, nothing is selected, or the set has changed.
    """
    if selection.ids is not None:
        return _known(pool, selection.ids)
    ids = [letter.id for letter in find(pool, selection, MOST + 1)]
    if not ids:
        raise LetterError("no open dead letter is selected: order-ops dlq list shows what there is")
    if len(ids) > MOST:
        raise LetterError(
            f"more than {MOST} letters are selected: narrow it down (--until, --name)"
        )
    if expect is None and looking:
        return ids
    if expect is None:
        raise LetterError(
            f"{len(ids)} letters are selected: look at them with --dry-run, then say "
            f"--expect {set_name(ids)}"
        )
    if expect != set_name(ids):
        raise LetterError(
            f"the selection has changed: it is {set_name(ids)} now, not {expect}: "
            "look at it again with --dry-run"
        )
    return ids


def _known(pool: Engine, ids: Sequence[int]) -> list[int]:
    found = {letter.id for letter in find(pool, Selection(ids=tuple(ids), states=None))}
    unknown = [str(one) for one in ids if one not in found]
    if unknown:
        raise LetterError(
            f"there is no dead letter {', '.join(unknown)}: order-ops dlq list shows what there is"
        )
    return list(dict.fromkeys(ids))


@dataclass(frozen=True, slots=True)
class Story:
    """A letter with what came before and after it: `replays` and `audit` oldest first."""

    letter: Any
    replays: list[Any]
    audit: list[Any]


def story(pool: Engine, letter_id: int) -> Story:
    """All there is to know about a letter.

    Raises:
        LetterError: there is none of that id.
    """
    with transaction(pool) as conn:
        letter = sql.read(conn, id=letter_id)
        if letter is None:
            raise LetterError(
                f"there is no dead letter {letter_id}: order-ops dlq list shows what there is"
            )
        replays = list(sql.replays_of(conn, id=letter_id))
        return Story(letter, replays, audit.of(conn, letters.subject(letter_id)))


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
                note = f"discarded by {actor.name}: {actor.reason}"
                row = int(letter.origin_id)
                intake.settle_letter_row(conn, id=row, state="discarded", note=note)
                let_go(conn, letter)
    except LetterError as refusal:
        return Acted(letter_id, Became.REFUSED, str(refusal), dry=dry_run)
    return Acted(letter_id, Became.DISCARDED, actor.reason)


def identity_changed(row: Any, staged: Staged, *, has_ids: bool) -> str | None:
    """Why a body is not the event that its inbox row is of; None: it is, or nobody knew it."""
    if row.event_type is None:
        return None
    for name, what in (("tenant_id", "tenant"), ("order_id", "order"), ("producer", "producer")):
        before, now = getattr(row, name), getattr(staged, name)
        if before != now:
            return f"an edited body keeps its {what}: {before}, not {now}"
    known = row.message_id.rpartition("#")[0] or row.message_id
    if has_ids and not known.startswith("content:") and staged.message_id != known:
        return f"an edited body keeps its id: {known}, not {staged.message_id}"
    return None


def let_go(conn: Connection, letter: Any) -> None:
    """The events that a letter held are due again."""
    if letter.holds:
        row = intake.lock_row(conn, id=int(letter.origin_id))
        intake.let_go(conn, tenant_id=row.tenant_id, order_id=row.order_id, producer=row.producer)


def edit(
    pool: Engine, letter_id: int, body: bytes, actor: Actor, *, dry_run: bool = False
) -> Acted:
    """Put another body in the place of the one that is replayed; the first is kept as it came.

    Raises:
        LetterError: the letter is not an event's, or not open.
    """
    with transaction(pool) as conn:
        letter = lock_open(conn, letter_id)
        if letter.origin != "event":
            raise LetterError(
                f"dead letter {letter_id} is a run: launch it from the UI with another config, "
                "then discard this letter"
            )
        before = bytes(letter.payload if letter.edited is None else letter.edited)
        sizes = f"{len(before)} bytes become {len(body)}"
        if dry_run:
            return Acted(letter_id, Became.EDITED, sizes, dry=True)
        sql.edit(conn, id=letter_id, body=body)
        hashes = {"before": sha256(before).hexdigest(), "after": sha256(body).hexdigest()}
        audit.record(conn, actor, "dlq.edit", letters.subject(letter_id), hashes)
    return Acted(letter_id, Became.EDITED, sizes)
