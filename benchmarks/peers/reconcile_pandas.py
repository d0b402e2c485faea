"""pandas: an outer merge on reference and kind, with `indicator`.

Rows without a reference are kept out of the merge: pandas joins empty keys with each other.
"""

import pandas as pd
from reconciling import COLUMNS, KEY, measure, of_pandas


def work(ours, theirs):
    named, unnamed = (
        [side[side["provider_ref"].notna()] for side in (ours, theirs)],
        [side[side["provider_ref"].isna()] for side in (ours, theirs)],
    )
    joined = named[0].merge(named[1], on=KEY, how="outer", indicator=True)
    return joined, unnamed


def findings(done):
    joined, (ours, theirs) = done
    left, right = (joined[joined["_merge"] == side] for side in ("left_only", "right_only"))
    return of_pandas(
        joined[joined["_merge"] == "both"],
        pd.concat([left.rename(columns={"entry_id_x": "entry_id"})[["entry_id", "kind"]], ours]),
        pd.concat([right.rename(columns={"entry_id_y": "entry_id"})[["entry_id", "kind"]], theirs]),
    )


measure(lambda path: pd.read_parquet(path)[COLUMNS], work, findings)
