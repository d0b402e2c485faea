"""benchmarks/RESULTS.md: a part per benchmark, each made from the figures beside it.

`save` writes `benchmarks/results/<part>.json` and makes RESULTS.md again from all of them, so
that a benchmark which is run alone replaces its own part and no other.
"""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from benchmarks.harness import PEER_PYTHON

HERE = Path(__file__).resolve().parent
FILE = HERE / "RESULTS.md"
ORDER = (
    "intake", "apply", "reconcile", "reconcile_scale", "day", "latency", "backlog", "cleanup",
    "runtime", "idle",
)  # fmt: skip
OURS = ("order-ops", "pika", "psycopg", "orjson", "pydantic", "polars", "dagster")
THEIRS = (
    "faststream", "celery", "aio-pika", "uvloop", "asyncpg", "procrastinate", "pgqueuer",
    "duckdb", "datacompy", "pandas", "polars", "splink", "recordlinkage",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Aim:
    """A ratio, or seconds, beside what was aimed for; `why` is said when it is missed."""

    what: str
    wanted: float
    got: float
    why: str
    at_most: bool = False
    unit: str = ""
    stretch: float | None = None

    @property
    def met(self) -> bool:
        return self.got <= self.wanted if self.at_most else self.got >= self.wanted

    def sentence(self) -> str:
        bound = "at most" if self.at_most else "at least"
        aim = f"{bound} {_short(self.wanted)}{self.unit} {self.what}"
        if self.stretch is not None:
            aim += f" (stretch {_short(self.stretch)})"
        told = f"{aim}: **{_short(self.got)}{self.unit}**"
        if self.met:
            beyond = self.stretch is not None and self.got >= self.stretch
            return f"{told}, {'stretch met' if beyond else 'met'}"
        ratio = self.got / self.wanted - 1 if self.at_most else 1 - self.got / self.wanted
        return f"{told}, **missed** by {ratio:.0%}: {self.why}"


@dataclass(frozen=True, slots=True)
class Part:
    """One benchmark's part of RESULTS.md."""

    name: str
    title: str
    text: str
    columns: list[str]
    rows: list[list[str]]
    aims: list[Aim]
    raw: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def save(part: Part, servers: dict[str, str], *, repeat: int) -> None:
    """Keep a part's figures, and make RESULTS.md again."""
    kept = asdict(part) | {
        "repeat": repeat,
        "taken": datetime.now(UTC).date().isoformat(),
        "machine": _machine(),
        "load": round(os.getloadavg()[2], 1),
        "versions": servers | {"Python": platform.python_version()} | _ours() | _theirs(),
    }
    (HERE / "results").mkdir(exist_ok=True)
    _json(part.name).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    write()


def write() -> None:
    """RESULTS.md, from the figures that are there."""
    parts = [json.loads(_json(name).read_text()) for name in ORDER if _json(name).exists()]
    text = (
        "<!-- Made by benchmarks/results.py from the figures in results/: do not edit. -->\n\n"
        "# Results\n\n"
        "`make bench` measures order_ops beside its peers, in one run on one machine, in turn\n"
        "(A B C A B C ...): compare the ratios, not the figures. Peers are used as their own\n"
        "documentation says, each durable to PostgreSQL with fsync on; they are in `peers/`.\n"
    )
    FILE.write_text(text + "".join(_part(one) for one in parts), encoding="utf-8")


def show(part: Part) -> None:
    """The part, in the terminal."""
    console = Console(highlight=False)
    for row in part.rows:
        console.print("  ".join(f"{cell:22}" for cell in row), soft_wrap=True)
    for aim in part.aims:
        console.print(f"- {aim.sentence()}", soft_wrap=True, markup=False)
    for note in part.notes:
        console.print(f"- {note}", soft_wrap=True, markup=False)


def _part(one: dict[str, Any]) -> str:
    aims = [Aim(**aim).sentence() for aim in one["aims"]]
    versions = ", ".join(f"{name} {number}" for name, number in one["versions"].items())
    table = [one["columns"], ["---"] * len(one["columns"]), *one["rows"]]
    lines = [
        f"\n## {one['title']}\n",
        f"{one['text']}\n",
        *(f"| {' | '.join(row)} |" for row in table),
        "",
        *(f"- {line}" for line in [*aims, *one["notes"]]),
        "",
        f"Median of {one['repeat']}, {one['taken']}, at a load average of {one['load']} over the "
        f"last quarter of an hour. {one['machine']}. {versions}.",
    ]
    return "\n".join(lines) + "\n"


def _json(name: str) -> Path:
    return HERE / "results" / f"{name}.json"


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    kind = "processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            kind = line.partition(":")[2].strip()
            break
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores ({kind}), {memory:.0f} GiB, Linux {platform.release()}"


def _ours() -> dict[str, str]:
    return {name: version(name) for name in OURS}


def _theirs() -> dict[str, str]:
    if not PEER_PYTHON.exists():
        return {}
    ask = (
        "import json,sys;from importlib.metadata import version as v;"
        "print(json.dumps({n: v(n) for n in sys.argv[1:]}))"
    )
    told = subprocess.run(
        [str(PEER_PYTHON), "-c", ask, *THEIRS], check=True, capture_output=True, text=True
    )
    return dict(json.loads(told.stdout))


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


if __name__ == "__main__":
    write()
