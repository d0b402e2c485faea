"""The one resource: what every asset and op gets its pool, mapping and rules from.

Tests override it here and nowhere else.
"""

from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg
from sqlalchemy import Engine

from order_ops.jobs.orders.apply_lanes import Worker, worker
from order_ops.jobs.orders.provider_clients import ProviderClients
from order_ops.jobs.repairs.repairing import Repairer
from order_ops.jobs.running.runtime import Running
from order_ops.mapping import Mapping, load_mapping
from order_ops.settings import Settings, get_settings
from order_ops.store.engine import engine

if TYPE_CHECKING:
    from order_ops.reconciliation.rules import Rules


class OrderOps(dg.ConfigurableResource["OrderOps"]):
    """Settings, mapping, rules and the database pool of this process."""

    @cached_property
    def settings(self) -> Settings:
        """The environment, validated."""
        return get_settings()

    @cached_property
    def mapping(self) -> Mapping:
        """The shop."""
        return load_mapping(self.settings.mapping)

    @property
    def pool(self) -> Engine:
        """The database."""
        return engine(self.settings)

    def rules(self) -> "Rules":
        """Matching rules; imported here, since dataframes take a second to load."""
        from order_ops.reconciliation.rules import load_rules  # noqa: PLC0415

        return load_rules(self.settings.rules)

    def worker(self, running: Running) -> Worker:
        """Who applies events under an execution."""
        return worker(self.settings, running.asked.run_id, running.pool)

    def repairer(self, running: Running) -> Repairer:
        """Who looks at orders under an execution."""
        return Repairer(
            pool=running.pool,
            mapping=self.mapping,
            client_of=ProviderClients(self.settings, self.mapping),
            run_id=running.asked.run_id,
            grace_s=self.settings.expiry_grace_s,
            at_once=self.settings.provider_calls_at_once,
        )
