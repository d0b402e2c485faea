"""The internal side of a shop that has tables of its own, read through a mapping."""

from datetime import date

import pytest

from order_ops.domain.money import MoneyError
from order_ops.jobs.days import internal_source
from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.mapping import InternalSource, Mapping
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop

DAY = AccountDay(date(2026, 3, 10), "shop-cards")
TABLE = """CREATE TABLE public.charges (
    id int, type text, gateway_id text, total numeric(12, 3), cur text, state text,
    made timestamptz)"""


def _foreign(shop: Shop) -> Mapping:
    """No tenant, no account, no order: decimals under names of their own."""
    columns = {
        "entry_id": "id",
        "kind": "type",
        "provider_ref": "gateway_id",
        "amount": "total",
        "currency": "cur",
        "status": "state",
        "occurred_at": "made",
    }
    source = InternalSource(relation="public.charges", amount_unit="major", columns=columns)
    return shop.mapping.model_copy(update={"internal": source})


def _insert(shop: Shop, amount: str, currency: str, made: str) -> None:
    with transaction(shop.pool) as conn:
        conn.execute(
            "INSERT INTO public.charges VALUES (1, 'charge', 'pi_1', %s, %s, 'succeeded', %s)",
            (amount, currency, made),
        )


@pytest.fixture
def charges(shop: Shop) -> Shop:
    with transaction(shop.pool) as conn:
        conn.execute(TABLE)
    return shop


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("10.500", "BRL", 1_050), ("-3.010", "BRL", -301), ("150.000", "JPY", 150), ("0", "BRL", 0)],
)
def test_decimals_become_minor_units_exactly(
    charges: Shop, amount: str, currency: str, minor: int
) -> None:
    _insert(charges, amount, currency, "2026-03-10T15:00:00Z")
    with transaction(charges.pool) as conn:
        (row,) = internal_source.read(conn, _foreign(charges), DAY).to_dicts()
    assert (row["amount_minor"], row["provider_ref"], row["order_ref"]) == (minor, "pi_1", None)
    assert row["tenant_id"] == "shop"


def test_an_amount_finer_than_its_currency_is_never_rounded(charges: Shop) -> None:
    _insert(charges, "10.005", "BRL", "2026-03-10T15:00:00Z")
    with pytest.raises(MoneyError), transaction(charges.pool) as conn:
        internal_source.read(conn, _foreign(charges), DAY)


@pytest.mark.parametrize(
    ("made", "found"),
    [("2026-03-10T03:00:00Z", 1), ("2026-03-11T02:59:59Z", 1), ("2026-03-10T02:59:59Z", 0)],
)
def test_the_day_is_the_account_s_own(charges: Shop, made: str, found: int) -> None:
    _insert(charges, "1", "BRL", made)
    with transaction(charges.pool) as conn:
        assert len(internal_source.read(conn, _foreign(charges), DAY)) == found
