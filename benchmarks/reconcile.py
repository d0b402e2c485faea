"""Reconciliation: a simulated account, beside what is used instead, on the same two sides.

The sides are simulated from a seed, with faults of every class at 2 % of the orders, so that what
is true is known. Each contender runs in a process of its own, from frames in memory to its result;
peak memory is that of the process, the sides included. order_ops takes everything that happened,
judges status, order, amount, fee and rate, and explains each match and break; the others are given
what has succeeded and is order money, and link it by reference (DuckDB and Splink then by order and
amount). The join is the ceiling: it finds pairs of one key and judges nothing.

A match is right when its entries are exactly those of a true one. A fault is found when a break
with one of its entries has its class; a false break has only entries of which nothing is wrong,
such as those that were not matched. What is only in transit counts as found for the others, which
know no grace. Contenders take turns; the figure is seconds.
"""

import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
from rich.progress import Progress

from benchmarks import harness, results
from order_ops.reconciliation.frames import ORDER_MONEY
from order_ops.simulator.plan import Config
from order_ops.simulator.score import Score, judge
from order_ops.simulator.simulation import Simulation, Truth, simulate

TIMEOUT_S = 3_600.0
JOIN, OURS = "Polars join", "order_ops"
_PLAIN = ("entry_id", "kind", "provider_ref", "order_ref", "amount_minor", "currency")


@dataclass(frozen=True, slots=True)
class Contender:
    """Who reconciles: a script of `peers/`, its options, and whether it scales to ten times."""

    what: str
    script: str
    options: tuple[str, ...] = ()
    own: bool = False
    scales: bool = False

    def command(self, folder: Path, *, keep: bool) -> list[str]:
        tail = [str(folder), *self.options, *(["keep"] if keep else [])]
        if self.own:
            return [sys.executable, str(harness.PEERS / self.script), *tail]
        return harness.peer(self.script, *tail)


