"""`order-ops pause` and `resume`: stop what runs by itself, and let it go on."""

from enum import StrEnum
from typing import Annotated

import typer

from order_ops.cli.base import By, Reason, actor, console, explained, plain, pool


class Pausable(StrEnum):
    """What can be paused."""

    CONSUMER = "consumer"


What = Annotated[Pausable, typer.Argument(help="What: the consumer takes no more messages.")]


def pause(what: What, reason: Reason = "", by: By = "") -> None:
    """Pause something within 5 seconds, until it is resumed; messages wait at the broker."""
    from order_ops.store import pauses  # noqa: PLC0415

    with explained():
        who = actor(by, reason)
        done = pauses.pause(pool(), what.value, who)
        known = pauses.paused(pool(), what.value)
    since = known.since.isoformat(timespec="seconds")
    state = "is paused" if done else "is paused already"
    told = f"{what.value} {state}: by {known.actor} since {since}: {known.reason}"
    console.print(plain(told), soft_wrap=True)


def resume(what: What, reason: Reason = "", by: By = "") -> None:
    """Let something that was paused go on."""
    from order_ops.store import pauses  # noqa: PLC0415

    with explained():
        done = pauses.resume(pool(), what.value, actor(by, reason))
    console.print(f"{what.value} {'goes on' if done else 'was not paused'}.")
