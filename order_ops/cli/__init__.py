"""The command line: every command, thin. What a command does is in `jobs` or `devstack`."""

import typer

from order_ops.cli import (
    acts,
    alerts,
    audit,
    bank,
    breaks,
    dlq,
    doctor,
    ingest,
    messages,
    orders,
    pauses,
    provider,
    reconcile,
    rehearse,
    simulate,
    system,
    trace,
)

app = typer.Typer(
    name="order-ops",
    help="Background jobs of an order service that have to be right.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    system.up,
    system.demo,
    system.migrate,
    system.consume,
    system.relay,
    system.watch,
    pauses.pause,
    pauses.resume,
    doctor.doctor,
    trace.trace,
    ingest.ingest,
    reconcile.reconcile,
    rehearse.rehearse,
    simulate.simulate,
):
    app.command()(command)
app.add_typer(acts.app, name="acts")
app.add_typer(alerts.app, name="alerts")
app.add_typer(audit.app, name="audit")
app.add_typer(bank.app, name="bank")
app.add_typer(breaks.app, name="breaks")
app.add_typer(dlq.app, name="dlq")
app.add_typer(messages.app, name="messages")
app.add_typer(orders.app, name="order")
app.add_typer(provider.app, name="provider")
