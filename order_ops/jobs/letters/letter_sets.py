"""Dead letters, chosen and looked at: nothing is changed here.

An act on many letters names the set that was looked at: a set that has changed
meanwhile is refused. What is done about letters is `order_ops.jobs.letters.dead_letters`
and `order_ops.jobs.letters.replays`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import Engine

from order_ops.domain.failures import MendableError
from order_ops.store import audit, letters
from order_ops.store.engine import transaction
from order_ops.store.queries import letters as sql

State = Literal["open", "replaying", "replayed", "discarded"]
MOST = 10_000
"""Letters in one selection; more are a second one."""

_END_OF_IDS = 2**63


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
    tenant_id: str | None = None

    @property
    def filtered(self) -> bool:
        """Whether it selects by anything but ids and states."""
        return replace(self, ids=None, states=None) != Selection(states=None)


def find(pool: Engine, selection: Selection, limit: int = MOST) -> list[Any]:
    """The letters of a selection, oldest first; columns as in ops.dead_letter, without bodies."""
    wanted = asdict(selection)
    for name in ("ids", "states"):
        wanted[name] = None if wanted[name] is None else list(wanted[name])
    if wanted["ids"] is not None:
        wanted["ids"] = [one for one in wanted["ids"] if abs(one) < _END_OF_IDS]
    with transaction(pool) as conn:
        return list(sql.find(conn, **wanted, letters=limit))


def groups(pool: Engine) -> list[Any]:
    """Open letters by cause: fingerprint, letters, first_at, last_at, name, error, money."""
    with transaction(pool) as conn:
        return list(sql.groups(conn))


def set_name(letters: Sequence[Any]) -> str:
    """What a set of letters is called, so that an act can name the one that was looked at.

    It is another set when a letter was edited meanwhile.
    """
    seen = ",".join(sorted(f"{one.id}:{one.edited_sha256 or ''}" for one in letters))
    return f"{len(letters)}-{sha256(seen.encode()).hexdigest()[:6]}"


def counted(letters: Sequence[Any]) -> str:
    """How many letters there are, with the verb."""
    return "1 letter is" if len(letters) == 1 else f"{len(letters)} letters are"


def chosen(
    pool: Engine, selection: Selection, expect: str | None, *, looking: bool = False
) -> list[Any]:
    """The letters of a selection by ids or by filters, oldest first, as `find` has them.

    Those of filters are the ones that were looked at, as `expect` says, unless it is `looking`.

    Raises:
        LetterError: it is not said which, an id is unknown, nothing is selected, or the set is
            not known to be the one that was looked at.
    """
    if selection.ids and selection.filtered:
        raise LetterError("say ids, or a group and filters, not both")
    if not selection.ids and not selection.filtered:
        raise LetterError("say which: ids, a group or a filter; order-ops dlq list shows them")
    letters = _known(pool, selection.ids) if selection.ids else _filtered(pool, selection)
    if expect is None and not (looking or selection.ids):
        raise LetterError(
            f"{counted(letters)} selected: look first, with a dry run; it names the set to expect"
        )
    if expect is not None and expect != set_name(letters):
        raise LetterError(
            f"the selection is not {expect} any more: look again, with a dry run that expects "
            "nothing"
        )
    return letters


def _filtered(pool: Engine, selection: Selection) -> list[Any]:
    found = find(pool, selection, MOST + 1)
    if not found:
        raise LetterError("no open dead letter is selected: order-ops dlq list shows what there is")
    if len(found) > MOST:
        raise LetterError(
            f"more than {MOST} letters are selected: narrow it down (--until, --name)"
        )
    return found


def _known(pool: Engine, ids: Sequence[int]) -> list[Any]:
    if len(set(ids)) > MOST:
        raise LetterError(f"more than {MOST} letters are selected: say fewer ids")
    found = find(pool, Selection(ids=tuple(ids), states=None))
    there = {letter.id for letter in found}
    unknown = dict.fromkeys(str(one) for one in ids if one not in there)
    if unknown:
        raise LetterError(
            f"there is no dead letter {', '.join(unknown)}: order-ops dlq list shows what there is"
        )
    return found


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
