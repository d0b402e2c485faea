"""Which days have news, which are asked for, and what a partition key says."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_ops.domain.orders import Order, Payment, Refund
from order_ops.jobs.days import reconciliation_days as days
from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.mapping import Account, Mapping, MappingError, load_mapping
from order_ops.store.engine import Connection

CONN = cast(Connection, object())
# 23:30 on the 9th in São Paulo, and in Tokyo half past eleven of the 10th
LATE = datetime(2026, 3, 10, 2, 30, tzinfo=UTC)


def account(name: str, time_zone: str, *, first_day: date = date(2026, 1, 1)) -> Account:
    return Account(
        name=name, provider="stripe", tenant="shop", time_zone=time_zone, first_day=first_day
    )


def shop(*accounts: Account) -> Mapping:
    return load_mapping().model_copy(update={"accounts": list(accounts)})


SHOP = shop(account("cards", "America/Sao_Paulo"), account("konbini", "Asia/Tokyo"))


@dataclass
class Recon:
    """Stands in for the named queries: keeps what it is called with."""

    due: list[Any] = field(default_factory=list)
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        def query(conn: Connection, **arguments: Any) -> list[Any]:
            assert conn is CONN
            self.calls[name] = arguments
            return self.due if name == "due_days" else []

        return query


@pytest.fixture
def recon(monkeypatch: pytest.MonkeyPatch) -> Recon:
    stand_in = Recon()
    monkeypatch.setattr(days, "recon", stand_in)
    return stand_in


def order(*, created_at: datetime = LATE) -> Order:
    return Order("shop", "o-1", "BRL", 1000, created_at)


def payment(ref: str, account_name: str, succeeded_at: datetime | None) -> Payment:
    status = "succeeded" if succeeded_at else "pending"
    return Payment(ref, account_name, 1000, "BRL", status, succeeded_at)


def marked(recon: Recon) -> list[tuple[str, date]]:
    arrays = recon.calls.get("mark_days", {"account": [], "day": []})
    return list(zip(arrays["account"], arrays["day"], strict=True))


def test_a_payment_marks_the_accounting_day_of_its_account(recon: Recon) -> None:
    changed = order()
    changed.payments = {
        "p1": payment("p1", "cards", LATE),
        "p2": payment("p2", "konbini", LATE),
    }
    days.mark_changed(CONN, SHOP, [changed])
    assert marked(recon) == [("cards", date(2026, 3, 9)), ("konbini", date(2026, 3, 10))]


def test_a_refund_marks_the_day_it_settled_on_and_not_only_that_of_its_payment(
    recon: Recon,
) -> None:
    changed = order()
    changed.payments = {"p1": payment("p1", "cards", LATE)}
    settled = LATE + timedelta(days=3)
    changed.refunds = {"r1": Refund("r1", "p1", "cards", 10, "BRL", "succeeded", settled)}
    days.mark_changed(CONN, SHOP, [changed])
    assert marked(recon) == [("cards", date(2026, 3, 9)), ("cards", date(2026, 3, 12))]


def test_what_has_no_time_yet_belongs_to_the_day_of_its_order(recon: Recon) -> None:
    changed = order(created_at=LATE - timedelta(days=1))
    changed.payments = {"p1": payment("p1", "cards", None)}
    days.mark_changed(CONN, SHOP, [changed])
    assert marked(recon) == [("cards", date(2026, 3, 8))]


def test_a_day_of_many_orders_is_marked_once(recon: Recon) -> None:
    first, second = order(), order()
    first.payments = {"p1": payment("p1", "cards", LATE)}
    second.payments = {"p2": payment("p2", "cards", LATE + timedelta(minutes=1))}
    days.mark_changed(CONN, SHOP, [first, second])
    assert marked(recon) == [("cards", date(2026, 3, 9))]


def test_an_account_that_the_mapping_does_not_know_marks_nothing(recon: Recon) -> None:
    changed = order()
    changed.payments = {"p1": payment("p1", "closed-long-ago", LATE)}
    days.mark_changed(CONN, SHOP, [changed, order()])
    assert recon.calls == {}


def test_days_are_locked_in_one_order_whoever_marks_them(recon: Recon) -> None:
    """Two transactions that mark the same days in another order would deadlock."""
    wanted = {AccountDay(date(2026, 3, d), a) for d in (9, 1, 5) for a in ("konbini", "cards")}
    days.mark(CONN, wanted)
    found = [AccountDay(day, name) for name, day in marked(recon)]
    assert found == sorted(wanted)


def test_only_closed_days_are_asked_for_each_by_its_own_clock(recon: Recon) -> None:
    assert days.take_due(CONN, SHOP, LATE, days=7) == []
    asked = recon.calls["due_days"]
    assert asked["account"] == ["cards", "konbini"]
    assert asked["last_closed"] == [date(2026, 3, 8), date(2026, 3, 9)]
    assert asked["first_day"] == [date(2026, 1, 1)] * 2
    assert asked["days"] == 7


def test_a_day_that_is_taken_is_recorded_and_asked_for_under_a_key_of_its_own(
    recon: Recon,
) -> None:
    recon.due = [
        SimpleNamespace(account="cards", day=date(2026, 3, 1), generation=2, requests=1),
        SimpleNamespace(account="konbini", day=date(2026, 3, 4), generation=2, requests=2),
    ]
    found = days.take_due(CONN, SHOP, LATE)
    assert [due.account_day.key for due in found] == ["cards|2026-03-01", "konbini|2026-03-04"]
    assert [due.request_key for due in found] == ["cards|2026-03-01:2.1", "konbini|2026-03-04:2.2"]
    assert recon.calls["mark_requested"] == {
        "account": ["cards", "konbini"],
        "day": [date(2026, 3, 1), date(2026, 3, 4)],
    }


def test_a_week_of_closed_days_is_opened_but_none_before_the_first(recon: Recon) -> None:
    young = account("young", "UTC", first_day=date(2026, 3, 7))
    days.open_closed_days(CONN, shop(account("old", "UTC"), young), LATE)
    assert recon.calls["open_days"] == {
        "account": ["old", "young"],
        "first_day": [date(2026, 3, 2), date(2026, 3, 7)],
        "last_closed": [date(2026, 3, 9)] * 2,
    }


@pytest.mark.parametrize(
    ("moment", "last"),
    [
        (datetime(2026, 3, 10, 4, 59, 59, tzinfo=UTC), date(2026, 3, 8)),
        (datetime(2026, 3, 10, 5, 0, tzinfo=UTC), date(2026, 3, 9)),
    ],
)
def test_a_day_is_closed_from_its_cut_off_on(recon: Recon, moment: datetime, last: date) -> None:
    late = account("cards", "America/Sao_Paulo").model_copy(update={"cut_off": time(2)})
    days.open_closed_days(CONN, shop(late), moment)
    assert recon.calls["open_days"]["last_closed"] == [last]


@given(
    name=st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True),
    day=st.dates(min_value=date(1970, 1, 1)),
)
def test_a_key_reads_back_as_its_account_and_day(name: str, day: date) -> None:
    one = AccountDay(day, name)
    assert AccountDay.parse(one.key) == one
    assert days.parse_partition(one.key, shop(account(name, "UTC"))) == one


def test_a_key_is_written_for_people() -> None:
    assert AccountDay(date(2026, 1, 31), "cards").key == "cards|2026-01-31"


@pytest.mark.parametrize(
    "key",
    ["", "cards", "cards|", "|", "cards|2026-02-30", "cards|yesterday", "cards|2026-01-31|x",
     "cards|2026-01-31T00:00", "2026-01-31|cards", "cards|20260131", "cards|2026-W05-6"],
)  # fmt: skip
def test_what_is_no_key_is_answered_with_what_one_looks_like(key: str) -> None:
    with pytest.raises(MappingError, match=r"say account\|2026-01-31"):
        days.parse_partition(key, SHOP)


def test_a_key_of_an_unknown_account_is_answered_with_those_there_are() -> None:
    with pytest.raises(MappingError, match=r"no account 'paypal'.*: cards, konbini"):
        days.parse_partition("paypal|2026-01-31", SHOP)
