"""The queue under pressure: who goes first, how many at a time, and what is counted of it."""

from concurrent.futures import ThreadPoolExecutor
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from order_ops.devstack import processes
from order_ops.devstack.processes import LOOPBACK
from order_ops.devstack.waiting import wait_until
from order_ops.domain.jobs import POOLS
from order_ops.jobs.catalogue import DEAD_LETTERS, EXPIRE_ORDERS, PURGE, RECONCILE_PAYMENTS
from order_ops.orchestration.job_tags import PRIORITY, TENANT
from order_ops.orchestration.performing import REQUEST, SKIPPED
from order_ops_tests.faults.dagster_system import READY_S, Dagster
from order_ops_tests.faults.launching import BROKEN, Launcher
from order_ops_tests.faults.servers import Servers

EXECUTIONS = "SELECT state, attempt, run_id FROM ops.job_execution WHERE job = %s"
COUNTED = "SELECT status, executions::int FROM ops.job_total WHERE job = %s"


def test_the_most_urgent_of_the_queue_goes_first(dagster: Dagster, launcher: Launcher) -> None:
    """One slot: what was queued last and is about money begins before all that waits longer."""
    dagster.at_most(1)
    low = [launcher.launch(PURGE.name) for _ in range(3)]
    middle = launcher.launch(EXPIRE_ORDERS.name)
    high = launcher.launch(DEAD_LETTERS.name)
    runs = [*low, middle, high]
    assert launcher.statuses(runs) == ["QUEUED"] * 5
    for run, job in ((low[0], PURGE), (middle, EXPIRE_ORDERS), (high, DEAD_LETTERS)):
        assert launcher.tags(run, PRIORITY) == [str(job.priority.value)]
    dagster.start_daemon()
    assert launcher.wait_ended(runs) == ["SUCCESS"] * 5
    assert launcher.began(runs) == [high, middle, *low]
    assert launcher.most_at_once(runs) == 1


def test_twenty_launches_at_once(dagster: Dagster, launcher: Launcher) -> None:
    """As many run at a time as the pool has slots; one does the work, the others say why not."""
    dagster.start_watcher()
    dagster.start_daemon()
    slots = "SELECT \"limit\" FROM concurrency_limits WHERE concurrency_key = 'money'"
    wait_until(lambda: dagster.rows(slots) == [(POOLS["money"],)], READY_S, "the pool's slots")
    asks = {REQUEST: "twenty at once"}
    with ThreadPoolExecutor(20) as people:
        launches = [people.submit(launcher.launch, EXPIRE_ORDERS.name, {}, asks) for _ in range(20)]
    runs = [launch.result() for launch in launches]
    assert launcher.wait_ended(runs) == ["SUCCESS"] * 20
    assert launcher.most_at_once(runs) == POOLS["money"] > 1
    ((state, attempt, run),) = dagster.system.rows(EXECUTIONS, EXPIRE_ORDERS.name)
    assert (state, attempt) == ("done", 1)
    assert launcher.tags(run, SKIPPED) == []
    for other in set(runs) - {run}:
        (why,) = launcher.tags(other, SKIPPED)
        assert why.startswith((f"run {run} is doing it", f"run {run} did it")), why
    assert dict(dagster.system.rows(COUNTED, EXPIRE_ORDERS.name)) == {"done": 1, "skipped": 19}


@pytest.mark.parametrize(
    ("tag", "limit", "one", "other"),
    [
        (TENANT, 2, "shop", "another shop"),
        ("dagster/partition/account", 1, "shop-cards", "shop-boleto"),
    ],
    ids=["tenant", "account"],
)
def test_one_that_has_its_share_of_the_slots_waits_and_others_pass_it(
    dagster: Dagster, launcher: Launcher, tag: str, limit: int, one: str, other: str
) -> None:
    """A backfill of one tenant, or of one account, does not take all slots."""
    busy = [launcher.holds(RECONCILE_PAYMENTS.name, {tag: one}) for _ in range(limit)]
    waits = launcher.launch(EXPIRE_ORDERS.name, {}, {tag: one})
    passes = launcher.launch(EXPIRE_ORDERS.name, {}, {tag: other})
    dagster.start_daemon()
    assert launcher.wait_ended([passes]) == ["SUCCESS"]
    assert launcher.statuses([waits]) == ["QUEUED"]
    launcher.end(busy[0])
    assert launcher.wait_ended([waits]) == ["SUCCESS"]


def test_one_of_ten_failed_and_a_scrape_says_a_tenth_after_everything_was_restarted(
    dagster: Dagster, launcher: Launcher, servers: Servers
) -> None:
    """The counts are kept with the facts, and not in a process."""
    dagster.at_most(1)
    dagster.start_watcher()
    dagster.start_daemon()
    runs = [launcher.launch(EXPIRE_ORDERS.name, BROKEN if n == 4 else {}) for n in range(10)]
    ended = ["FAILURE" if n == 4 else "SUCCESS" for n in range(10)]
    assert launcher.wait_ended(runs) == ended
    before = _scraped(dagster, EXPIRE_ORDERS.name)
    dagster.stop()
    servers.postgres.kill()
    servers.postgres.restart()
    dagster.start_watcher()
    after = _scraped(dagster, EXPIRE_ORDERS.name)
    assert after == before == {"done": 9.0, "failed": 1.0}
    assert after["failed"] / sum(after.values()) == 0.1


def _scraped(dagster: Dagster, job: str) -> dict[str, float]:
    """A job's executions by how they ended, as Prometheus gets them from the watcher."""
    port = dagster.metrics_port
    wait_until(lambda: processes.answers(port), READY_S, "the watcher's metrics")
    with urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=30) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    (found,) = [family for family in families if family.name == "job_executions"]
    return {
        sample.labels["status"]: sample.value
        for sample in found.samples
        if sample.labels["job_name"] == job
    }
