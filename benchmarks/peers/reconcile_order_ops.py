"""order_ops: every pass, judged, with breaks, bridge and explanations.

Run as a peer is, from both sides in memory, but on everything that happened: attempts that failed,
fees and payouts too.
"""

import json
import pickle
import resource
import sys
import time
from pathlib import Path

import polars as pl

from order_ops.reconciliation.bank import BankSide
from order_ops.reconciliation.core import reconcile
from order_ops.reconciliation.day import Day, Entries

folder = Path(sys.argv[1])
day: Day = pickle.loads((folder / "day.pickle").read_bytes())
internal, provider, bank = (
    pl.read_parquet(folder / f"{side}.parquet") for side in ("internal", "provider", "bank")
)
start = time.perf_counter()
result = reconcile(day, Entries(internal, provider, bank=BankSide(bank)))
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
if any(result.residual_minor.values()):
    sys.exit(f"residual: {result.residual_minor}")
if "keep" in sys.argv[2:]:
    for name in ("match_members", "breaks", "break_members"):
        getattr(result, name).write_parquet(folder / f"{name}.parquet")
print(json.dumps({"seconds": seconds, "peak_mb": peak}))
