"""Spans of time as a person types them: `90s`, `30m`, `2h`, `7d`."""

import re
from datetime import timedelta

from order_ops.settings import SettingsError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=90)


def duration(option: str, text: str) -> timedelta:
    """The span that an option says.

    Raises:
        SettingsError: it is none, nothing, or longer than 90 days.
    """
    found = re.fullmatch(r"([0-9]{1,8})([smhd])", text.strip())
    if found is None:
        raise SettingsError(f"{option}: {text!r} is no span of time: say 90s, 30m, 2h or 7d")
    span = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if not timedelta(0) < span <= _LONGEST:
        raise SettingsError(f"{option}: {text!r} is not between 1s and {_LONGEST.days}d")
    return span
