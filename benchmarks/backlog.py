"""Backlog: how the rate and the memory of applying grow with what is staged already.

So many events are staged as the consumer stages them, then one worker (a process of its own,
without Dagster around it) applies all of them. Memory is the process's peak resident size; what
it had before the first event is said too.
"""

import signal
import subprocess
import sys
import time

from benchmarks import harness, results
from benchmarks.apply import stage
from benchmarks.servers import Servers, environment, servers

SIZES = (10_000, 100_000, 1_000_000)


class Measure:
    """Events per second of a backlog; memory beside it."""

    def __init__(self, found: Servers) -> None:
        self._servers = found
        self.memory: dict[str, list[tuple[int, int]]] = {}
        self.staging: dict[str, list[float]] = {}

    def __call__(self, name: str) -> float:
        count = int(name.replace(",", ""))
        with self._servers.database() as url:
            started = time.monotonic()
            stage(url, count)
            self.staging.setdefault(name, []).append(count / (time.monotonic() - started))
            process = subprocess.Popen(
                [sys.executable, str(harness.PEERS / "apply_order_ops.py")],
                env=environment(ORDER_OPS_DATABASE_URL=url),
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            seconds, before, after = 0.0, 0, 0
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    words = line.split()
                    if words == ["start"]:
                        seconds = -time.monotonic()
                    elif words == ["end"]:
                        seconds += time.monotonic()
                    elif words and words[0] == "memory":
                        before, after, applied = (int(word) for word in words[1:])
                        if applied < count:
                            raise RuntimeError(f"{applied} of {count} applied")
            finally:
                harness.end(process, signal.SIGKILL)
        if not after:
            raise RuntimeError("the worker ended early")
        self.memory.setdefault(name, []).append((before, after))
        return count / seconds


def report(raw: dict[str, list[float]], measure: Measure) -> results.Part:
    found = harness.medians(raw)
    sizes = list(found)
    peak = {name: max(after for _, after in measure.memory[name]) / 1024 for name in sizes}
    start = {name: max(before for before, _ in measure.memory[name]) / 1024 for name in sizes}
    first, last = sizes[0], sizes[-1]
    return results.Part(
        name="backlog",
        title="Backlog: rate and memory of applying, by what is staged",
        text=(__doc__ or "").split("\n\n", 1)[1].strip(),
        columns=["staged", "events/s", "least and most", "peak memory", "at its start"],
        rows=[
            [
                name,
                f"{found[name]:,.0f}",
                harness.spread(raw[name]),
                f"{peak[name]:,.0f} MiB",
                f"{start[name]:,.0f} MiB",
            ]
            for name in sizes
        ],
        aims=[],
        raw={"events/s": raw, "memory KiB": measure.memory, "staged/s": measure.staging},
        notes=[
            f"From {first} to {last} staged, the rate goes to {found[last] / found[first]:.2f} of "
            f"what it was, and peak memory from {peak[first]:,.0f} to {peak[last]:,.0f} MiB."
        ],
    )


def main() -> None:
    parser = harness.options(__doc__, repeat=3)
    parser.add_argument("--messages", type=int, default=SIZES[-1], help="the largest backlog")
    options = parser.parse_args()
    sizes = [f"{size:,}" for size in SIZES if size <= options.messages]
    with servers(with_broker=False) as found:
        measure = Measure(found)
        raw = harness.in_turn(sizes, options.repeat, measure)
        part = report(raw, measure)
        results.show(part)
        results.save(part, found.versions(), repeat=options.repeat)


if __name__ == "__main__":
    main()
