"""What a frame holds is what its table holds, and comes back as it went in."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from psycopg import sql

from order_ops.store import frames
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop

SCHEMA = {
    "name": pl.String(),
    "amount": pl.Int64(),
    "at": pl.Datetime("us", "UTC"),
    "day": pl.Date(),
    "known": pl.Boolean(),
}
TEXTS = [
    None,
    "",
    '""',
    "\\N",
    "\\.",
    "a\n\\.\nb",
    'q"u,o',
    " s ",
    "a\rb",
    "a\r\nb",
    "çß😀",
    "NULL",
]
MOMENTS = [
    None,
    datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(2026, 3, 10, 15, 0, 0, 1, UTC),
]


def _odd() -> pl.DataFrame:
    count = len(TEXTS)
    cells = {
        "name": TEXTS,
        "amount": ([None, -(2**63), 2**63 - 1] * count)[:count],
        "at": (MOMENTS * count)[:count],
        "day": ([None, date(2026, 2, 28)] * count)[:count],
        "known": ([None, True, False] * count)[:count],
    }
    return pl.DataFrame(cells, SCHEMA)


@pytest.mark.parametrize("zone", ["UTC", "America/Sao_Paulo"])
@pytest.mark.parametrize("rows", [0, len(TEXTS)])
def test_a_frame_comes_back_as_it_went_in(shop: Shop, zone: str, rows: int) -> None:
    told = _odd().head(rows)
    with transaction(shop.pool) as conn:
        conn.execute("SELECT set_config('TimeZone', %s, true)", [zone])
        conn.execute(
            "CREATE TEMP TABLE odd (name text, amount bigint, at timestamptz, day date,"
            " known boolean) ON COMMIT DROP"
        )
        frames.write(conn, sql.Identifier("odd"), told)
        found = frames.read(conn, sql.SQL("SELECT * FROM odd"), SCHEMA)
        assert_frame_equal(found, told, check_row_order=False)
        same = conn.execute("SELECT count(*) FROM odd WHERE at = %s", [MOMENTS[1]]).fetchone()
        assert same == (told.filter(at=MOMENTS[1]).height,)


def test_more_rows_than_one_part_are_all_there(shop: Shop) -> None:
    told = pl.DataFrame({"n": pl.int_range(250_001, eager=True)})
    with transaction(shop.pool) as conn:
        conn.execute("CREATE TEMP TABLE many (n bigint) ON COMMIT DROP")
        frames.write(conn, sql.Identifier("many"), told)
        found = frames.read(conn, sql.SQL("SELECT * FROM many"), {"n": pl.Int64()})
    assert_frame_equal(found.sort("n"), told)
