"""Who has not been heard of: schedules that miss their ticks, sensors, processes."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Engine

from order_ops.store import alerts, beats
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import transaction

FED_BY_A_BROKER = dict.fromkeys(("process:consumer", "process:relay"), beats.PROCESS_S)
"""Processes that should be alive wherever there is a broker, however the last one ended."""

_PREFIX = "overdue:"
_WHAT = {
    "schedule": "Schedules miss their ticks: is dagster-daemon running, and are they switched on?",
    "sensor": "Sensors do not look for work: is dagster-daemon running, and are they switched on?",
    "process": "Processes do not say that they are alive",
}


def check(pool: Engine, expected: Mapping[str, float]) -> list[str]:
    """Tell of what is overdue, one alert per kind, and that it is well again; which it is.

    Processes say themselves that they are expected; of schedules and sensors, a release that
    has them no more expects none.
    """
    with transaction(pool) as conn:
        beats.expect(conn, expected)
        late = [
            one
            for one in beats.all_beats(conn)
            if beats.is_overdue(one) and (one.name in expected or _of("process", [one]))
        ]
        found = [_alert(kind, late) for kind in _WHAT if _of(kind, late)]
        raise_alerts(conn, found)
        told = [alert.dedupe_key for alert in found]
        alerts.resolve_others(conn, _PREFIX, told)
    return [one.name for one in late]


def _of(kind: str, late: Iterable[Any]) -> list[Any]:
    return [one for one in late if one.name.startswith(f"{kind}:")]


def _alert(kind: str, late: Iterable[Any]) -> Alert:
    names = [
        f"{one.name.removeprefix(f'{kind}:')} (every {one.every_s:g} s, last {one.age_s:.0f} s ago)"
        for one in _of(kind, late)
    ]
    title = f"{_WHAT[kind]}: {', '.join(names)}"
    return Alert(f"{_PREFIX}{kind}", "critical", title[:300], {"overdue": names})
