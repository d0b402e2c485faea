"""recordlinkage: blocked by reference and kind, compared exactly in amount and currency."""

import pandas as pd
import recordlinkage
from reconciling import COLUMNS, KEY, measure, of_pandas


def work(ours, theirs):
    ours, theirs = (side.set_index("entry_id", drop=False) for side in (ours, theirs))
    named = [side[side["provider_ref"].notna()] for side in (ours, theirs)]
    candidates = recordlinkage.Index().block(KEY).index(*named)
    compare = recordlinkage.Compare()
    compare.exact("amount_minor", "amount_minor", label="amount")
    compare.exact("currency", "currency", label="currency")
    return compare.compute(candidates, *named), ours, theirs


def findings(done):
    compared, ours, theirs = done
    here, there = (compared.index.get_level_values(level) for level in (0, 1))
    rows = pd.concat(
        [
            frame.loc[ids, ["entry_id", "amount_minor", "currency"]]
            .add_suffix(suffix)
            .reset_index(drop=True)
            for frame, ids, suffix in ((ours, here, "_x"), (theirs, there, "_y"))
        ],
        axis=1,
    )
    return of_pandas(
        rows, ours[~ours["entry_id"].isin(here)], theirs[~theirs["entry_id"].isin(there)]
    )


measure(lambda path: pd.read_parquet(path)[COLUMNS], work, findings)
