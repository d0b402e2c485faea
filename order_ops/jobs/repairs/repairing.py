"""A look at orders: ask their providers, decide, plan, act where that is allowed, tell the rest.

Orders are taken in chunks: one transaction reads them, none is open while providers are asked and
told, one writes what was done. Before that an order is read again: where something happened to it
meanwhile, the act is overtaken, and what the provider did is written down all the same.

Where nobody can be asked about any of a tenant's orders in a chunk, its look ends, and its orders
stay due in their order: nothing is decided on a guess, and a provider that is down is left alone.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic

import structlog
from sqlalchemy import Engine

from order_ops.domain.failures import RETRIED, ClassifiedError, FailureKind
from order_ops.domain.orders import Order, Rejected
from order_ops.domain.repairs import ActKind, ActState, Decision, SeenPayment, Terms, decide
from order_ops.domain.repairs.changes import GivenBack, Writing, carry_out, write_down
from order_ops.domain.repairs.looks import PLACED
from order_ops.jobs.days import reconciliation_days
from order_ops.jobs.repairs import acts, findings
from order_ops.jobs.repairs.acts import Act, Planned
from order_ops.jobs.repairs.asking import ASKABLE, Asker
from order_ops.jobs.repairs.telling import Teller
from order_ops.mapping import Mapping
from order_ops.providers.client import ProviderClient
from order_ops.store import ledger, outbox, pauses
from order_ops.store.engine import Connection, transaction
from order_ops.store.ledger import Key, Touched
from order_ops.store.queries import acts as sql

log = structlog.get_logger(__name__)

CHUNK = 500
_ROUNDS = 4
"""So many acts in a row on one order: written down, then paid back, and the like."""


@dataclass(frozen=True, slots=True)
class Repairer:
    """With what orders are looked at.

    Attributes:
        client_of: an account's client; shared by threads.
        grace_s: how long a reservation is left alone after its expiry.
        at_once: so many orders are asked about, and acts carried out, side by side.
    """

    pool: Engine
    mapping: Mapping
    client_of: Callable[[str], ProviderClient]
    run_id: str
    grace_s: float
    at_once: int = 8

    def terms(self, order: Order, now: datetime) -> Terms:
        """By what an order is judged."""
        wanted = self.mapping.repairs
        within = wanted.completed_within_minutes
        return Terms(
            now=now,
            grace=timedelta(seconds=self.grace_s),
            stale=PLACED,
            blind=self._blind(order),
            after_close=wanted.after_close,
            fulfilment=None if within is None else timedelta(minutes=within),
        )

    def _blind(self, order: Order) -> dict[str, timedelta | None]:
        """Accounts that the order may be paid through, and nobody can ask."""
        accounts = self.mapping.of_tenant(order.tenant)
        blind: dict[str, timedelta | None] = {
            account.name: timedelta(hours=waits) if waits is not None else None
            for account in accounts
            if account.provider not in ASKABLE
            for waits in [account.expire_unasked_after_hours]
        }
        known = {account.name for account in accounts}
        named = {payment.account for payment in order.payments.values()}
        return blind | dict.fromkeys(named - known)


@dataclass(slots=True)
class Looked:
    """What a look did: orders by what became of them.

    Attributes:
        details: (order, what became of it, why).
        stopped: why it ended before its time; none: it did not.
    """

    orders: Counter[str] = field(default_factory=Counter)
    details: list[tuple[str, str, str]] = field(default_factory=list)
    stopped: str | None = None

    def add(self, key: Key, what: str, why: str) -> None:
        """One order."""
        self.orders[what] += 1
        self.details.append((key[1], what, why))


@dataclass(slots=True)
class Case:
    """An order in this look.

    Attributes:
        error: why its provider could not be asked; none: it was.
        act: what is carried out about it, be it begun by an earlier run.
        what: what became of it, in a word.
    """

    order: Order
    seen: tuple[SeenPayment, ...]
    decision: Decision
    error: ClassifiedError | None = None
    act: Act | None = None
    given_back: list[GivenBack] = field(default_factory=list)
    what: str = "left"
    why: str = ""

    @property
    def key(self) -> Key:
        """The order's."""
        return self.order.tenant, self.order.order_id


