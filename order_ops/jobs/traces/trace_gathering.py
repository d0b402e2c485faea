"""Following an id through the tables, from its seeds to everything, a section at a time.

From an alert to its letters and runs, from those to their messages, from messages by
their correlation to all that came of them. A run that had a message last is shown, but
what else it did is not followed, unless the run itself was asked for. Every step is
bounded, and it is known what was cut.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from order_ops.domain.redaction import redacted_fields
from order_ops.jobs.traces.trace_ids import Seed
from order_ops.jobs.traces.trace_links import Key, Links
from order_ops.store import alerts, letters
from order_ops.store.engine import Connection
from order_ops.store.outbox import message_id_of
from order_ops.store.queries import trace as sql

SECTIONS = (
    "messages", "executions", "letters", "alerts", "acts", "history", "outbox", "audit",
)  # fmt: skip
_OUR_NAMES = ("name",)
"""What a dead letter is of has a name; people's are in no column that is read here."""
_MOST_WORK = 10_000


@dataclass(slots=True)
class Gathering:
    """What was found so far, and the ids that it leads to.

    Attributes:
        most: rows of a section.
        rows: of each section, as the tables have them, oldest first.
        cut: sections of which there is more, which was not followed either.
        gone: how many changes are told of by no message of ours any more.
    """

    conn: Connection
    seeds: Sequence[Seed]
    most: int
    links: Links = field(default_factory=Links)
    rows: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {name: [] for name in SECTIONS}
    )
    cut: list[str] = field(default_factory=list)
    gone: int = 0

    def follow(self) -> None:
        """Read each section once it is known what it is asked for."""
        self._seed()
        self._causes()
        self._messages()
        self._letters()
        self._acts()
        self._history()
        self._outbox()
        self._executions()
        self._alerts()
        self._audit()

    def _seed(self) -> None:
        links = self.links
        places = {
            "alert": links.alerts,
            "letter": links.letters,
            "execution": links.executions,
            "event": links.events,
            "message": links.events,
            "outbox": links.outbox,
            "correlation": links.correlations,
            "run": links.whole,
        }
        for seed in self.seeds:
            if seed.kind == "order":
                links.orders.add(seed.order)
            else:
                places[seed.kind].add(seed.id)

    def _causes(self) -> None:
        """From alerts, letters, work and messages of ours to what they are of."""
        links = self.links
        if links.alerts:
            self._of_alerts()
        if links.letters:
            self._of_letters(self._take("letters", self._find_letters()))
        if links.executions:
            rows = sql.executions(self.conn, ids=_ints(links.executions), runs=[], rows=self.most)
            links.whole |= {run for row in rows for run in row.run_ids}
        if links.outbox:
            ids = _ints(links.outbox)
            for row in sql.outbox(self.conn, ids=ids, message_ids=[], rows=self.most):
                links.near.add((row.tenant_id, row.order_id))
                links.correlations |= _said(row.correlation_id)

    def _of_alerts(self) -> None:
        links = self.links
        ids = _ints(links.alerts)
        of_letters = sql.letters_of_alerts(self.conn, ids=ids, rows=self.most + 1)
        links.letters |= {str(row.id) for row in self._take("letters", of_letters)}
        for row in self._find_alerts():
            links.correlations |= _said(row.correlation_id)
            links.whole |= _said(row.run_id)
            links.executions |= _said(row.execution)
            if row.order_id is None:
                continue
            known = row.correlation_id or row.run_id or links.letters
            (links.near if known else links.orders).add((row.tenant_id, row.order_id))

    def _of_letters(self, rows: Sequence[Any]) -> None:
        links = self.links
        for row in rows:
            links.letters.add(str(row.id))
            (links.events if row.origin == "event" else links.whole).add(row.origin_id)
            links.correlations |= _said(row.correlation_id)
            links.near |= _order(row)

    def _messages(self) -> None:
        """Of a run as many as it had; else all of a correlation, when it is known."""
        links = self.links
        window = self._window()
        rows = self._find_events(window)
        if not links.whole:
            links.correlations |= {row.correlation_id for row in rows if row.correlation_id}
            rows = self._find_events(window)
        rows = self._take("messages", rows)
        self._keep("messages", rows)
        links.events |= {str(row.id) for row in rows}
        links.correlations |= {row.correlation_id for row in rows if row.correlation_id}
        links.runs |= {row.last_run_id for row in rows if row.last_run_id}
        for row in rows:
            links.near |= _order(row)

    def _window(self) -> dict[str, Any]:
        """While the work of the followed runs was in hand; what they settled was settled then."""
        runs = list(self.links.whole)
        rows = list(sql.executions(self.conn, ids=[], runs=runs, rows=_MOST_WORK)) if runs else []
        ends = [row.ended_at for row in rows]
        return {
            "since": min((row.requested_at for row in rows), default=None),
            "until": max(ends) if ends and None not in ends else None,
        }

    def _find_events(self, window: dict[str, Any]) -> list[Any]:
        links = self.links
        found = sql.events(
            self.conn,
            ids=_ints(links.events),
            correlations=list(links.correlations),
            runs=list(links.whole),
            **window,
            **_keys(links.orders),
            rows=self.most + 1,
        )
        return list(found)

    def _letters(self) -> None:
        rows = self._take("letters", self._find_letters())
        self._of_letters(rows)
        self._keep("letters", rows)

    def _find_letters(self) -> Iterable[Any]:
        links = self.links
        return sql.letters(  # type: ignore[no-any-return]
            self.conn,
            ids=_ints(links.letters),
            events=list(links.events),
            runs=list(links.whole),
            correlations=list(links.correlations),
            **_keys(links.orders),
            rows=self.most + 1,
        )

    def _acts(self) -> None:
        """Of followed runs and of the orders; of other orders a run's acts are their own."""
        links = self.links
        known = links.all_runs | links.correlations
        concerned = _keys(links.orders | links.near)
        found = sql.acts(self.conn, runs=list(links.whole), **concerned, rows=self.most + 1)
        rows = [
            row
            for row in self._take("acts", found)
            if (row.tenant_id, row.order_id) in links.orders or row.run_id in known
        ]
        self._keep("acts", rows)
        links.runs |= {row.run_id for row in rows if row.run_id}
        for row in rows:
            links.near |= _order(row)

    def _history(self) -> None:
        links = self.links
        lanes = sorted(links.orders | links.near)
        rows = sql.history(
            self.conn,
            **_keys(lanes),
            whole=[lane in links.orders for lane in lanes],
            correlations=list(links.correlations | links.whole),
            rows=self.most + 1,
        )
        self._keep("history", self._take("history", rows))

    def _outbox(self) -> None:
        """What was said of the changes: each message's id follows from its change."""
        links = self.links
        changes = self.rows["history"]
        told = {message_id_of(row["tenant_id"], row["order_id"], row["version"]) for row in changes}
        found = sql.outbox(
            self.conn, ids=_ints(links.outbox), message_ids=list(told), rows=self.most + 1
        )
        rows = self._take("outbox", found)
        self._keep("outbox", rows)
        self.gone = len(told - {row.message_id for row in rows})

    def _executions(self) -> None:
        links = self.links
        runs = list(links.all_runs | links.correlations)
        found = sql.executions(
            self.conn, ids=_ints(links.executions), runs=runs, rows=self.most + 1
        )
        rows = self._take("executions", found)
        self._keep("executions", rows)
        links.executions |= {str(row.id) for row in rows}
        links.runs |= {run for row in rows for run in row.run_ids}

    def _alerts(self) -> None:
        rows = self._take("alerts", self._find_alerts())
        self._keep("alerts", rows)
        self.links.alerts |= {str(row.id) for row in rows}

    def _find_alerts(self) -> list[Any]:
        links = self.links
        found = sql.alerts(
            self.conn,
            ids=_ints(links.alerts),
            correlations=list(links.correlations),
            runs=list(links.all_runs),
            executions=list(links.executions),
            letters=_ints(links.letters),
            **_keys(links.orders),
            rows=self.most + 1,
        )
        return list(found)

    def _audit(self) -> None:
        subjects = [alerts.subject(int(one)) for one in self.links.alerts]
        subjects += [letters.subject(int(one)) for one in self.links.letters]
        found = sql.audit(self.conn, subjects=subjects, rows=self.most + 1)
        self._keep("audit", self._take("audit", found))

    def _take(self, section: str, found: Iterable[Any]) -> list[Any]:
        """As many as are wanted; that there are more is not forgotten."""
        rows = list(found)
        if len(rows) > self.most and section not in self.cut:
            self.cut.append(section)
        return rows[: self.most]

    def _keep(self, section: str, rows: Iterable[Any]) -> None:
        self.rows[section] = [redacted_fields(row._asdict(), _OUR_NAMES) for row in rows]


def _ints(ids: Iterable[str]) -> list[int]:
    return [int(one) for one in ids]


def _said(value: str | None) -> set[str]:
    return {value} if value else set()


def _order(row: Any) -> set[Key]:
    return {(row.tenant_id, row.order_id)} if row.tenant_id and row.order_id else set()


def _keys(lanes: Iterable[Key]) -> dict[str, list[str]]:
    ordered = sorted(lanes)
    return {"tenant_id": [t for t, _ in ordered], "order_id": [o for _, o in ordered]}
