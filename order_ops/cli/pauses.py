"""`order-ops pause` and `resume`: stop what runs by itself, and let it go on."""

from typing import Annotated

import typer

from order_ops.cli.base import By, Reason, actor, console, explained, plain, pool
from order_ops.domain.repairs import ActKind
from order_ops.settings import SettingsError, get_settings

_HELP = (
    "What: `consumer` takes no more messages; `acts` does nothing about orders, `acts:refund` not "
    "this kind, `acts:shop-cards` not at this account."
)
What = Annotated[str, typer.Argument(help=_HELP)]


def pause(what: What, reason: Reason = "", by: By = "") -> None:
    """Pause something within 5 seconds, until it is resumed; what is to be done waits."""
    from order_ops.store import pauses  # noqa: PLC0415

    with explained():
        who = actor(by, reason)
        done = pauses.pause(pool(), _pausable(what), who)
        known = pauses.paused(pool(), what)
    since = known.since.isoformat(timespec="seconds")
    state = "is paused" if done else "is paused already"
    told = f"{what} {state}: by {known.actor} since {since}: {known.reason}"
    console.print(plain(told), soft_wrap=True)


def resume(what: What, reason: Reason = "", by: By = "") -> None:
    """Let something that was paused go on."""
    from order_ops.store import pauses  # noqa: PLC0415

    with explained():
        done = pauses.resume(pool(), _pausable(what), actor(by, reason))
    console.print(plain(f"{what} {'goes on' if done else 'was not paused'}."))


def _pausable(what: str) -> str:
    """The name of what can be paused.

    Raises:
        SettingsError: nothing is called so; says what is.
    """
    from order_ops.mapping import load_mapping  # noqa: PLC0415
    from order_ops.store import pauses  # noqa: PLC0415

    first, _, second = what.partition(":")
    if what in (pauses.CONSUMER, pauses.ACTS) or (first == pauses.ACTS and second in set(ActKind)):
        return what
    accounts = [account.name for account in load_mapping(get_settings().mapping).accounts]
    if first == pauses.ACTS and second in accounts:
        return what
    kinds = ", ".join(f"acts:{one}" for one in (*ActKind, *accounts))
    raise SettingsError(f"{what}: nothing is called so; there are consumer, acts, {kinds}")
