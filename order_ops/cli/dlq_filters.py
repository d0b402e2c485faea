"""The filters of `order-ops dlq`: options, said once for every command that chooses letters."""

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from typing import Annotated, Any

import typer

from order_ops.domain.failures import FailureKind


class Origin(StrEnum):
    """What a letter is of."""

    EVENT = "event"
    RUN = "run"


_DAY = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]

Filters = dict[str, Any]
"""What a person chose by, as `jobs.letters.letter_sets.Selection` names it; None: not by that."""

_OPTIONS: dict[str, tuple[str, Any]] = {
    "group": (
        "fingerprint",
        Annotated[str | None, typer.Option(help="Those of this cause, see `dlq groups`.")],
    ),
    "origin": ("origin", Annotated[Origin | None, typer.Option(help="Of events, or of runs.")]),
    "name": (
        "name",
        Annotated[str | None, typer.Option(help="Of this event type, routing key or job.")],
    ),
    "category": (
        "category",
        Annotated[FailureKind | None, typer.Option(help="Of this kind of failure.")],
    ),
    "tenant": ("tenant_id", Annotated[str | None, typer.Option(help="Of this tenant.")]),
    "order": ("order_id", Annotated[str | None, typer.Option(help="About this order.")]),
    "since": (
        "since",
        Annotated[datetime | None, typer.Option(formats=_DAY, help="From this moment on, UTC.")],
    ),
    "until": (
        "until",
        Annotated[datetime | None, typer.Option(formats=_DAY, help="Before this moment, UTC.")],
    ),
}


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the filters as options; it gets what was said as its argument `filters`."""

    @wraps(command)
    def run(**given: Any) -> None:
        filters = {name: _value(given.pop(option)) for option, (name, _) in _OPTIONS.items()}
        command(**given, filters=filters)

    own = inspect.signature(command)
    options = [
        inspect.Parameter(
            option, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
        )
        for option, (_, annotation) in _OPTIONS.items()
    ]
    (letters, *rest) = (one for one in own.parameters.values() if one.name != "filters")
    run.__signature__ = own.replace(parameters=[letters, *options, *rest])  # type: ignore[attr-defined]
    return run


def _value(said: Any) -> Any:
    if isinstance(said, StrEnum):
        return said.value
    return said.replace(tzinfo=UTC) if isinstance(said, datetime) else said
