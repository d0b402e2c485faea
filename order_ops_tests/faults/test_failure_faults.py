"""Failures in a burst, and while a server or Slack is away: a dead letter each, and told once."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import psutil

from order_ops.devstack.processes import free_port
from order_ops.devstack.waiting import wait_until
from order_ops.domain.messages import Message
from order_ops.jobs.catalogue import APPLY_ORDER_EVENTS, EXPIRE_ORDERS, PURGE
from order_ops_tests.faults.dagster_system import ENDS_S, Dagster, kill, log_of
from order_ops_tests.faults.launching import BROKEN, BROKEN_TOO, Launcher
from order_ops_tests.faults.processes import Process
from order_ops_tests.faults.servers import Servers
from order_ops_tests.faults.system import System
from order_ops_tests.faults.telling import check_told_once, settings_of, wait_told
from order_ops_tests.shop import created, message
from order_ops_tests.slack import BROKEN as FAILING
from order_ops_tests.slack import TAKEN_AND_SILENT, Answer, Slack, serving

TAKEN_AND_BROKEN = Answer(500, "internal_error", taken=True)
OUT = timedelta(minutes=3)
LETTERS = "SELECT origin_id, fingerprint FROM ops.dead_letter WHERE origin = 'run'"
CAUSES = "SELECT seen FROM ops.alert WHERE starts_with(dedupe_key, 'dead_letter:')"
LAST = """SELECT max(d.delivered_at) FROM ops.alert_delivery d JOIN ops.alert a ON a.id = d.alert_id
    WHERE starts_with(a.dedupe_key, 'dead_letter:')"""


def test_a_burst_of_200_failures(dagster: Dagster, launcher: Launcher) -> None:
    """None is lost, none is told twice, and one message speaks of all that have one cause."""
    system = dagster.system
    with serving(Slack()) as slack:
        dagster.start_watcher(**settings_of(slack))
        dagster.start_daemon()
        began = datetime.now(UTC)
        failed = [run for _ in range(20) for run in _ten_failures(launcher)]
        assert len(set(failed)) == 200
        wait_until(lambda: len(system.rows(LETTERS)) >= 200, ENDS_S, "200 dead letters")
        wait_told(system)
        assert system.one(LAST) - began < OUT
        wait_until(lambda: "seen 80 times" in str(slack.first()), ENDS_S, "a message that counts")
        dagster.stop()
    found = system.rows(LETTERS)
    assert sorted(run for run, _ in found) == sorted(failed)
    groups = sorted(Counter(cause for _, cause in found).values())
    assert groups == [20, 20, 80, 80]
    assert sorted(seen for (seen,) in system.rows(CAUSES)) == groups, "each was counted once"
    assert len(check_told_once(system, slack)) < 10


def _ten_failures(launcher: Launcher) -> list[str]:
    """Runs that the database refuses, and runs whose process died before it did anything."""
    steps = [launcher.fails(EXPIRE_ORDERS.name, config) for config in (BROKEN, BROKEN_TOO) * 4]
    return [*steps, *(launcher.dies(job.name) for job in (APPLY_ORDER_EVENTS, PURGE))]


POISON = {
    "a server's error": b'{"id": "\xff\xfe"}',
    "a lost answer": message("order.cancelled", "o0", 3, reason="a\x00b").body,
    "silence": created("o1").body.replace(b'"id"', b'"no_id"'),
    "silence again": created("o3").body[:40],
    "nobody there": created("o2").body.replace(b"order.created", b"order.flown"),
    "well again": b"[" * 100_000,
}
"""What the consumer parks with an alert, each for a cause of its own; by what Slack does then."""


def test_a_slack_outage(system: System) -> None:
    """It fails, loses its answers, says nothing while the watcher is killed, is gone: told once."""
    slack = Slack()
    consumer = system.start("consume")
    watcher = _watching(system, slack)
    consumer.wait_said("consumer.consuming")
    with serving(slack):
        slack.always = {"chat.postMessage": FAILING, "conversations.history": FAILING}
        _park(system, slack, "a server's error", calls=2)
        slack.always = {"chat.postMessage": TAKEN_AND_BROKEN}
        _park(system, slack, "a lost answer", calls=2)
        slack.always = {"chat.postMessage": TAKEN_AND_SILENT}
        _park(system, slack, "silence", calls=1)
        watcher.kill()
        watcher = _watching(system, slack)
        _park(system, slack, "silence again", calls=2)
    failures = len(watcher.said("alerts.channel_failed"))
    _park(system, slack, "nobody there", calls=0)
    watcher.wait_said("alerts.channel_failed", failures + 2, timeout=ENDS_S)
    slack.always = {}
    with serving(slack):
        _park(system, slack, "well again", calls=1)
        wait_told(system)
        watcher.stop()
    keys = check_told_once(system, slack)
    assert len([key for key in keys if key.startswith("dead_letter:")]) == len(POISON)
    system.workload.publish([*system.workload.lives(5)])
    system.check()


def _watching(system: System, slack: Slack) -> Process:
    return system.start("watch", metrics_port=free_port(), **settings_of(slack))


def _park(system: System, slack: Slack, why: str, *, calls: int) -> None:
    """One more thing to tell; over when Slack has been called so often more."""
    before = len(slack.calls)
    parked = system.one("SELECT count(*) FROM ops.alert")
    system.workload.publish([Message(POISON[why], "order.created", {})], parked=True)
    alerts = "SELECT count(*) FROM ops.alert"
    wait_until(lambda: system.one(alerts) > parked, ENDS_S, f"the alert of {why}")
    wait_until(lambda: len(slack.calls) >= before + calls, ENDS_S, f"{calls} calls under {why}")


def test_postgres_goes_down_under_a_run(dagster: Dagster, servers: Servers) -> None:
    """What the run had in hand is done by another, when PostgreSQL is back: there is no letter."""
    dagster.system.start("consume").wait_said("consumer.consuming")
    code_server = dagster.start_code_server()
    dagster.start_watcher()
    dagster.start_daemon()
    dagster.system.workload.publish(dagster.system.workload.lives(40))
    run, process = dagster.halted()
    _dies_unseen(servers, code_server, process)
    dagster.system.workload.publish(dagster.system.workload.lives(40))
    dagster.check(failed=[run])


def test_a_run_dies_unseen_before_its_work(
    dagster: Dagster, launcher: Launcher, servers: Servers
) -> None:
    """No execution is on record, and Dagster believes that it runs: one letter, and its slot."""
    system = dagster.system
    dagster.start_watcher()
    dagster.start_daemon()
    system.postgres_proxy.stall()
    run = launcher.launch(EXPIRE_ORDERS.name)
    wait_until(lambda: dagster.pid(run) is not None, ENDS_S, "the run's process")
    _dies_unseen(servers, system.processes[0], psutil.Process(dagster.pid(run)))
    system.postgres_proxy.resume()
    assert launcher.wait_ended([run]) == ["FAILURE"]
    wait_until(lambda: system.rows(LETTERS), ENDS_S, "the dead letter")
    next_run = launcher.launch(EXPIRE_ORDERS.name)
    assert launcher.wait_ended([next_run]) == ["SUCCESS"]
    assert [failed for failed, _ in system.rows(LETTERS)] == [run]
    wait_until(lambda: not dagster.held(), ENDS_S, "every slot to be free")


def _dies_unseen(servers: Servers, code_server: Process, process: psutil.Process) -> None:
    """A run's process is killed while PostgreSQL is down, until its parent has given it up.

    The thread of Dagster's code server that looks for dead runs dies with this error: nobody
    of Dagster's looks any more.
    """
    servers.postgres.kill()
    kill(process)
    looked = "_check_for_orphaned_runs"
    wait_until(lambda: looked in log_of(code_server), ENDS_S, "the code server to have looked")
    servers.postgres.restart()
