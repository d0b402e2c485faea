"""Customer, shop, provider, clock and crashes in any order: whatever happens, it ends well.

A model of a provider stands beside an order. Things happen in a random order; a look may die before
its provider is told, or between that and the books. Then time passes, what is under way ends, and
looks go on until nothing is planned. Money and stock have to be where they belong then.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from order_ops.domain.orders import LEGAL_MOVES, REINSTATEMENTS, Change, Order, Payment, State, move
from order_ops.domain.repairs import ActKind, Decision, Plan, SeenPayment, SeenRefund, Terms, decide
from order_ops.domain.repairs.changes import GivenBack, Writing, carry_out, write_down
from order_ops_tests.unit.domain.repairs.cases import NOW, TOTAL

ACTIONS = (
    "pay", "pay_again", "hear", "cancel", "time", "look", "die_before", "die_after", "refund_fails",
    "dispute", "dispute_ends",
)  # fmt: skip


@dataclass
class World:
    """An order, its provider, and the time."""

    order: Order
    seen: dict[str, SeenPayment]
    now: datetime = NOW
    history: list[Change] = field(default_factory=list)
    refunds: int = 0

    @classmethod
    def new(cls) -> "World":
        at = NOW - timedelta(minutes=1)
        made = Order("shop", "o1", "BRL", TOTAL, at, state=State.RESERVED, version=2)
        made.expires_at, made.state_since = NOW + timedelta(hours=1), at
        made.reservations, made.stock_held = {"seat": 1}, True
        made.payments["pi_1"] = Payment("pi_1", "cards", TOTAL, "BRL")
        return cls(made, {"pi_1": SeenPayment("pi_1", "cards", "requires_payment", TOTAL, "BRL")})

    def pay(self) -> None:
        """The customer pays, unless that is not possible any more."""
        if self.seen["pi_1"].status == "requires_payment":
            self._captured("pi_1")

    def pay_again(self) -> None:
        """With another card, of which the shop does not tell us."""
        if "pi_2" not in self.seen:
            self.seen["pi_2"] = SeenPayment("pi_2", "cards", "", TOTAL, "BRL")
            self._captured("pi_2")

    def _captured(self, ref: str) -> None:
        self.now += timedelta(seconds=1)
        self.seen[ref] = replace(self.seen[ref], status="succeeded", created=self.now)

    def hear(self) -> None:
        """The shop's events say what the provider has; the first payment confirms."""
        self.history += write_down(self.order, self._paid(), (), self._writing("event"))
        if self.order.state is State.RESERVED and self.order.paid_minor() >= TOTAL:
            self._move(State.CONFIRMED, "confirmed")

    def _paid(self) -> list[SeenPayment]:
        return [one for one in self.seen.values() if one.ref == "pi_1"]

    def cancel(self) -> None:
        """The shop cancels the order."""
        if (self.order.state, State.CANCELLED) in LEGAL_MOVES:
            self._move(State.CANCELLED, "cancelled")

    def _move(self, to: State, kind: str) -> None:
        self.history.append(move(self.order, to, kind=kind, at=self.now, cause="event"))

    def time(self) -> None:
        """Two hours pass."""
        self.now += timedelta(hours=2)

    def refund_fails(self) -> None:
        """One that is under way does not arrive."""
        self._end_one("failed")

    def _end_one(self, status: str) -> None:
        for ref, payment in self.seen.items():
            ended = tuple(
                replace(one, status=status) if one.status == "pending" else one
                for one in payment.refunds
            )
            self.seen[ref] = replace(payment, refunds=ended)

    def dispute(self) -> None:
        """The customer asks the bank as well."""
        if self.seen["pi_1"].is_paid:
            self.seen["pi_1"] = replace(self.seen["pi_1"], disputed=True)

    def dispute_ends(self) -> None:
        """It is withdrawn."""
        self.seen["pi_1"] = replace(self.seen["pi_1"], disputed=False)

    def look(self) -> Decision:
        """Ask, decide, tell the provider, write it down."""
        decision = self.decision()
        if decision.plan is not None:
            self.write(decision.plan, self.tell(decision.plan))
        return decision

    def die_before(self) -> None:
        """It dies when it has decided."""
        self.decision()

    def die_after(self) -> None:
        """It dies when the provider has done its part."""
        if (plan := self.decision().plan) is not None:
            self.tell(plan)

    def decision(self) -> Decision:
        return decide(self.order.copy(), list(self.seen.values()), Terms(now=self.now))

    def tell(self, plan: Plan) -> list[GivenBack]:
        for ref in plan.cancel:
            assert self.seen[ref].status == "requires_payment"
            self.seen[ref] = replace(self.seen[ref], status="canceled")
        made = []
        for back in plan.give_back:
            payment = self.seen[back.payment]
            assert 0 < back.amount_minor <= payment.kept_minor, "never more than is there"
            assert not payment.disputed
            self.refunds += 1
            refund = SeenRefund(f"re_{self.refunds}", "pending", back.amount_minor)
            self.seen[back.payment] = replace(payment, refunds=(*payment.refunds, refund))
            made.append(GivenBack(back.payment, back.account, refund))
        return made

    def write(self, plan: Plan, made: list[GivenBack]) -> None:
        before = self.order.state
        seen = list(self.seen.values())
        self.history += carry_out(self.order, plan, seen, made, self._writing(f"act:{plan.kind}"))
        moved = (before, self.order.state)
        assert before is self.order.state or moved in LEGAL_MOVES | REINSTATEMENTS

    def _writing(self, cause: str) -> Writing:
        return Writing(cause, self.now)

    @property
    def kept(self) -> int:
        return sum(one.kept_minor for one in self.seen.values())


