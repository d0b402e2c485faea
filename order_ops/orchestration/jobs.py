"""The jobs: what is run, with its tags. Triggers are in schedules and sensors.

Steps of a run are executed in its own process: a run is the unit that is
limited, killed and retried.
"""

import dagster as dg

from order_ops.orchestration.assets.reconciliation import GROUP
from order_ops.orchestration.ops.dead_letters import handle_dead_letters
from order_ops.orchestration.ops.expiry import expire_due_orders, find_due_orders
from order_ops.orchestration.ops.failures import handle_run_failure
from order_ops.orchestration.ops.intake import apply_order_events

_MONEY, _EXPIRY = 10, 8


def _tags(owner: str, priority: int, max_runtime_s: int) -> dict[str, str]:
    """Who owns a job, how urgent it is (higher goes first), and when it is ended."""
    return {
        "owner": owner,
        "dagster/priority": str(priority),
        "dagster/max_runtime": str(max_runtime_s),
    }


@dg.job(
    description="Staged events -> orders, payments, refunds, outbox.",
    tags=_tags("platform", _MONEY, 900),
)
def apply_order_events_job() -> None:
    """Requested by the staging sensor."""
    apply_order_events()


@dg.job(
    description="Reservations past their expiry: ask the provider, then expire or confirm.",
    tags=_tags("platform", _EXPIRY, 900),
)
def expire_orders_job() -> None:
    """On a schedule; also from the UI with `dry_run`."""
    expire_due_orders(find_due_orders())


@dg.job(
    description="Failed runs -> dead letters and alerts.",
    tags=_tags("platform", _MONEY, 300),
)
def handle_run_failure_job() -> None:
    """Requested by the run-failure sensor."""
    handle_run_failure()


@dg.job(
    description="Dead letters: replay or discard them; a dry run unless told otherwise.",
    tags=_tags("platform", _MONEY, 3600),
)
def dead_letters_job() -> None:
    """From the UI: the launchpad has the config."""
    handle_dead_letters()


reconcile_payments_job = dg.define_asset_job(
    "reconcile_payments_job",
    selection=dg.AssetSelection.groups(GROUP),
    description="One accounting day of one provider account: inputs, matches, breaks, bridge.",
    tags=_tags("finance-operations", _MONEY, 3600),
)

message_ledger_job = dg.define_asset_job(
    "message_ledger_job",
    selection=dg.AssetSelection.assets("message_ledger"),
    description="The ledger of messages per hour, and the check that none is missing.",
    tags=_tags("platform", _MONEY, 300),
)

ALL = (
    apply_order_events_job,
    dead_letters_job,
    expire_orders_job,
    handle_run_failure_job,
    message_ledger_job,
    reconcile_payments_job,
)
