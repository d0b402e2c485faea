"""order_ops' own worker, without Dagster around it: what a run of its job calls."""

from pathlib import Path

from order_ops.jobs.orders.apply_events import apply_due_events
from order_ops.jobs.orders.apply_lanes import worker as make_worker
from order_ops.settings import get_settings
from order_ops.store.engine import transaction


def peak_kib():
    """Not getrusage's: that one remembers the process which started this one."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


worker = make_worker(get_settings(), "benchmark")
with transaction(worker.pool) as conn:
    conn.execute("SELECT 1")
before = peak_kib()
print("start", flush=True)
done = apply_due_events(worker, seconds=3_600)
print("end", flush=True)
print("memory", before, peak_kib(), sum(done.events.values()), flush=True)
