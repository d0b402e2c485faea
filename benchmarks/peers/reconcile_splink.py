"""Splink on DuckDB: deterministic links by reference, then by order and amount.

Its model of probabilities is not used: it is made for names and addresses, and no probability is a
payment.
"""

import pandas as pd
from reconciling import COLUMNS, measure, of_pandas
from splink import Linker, SettingsCreator, block_on
from splink.backends.duckdb import DuckDBAPI

RULES = [
    block_on("provider_ref", "kind"),
    block_on("order_ref", "kind", "currency", "amount_minor"),
]


def work(ours, theirs):
    database = DuckDBAPI()
    settings = SettingsCreator(
        link_type="link_only",
        unique_id_column_name="entry_id",
        blocking_rules_to_generate_predictions=RULES,
        retain_intermediate_calculation_columns=False,
    )
    tables = [
        database.register(frame, dataset_display_name=name)
        for frame, name in ((ours, "internal"), (theirs, "provider"))
    ]
    linked = Linker(tables, settings, log_level="ERROR").inference.deterministic_link()
    return linked.as_pandas_dataframe(), ours, theirs


def findings(done):
    linked, ours, theirs = done
    links = linked[["entry_id_l", "entry_id_r"]].rename(
        columns={"entry_id_l": "entry_id_x", "entry_id_r": "entry_id_y"}
    )
    rows = links
    for side, name in ((ours, "x"), (theirs, "y")):
        known = side[["entry_id", "amount_minor", "currency"]].add_suffix(f"_{name}")
        rows = rows.merge(known, on=f"entry_id_{name}")
    left, right = (
        side[~side["entry_id"].isin(rows[f"entry_id_{name}"])]
        for side, name in ((ours, "x"), (theirs, "y"))
    )
    return of_pandas(rows, left, right)


measure(lambda path: pd.read_parquet(path)[COLUMNS], work, findings)
