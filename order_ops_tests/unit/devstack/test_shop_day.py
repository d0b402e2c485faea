"""The demo's day: the same every time, true to the sample, and labelled beyond doubt."""

import csv
import io
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from order_ops.devstack.shop import poison
from order_ops.devstack.shop.day import build_day
from order_ops.devstack.shop.fates import BREAK_CLASS, COUNTS, FAULTS
from order_ops.devstack.shop.model import ACCOUNTS, Message, ShopDay
from order_ops.devstack.shop.report import HEADER
from order_ops.devstack.shop.sample import load_sample, minor
from order_ops.domain import handlers, orders
from order_ops.domain.events import EVENT, EVENT_TYPES, Event
from order_ops.mapping import load_mapping

from .conftest import DAY


def rows_of(day: ShopDay, account: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(day.provider_files[account].decode())))


def good(day: ShopDay) -> list[Message]:
    broken = {label.body for label in day.labels}
    return [message for message in day.messages if message.body not in broken]


def events_of(day: ShopDay) -> list[Event]:
    return [EVENT.validate_json(message.body) for message in good(day)]


def test_the_sample_has_the_oddities_of_the_data() -> None:
    sample = load_sample()
    payments = [payment for order in sample for payment in order.payments]
    assert len(sample) == len({order.order_id for order in sample}) == 5_000
    assert sum(payment.amount_minor for payment in payments) == 79_543_431
    assert sum(payment.amount_minor == 0 for payment in payments) == 9
    assert sum(payment.method == "not_defined" for payment in payments) == 3
    assert max(len(order.payments) for order in sample) == 29
    assert all(len(order.order_id) == 32 for order in sample)


@pytest.mark.parametrize(("value", "cents"), [(0.0, 0), (99.33, 9933), (13664.08, 1366408)])
def test_amounts_are_exact(value: float, cents: int) -> None:
    assert minor(value) == cents


def test_a_fraction_of_a_cent_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number of cents"):
        minor(1.005)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(shop_day: ShopDay) -> None:
    assert build_day(DAY) == shop_day
    assert build_day(DAY, seed=7).provider_files != shop_day.provider_files
    assert build_day(DAY + timedelta(days=1)).messages != shop_day.messages


def test_messages_are_the_wire_contract(shop_day: ShopDay) -> None:
    events = events_of(shop_day)
    assert {event.type for event in events} <= set(EVENT_TYPES)
    for message, event in zip(good(shop_day), events, strict=True):
        assert (message.routing_key, message.message_id) == (event.type, event.id)


def test_ids_are_unique_but_for_copies_byte_for_byte(shop_day: ShopDay) -> None:
    bodies: dict[str | None, set[bytes]] = defaultdict(set)
    for message in good(shop_day):
        bodies[message.message_id].add(message.body)
    assert all(len(same) == 1 for same in bodies.values())
    assert len(shop_day.messages) - shop_day.expected.duplicates - 7 == len(bodies)


def test_sequences_of_a_producer_have_no_gap_and_only_grow(shop_day: ShopDay) -> None:
    seen: dict[str, list[int]] = defaultdict(list)
    for event in events_of(shop_day):
        if event.sequence not in seen[event.producer][-2_000:]:  # a copy comes minutes later
            seen[event.producer].append(event.sequence)
    for sequences in seen.values():
        assert sequences == list(range(1, len(sequences) + 1))


def test_phases_are_played_one_after_the_other(shop_day: ShopDay) -> None:
    phases = [message.phase for message in shop_day.messages]
    assert "day" not in phases[phases.index("after_expiry") :]
    assert phases.count("after_expiry") == 9


def test_times_are_inside_the_local_day_and_straddle_midnight_in_utc(shop_day: ShopDay) -> None:
    start = datetime(2026, 3, 2, 3, tzinfo=UTC)
    times = [event.occurred_at for event in events_of(shop_day)]
    times += [line.created for lines in shop_day.lines.values() for line in lines]
    assert min(times) >= start
    assert max(times) < start + timedelta(days=1)
    assert len({moment.date() for moment in times}) == 2


def test_the_days_money_is_the_samples_to_the_cent(shop_day: ShopDay) -> None:
    ordered = {
        e.order: e.data.total_minor for e in events_of(shop_day) if e.type == "order.created"
    }
    unheard = [label for label in shop_day.labels if label.expected_class == "missing_internal"]
    total = sum(order.total_minor for order in load_sample())
    assert sum(ordered.values()) + sum(label.amount_minor for label in unheard) == total
    assert not ordered.keys() & {label.order_id for label in unheard}


