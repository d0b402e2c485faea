"""order_ops: looks at the reservations that have run out, page by page, until none is due.

As the job does it, in one process; the mapping and the database are given.
"""

import json
import resource
import sys
import time
from pathlib import Path

from order_ops.jobs.orders.provider_clients import ProviderClients
from order_ops.jobs.repairs import due
from order_ops.jobs.repairs.repairing import Repairer, look
from order_ops.mapping import load_mapping
from order_ops.settings import Settings
from order_ops.store.engine import engine

url, mapping_file, api_base = sys.argv[1], Path(sys.argv[2]), sys.argv[3] or None
settings = Settings(
    database_url=url, provider_api_base=api_base, provider_keys={"cards": "sk_test_x"}
)
mapping = load_mapping(mapping_file)
pool = engine(settings)
repairer = Repairer(pool, mapping, ProviderClients(settings, mapping), "bench", 0.0, 8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
expired, start = 0, time.perf_counter()
while keys := due.reservations(pool, 0.0, 1_000):
    expired += look(repairer, keys).orders["expired"]
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"expired": expired, "seconds": seconds, "before_mb": before, "peak_mb": peak}))
