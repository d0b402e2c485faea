"""The filters of `order-ops breaks`: options, said once for every command that chooses breaks."""

import inspect
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Annotated, Any

import typer

from order_ops.cli.base import explained
from order_ops.domain.break_acts import STATES
from order_ops.settings import SettingsError

Filters = dict[str, Any]
"""What a person chose by, as `jobs.breaks.standing.Selection` names it; None: not by that."""

StateOption = StrEnum("StateOption", {name.upper(): name for name in STATES})  # type: ignore[misc]

_OPTIONS: dict[str, Any] = {
    "account": Annotated[str | None, typer.Option(help="Of this account.")],
    "class_": Annotated[str | None, typer.Option("--class", help="Of this class.")],
    "state": Annotated[list[StateOption] | None, typer.Option(help="In one of these states.")],
    "assignee": Annotated[str | None, typer.Option(help="Assigned to this person.")],
    "older_than": Annotated[
        int | None,
        typer.Option(min=0, max=36_500, metavar="DAYS", help="First seen more days ago than this."),
    ],
    "at_least": Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="At stake, such as 'BRL 100.00'.")
    ],
}


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the filters as options; it gets what was said as its argument `filters`."""

    @wraps(command)
    def run(**given: Any) -> None:
        said = {option: given.pop(option) for option in _OPTIONS}
        with explained():
            filters = _filters(said)
        command(**given, filters=filters)

    own = inspect.signature(command)
    options = [
        inspect.Parameter(
            option, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
        )
        for option, annotation in _OPTIONS.items()
    ]
    rest = [one for one in own.parameters.values() if one.name != "filters"]
    first = [one for one in rest if one.kind is not inspect.Parameter.KEYWORD_ONLY]
    last = [one for one in rest if one.kind is inspect.Parameter.KEYWORD_ONLY]
    run.__signature__ = own.replace(parameters=[*first, *options, *last])  # type: ignore[attr-defined]
    return run


def _filters(said: dict[str, Any]) -> Filters:
    from order_ops.reconciliation.classes import CLASSES  # noqa: PLC0415 - dataframes

    if said["class_"] is not None and said["class_"] not in CLASSES:
        raise SettingsError(f"--class {said['class_']}: there are {', '.join(CLASSES)}")
    found = {name: said[name] for name in ("account", "assignee", "older_than")}
    found["break_class"] = said["class_"]
    found["states"] = tuple(one.value for one in said["state"]) if said["state"] else None
    if said["at_least"] is not None:
        found["currency"], found["at_least_minor"] = _amount(said["at_least"])
    return found


def _amount(text: str) -> tuple[str, int]:
    from order_ops.domain.money import MoneyError, parse_major  # noqa: PLC0415 - babel, 0.1 s

    currency, _, amount = text.strip().partition(" ")
    try:
        return currency, parse_major(amount.strip().replace(",", ""), currency)
    except MoneyError as error:
        raise SettingsError(f"--at-least {text!r}: say it like 'BRL 100.00': {error}") from None
