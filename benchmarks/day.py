"""A day: from a source table in PostgreSQL and a Stripe file to tables, Parquet and report.

A simulated account, all of whose entries are put on one accounting day, so that the day has as
many a side. The file is taken in, our side is read from the shop's own relation, the day is
reconciled, and what it comes to is committed, written as Parquet and as a page: each step as the
daily job calls it, in one process. Peak memory is that of the process, not of PostgreSQL.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import yaml

from benchmarks import harness, results
from benchmarks.servers import libpq, servers
from order_ops.mapping import BUNDLED, INTERNAL_COLUMNS
from order_ops.simulator import contract
from order_ops.simulator.plan import Config
from order_ops.simulator.simulation import Simulation, simulate
from order_ops.simulator.writers import stripe

TIMEOUT_S = 1_800.0
_AIM_S, _AIM_SIZE = 45.0, 1_000_000
_SOURCE = """
CREATE SCHEMA shop;
CREATE TABLE shop.entries (entry_id text, tenant text, account text, kind text, provider_ref text,
    order_ref text, amount bigint, currency text, status text, order_state text,
    occurred_at timestamptz, method text, ceiling bigint);
"""
WHY = (
    "most is PostgreSQL's writing: each line of the file is kept twice, under five indexes, and "
    "each match with its members under their own; all of it goes through the write-ahead log"
)


def on_one_day(made: Simulation) -> Simulation:
    """The same entries, all of them on the closing day, at their times of the day."""
    day = pl.lit(made.config.closing)
    moment = day.dt.combine(pl.col("occurred_at").dt.time()).dt.replace_time_zone("UTC")
    sides = {
        name: getattr(made, name).with_columns(day=day, occurred_at=moment)
        for name in ("internal", "provider")
    }
    return replace(made, **sides)


def prepare(made: Simulation, folder: Path, url: str) -> None:
    """The provider's file and the rules in a folder, our side in a relation of the shop's."""
    stripe.write(made.provider, folder / "provider.csv")
    dialect = made.dialect
    text = contract.rules_text(dialect.boleto, pays_out=dialect.pays_out)
    (folder / "rules.yaml").write_text(text, encoding="utf-8")
    (folder / "mapping.yaml").write_text(_mapping(), encoding="utf-8")
    rows = made.internal.rename({"amount_minor": "amount", "ceiling_minor": "ceiling"})
    rows = rows.with_columns(tenant=pl.lit("shop"), account=pl.lit("cards"))
    rows.select(INTERNAL_COLUMNS).write_csv(folder / "entries.csv")
    with psycopg.connect(libpq(url)) as conn:
        conn.execute(_SOURCE)
        statement = (
            f"COPY shop.entries ({', '.join(INTERNAL_COLUMNS)}) FROM STDIN (FORMAT csv, HEADER)"
        )
        with conn.cursor().copy(statement) as copy, (folder / "entries.csv").open("rb") as file:
            while part := file.read(1 << 20):
                copy.write(part)
        conn.execute("ANALYZE shop.entries")


def _mapping() -> str:
    shop = yaml.safe_load(BUNDLED.read_text(encoding="utf-8"))
    shop["internal"] = {
        "relation": "shop.entries",
        "columns": {name: name for name in INTERNAL_COLUMNS},
    }
    shop["accounts"] = [
        {
            "name": "cards",
            "provider": "stripe",
            "tenant": "shop",
            "time_zone": "UTC",
            "first_day": "2026-01-01",
        }
    ]
    return yaml.safe_dump(shop)


def measured(url: str, made: Simulation) -> dict[str, Any]:
    """Seconds of each step and the peak of the process, in MiB."""
    with tempfile.TemporaryDirectory() as text:
        prepare(made, folder := Path(text), url)
        script = str(harness.PEERS / "day_order_ops.py")
        done = subprocess.run(
            [sys.executable, script, url, text, made.config.closing.isoformat()],
            check=False, capture_output=True, text=True, timeout=TIMEOUT_S, cwd=folder,
        )  # fmt: skip
    if done.returncode:
        sys.exit(f"day: {done.stderr[-3_000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(found: list[dict[str, Any]], size: int) -> results.Part:
    raw = {step: [one["seconds"][step] for one in found] for step in found[0]["seconds"]}
    totals = [sum(one["seconds"].values()) for one in found]
    medians = harness.medians(raw | {"all": totals})
    peak = max(one["peak_mb"] for one in found)
    return results.Part(
        name="day",
        title=f"A day, end to end: {size:,} entries a side",
        text=(__doc__ or "").split("\n\n", 1)[1].strip(),
        columns=["step", "s", "share"],
        rows=[[step, f"{s:.1f}", f"{s / medians['all']:.0%}"] for step, s in medians.items()],
        aims=[
            results.Aim("for the whole day", _AIM_S, medians["all"], WHY, at_most=True, unit=" s")
        ]
        if size >= _AIM_SIZE
        else [],
        raw=raw,
        notes=[f"Peak memory of the process: {peak:,.0f} MiB."],
    )


def main() -> None:
    parser = harness.options(__doc__, 1)
    parser.add_argument("--size", type=int, default=_AIM_SIZE, help="a side; default: 1,000,000")
    options = parser.parse_args()
    made = on_one_day(simulate(Config(options.size, provider="stripe")))
    found = []
    with servers(with_broker=False) as running:
        for _ in range(options.repeat):
            with running.database() as url:
                found.append(measured(url, made))
        part = report(found, options.size)
        results.show(part)
        if options.size >= _AIM_SIZE:
            results.save(part, running.versions(), repeat=options.repeat)


if __name__ == "__main__":
    main()
