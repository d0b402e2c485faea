"""Local times whose time zone stands beside them, in a column of its own.

A zone is an IANA name (`Europe/Amsterdam`), an offset (`GMT+01:00`, `-0800`), or an abbreviation
that means one offset wherever it is written. An abbreviation is a fixed offset: `CET` is UTC+1 in
July too, where the same place writes `CEST`. One that means several offsets is refused, because a
wrong hour can be a wrong accounting day.
"""

import re
from zoneinfo import available_timezones

import polars as pl

from order_ops.providers.files import text_columns
from order_ops.providers.files.csv_file import TextTable

_HOURS: dict[str, float] = {
    "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3,
    "MSK": 3, "SGT": 8, "HKT": 8, "AWST": 8, "JST": 9, "ACST": 9.5, "ACDT": 10.5, "AEST": 10,
    "AEDT": 11, "NZST": 12, "NZDT": 13, "BRT": -3, "EDT": -4, "EST": -5, "CDT": -5, "MDT": -6,
    "MST": -7, "PDT": -7, "PST": -8, "AKDT": -8, "AKST": -9, "HST": -10,
}  # fmt: skip
"""Hours ahead of UTC. Without CST, IST and AST, which are written on several continents."""

_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2})(?::?(\d\d))?")
_HINT = "write an IANA name such as Europe/Amsterdam, or an abbreviation that means one offset"


def times(table: TextTable, local: pl.Series, column: str, zone_column: str) -> pl.Series:
    """Return UTC times (us) of local ones.

    Args:
        table: the rows, for errors and their zones.
        local: times without a zone (us), one per row.
        column: the column that they are from, as errors name it.
        zone_column: the column with the zones.

    Raises:
        ReportError: a zone is empty or not known, or its clock skipped the time.
    """
    zones = text_columns.required_text(table, zone_column)
    value = pl.lit(None, dtype=pl.Datetime("us", "UTC"))
    for zone in zones.unique().sort():
        here = _utc(pl.col("local"), zone)
        if here is None:
            text_columns.refuse_first(
                table,
                zone_column,
                zones == zone,
                lambda text: f"{text!r} is not a time zone, or is one of several places",
                _HINT,
            )
        else:
            value = pl.when(pl.col("zone") == zone).then(here).otherwise(value)
    rows = pl.DataFrame({"local": local, "zone": zones})
    read = rows.with_columns(value.alias("utc"))["utc"]
    text_columns.refuse_first(
        table,
        column,
        read.is_null(),
        lambda text: f"{text!r} is a time that the clock of its zone skipped",
        "ask the provider what time was meant",
    )
    return read


def _utc(local: pl.Expr, zone: str) -> pl.Expr | None:
    if "/" in zone and zone in available_timezones():
        placed = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        return placed.dt.convert_time_zone("UTC")
    minutes = _minutes(zone)
    if minutes is None:
        return None
    return (local - pl.duration(minutes=minutes)).dt.replace_time_zone("UTC")


def _minutes(zone: str) -> int | None:
    if zone in _HOURS:
        return int(_HOURS[zone] * 60)
    found = _OFFSET.fullmatch(zone)
    if found is None:
        return None
    sign, hours, minutes = found.groups(default="0")
    offset = (1 if sign == "+" else -1) * (int(hours) * 60 + int(minutes))
    # no clock on earth is further from UTC, or turns its hour at minute 60
    return offset if int(minutes) < 60 and -12 * 60 <= offset <= 14 * 60 else None
