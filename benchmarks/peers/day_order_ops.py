"""order_ops: one accounting day from a source table and a provider's file to tables and report.

Each step is what the daily job calls, in one process, as in a run.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from order_ops.jobs.days import parquet
from order_ops.jobs.days.reconcile import read_provider, reconcile_day, snapshot_internal
from order_ops.jobs.days.reconciliation_days import AccountDay
from order_ops.jobs.days.report import write_report
from order_ops.jobs.files.ingest import ingest
from order_ops.mapping import load_mapping
from order_ops.reconciliation.rules import load_rules
from order_ops.settings import Settings
from order_ops.store.engine import engine

url, folder, day = sys.argv[1], Path(sys.argv[2]), date.fromisoformat(sys.argv[3])
pool = engine(Settings(database_url=url))
mapping = load_mapping(folder / "mapping.yaml")
account_day = AccountDay(day, mapping.accounts[0].name)
rules = load_rules(folder / "rules.yaml")
seconds: dict[str, float] = {}


def timed(step: str, work: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    done = work()
    seconds[step] = time.perf_counter() - start
    return done


timed("ingest the file", lambda: ingest(pool, mapping.accounts[0], folder / "provider.csv"))
timed("snapshot our side", lambda: snapshot_internal(pool, mapping, account_day))
timed("read their side", lambda: read_provider(pool, account_day))
done = timed("reconcile", lambda: reconcile_day(pool, mapping, rules, account_day, "bench"))
timed("Parquet", lambda: parquet.write_day(pool, str(folder / "tables"), account_day))
timed("report", lambda: write_report(pool, folder, done))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
told = {"verdict": done.result.verdict, "matched": done.result.matched}
print(json.dumps({"seconds": seconds, "peak_mb": peak, **told}))
