"""What the peers of the reconciliation share: the two sides in, matches and findings out.

They are given what has succeeded and is order money, and keep a pair of one amount and currency
as a match. The clock runs from frames in memory to the end of `work`.
"""

import json
import resource
import sys
import time
from pathlib import Path

KEY = ["provider_ref", "kind"]
COLUMNS = ["entry_id", "kind", "provider_ref", "order_ref", "amount_minor", "currency"]


def measure(load, work, findings):
    """Run a peer: argv is the folder, and `keep` where its findings are wanted as Parquet.

    Args:
        load: reads one Parquet file.
        work: of both sides, the part that is measured.
        findings: of what `work` returned: Arrow tables of pairs (internal, provider) and of
            findings (side, entry_id, class).
    """
    folder = Path(sys.argv[1])
    sides = [load(folder / f"plain_{side}.parquet") for side in ("internal", "provider")]
    start = time.perf_counter()
    done = work(*sides)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if "keep" in sys.argv[2:]:
        import pyarrow.parquet as pq  # noqa: PLC0415 - not in what is measured

        for name, table in zip(("pairs", "findings"), findings(done), strict=True):
            pq.write_table(table, folder / f"{name}.parquet")
    print(json.dumps({"seconds": seconds, "peak_mb": peak}))


def of_pandas(rows, ours_only, theirs_only, *, ours="entry_id_x", theirs="entry_id_y"):
    """Pairs and findings of pandas frames.

    Args:
        rows: joined; amount_minor and currency have the suffixes of `ours` and `theirs`.
        ours_only, theirs_only: rows that were not joined, with entry_id and kind.
        ours, theirs: what the joined ids are called.
    """
    import pandas as pd  # noqa: PLC0415 - its memory is not that of who does without
    import pyarrow as pa  # noqa: PLC0415

    here, there = ours.removeprefix("entry_id"), theirs.removeprefix("entry_id")
    amount, other = rows["amount_minor" + here], rows["amount_minor" + there]
    same = rows["currency" + here] == rows["currency" + there]
    pairs = rows.loc[same & (amount == other), [ours, theirs]]
    pairs.columns = ["internal", "provider"]
    apart = [
        pd.DataFrame({"side": side, "entry_id": rows.loc[mask, name], "class": label})
        for mask, label in (
            (~same, "currency_mismatch"),
            (same & (other < amount), "amount_short"),
            (same & (other > amount), "amount_over"),
        )
        for side, name in (("internal", ours), ("provider", theirs))
    ]
    lonely = [
        pd.DataFrame(
            {
                "side": side,
                "entry_id": left["entry_id"],
                "class": left["kind"].map(kinds).fillna(otherwise),
            }
        )
        for side, left, kinds, otherwise in (
            ("internal", ours_only, {"refund": "refund_missing_provider"}, "missing_provider"),
            (
                "provider",
                theirs_only,
                {
                    "refund": "refund_missing_internal",
                    "dispute": "dispute_unrecorded",
                    "unclassified": "unclassified",
                },
                "missing_internal",
            ),
        )
    ]
    found = pd.concat([*apart, *lonely], ignore_index=True).drop_duplicates(["side", "entry_id"])
    return (
        pa.Table.from_pandas(pairs.astype(str), preserve_index=False),
        pa.Table.from_pandas(found.astype(str), preserve_index=False),
    )
