"""`order-ops order`: one order whole, for who is asked about it."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from order_ops.cli.base import JsonFile, check_writable, console, explained, plain, pool, write_json
from order_ops.domain.money import format_minor
from order_ops.settings import get_settings

app = typer.Typer(no_args_is_help=True, help="An order, and all that is known of it.")


@app.command()
def show(
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="ORDER|PAYMENT|REF",
            help="The order, or a payment, refund, dispute or line of a provider that is of it.",
        ),
    ],
    *,
    tenant: Annotated[str | None, typer.Option(help="Whose, where several have it.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask its provider.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Show an order: what happened, what its provider says now, and what comes next."""
    from order_ops.jobs.orders.provider_clients import ProviderClients  # noqa: PLC0415
    from order_ops.jobs.repairs import order_story  # noqa: PLC0415
    from order_ops.jobs.repairs.repairing import Repairer  # noqa: PLC0415
    from order_ops.mapping import load_mapping  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        settings = get_settings()
        mapping = load_mapping(settings.mapping)
        clients = ProviderClients(settings, mapping)
        repairer = Repairer(pool(), mapping, clients, "order show", settings.expiry_grace_s)
        key = order_story.called(repairer.pool, mapping, wanted, tenant)
        found = order_story.story(repairer, key, live=not offline)
    if json_file is not None:
        write_json(json_file, asdict(found))
        return
    order = found.order
    total = format_minor(order.total_minor, order.currency)
    _say(f"Order {order.order_id} of {order.tenant}: {order.state}, {total}", "bold")
    for one in found.told:
        when = f"{one.at:%Y-%m-%d %H:%M:%S}  "
        line = Text.assemble((when, "dim"), plain(f"{one.what:<9}", "bold"), plain(one.text))
        console.print(line, soft_wrap=True)
    for told in found.live:
        _say(f"The provider: {told}")
    for told in found.breaks:
        _say(f"Does not add up: {told}")
    _say(f"Next: {found.next_step}", "bold")


def _say(text: str, style: str = "") -> None:
    console.print(plain(text, style), soft_wrap=True)
