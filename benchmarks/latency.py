"""Latency, with everything running as `order-ops up` runs it: published until applied.

The first event after quiet (the last run has ended) starts a run; events that follow are applied
by the run that lingers. An event counts as applied when another connection sees it so, looking
every 10 ms. Then a whole backlog is staged in one transaction, and the clock goes from the tick of
the sensor that asked for the run until the last of them is applied.
"""

import os
import statistics
import time
from collections.abc import Sequence
from uuid import uuid4

import dagster as dg
import psycopg

from benchmarks import harness, results
from benchmarks.events import events
from benchmarks.servers import libpq
from benchmarks.system import System, system
from order_ops.devstack import broker
from order_ops.devstack.waiting import wait_until
from order_ops.mapping import load_mapping
from order_ops.messaging.codec import Codec
from order_ops.settings import Settings
from order_ops.store.engine import engine, transaction
from order_ops.store.inbox import stage


def first_event(found: System) -> dict[str, float]:
    """Seconds of one event after quiet, in all and by step."""
    found.wait_quiet()
    time.sleep(1 + 4 * int.from_bytes(os.urandom(2), "big") / 65_536)  # any moment of a tick
    published = time.time()
    name = found.publish("order.created", f"first-{uuid4()}", 1, total_minor=1, currency="BRL")
    while not (done := found.settled([name])):
        time.sleep(0.01)
        if time.time() - published > 120:
            raise TimeoutError("the first event was not applied")
    applied = time.time()
    run = found.run_after(published)
    received, created = done[name].timestamp(), run.create_timestamp.timestamp()
    started = run.start_time or applied
    return {
        "in all": applied - published,
        "publish, consume, store": received - published,
        "until the sensor's tick asked for a run": created - received,
        "queue, launch and start of the run's process": started - created,
        "loading the job, applying": applied - started,
    }


def steady(found: System, seconds: float, per_s: float = 10.0) -> list[float]:
    """Seconds of each event at a steady pace, while a run lingers."""
    name = found.publish("order.created", f"warm-{uuid4()}", 1, total_minor=1, currency="BRL")
    wait_until(lambda: found.settled([name]), 120, "a run that lingers")
    sent: dict[str, float] = {}
    took: list[float] = []
    started = time.time()
    while time.time() - started < seconds or (sent and time.time() - started < seconds + 60):
        now = time.time()
        due = int((now - started) * per_s) - len(sent) - len(took)
        if now - started < seconds and due > 0:
            order = f"steady-{uuid4()}"
            at = time.time()
            sent[found.publish("order.created", order, 1, total_minor=1, currency="BRL")] = at
        done = found.settled(list(sent))
        now = time.time()
        took += [now - sent.pop(one) for one in done]
        time.sleep(0.01)
    if sent:
        raise TimeoutError(f"{len(sent)} steady events were not applied")
    return took


def through_dagster(found: System, count: int) -> dict[str, float]:
    """Seconds from the sensor's tick until everything that was staged at once is applied."""
    found.wait_quiet()
    settings = Settings(database_url=found.url)
    codec, pool = Codec(load_mapping().events, settings.message_limit_bytes), engine(settings)
    rows = [codec.stage(one) for one in events(count, f"bulk{uuid4().hex[:6]}-")]
    with transaction(pool) as conn:
        for start in range(0, count, 5_000):
            stage(conn, rows[start : start + 5_000])
            conn.execute("TRUNCATE staged_batch")
    staged = time.time()
    pool.dispose()
    left = "SELECT EXISTS (SELECT FROM intake.inbox WHERE state IN ('pending', 'retry'))"
    while found.conn.execute(left).fetchone() != (False,):
        time.sleep(0.1)
        if time.time() - staged > 600:
            raise TimeoutError("the backlog was not applied")
    applied = time.time()
    run = found.run_after(staged)
    tick = _tick_before(found.instance, run.create_timestamp.timestamp())
    started = run.start_time or applied
    return {
        "events/s from the tick on": count / (applied - tick),
        "waiting for the tick": tick - staged,
        "tick until the run starts": started - tick,
        "run starts until all is applied": applied - started,
    }


