"""Idle: what all processes of `order-ops up` cost together while there is nothing to do.

The embedded PostgreSQL and RabbitMQ are among them. CPU time is that of the processes and of those
they started and that have ended, as a share of one core; memory is the proportional set size, in
which a page that several share counts once. The clock starts a minute after everything answers.
Schedules go on: what they find to do in that time is nothing.
"""

import time
from collections import Counter
from pathlib import Path

import psutil

from benchmarks import harness, results
from benchmarks.system import System, system
from order_ops.devstack import broker, postgres

SETTLE_S = 60.0
AIM_CPU, AIM_MIB = 10.0, 1_500.0
PROGRAMS = {
    "postgres": "PostgreSQL",
    "beam": "RabbitMQ",
    "rabbit": "RabbitMQ",
    "erl_child": "RabbitMQ",
    "inet_get": "RabbitMQ",
    "epmd": "RabbitMQ",
    "code-server": "code server",
    "api grpc": "code server",
    "webserver": "web server",
    "dagster-daemon": "daemon",
    "consume": "consumer",
    "relay": "relay",
    "watch": "watcher",
}
REST = "order-ops up, supervisord"


class Idle:
    """CPU and memory by program, of one look at a system."""

    def __init__(self, found: System) -> None:
        server = postgres.server_pid(found.home)
        self._roots = [psutil.Process(pid) for pid in (found.pid, server) if pid is not None]
        self.cpu: list[dict[str, float]] = []
        self.memory: list[dict[str, float]] = []

    def measure(self, seconds: float) -> float:
        """Per cent of one core, of all of them together."""
        before, started = self._seconds(), time.monotonic()
        time.sleep(seconds)
        after, took = self._seconds(), time.monotonic() - started
        cpu: Counter[str] = Counter()
        for pid, (program, used) in after.items():
            cpu[program] += 100 * (used - before.get(pid, ("", 0.0))[1]) / took  # type: ignore[assignment]
        memory: Counter[str] = Counter()
        for process in self._all():
            memory[_program(process)] += process.memory_full_info().pss / 2**20  # type: ignore[assignment]
        self.cpu.append(dict(cpu))
        self.memory.append(dict(memory))
        return sum(cpu.values())

    def _all(self) -> list[psutil.Process]:
        return [one for root in self._roots for one in [root, *root.children(recursive=True)]]

    def _seconds(self) -> dict[int, tuple[str, float]]:
        return {one.pid: (_program(one), sum(one.cpu_times()[:4])) for one in self._all()}


def _program(process: psutil.Process) -> str:
    words = " ".join(process.cmdline()) or process.name()
    return next((name for part, name in PROGRAMS.items() if part in words), REST)


def report(idle: Idle, seconds: float) -> results.Part:
    programs = sorted(idle.cpu[0], key=lambda name: -idle.cpu[0][name])
    cpu = harness.medians({name: [one.get(name, 0.0) for one in idle.cpu] for name in programs})
    memory = harness.medians({name: [one[name] for one in idle.memory] for name in programs})
    total_cpu = harness.medians({"": [sum(one.values()) for one in idle.cpu]})[""]
    total_memory = harness.medians({"": [sum(one.values()) for one in idle.memory]})[""]
    return results.Part(
        name="idle",
        title="Idle: CPU and memory of all processes",
        text=(__doc__ or "").split("\n\n", 1)[1].strip(),
        columns=["process", "of one core", "memory"],
        rows=[
            *([name, f"{cpu[name]:.1f} %", f"{memory[name]:,.0f} MiB"] for name in programs),
            ["all", f"{total_cpu:.1f} %", f"{total_memory:,.0f} MiB"],
        ],
        aims=[
            results.Aim("of one core", AIM_CPU, total_cpu, WHY, at_most=True, unit=" %"),
            results.Aim("of memory", AIM_MIB, total_memory, WHY, at_most=True, unit=" MiB"),
        ],
        raw={"cpu": idle.cpu, "memory": idle.memory},
        notes=[f"{seconds:.0f} s a look."],
    )


WHY = "each of Dagster's processes is a Python of its own that has imported Dagster"


def main() -> None:
    parser = harness.options(__doc__, repeat=3)
    parser.add_argument("--seconds", type=float, default=60.0, help="of a look; default: 60")
    options = parser.parse_args()
    with system() as found:
        time.sleep(SETTLE_S)
        idle = Idle(found)
        harness.in_turn(["all"], options.repeat, lambda _: idle.measure(options.seconds))
        part = report(idle, options.seconds)
        results.show(part)
        told = {"RabbitMQ": str(broker.version(Path(found.home)))}
        results.save(part, told, repeat=options.repeat)


if __name__ == "__main__":
    main()