@given(st.lists(st.sampled_from(ACTIONS), max_size=14))
@settings(max_examples=400)
def test_whatever_happens_it_ends_well(actions: list[str]) -> None:
    world = World.new()
    for action in actions:
        getattr(world, action)()
    world.dispute_ends()
    world.time()
    for _ in range(12):
        last = world.look()
        world._end_one("succeeded")
    order, findings = world.order, {one.code for one in last.findings}
    assert last.plan is None
    assert findings <= {"paid_after_close", "paid_more_than_once", "refund_fails"}, findings
    if "refund_fails" not in findings:
        wanted = TOTAL if order.state is State.CONFIRMED else 0
        assert world.kept == wanted, "money is where it belongs"
        assert (last.settled, order.paid_minor() - order.refunded_minor()) == (True, wanted)
    assert order.state in {State.CONFIRMED, State.CANCELLED, State.EXPIRED}
    assert order.stock_held is (order.state is State.CONFIRMED)
    captured = sum(one.amount_minor for one in world.seen.values() if one.is_paid)
    assert captured == world.kept + sum(
        back.amount_minor for one in world.seen.values() for back in one.refunds if back.counts
    )
    assert all(one.status != "requires_payment" for one in world.seen.values() if not world.kept)


@given(st.lists(st.sampled_from(ACTIONS), max_size=14))
def test_no_paid_order_expires_and_no_unpaid_one_is_confirmed(actions: list[str]) -> None:
    world = World.new()
    for action in actions:
        kept = world.kept
        before = world.order.state
        getattr(world, action)()
        if action == "look" and before is not world.order.state:
            if world.order.state is State.EXPIRED:
                assert kept == 0
            if world.order.state is State.CONFIRMED:
                assert kept >= TOTAL


def test_the_model_plans_every_kind_that_it_can() -> None:
    """Else it would prove nothing."""
    world = World.new()
    kinds = []
    for action in ("time", "look", "pay_again", "look", "look"):
        plan = world.decision().plan if action == "look" else None
        kinds += [plan.kind] if plan else []
        getattr(world, action)()
    assert kinds == [ActKind.EXPIRE, ActKind.SETTLE, ActKind.REFUND]
