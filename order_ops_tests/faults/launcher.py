"""Processes of the system that die, or stop, in one exact place.

`python -m order_ops_tests.faults.launcher PROGRAM` runs a consumer or a worker in
which one function is replaced by one that ends its own process with a real
signal. Production code knows nothing of it. A plain worker is here too: outside
Dagster, a worker is a loop around `apply_while_due`.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn
from uuid import uuid4

from order_ops.domain.failures import RetryPolicy
from order_ops.jobs.catalogue import APPLY_ORDER_EVENTS as JOB
from order_ops.jobs.messages import consume
from order_ops.jobs.orders import apply_events, apply_lanes, lane_events
from order_ops.jobs.orders.apply_events import apply_while_due
from order_ops.jobs.orders.apply_lanes import worker as make_worker
from order_ops.jobs.running import keeper
from order_ops.jobs.running.keeper import Clock
from order_ops.jobs.running.runtime import Running, perform
from order_ops.jobs.running.sweep import sweep
from order_ops.messaging import codec, consumer, session
from order_ops.settings import get_settings
from order_ops.store.engine import engine
from order_ops.store.executions import Asked, Skipped
from order_ops.telemetry.logs import configure

KILLER = "killer"
"""The order whose events kill whoever looks at them, in the programs named `poisoned`."""
_LINGER_S = 2.0


def die(*_: Any, **__: Any) -> NoReturn:
    """End this process as the kernel would."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL came back")


def _then(function: Callable[..., Any], after: Callable[[], object]) -> Callable[..., Any]:
    def both(*args: Any, **more: Any) -> Any:
        done = function(*args, **more)
        after()
        return done

    return both


def _before_if(function: Callable[..., Any], fatal: Callable[[Any], bool]) -> Callable[..., Any]:
    def guarded(*args: Any, **more: Any) -> Any:
        if any(fatal(arg) for arg in args):
            die()
        return function(*args, **more)

    return guarded


def _replace(module: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Put something made from it in the place of a function."""
    setattr(module, name, make(getattr(module, name)))


def _consumer_before_insert() -> None:
    _replace(consume, "stage", lambda _: die)


def _consumer_before_commit() -> None:
    _replace(consume, "stage", lambda stage: _then(stage, die))


def _consumer_before_ack() -> None:
    _replace(session.Session, "_ack", lambda _: die)


def _consumer_poisoned() -> None:
    _replace(codec, "_parse", lambda parse: _before_if(parse, lambda arg: KILLER.encode() in arg))


def _consumer_impatient() -> None:
    """It tries again at once: minutes of an outage pass in seconds."""
    consumer.RECONNECT = RetryPolicy(attempts=1_000_000, base_s=0.05, cap_s=0.05)


def _worker_after_claim() -> None:
    _replace(apply_events, "_apply", lambda _: die)


def _worker_before_commit() -> None:
    _replace(apply_lanes, "settle", lambda settle: _then(settle, die))


def _worker_after_commit() -> None:
    _replace(apply_events, "_end", lambda _: die)


def _worker_poisoned() -> None:
    def is_killer(arg: Any) -> bool:
        return getattr(arg, "order", None) == KILLER

    _replace(lane_events, "apply", lambda apply: _before_if(apply, is_killer))


def _worker_stopped_after_claim() -> None:
    """It sleeps with its claim in hand; whoever finds it so sends SIGCONT.

    The kernel does not end it when it wakes, as it would: the claim alone is to hold.
    """
    _replace(keeper.Keeper, "_kill_in", lambda _: lambda *_: None)
    apply_events._SIDE_BY_SIDE = 1  # another thread could be stopped in a transaction
    honest = apply_events._apply

    def stopped(*args: Any, **more: Any) -> Any:
        _replace(apply_events, "_apply", lambda _: honest)
        os.kill(os.getpid(), signal.SIGSTOP)
        return honest(*args, **more)

    _replace(apply_events, "_apply", lambda _: stopped)


def _consume() -> None:
    made = consume.make_consumer(get_settings())
    signal.signal(signal.SIGTERM, lambda *_: made.stop())
    configure("consumer")
    made.run()


def _asked(run_id: str, lease_s: float) -> Asked:
    return Asked(
        job=JOB.name,
        step="apply_order_events",
        work_key="all",
        request=uuid4().hex,
        run_id=run_id,
        worker=run_id,
        most_s=JOB.lease_s,
        lease_s=lease_s,
    )


def _work() -> None:
    """Apply what is due as one worker until SIGTERM; survives a database that is away."""
    settings = get_settings()
    run_id = f"worker-{os.getpid()}"
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    configure("worker")
    apply_events.log.info("worker.working")

    def work(running: Running) -> None:
        worker = make_worker(settings, run_id, running.pool)
        apply_while_due(worker, seconds=5.0, linger_s=_LINGER_S)

    while not stopping.is_set():
        try:
            sweep(engine(settings))  # there is no watcher
            asked, clock = _asked(run_id, settings.lease_s), Clock(settings.lease_s, die)
            done = perform(engine(settings), JOB, asked, work, clock=clock)
            if isinstance(done, Skipped):
                stopping.wait(0.5)
        except Exception as error:  # noqa: BLE001 - a run that fails is followed by another
            apply_events.log.warning("worker.failed", error=repr(error))
            stopping.wait(1.0)


PROGRAMS: dict[str, tuple[Callable[[], None], ...]] = {
    "consumer": (_consume,),
    "consumer-before-insert": (_consumer_before_insert, _consume),
    "consumer-before-commit": (_consumer_before_commit, _consume),
    "consumer-before-ack": (_consumer_before_ack, _consume),
    "consumer-poisoned": (_consumer_poisoned, _consume),
    "consumer-impatient": (_consumer_impatient, _consume),
    "worker": (_work,),
    "worker-after-claim": (_worker_after_claim, _work),
    "worker-before-commit": (_worker_before_commit, _work),
    "worker-after-commit": (_worker_after_commit, _work),
    "worker-poisoned": (_worker_poisoned, _work),
    "worker-stopped-after-claim": (_worker_stopped_after_claim, _work),
}

if __name__ == "__main__":
    for step in PROGRAMS[sys.argv[1]]:
        step()
