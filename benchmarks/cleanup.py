"""Cleanup: reservations that have run out, among very many orders that have not.

A twentieth of the orders is due. `no provider` is an account whose provider has no API here, and
that expires without any sign of a payment; with `a provider`, a stand-in on this machine is asked
about each order and cancels each payment, eight at a time. One process, without Dagster around it.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import yaml

from benchmarks import harness, results
from benchmarks.servers import Servers, libpq, servers
from order_ops.devstack.provider import ProviderServer
from order_ops.devstack.shop.model import Intent
from order_ops.mapping import BUNDLED

SIZE, SHARE, ASKED = 1_000_000, 20, 2_000
ALONE, WITH = "no provider", "a provider"
_AIM = 2_000.0
_SEED = """
    SET session_replication_role = replica;
    INSERT INTO orders.orders (tenant_id, order_id, state, version, currency, total_minor,
        created_at, expires_at, look_at, state_since, stock_held)
    SELECT 'shop', 'o' || n, CASE WHEN n <= %(reserved)s THEN 'RESERVED' ELSE 'CONFIRMED' END, 2,
        'EUR', 1000, now() - interval '2 hours', ends, CASE WHEN n <= %(reserved)s THEN ends END,
        now() - interval '2 hours', true
    FROM generate_series(1, %(orders)s) n, LATERAL (SELECT now() + CASE WHEN n <= %(due)s
        THEN -interval '1 hour' ELSE interval '1 day' END AS ends) t;
    INSERT INTO orders.order_events (tenant_id, order_id, version, kind, from_state, to_state,
        occurred_at, cause, detail)
    SELECT 'shop', 'o' || n, step.*, now(), 'seed', '{}'::jsonb
    FROM generate_series(1, %(due)s) n, (VALUES (1, 'created', NULL, 'PENDING'),
        (2, 'reserved', 'PENDING', 'RESERVED')) AS step(version, kind, was, is_now);
    INSERT INTO orders.reservations (tenant_id, order_id, sku, quantity, state)
    SELECT 'shop', 'o' || n, 'seat', 1, 'held' FROM generate_series(1, %(due)s) n;
    INSERT INTO orders.payments (tenant_id, order_id, payment, account, amount_minor, currency,
        status)
    SELECT 'shop', 'o' || n, 'pi_' || n, 'cards', 1000, 'EUR', 'pending'
    FROM generate_series(1, %(due)s) n;
    SET session_replication_role = DEFAULT;
"""
WHY = (
    "each order is read, planned, changed and told in rows of its own: act, history, state, stock, "
    "payment and outbox"
)


class Measure:
    """Orders per second of a contender; memory beside it."""

    def __init__(self, found: Servers, size: int) -> None:
        self._servers, self._size = found, size
        self.memory: dict[str, tuple[float, float]] = {}

    def __call__(self, name: str) -> float:
        asked = name == WITH
        orders = ASKED * SHARE if asked else self._size
        due = orders // SHARE
        intents = [
            Intent(f"pi_{n}", "cards", f"o{n}", 1_000, "requires_payment_method")
            for n in range(1, due + 1)
        ]
        with self._servers.database() as url, ProviderServer(intents if asked else []) as provider:
            seed(url, orders, due)
            found = looked(url, mapping("stripe" if asked else "paypal"), provider.url)
        if found["expired"] != due:
            raise RuntimeError(f"{found['expired']} of {due} expired")
        self.memory[name] = found["before_mb"], found["peak_mb"]
        return due / float(found["seconds"])


def seed(url: str, orders: int, due: int) -> None:
    """Orders, as many reserved as are due, and as many again that are not yet.

    History is written beside them, and not checked row by row.
    """
    figures = {"orders": orders, "due": due, "reserved": 2 * due}
    with psycopg.connect(libpq(url), autocommit=True) as conn:
        for statement in _SEED.split(";\n"):
            if statement.strip():
                conn.execute(statement, figures if "%(" in statement else None)
        conn.execute("VACUUM ANALYZE orders.orders")


def mapping(provider: str) -> str:
    """A shop with one account of a provider."""
    shop = yaml.safe_load(BUNDLED.read_text(encoding="utf-8"))
    account = {
        "name": "cards", "provider": provider, "tenant": "shop", "time_zone": "UTC",
        "first_day": "2026-01-01", "acts": {"expire": "automatic"},
    }  # fmt: skip
    if provider != "stripe":
        account["expire_unasked_after_hours"] = 0
    return yaml.safe_dump(shop | {"accounts": [account]})


def looked(url: str, text: str, api_base: str) -> dict[str, Any]:
    """What a process of its own did with all that is due."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mapping.yaml"
        path.write_text(text, encoding="utf-8")
        script = str(harness.PEERS / "cleanup_order_ops.py")
        done = subprocess.run(
            [sys.executable, script, url, str(path), api_base],
            check=False, capture_output=True, text=True, timeout=1_800,
        )  # fmt: skip
    if done.returncode:
        sys.exit(f"cleanup: {done.stderr[-3_000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(raw: dict[str, list[float]], measure: Measure, size: int) -> results.Part:
    found = harness.medians(raw)
    sizes = {ALONE: size, WITH: ASKED * SHARE}
    return results.Part(
        name="cleanup",
        title=f"Cleanup: {size // SHARE:,} of {size:,} orders are due",
        text=(__doc__ or "").split("\n\n", 1)[1].strip(),
        columns=["", "orders", "due", "orders/s", "least and most", "peak memory", "at its start"],
        rows=[
            [
                name,
                f"{sizes[name]:,}",
                f"{sizes[name] // SHARE:,}",
                f"{found[name]:,.0f}",
                harness.spread(raw[name]),
                f"{measure.memory[name][1]:,.0f} MiB",
                f"{measure.memory[name][0]:,.0f} MiB",
            ]
            for name in found
        ],
        aims=[results.Aim("orders/s without a provider", _AIM, found[ALONE], WHY)],
        raw=raw,
    )


def main() -> None:
    parser = harness.options(__doc__, 3)
    parser.add_argument("--size", type=int, default=SIZE, help="orders; default: 1,000,000")
    options = parser.parse_args()
    with servers(with_broker=False) as running:
        measure = Measure(running, options.size)
        raw = harness.in_turn([ALONE, WITH], options.repeat, measure)
        part = report(raw, measure, options.size)
        results.show(part)
        if options.size >= SIZE:
            results.save(part, running.versions(), repeat=options.repeat)


if __name__ == "__main__":
    main()
