"""Soak: faults at random, from a seed, for so many minutes under constant load.

`python -m order_ops_tests.faults.soak --minutes 10 --seed 7` starts servers of its
own, a consumer, a worker and a relay, and strikes again and again. After each
fault everything that was published has to be worked off, and every invariant
must hold. It ends with 1 and the violations, or with 0.
"""

import argparse
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random

import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from order_ops.devstack.waiting import wait_until
from order_ops_tests.faults.invariants import Found, violations
from order_ops_tests.faults.processes import Process
from order_ops_tests.faults.proxy import Moment
from order_ops_tests.faults.servers import running_servers
from order_ops_tests.faults.system import LEASE_S, System, running_system
from order_ops_tests.faults.test_intake_faults import BATCH, COMMIT, COMMITTED
from order_ops_tests.faults.workload import Load

DOWN_S = (0.0, 10.0)
QUIET_S = 180.0
PROGRAMS = ("consume", "worker", "relay")


class Soak:
    """A system under load, the processes that must always run, and a choice of faults."""

    def __init__(self, system: System, seed: int) -> None:
        self.system = system
        self.random = Random(seed)
        self.struck: Counter[str] = Counter()
        self._running: dict[str, Process] = {}
        self.keep_running()

    def keep_running(self) -> None:
        """Start what does not run, as a supervisor does."""
        for program in PROGRAMS:
            if program not in self._running or not self._running[program].runs():
                self._running[program] = self.system.start(program)

    def strike(self) -> str:
        """One fault, over when the condition is: what is left of it is the system's work."""
        name, fault = self.random.choice(list(FAULTS.items()))
        fault(self)
        self.struck[name] += 1
        self.keep_running()
        return name

    def violations(self) -> list[str]:
        """Whether all is well once everything published so far is worked off."""
        system = self.system
        try:
            wanted = system.wanted()
            self._wait(lambda: system.staged() >= wanted, "every message staged")
            self._wait(lambda: not system.depth(), "an empty broker")
            self._wait(lambda: not system.unsettled(), "nothing due")
            self._wait(lambda: not system.one("SELECT count(*) FROM intake.claim"), "no claim")
        except TimeoutError as late:
            return [f"{late}\n{self._state()}"]
        return violations(Found(system.database_url, system.workload))

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait, with every process kept running: one that overslept its lease ends as it wakes."""

        def holds() -> bool:
            self.keep_running()
            return condition()

        wait_until(holds, QUIET_S, what)

    def _state(self) -> str:
        """What waits, and what each process is and said last: for a person to read."""
        told = [f"{len(self.system.workload.confirmed)} confirmed", self.system.waiting()]
        for program, process in self._running.items():
            with suppress(psutil.NoSuchProcess):
                told.append(f"{program} {process.pid}: {psutil.Process(process.pid).status()}")
            told.append(process.tail())
        return "\n".join(told)

    def pause(self) -> None:
        """A time to be down, or between two blows."""
        time.sleep(self.random.uniform(*DOWN_S))

    def kill(self, program: str) -> None:
        self._running[program].kill()

    def kill_postgres(self) -> None:
        self.system.servers.postgres.kill()
        self.pause()
        self.system.servers.postgres.restart()

    def kill_broker(self) -> None:
        self.system.servers.broker.kill()
        self.pause()
        self.system.servers.broker.start()

    def stall(self) -> None:
        proxy = self.random.choice([self.system.postgres_proxy, self.system.broker_proxy])
        proxy.stall()
        self.pause()
        proxy.resume()

    def cut_at_commit(self) -> None:
        moment = self.random.choice([Moment.BEFORE, Moment.AFTER])
        trap = self.system.postgres_proxy.trap_at(COMMIT, moment, COMMITTED, armed_by=BATCH)
        wait_until(trap.sprung.is_set, QUIET_S, "a COMMIT to be cut off")

    def sleep_past_the_lease(self) -> None:
        worker = self._running["worker"]
        worker.send(signal.SIGSTOP)
        time.sleep(LEASE_S * self.random.uniform(0.5, 2.0))
        worker.send(signal.SIGCONT)

    def stop_in_order(self) -> None:
        self._running[self.random.choice(PROGRAMS[:2])].stop()

    def copies_and_conflicts(self) -> None:
        self.system.workload.duplicates(0.05)
        self.system.workload.publish(self.system.workload.conflicts(3), parked=True)


FAULTS: dict[str, Callable[[Soak], object]] = {
    "consumer killed": lambda soak: soak.kill("consume"),
    "worker killed": lambda soak: soak.kill("worker"),
    "relay killed": lambda soak: soak.kill("relay"),
    "PostgreSQL killed": Soak.kill_postgres,
    "RabbitMQ killed": Soak.kill_broker,
    "PostgreSQL's lines cut": lambda soak: soak.system.postgres_proxy.cut(),
    "RabbitMQ's lines cut": lambda soak: soak.system.broker_proxy.cut(),
    "a line stalled": Soak.stall,
    "RabbitMQ's lines half open": lambda soak: soak.system.broker_proxy.half_open(),
    "cut at COMMIT": Soak.cut_at_commit,
    "worker asleep": Soak.sleep_past_the_lease,
    "ended in order": Soak.stop_in_order,
    "copies and conflicts": Soak.copies_and_conflicts,
}


def soak(minutes: float, seed: int, broker: str, console: Console) -> list[str]:
    """Strike until the time is up; the violations that were found first."""
    with running_servers(broker) as servers:
        version = servers.broker.version()
        console.print(f"soak: {minutes:g} minutes, SEED={seed}, RabbitMQ {version}")
        folder = servers.home / "soak"
        folder.mkdir()
        with running_system(servers, folder, seed) as system:
            system.heartbeat_s = 2
            one = Soak(system, seed)
            told = _strike_until(one, time.monotonic() + minutes * 60, console)
        console.print(", ".join(f"{name} {times}" for name, times in one.struck.most_common()))
        return told


def _strike_until(one: Soak, deadline: float, console: Console) -> list[str]:
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    started = time.monotonic()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("load", total=deadline - started)
        while time.monotonic() < deadline:
            with Load(one.system.workload):
                name = one.strike()
                progress.update(task, description=f"{sum(one.struck.values())} faults, now {name}")
                one.pause()
            if told := one.violations():
                return [f"after {name}: {violation}" for violation in told]
            progress.update(task, completed=time.monotonic() - started)
    return []


def main() -> int:
    """Read the options, soak, and say what was found."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    options.add_argument("--broker", choices=("3", "4"), default="3")
    chosen, console = options.parse_args(), Console(highlight=False)
    told = soak(chosen.minutes, chosen.seed, chosen.broker, console)
    for violation in told:
        console.print(f"✘ {violation}", style="red", markup=False)
    console.print(f"{'VIOLATED' if told else 'every invariant held'}, SEED={chosen.seed}")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
