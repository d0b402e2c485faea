"""`order-ops acts`: what is planned about orders, and what people decide about it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from order_ops.cli.base import (
    By,
    JsonFile,
    Reason,
    actor,
    check_writable,
    console,
    explained,
    plain,
    pool,
    write_json,
)
from order_ops.domain.money import format_minor
from order_ops.domain.repairs import ActKind, ActState
from order_ops.settings import get_settings

if TYPE_CHECKING:
    from order_ops.mapping.roles import Roles

app = typer.Typer(
    no_args_is_help=True,
    help="Acts about orders: proposed, approved, carried out; and what providers were told.",
)
ActId = Annotated[int, typer.Argument(help="The act's number.")]
ActIds = Annotated[list[int], typer.Argument(help="The acts' numbers.")]
_SHOWN = ("id", "kind", "state", "order_id", "reason")


@app.command("list")
def list_acts(
    state: Annotated[ActState | None, typer.Option(help="How far they are.")] = None,
    kind: Annotated[ActKind | None, typer.Option(help="What is done.")] = None,
    order: Annotated[str | None, typer.Option(help="About this order.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    json_file: JsonFile = None,
) -> None:
    """Show acts, the latest first."""
    from order_ops.jobs.repairs import approvals  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        chosen = approvals.Chosen(state, kind, order)
        found = approvals.find(pool(), chosen, limit)
    if json_file is not None:
        write_json(json_file, [row._asdict() for row in found])
        return
    table = Table("act", "what", "is", "order", "money", "because", "since (UTC)")
    for row in found:
        told = [plain(getattr(row, name)) for name in _SHOWN]
        since = f"{row.created_at:%Y-%m-%d %H:%M}"
        table.add_row(*told[:4], _money(row), told[4], since)
    console.print(table if found else "No act is like that.")


@app.command()
def show(act_id: ActId, json_file: JsonFile = None) -> None:
    """Show an act whole: on which facts, what its providers were told, who decided."""
    from order_ops.jobs.repairs import approvals  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        act, calls, decisions = approvals.story(pool(), act_id)
    if json_file is not None:
        document = {"calls": [one._asdict() for one in calls]}
        document["decisions"] = [one._asdict() for one in decisions]
        write_json(json_file, {**act._asdict(), **document})
        return
    _say(f"Act {act.id}: {act.kind} order {act.order_id} ({act.state})")
    _say(f"  because {act.reason}")
    if act.amount_minor:
        _say(f"  about {_money(act)}")
    for payment in act.facts.get("provider", []):
        _say(f"  the provider had {payment['ref']}: {payment['status']}, {payment['amount_minor']}")
    for call in calls:
        told = f"  {call.verb} {call.payment}: {call.state}, sent {call.sent} times"
        request = f", request {call.request_id}" if call.request_id else ""
        _say(f"{told}, key {call.idempotency_key}{request}{_error(call.error)}")
    for one in decisions:
        _say(f"  {one.at:%Y-%m-%d %H:%M} {one.actor}: {one.action}, {one.reason}")
    if act.error:
        _say(f"  went wrong: {act.error}")


@app.command()
def approve(act_ids: ActIds, *, reason: Reason = "", by: By = "") -> None:
    """Let proposals be carried out, by the next run of apply_repairs_job."""
    from order_ops.jobs.repairs import approvals  # noqa: PLC0415

    with explained():
        who, roles = actor(by, reason), _roles()
        for act_id in act_ids:
            approvals.approve(pool(), roles, act_id, who)
            _say(f"Act {act_id} is approved: it is carried out within a minute or two.")


@app.command()
def reject(act_ids: ActIds, *, reason: Reason = "", by: By = "") -> None:
    """Let proposals be."""
    from order_ops.jobs.repairs import approvals  # noqa: PLC0415

    with explained():
        who, roles = actor(by, reason), _roles()
        for act_id in act_ids:
            approvals.reject(pool(), roles, act_id, who)
            _say(f"Act {act_id} is rejected.")


@app.command()
def retry(act_ids: ActIds, *, reason: Reason = "", by: By = "") -> None:
    """Have failed acts planned anew, once what was wrong is mended."""
    from order_ops.jobs.repairs import approvals  # noqa: PLC0415

    with explained():
        who, roles = actor(by, reason), _roles()
        for act_id in act_ids:
            approvals.retry(pool(), roles, act_id, who)
            _say(f"The order of act {act_id} is looked at again, and what is due is planned anew.")


def _roles() -> "Roles":
    from order_ops.mapping.roles import load_roles  # noqa: PLC0415

    return load_roles(get_settings().roles)


def _money(row: Any) -> str:
    if row.amount_minor is None or row.currency is None:
        return ""
    return format_minor(row.amount_minor, row.currency)


def _error(error: str | None) -> str:
    return f": {error}" if error else ""


def _say(text: str) -> None:
    console.print(plain(text), soft_wrap=True)