def test_the_provider_file_closes(shop_day: ShopDay) -> None:
    for account in ACCOUNTS:
        rows = rows_of(shop_day, account)
        assert all(
            Decimal(row["gross"]) - Decimal(row["fee"]) == Decimal(row["net"]) for row in rows
        )
        assert sum(Decimal(row["net"]) for row in rows) == 0, "the payout takes all of it"
        counts = Counter(row["reporting_category"] for row in rows)
        assert counts["payout"] == counts["fee"] == 1
        assert counts["refund"] == sum(COUNTS[fate][ACCOUNTS.index(account)] for fate in COUNTS
                                       if fate in ("refunded", "partly_refunded"))  # fmt: skip
        assert Decimal(rows[-1]["net"]) < 0


def test_the_provider_file_has_the_header_of_a_real_export(shop_day: ShopDay) -> None:
    for account in ACCOUNTS:
        header = shop_day.provider_files[account].split(b"\n", 1)[0].decode().split(",")
        assert tuple(header) == HEADER
        assert {"created_utc", "payment_metadata[order_id]", "source_id"} <= set(header)
        assert {row["currency"] for row in rows_of(shop_day, account)} == {"brl"}


def test_line_ids_are_unique(shop_day: ShopDay) -> None:
    ids = [line.line_id for lines in shop_day.lines.values() for line in lines]
    assert len(ids) == len(set(ids))


def test_the_shop_uses_the_accounts_of_the_bundled_mapping(shop_day: ShopDay) -> None:
    mapping = load_mapping()
    assert tuple(account.name for account in mapping.accounts) == ACCOUNTS
    assert {message.routing_key for message in shop_day.messages} <= set(mapping.events.routing)


def test_faults_do_not_meet_on_one_order_and_are_in_both_accounts(shop_day: ShopDay) -> None:
    labels = [label for label in shop_day.labels if label.order_id]
    assert len({label.order_id for label in labels}) == len(labels)
    assert {label.fault for label in labels} == {fate.value for fate in FAULTS}
    for account in ACCOUNTS:
        assert {label.fault for label in labels if label.account == account} == set(FAULTS)
    assert all(label.amount_minor > 0 for label in labels if label.expected_class)


def test_a_lost_reference_leaves_only_our_order_id(shop_day: ShopDay) -> None:
    lost = {line for label in shop_day.labels if label.fault == "lost_reference"
            for line in label.lines}  # fmt: skip
    rows = [row for account in ACCOUNTS for row in rows_of(shop_day, account)]
    orders_of_rows = Counter(row["payment_metadata[order_id]"] for row in rows)
    for row in (row for row in rows if row["balance_transaction_id"] in lost):
        assert not row["payment_intent_id"] + row["charge_id"] + row["source_id"]
        assert orders_of_rows[row["payment_metadata[order_id]"]] == 1


def test_each_kind_of_poison_is_there_and_none_is_an_event(shop_day: ShopDay) -> None:
    bodies = [label.body for label in shop_day.labels if label.fault == "poison"]
    assert len(bodies) == len(poison.KINDS) == 7
    for body in bodies:
        assert body is not None
        if len(body) > 100_000:
            continue
        with pytest.raises(ValueError, match=r".+"):
            EVENT.validate_json(body)
    assert [len(body or b"") for body in bodies].count(poison.OVERSIZE) == 1
    assert [m.message_id for m in shop_day.messages].count(None) == 1


def test_expected_breaks_are_the_labels(shop_day: ShopDay) -> None:
    assert set(shop_day.expected.breaks) == set(BREAK_CLASS.values())
    assert shop_day.expected.breaks["captured_after_cancel"].count == 9
    for name, stake in shop_day.expected.breaks.items():
        amounts = [lb.amount_minor for lb in shop_day.labels if lb.expected_class == name]
        assert (stake.count, stake.amount_minor) == (len(amounts), sum(amounts))


def test_the_orders_end_as_expected_when_the_messages_are_applied(shop_day: ShopDay) -> None:
    """The rules of the domain, played over the messages, agree with the generator's figures."""
    book: dict[str, orders.Order] = {}
    queue = events_of(shop_day)
    late = {json.loads(m.body)["id"] for m in shop_day.messages if m.phase == "after_expiry"}
    waiting = _play(book, [event for event in queue if event.id not in late])
    assert not _play(book, waiting)
    end = datetime(2026, 3, 4, tzinfo=UTC)
    for order in book.values():
        if order.state is orders.State.RESERVED and (order.expires_at or end) < end:
            orders.move(order, orders.State.EXPIRED, kind="expired", at=end, cause="test")
    assert not _play(book, [event for event in queue if event.id in late])
    states = Counter(order.state.value for order in book.values())
    assert dict(states) == shop_day.expected.orders


def _play(book: dict[str, orders.Order], events: list[Event]) -> list[Event]:
    waiting = []
    for event in events:
        try:
            book[event.order], _ = handlers.apply(book.get(event.order), event)
        except orders.TooEarly:
            waiting.append(event)
    return waiting
