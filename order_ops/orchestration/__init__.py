"""Dagster, and nothing but Dagster: each definition is thin over `order_ops.jobs`.

Two warnings of Dagster 1.13 are accepted here, once: checks with partitions are
in preview (without them a failing day would be hidden by the next day's pass),
and its own run-failure sensor passes a parameter that is in beta.
"""

import warnings

import dagster as dg

warnings.filterwarnings(
    "ignore", r"Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning
)
warnings.filterwarnings(
    "ignore", r"Parameter `owners` of initializer `SensorDefinition", dg.BetaWarning
)
