"""The classes of retention."""

from datetime import UTC, datetime, timedelta

from order_ops.domain.retention import AUDIT, BUSY, CLASSES, MONEY

NOW = datetime(2026, 3, 10, tzinfo=UTC)


def test_each_class_is_kept_longer_than_the_one_before() -> None:
    assert list(CLASSES.values()) == [BUSY, MONEY, AUDIT]
    assert BUSY.keep_for < MONEY.keep_for < AUDIT.keep_for
    assert BUSY.before(NOW) == NOW - timedelta(days=1)


def test_thirteen_months_and_ten_years_are_never_cut_short() -> None:
    for year in range(2024, 2034):
        for month in range(1, 13):
            ended = datetime(year, month, 1, tzinfo=UTC)
            later = datetime(year + 1 + month // 12, month % 12 + 1, 1, tzinfo=UTC)
            assert MONEY.before(later) <= ended
        assert AUDIT.before(datetime(year + 10, 1, 1, tzinfo=UTC)) <= ended.replace(year=year)