def _tick_before(instance: dg.DagsterInstance, moment: float) -> float:
    for state in instance.all_instigator_state():
        if state.name == "staging_sensor":
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=30)
            return max(t.timestamp for t in ticks if t.timestamp <= moment and t.run_ids)
    raise RuntimeError("the staging sensor has no ticks")


def p95(figures: Sequence[float]) -> float:
    """The 95th percentile; of fewer than twenty figures, the greatest."""
    ordered = sorted(figures)
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]


def report(
    firsts: list[dict[str, float]], paced: list[float], bulk: list[dict[str, float]], count: int
) -> results.Part:
    steps = {name: [one[name] for one in firsts] for name in firsts[0]}
    rows = [
        [f"first event: {name}", f"{statistics.median(all_):.2f} s", f"{p95(all_):.2f} s"]
        for name, all_ in steps.items()
    ]
    rows.append(["10 events/s", f"{statistics.median(paced):.2f} s", f"{p95(paced):.2f} s"])
    for name in bulk[0]:
        figures = [one[name] for one in bulk]
        unit = "" if "/s" in name else " s"
        worst = min(figures) if "/s" in name else max(figures)
        middle = statistics.median(figures)
        rows.append(
            [f"{count:,} staged: {name}", f"{middle:,.2f}{unit}", f"{worst:,.2f}{unit} (worst)"]
        )
    rate = statistics.median(one["events/s from the tick on"] for one in bulk)
    return results.Part(
        name="latency",
        title=f"Latency, and {count:,} events through Dagster",
        text=(__doc__ or "").split("\n\n", 1)[1].strip(),
        columns=["", "median", "p95"],
        rows=rows,
        aims=[
            results.Aim(
                "for the first event after quiet, p95",
                9,
                p95(steps["in all"]),
                WHY["first"],
                at_most=True,
                unit=" s",
            ),
            results.Aim(
                "for 10 events/s, p95", 1, p95(paced), WHY["steady"], at_most=True, unit=" s"
            ),
            results.Aim("events/s through Dagster", 10_000, rate, WHY["dagster"]),
        ],
        raw={"first": firsts, "steady": paced, "through Dagster": bulk},
        notes=[f"{len(firsts)} first events, {len(paced)} steady ones, {len(bulk)} backlogs."],
    )


WHY = {
    "first": "the sensor asks at most every 5 s, and a run is a new process that imports Dagster "
    "and order_ops before it applies anything; both are slower on a busy machine",
    "steady": "the run that lingers looks every 0.2 s, and shares the cores with all the rest",
    "dagster": "the start of the run's process is part of it, and while it applies, the run shares "
    "two cores with PostgreSQL, the broker, the relay that publishes the outbox, and Dagster's "
    "own daemon, web server and code server",
}


def main() -> None:
    parser = harness.arguments(__doc__, 100_000, repeat=20, only=False)
    parser.add_argument("--seconds", type=float, default=60.0, help="of steady load; default: 60")
    parser.add_argument("--backlogs", type=int, default=3, help="of --messages; default: 3")
    options = parser.parse_args()
    with system() as found:
        firsts: list[dict[str, float]] = []

        def first(_name: str) -> float:
            firsts.append(first_event(found))
            return firsts[-1]["in all"]

        harness.in_turn(["first event"], options.repeat, first)
        paced = steady(found, options.seconds)
        bulk: list[dict[str, float]] = []

        def backlog(_name: str) -> float:
            bulk.append(through_dagster(found, options.messages))
            return bulk[-1]["events/s from the tick on"]

        harness.in_turn(["through Dagster"], options.backlogs, backlog)
        part = report(firsts, paced, bulk, options.messages)
        results.show(part)
        with psycopg.connect(libpq(found.url)) as conn:
            (version,) = conn.execute("SHOW server_version").fetchone() or ("",)
        told = {"PostgreSQL": version, "RabbitMQ": str(broker.version(found.home))}
        results.save(part, told, repeat=options.repeat)


if __name__ == "__main__":
    main()