def look(
    repairer: Repairer, keys: Sequence[Key], *, dry_run: bool = False, seconds: float = 300.0
) -> Looked:
    """Look at orders, those first that come first, until the time is up.

    A dry run asks and decides, and writes nothing.
    """
    deadline = monotonic() + seconds
    looked, down = Looked(), dict[str, str]()
    if not dry_run:
        findings.end_settled(repairer.pool)
    for start in range(0, len(keys), CHUNK):
        chunk = [key for key in keys[start : start + CHUNK] if key[0] not in down]
        if monotonic() > deadline:
            looked.stopped = "its time was up; the next run goes on"
            break
        cases = _asked(repairer, chunk)
        if dry_run:
            _rehearse(looked, cases)
            continue
        down |= findings.providers_down(repairer.pool, cases)
        for case in cases:
            if case.order.tenant in down:
                looked.add(case.key, case.what, down[case.order.tenant])
        _work_off(repairer, looked, [case for case in cases if case.order.tenant not in down])
    looked.stopped = looked.stopped or "; ".join(down.values()) or None
    return looked


def _asked(repairer: Repairer, keys: Sequence[Key]) -> list[Case]:
    """The orders as they are, and as their providers have them."""
    with transaction(repairer.pool) as conn:
        orders = ledger.load(conn, keys)
        under_way = acts.under_way(conn, keys)
    asker = Asker(repairer.mapping, repairer.client_of, repairer.at_once)
    answers = asker.ask(orders.values())
    now = datetime.now(UTC)
    cases = []
    for key in keys:
        if key not in orders:
            continue
        order, answer = orders[key], answers[key]
        if isinstance(answer, ClassifiedError):
            case = Case(order, (), findings.unasked(order, answer), answer)
        else:
            decision = decide(order, answer, repairer.terms(order, now))
            case = Case(order, answer, decision)
        case.act = under_way.get(key)
        cases.append(case)
    return cases


def _rehearse(looked: Looked, cases: Sequence[Case]) -> None:
    for case in cases:
        plan = case.decision.plan
        what = (
            f"would_{plan.kind}" if plan else "settled" if case.decision.settled else "would_leave"
        )
        looked.add(case.key, what, plan.reason if plan else findings.why(case.decision))


def _work_off(repairer: Repairer, looked: Looked, cases: list[Case]) -> None:
    for _ in range(_ROUNDS if cases else 0):
        _plan(repairer, cases)
        _tell(repairer, [case for case in cases if case.act is not None])
        with transaction(repairer.pool) as conn:
            _write(conn, repairer, cases)
            findings.record(conn, cases)
        for case in cases:
            looked.add(case.key, case.what, case.why)
        done = [case.key for case in cases if case.what in _GO_ON]
        if not done:
            break
        cases = [case for case in _asked(repairer, done) if not case.decision.settled or case.act]


_GO_ON = frozenset({"settled", "confirmed", "cancelled", "overtaken"})


def _plan(repairer: Repairer, cases: Sequence[Case]) -> None:
    """Write down what is planned; what may be done at once is under way then."""
    planned = []
    for case in cases:
        plan = case.decision.plan
        case.why = plan.reason if plan else findings.why(case.decision)
        if case.act is not None or plan is None:
            continue
        mode = acts.mode_of(repairer.mapping, case.order, plan, case.seen)
        case.what = "off"
        planned.append(Planned(case.order, plan, case.seen, mode))
    with transaction(repairer.pool) as conn:
        written = acts.write(conn, planned, repairer.run_id)
    plans = {one.key: one for one in planned}
    for case in cases:
        if case.key not in plans:
            continue
        one = plans[case.key]
        if one.mode != "off":
            act_id, state = written.get(case.key, (0, "overtaken"))
            case.what = f"{one.plan.kind}_proposed" if state == "proposed" else state
            if state in ("approved", "intended"):
                case.act = Act(act_id, case.key, one.plan)


def _tell(repairer: Repairer, cases: Sequence[Case]) -> None:
    """Have the providers do their part, side by side; an act that cannot go on now is left."""
    if not cases:
        return
    with transaction(repairer.pool) as conn:
        ids = [case.act.id for case in cases if case.act]
        sql.begin_acts(conn, ids=ids, run_id=repairer.run_id)
    with ThreadPoolExecutor(repairer.at_once, thread_name_prefix="tell") as pool:
        list(pool.map(lambda case: _tell_one(repairer, case), cases))