CONTENDERS: Mapping[str, Contender] = {
    JOIN: Contender("the ceiling: one hash join", "reconcile_join.py", own=True, scales=True),
    OURS: Contender("all passes, judged", "reconcile_order_ops.py", own=True, scales=True),
    "DuckDB": Contender("two passes in SQL", "reconcile_duckdb.py", scales=True),
    "DataComPy (Polars)": Contender("`PolarsCompare`", "reconcile_datacompy.py", ("polars",)),
    "DataComPy (pandas)": Contender("`PandasCompare`", "reconcile_datacompy.py"),
    "pandas": Contender("outer `merge`", "reconcile_pandas.py"),
    "Splink": Contender("deterministic links", "reconcile_splink.py"),
    "recordlinkage": Contender("blocks, compared exactly", "reconcile_recordlinkage.py"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """What a contender's one process told: seconds, MiB."""

    seconds: float
    peak_mb: float


class Measure:
    """Seconds of a contender on the sides in a folder; what it found is judged the first time."""

    def __init__(self, folder: Path, truth: Truth) -> None:
        self._folder = folder
        self._truth = truth
        self.scores: dict[str, Score] = {}
        self.peak_mb: dict[str, float] = {}

    def __call__(self, name: str) -> float:
        first = name not in self.scores
        command = CONTENDERS[name].command(self._folder, keep=first)
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=TIMEOUT_S
        )
        if done.returncode:
            sys.exit(f"{name}: {done.stderr[-3_000:]}")
        found = Found(**json.loads(done.stdout.splitlines()[-1]))
        self.peak_mb[name] = max(found.peak_mb, self.peak_mb.get(name, 0))
        if first:
            self.scores[name] = self._judged(name)
        return found.seconds

    def _judged(self, name: str) -> Score:
        if name == OURS:
            tables = ("match_members", "breaks", "break_members")
            return judge(self._truth, *(self._read(table) for table in tables))
        return judge_pairs(self._truth, self._read("pairs"), self._read("findings"))

    def _read(self, table: str) -> pl.DataFrame:
        return pl.read_parquet(self._folder / f"{table}.parquet")


def judge_pairs(truth: Truth, pairs: pl.DataFrame, findings: pl.DataFrame) -> Score:
    """Judge pairs (internal, provider) and findings (side, entry_id, class)."""
    found = pl.concat(
        pairs.with_row_index("match_id").select("match_id", side=pl.lit(side), entry_id=side)
        for side in ("internal", "provider")
    )
    known = findings.join(truth.labelled, on=["side", "entry_id"], how="left")
    named = pl.coalesce(pl.col("label").cast(pl.String), "entry_id")
    members = known.with_columns(break_id=pl.col("class") + ":" + named)
    breaks = members.unique("break_id").select(
        "break_id", "class", status=pl.lit("break"), currency=pl.lit("")
    )
    without_grace = replace(truth, labels=truth.labels.with_columns(status=pl.lit("break")))
    return judge(without_grace, found, breaks, members)


def prepare(made: Simulation, folder: Path) -> None:
    """Write what the contenders take."""
    (folder / "day.pickle").write_bytes(pickle.dumps(made.day))
    kind = pl.when(pl.col("kind") == "reversal").then(pl.lit("charge")).otherwise("kind")
    made.bank.write_parquet(folder / "bank.parquet")
    for side, frame in (("internal", made.internal), ("provider", made.provider)):
        frame.write_parquet(folder / f"{side}.parquet")
        plain = frame.filter(pl.col("status") == "succeeded", pl.col("kind").is_in(ORDER_MONEY))
        plain.with_columns(kind=kind).select(_PLAIN).write_parquet(folder / f"plain_{side}.parquet")


def measured(
    size: int, names: Sequence[str], repeat: int
) -> tuple[Measure, dict[str, list[float]]]:
    """Simulate a size, and measure some contenders on it."""
    with tempfile.TemporaryDirectory() as text, Progress(transient=True) as progress:
        folder = Path(text)
        task = progress.add_task(f"simulating {size:,}", total=size)
        made = simulate(Config(size), lambda done: progress.advance(task, done))
        prepare(made, folder)
        progress.stop()
        measure = Measure(folder, made.truth)
        del made
        return measure, harness.in_turn(names, repeat, measure)


WHY = {
    "join": (
        "the join is one key of one pass. All passes look for crowds, groups and twins under four "
        "keys, and every pair, lonely entry and crowd is judged and put in words"
    ),
    "datacompy": "DataComPy links by one key, and says nothing of duplicates, groups and status",
    "truth": "see the confusion of classes in the simulator's tests",
}


def report(measure: Measure, raw: dict[str, list[float]], size: int) -> results.Part:
    medians = harness.medians(raw)
    return results.Part(
        name="reconcile",
        title=f"Reconciliation: {size:,} entries a side",
        text=(__doc__ or "").split("\n\n", 1)[1].strip(),
        columns=[
            "", "what", "s", "least and most", "times the join", "peak MiB", "wrong matches",
            "precision", "recall", "faults found", "false breaks",
        ],
        rows=[_row(name, medians, raw, measure) for name in medians],
        aims=_aims(medians, measure.scores),
        raw=raw,
    )  # fmt: skip


def _row(
    name: str, medians: Mapping[str, float], raw: Mapping[str, list[float]], measure: Measure
) -> list[str]:
    score = measure.scores[name]
    return [
        name,
        CONTENDERS[name].what,
        f"{medians[name]:.2f}",
        f"{min(raw[name]):.2f} to {max(raw[name]):.2f}",
        f"{medians[name] / medians[JOIN]:.1f}" if JOIN in medians else "",
        f"{measure.peak_mb[name]:,.0f}",
        f"{score.found_matches - score.right_matches:,}",
        f"{score.precision:.6f}",
        f"{score.recall:.6f}",
        f"{score.found_labels:.4f}",
        f"{score.false_breaks:,}",
    ]


def _aims(medians: Mapping[str, float], scores: Mapping[str, Score]) -> list[results.Aim]:
    if OURS not in medians:
        return []
    own, score = medians[OURS], scores[OURS]
    aims = [
        results.Aim("precision of matches", 1.0, score.precision, WHY["truth"]),
        results.Aim("recall of matches", 0.999, score.recall, WHY["truth"]),
        results.Aim("of the breaks right", 0.99, score.diagonal, WHY["truth"]),
    ]
    if JOIN in medians:
        share = medians[JOIN] / own
        aims.append(results.Aim("of the join's speed", 1 / 8, share, WHY["join"], stretch=1 / 3))
    if "DataComPy (Polars)" in medians:
        times = medians["DataComPy (Polars)"] / own
        aims.append(results.Aim("times as fast as DataComPy", 2, times, WHY["datacompy"]))
    return aims


def main() -> None:
    parser = harness.options(__doc__, 3)
    parser.add_argument("--size", type=int, default=1_000_000, help="a side; default: 1,000,000")
    parser.add_argument("--only", help="some names, with commas between: saves nothing")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(CONTENDERS)
    measure, raw = measured(options.size, names, options.repeat)
    part = report(measure, raw, options.size)
    results.show(part)
    if OURS in measure.scores:
        print(measure.scores[OURS].table())
    if not options.only and options.size >= 1_000_000:
        results.save(part, {}, repeat=options.repeat)


if __name__ == "__main__":
    main()
