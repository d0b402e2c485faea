"""DataComPy on pandas or Polars (argv): `Compare` joined by reference and kind.

Rows without a reference are kept out, as with pandas: it too would join what has none. Duplicates
are joined in their order, as it does.
"""

import sys

import datacompy
import pandas as pd
import polars as pl
from reconciling import COLUMNS, KEY, measure, of_pandas

ON_POLARS = "polars" in sys.argv[2:]


def load(path):
    return pl.read_parquet(path, columns=COLUMNS) if ON_POLARS else pd.read_parquet(path)[COLUMNS]


def work(ours, theirs):
    if ON_POLARS:
        named = [side.filter(pl.col("provider_ref").is_not_null()) for side in (ours, theirs)]
        unnamed = [side.filter(pl.col("provider_ref").is_null()) for side in (ours, theirs)]
        made = datacompy.PolarsCompare(*named, join_columns=KEY)
    else:
        named = [side[side["provider_ref"].notna()] for side in (ours, theirs)]
        unnamed = [side[side["provider_ref"].isna()] for side in (ours, theirs)]
        made = datacompy.PandasCompare(*named, join_columns=KEY)
    return made, unnamed


def findings(done):
    made, unnamed = done
    frames = [made.intersect_rows, made.df1_unq_rows, made.df2_unq_rows, *unnamed]
    if ON_POLARS:
        frames = [frame.to_pandas() for frame in frames]
    rows, left, right, *nameless = frames
    kept = ["entry_id", "kind"]
    left, right = (
        frame.rename(columns={f"entry_id_{side}": "entry_id"})[kept]
        for frame, side in ((left, "df1"), (right, "df2"))
    )
    return of_pandas(
        rows,
        pd.concat([left, nameless[0][kept]]),
        pd.concat([right, nameless[1][kept]]),
        ours="entry_id_df1",
        theirs="entry_id_df2",
    )


measure(load, work, findings)