def _tell_one(repairer: Repairer, case: Case) -> None:
    act = case.act
    assert act is not None
    paused = pauses.acts_paused(repairer.pool, act.plan.kind)
    teller = Teller(
        repairer.pool,
        repairer.client_of,
        lambda account: pauses.acts_paused(repairer.pool, act.plan.kind, account),
    )
    if case.error is not None:
        case.what, case.act = "left", None
    elif not _still_wanted(case, act):
        case.what = "overtaken"
    elif paused:
        case.what, case.why, case.act = "paused", paused, None
    else:
        try:
            case.given_back = teller.tell(act, case.seen)
            case.what = "carried_out"
        except ClassifiedError as error:
            _failed(repairer, case, act, error)


def _still_wanted(case: Case, act: Act) -> bool:
    """Whether the same would be decided now, or the provider has done some of it already."""
    now = case.decision.plan
    keys = {one.key for payment in case.seen for one in payment.refunds}
    begun = any(
        acts.call_key(act, "give_back", back.payment, back.account) in keys
        for back in act.plan.give_back
    )
    return begun or (
        now is not None
        and (now.kind, now.cancel, now.give_back, now.to)
        == (act.plan.kind, act.plan.cancel, act.plan.give_back, act.plan.to)
    )


def _failed(repairer: Repairer, case: Case, act: Act, error: ClassifiedError) -> None:
    about = {"order": case.order.order_id, "act": act.id, "correlation_id": repairer.run_id}
    log.warning("repair.failed", **about, kind=error.kind, error=str(error))
    case.why = str(error)
    if error.kind is FailureKind.CONFLICT:  # the provider has moved on: it is asked anew
        case.what = "overtaken"
        return
    if error.kind in RETRIED:
        with transaction(repairer.pool) as conn:
            sql.keep_error(conn, id=act.id, error=str(error))
        case.what, case.act = "to_be_tried_again", None
    else:
        case.what = "failed"


def _write(conn: Connection, repairer: Repairer, cases: Sequence[Case]) -> None:
    """What was done, in the books: all of a chunk or nothing."""
    acted = [case for case in cases if case.act is not None]
    orders = ledger.load(conn, [case.key for case in acted])
    now = datetime.now(UTC)
    ended, touched = [], []
    for case in acted:
        act = case.act
        assert act is not None
        one = Touched(orders[case.key], orders[case.key].version)
        state = _change(case, act, one, Writing(f"act:{act.id}", now))
        if state is ActState.DONE and act.plan.kind is ActKind.REPEAT:
            outbox.say_again(conn, one.order)
        one.changes = [replace(c, correlation_id=repairer.run_id) for c in one.changes]
        ended.append((act.id, state, case.why if state is ActState.FAILED else None))
        touched.append(one)
    ledger.save(conn, touched)
    changed = [one.order for one in touched if one.changes]
    reconciliation_days.mark_changed(conn, repairer.mapping, changed)
    acts.end(conn, ended)


_BECAME = {
    ActKind.EXPIRE: "expired",
    ActKind.CONFIRM: "confirmed",
    ActKind.CANCEL: "cancelled",
    ActKind.REFUND: "refunded",
    ActKind.REINSTATE: "reinstated",
    ActKind.RELEASE: "released",
    ActKind.SETTLE: "settled",
    ActKind.REPEAT: "repeated",
}


def _change(case: Case, act: Act, one: Touched, writing: Writing) -> ActState:
    """Change an order by what was done; how its act has ended."""
    if case.what == "failed":
        return ActState.FAILED
    if case.what == "overtaken" or one.order.version != case.order.version:
        one.changes += write_down(one.order, (), case.given_back, writing)
        case.what = "overtaken"
        return ActState.OVERTAKEN
    try:
        one.changes += carry_out(one.order, act.plan, case.seen, case.given_back, writing)
    except Rejected as error:
        case.what, case.why = "failed", str(error)
        return ActState.FAILED
    case.what = _BECAME[act.plan.kind]
    return ActState.DONE
