from datetime import date

import pytest

from order_ops.devstack.shop.day import build_day
from order_ops.devstack.shop.model import ShopDay

DAY = date(2026, 3, 2)


@pytest.fixture(scope="package")
def shop_day() -> ShopDay:
    return build_day(DAY)
