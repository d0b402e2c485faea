"""Everything that is known of an order, in time order, and what comes next: for one who asks why.

"I paid, but my order expired": what the shop said, what became of it, what was decided and done and
by whom, what the provider says now, what its files say, and the next step in a sentence.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from order_ops.domain.failures import ClassifiedError, MendableError
from order_ops.domain.money import format_minor
from order_ops.domain.orders import Order
from order_ops.domain.repairs import ActState, Decision, decide
from order_ops.jobs.repairs import acts, findings
from order_ops.jobs.repairs.asking import Answer, Asker
from order_ops.jobs.repairs.repairing import Repairer
from order_ops.mapping import Mapping
from order_ops.store import ledger
from order_ops.store.engine import transaction
from order_ops.store.ledger import Key
from order_ops.store.queries import story as sql


class OrderError(MendableError):
    """An order cannot be shown; says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened to an order.

    Attributes:
        at: when; UTC.
        what: history, message, letter, act, provider, file or break.
    """

    at: datetime
    what: str
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """An order whole.

    Attributes:
        told: what happened, the oldest first.
        live: what its provider says now, or why that is not known.
        breaks: what does not add up about it.
        next_step: what comes next, in a sentence.
    """

    order: Order
    told: tuple[Told, ...]
    live: tuple[str, ...]
    breaks: tuple[str, ...]
    next_step: str


def called(pool: Engine, mapping: Mapping, text: str, tenant: str | None = None) -> Key:
    """The order that is called so, or of which something is.

    Raises:
        OrderError: there is none, or there are several.
    """
    accounts = mapping.accounts
    with transaction(pool) as conn:
        rows = sql.orders_called(
            conn,
            text=text,
            accounts=[account.name for account in accounts],
            tenants=[account.tenant for account in accounts],
        )
        found = [(row.tenant_id, row.order_id) for row in rows]
    found = [key for key in found if tenant in (None, key[0])]
    if not found:
        raise OrderError(
            f"{text}: no order, payment, refund, dispute or line of a provider is called so; "
            "order-ops trace looks into messages, letters and logs too"
        )
    if len(found) > 1:
        told = ", ".join(f"{order} of {whose}" for whose, order in found)
        raise OrderError(f"{text}: there are several: {told}; say --tenant, or the order")
    return found[0]


def story(repairer: Repairer, key: Key, *, live: bool = True) -> Story:
    """Everything that is known of an order.

    Args:
        live: ask its provider; else nothing is said of what it would say.
    """
    with transaction(repairer.pool) as conn:
        order = ledger.load(conn, [key])[key]
        told, breaks = _told(conn, repairer.mapping, order)
        under_way = acts.under_way(conn, [key]).get(key)
    if not live:
        return Story(order, told, (), breaks, "its provider was not asked")
    asker = Asker(repairer.mapping, repairer.client_of, 1)
    answer = asker.ask([order])[key]
    next_step = _next(repairer, order, answer, under_way)
    return Story(order, told, tuple(_live(asker, order, answer)), breaks, next_step)


def _live(asker: Asker, order: Order, answer: Answer) -> Iterator[str]:
    if isinstance(answer, ClassifiedError):
        yield f"cannot be asked: {answer}"
        return
    if not answer:
        yield "knows no payment of it" if asker.can_ask(order) else "has no API here: not asked"
    for one in answer:
        amount = format_minor(one.amount_minor, one.currency) if one.currency else "no amount"
        disputed = ", disputed" if one.disputed else ""
        yield f"{one.ref} at {one.account}: {one.status}, {amount}{disputed}"
        for back in one.refunds:
            yield f"  {back.ref}: {format_minor(back.amount_minor, one.currency)}, {back.status}"


def _next(repairer: Repairer, order: Order, answer: Answer, under_way: acts.Act | None) -> str:
    if isinstance(answer, ClassifiedError):
        return f"Nothing, until its provider can be asked: {answer}."
    decision = decide(order, answer, repairer.terms(order, datetime.now(UTC)))
    if under_way is not None:
        return f"Act {under_way.id} is under way: {under_way.plan.kind}, {under_way.plan.reason}."
    if decision.plan is not None:
        mode = acts.mode_of(repairer.mapping, order, decision.plan, answer)
        told = {
            "automatic": "the next look does it",
            "propose": "the next look proposes it, and a person approves it (order-ops acts)",
            "off": "it is not done: the mapping has it off",
        }[mode]
        return f"To {decision.plan.kind}, because {decision.plan.reason}: {told}."
    return _waits(decision)


def _waits(decision: Decision) -> str:
    if decision.findings:
        return f"Somebody has to look: {findings.why(decision)}."
    return "Nothing: it is as it should be." if decision.settled else "Nothing is due yet."


def _told(conn: Any, mapping: Mapping, order: Order) -> tuple[tuple[Told, ...], tuple[str, ...]]:
    key = {"tenant_id": order.tenant, "order_id": order.order_id}
    accounts = [account.name for account in mapping.of_tenant(order.tenant)]
    refs = [*order.payments, *order.refunds, *order.disputes]
    of_files = {"accounts": accounts, "refs": refs}
    found = [
        told
        for query, teller, about in (
            (sql.history_of, _history, key),
            (sql.messages_of, _message, key),
            (sql.letters_of, _letter, key),
            (sql.acts_of, _act, key),
            (sql.calls_of_order, _call, key),
            (sql.lines_of_order, _line, of_files),
        )
        for row in query(conn, **about)
        for told in teller(row)
    ]
    breaks = sql.breaks_of_order(conn, order_id=order.order_id, **of_files)
    told = tuple(sorted(found, key=lambda one: one.at))
    return told, tuple(_break(row) for row in breaks)


_Teller = Callable[[Any], Sequence[Told]]


def _history(row: Any) -> Sequence[Told]:
    moved = (
        "" if row.from_state == row.to_state else f", {row.from_state or 'new'} -> {row.to_state}"
    )
    return [Told(row.recorded_at, "history", f"{row.kind}{moved} (by {row.cause})")]


def _message(row: Any) -> Sequence[Told]:
    copies = f", {row.copies} copies" if row.copies > 1 else ""
    note = f": {row.note}" if row.note else ""
    text = f"{row.event_type} {row.message_id}: {row.state}, {row.attempts} attempts{copies}{note}"
    return [Told(row.received_at, "message", text)]


def _letter(row: Any) -> Sequence[Told]:
    reviewed = f" by {row.reviewer}: {row.reason}" if row.reviewer else ""
    text = f"letter {row.id} of {row.name}: {row.error} ({row.category}); {row.state}{reviewed}"
    return [Told(row.created_at, "letter", text)]


def _act(row: Any) -> Sequence[Told]:
    money = f" {format_minor(row.amount_minor, row.currency)}" if row.amount_minor else ""
    found = [Told(row.created_at, "act", f"act {row.id}: {row.kind}{money}, because {row.reason}")]
    if row.decided_at is not None:
        text = f"act {row.id}: decided by {row.decided_by}: {row.decided_because}"
        found.append(Told(row.decided_at, "act", text))
    if row.ended_at is not None:
        error = f": {row.error}" if row.state == ActState.FAILED else ""
        found.append(Told(row.ended_at, "act", f"act {row.id}: {row.state}{error}"))
    return found


def _call(row: Any) -> Sequence[Told]:
    error = f": {row.error}" if row.error else ""
    request = f" (request {row.request_id})" if row.request_id else ""
    text = f"{row.account} was told to {row.verb.replace('_', ' ')} {row.payment}"
    times = f", {row.sent} times" if row.sent > 1 else ""
    return [Told(row.at, "provider", f"{text}{times}: {row.state}{request}{error}")]


def _line(row: Any) -> Sequence[Told]:
    matched = f"matched by {row.rule}" if row.match_id else "in no match"
    payout = f", in payout {row.payout_id}" if row.payout_id else ""
    money = format_minor(row.amount_minor, row.currency)
    text = f"{row.file}, line {row.line_no}: {row.kind} {money} ({row.status}){payout}; {matched}"
    return [Told(row.occurred_at, "file", text)]


def _break(row: Any) -> str:
    decided = f", {row.decided_by}: {row.decided_because}" if row.decided_by else ""
    told = f"{row.break_id[:12]} {row.class_} of {row.day} ({row.state}{decided})"
    return f"{told}: {row.explanation}"
