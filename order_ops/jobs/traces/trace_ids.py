"""What an id is the id of: ids as people copy them from an alert, a letter, a line or the UI.

What hangs together with it is `order_ops.jobs.traces.trace`.
"""

import re
from dataclasses import dataclass

from order_ops.domain.failures import MendableError
from order_ops.store.engine import Connection
from order_ops.store.queries import trace as sql

KINDS = {
    "alert": "its number or its key",
    "letter": "a dead letter",
    "execution": "",
    "event": "an inbox row",
    "message": "theirs or ours",
    "correlation": "",
    "run": "or its first 8 characters",
    "order": "or TENANT/ORDER",
}
"""The kinds of ids, as they may be said before an id: `letter:7`."""

_ALSO = {"dead_letter": "letter"}
_NAMES = frozenset({"message", "outbox", "correlation", "run", "order"})
"""An id of several of these is one thing: a message without a correlation is its own."""
_AS_SHOWN = re.compile(r"(\d+) (.+)")
"""An alert as Slack and mail show it: its number and its key."""
_RUN_START = re.compile(r"[0-9a-f]{8}[0-9a-f-]*")
_END_OF_IDS = 2**63
_MOST = 50
_LONGEST = 100


class TraceError(MendableError):
    """It cannot be said what an id is of; the message says which ids are understood."""


@dataclass(frozen=True, slots=True)
class Seed:
    """Something that has the id that was asked for."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @property
    def order(self) -> tuple[str, str]:
        """Of an order: tenant and order id."""
        tenant, _, order = self.id.partition("/")
        return tenant, order


def seeds(conn: Connection, asked: str) -> list[Seed]:
    """What has this id; none: nothing that is known here.

    Raises:
        TraceError: it is empty, or of several things that have nothing to do with each other.
    """
    if not asked:
        raise TraceError(f"say an id: {understood()}")
    found = _find(conn, asked, list(KINDS))
    kind, colon, rest = asked.partition(":")
    kind = _ALSO.get(kind, kind)
    if not found and colon and kind in KINDS:
        found = _find(conn, rest, [kind])
        tenant, slash, order = rest.partition("/")
        if not found and slash and kind == "order":
            found = _find(conn, order, [kind], tenant)
    if not found and (shown := _AS_SHOWN.fullmatch(asked)):
        by_key = {seed.id for seed in _find(conn, shown[2], ["alert"])}
        found = [Seed("alert", shown[1])] if shown[1] in by_key else []
    _are_one_thing(asked, found)
    return found


def understood() -> str:
    """Which ids are understood, in words."""
    told = ", ".join(
        f"{kind}:ID ({what})" if what else f"{kind}:ID" for kind, what in KINDS.items()
    )
    return f"understood are {told}; the kind may be left out where one thing alone has the id"


def quoted(asked: str) -> str:
    """An id as a message repeats it: what was pasted may be a page of text."""
    return asked if len(asked) <= _LONGEST else f"{asked[:_LONGEST]}…"


def _find(conn: Connection, text: str, kinds: list[str], tenant: str | None = None) -> list[Seed]:
    is_number = text.isascii() and text.isdigit() and int(text[:20]) < _END_OF_IDS
    rows = sql.kinds_of(
        conn,
        text=text,
        number=int(text[:20]) if is_number else None,
        is_start=_RUN_START.fullmatch(text) is not None,
        tenant_id=tenant,
        order_id=text,
        kinds=[*kinds, *(["outbox"] if "message" in kinds else [])],
        things=_MOST,
    )
    return [Seed(row.kind, row.id) for row in rows]


def _are_one_thing(asked: str, found: list[Seed]) -> None:
    """Refuse to choose: whoever looks for money must not be shown that of others."""
    numbers = [seed for seed in found if seed.kind in {"letter", "execution", "event"}]
    alerts = [seed for seed in found if seed.kind == "alert"]
    runs = [seed for seed in found if seed.kind == "run"]
    orders = [seed for seed in found if seed.kind == "order"]
    names = [Seed(seed.kind, asked) for seed in found if seed.kind in _NAMES - {"outbox"}]
    things = [*numbers, *alerts[:1], *(names[:1] if len(runs) < 2 and len(orders) < 2 else [])]
    things += (runs if len(runs) > 1 else []) + (orders if len(orders) > 1 else [])
    if len(things) > 1:
        told = ", ".join(map(str, things))
        raise TraceError(
            f"{quoted(asked)} is the id of {len(things)} things: say which one: {told}"
        )
