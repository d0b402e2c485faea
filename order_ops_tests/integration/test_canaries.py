"""Strings that must be nowhere: put in wherever somebody else writes, looked for wherever we do.

The bodies of messages are the exception: they are what is replayed, byte for byte, until
they are purged.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
import structlog

from order_ops.devstack.services import prepare_dagster_home
from order_ops.domain.messages import Message
from order_ops.jobs.alerts.process_alerts import tell_death
from order_ops.jobs.files.ingest import ingest
from order_ops.jobs.orders.staged import Terms
from order_ops.providers.files.report import ReportError
from order_ops.telemetry import logs
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.reconciling import HEADER
from order_ops_tests.shop import created, message

CANARIES = {
    "card": "4242 4242 4242 4242",
    "undivided card": "5555555555554444",
    "token": "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "e-mail": "ana.canary@example.com",
    "password": "hunter2canary",
}
TEXT = (
    "paid with 4242 4242 4242 4242 and 5555555555554444 by ana.canary@example.com under"
    " sk_live_4eC39HqLyjWDarjtT1zdp7dc at postgresql://order:hunter2canary@127.0.0.1/db"
)
RAW = {
    ("intake", "inbox", "body"): "the message as it came: replayed until it is purged",
    ("ops", "dead_letter", "payload"): "the same, beside its error",
    ("ops", "dead_letter", "edited"): "what a person has put in its place",
}


def _found(url: str, apart: set[tuple[str, str, str]]) -> list[str]:
    """Where canaries are in a database: table.column: what; every cell as text."""
    found = []
    with psycopg.connect(url.replace("+psycopg2", "").replace("+psycopg", "")) as conn:
        columns = conn.execute(
            "SELECT table_schema, table_name, column_name, data_type"
            " FROM information_schema.columns JOIN information_schema.tables"
            " USING (table_schema, table_name) WHERE table_type = 'BASE TABLE'"
            " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert columns
        for schema, table, column, kind in columns:
            if (schema, table, column) in apart:
                continue
            cell = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
            for name, canary in CANARIES.items():
                query = f'SELECT count(*) FROM "{schema}"."{table}" WHERE strpos({cell}, %s) > 0'
                row = conn.execute(query, (canary,)).fetchone()
                found += [f"{schema}.{table}.{column}: {name}"] if row and row[0] else []
    return found


def _nowhere(shop: Shop, told: str) -> None:
    url = shop.settings.database_url
    assert _found(url, set(RAW)) == []
    assert [name for name, canary in CANARIES.items() if canary in told] == []


@pytest.fixture
def told() -> Iterator[StringIO]:
    """The lines that the processes would write."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    written = StringIO()
    with redirect_stdout(written):
        logs.configure("test")
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _with(sent: Message, **more: Any) -> Message:
    return replace(sent, body=json.dumps(json.loads(sent.body) | more).encode())


BUYER = {"email": CANARIES["e-mail"], "card": CANARIES["card"], "note": TEXT}


def test_what_a_message_should_not_hold_is_in_its_body_alone(shop: Shop, told: StringIO) -> None:
    headers = {"trace": "t1", "buyer": BUYER, "x-note": TEXT, "x-list": [TEXT]}
    sent = [
        _with(replace(created("o1"), headers=headers), buyer=BUYER, note=TEXT),
        message("order.cancelled", "o1", 2, reason=TEXT, buyer=BUYER),
        replace(created("o2"), correlation_id=TEXT),
        _with(created("o3"), type=TEXT),
        _with(created("o4"), occurred_at=TEXT, version=TEXT),
        _with(created("o5"), data={"total_minor": TEXT, "currency": TEXT}),
        Message(TEXT.encode(), "order.created", headers),
        message(
            "payment.failed", "o1", 1, payment="p", account="none", amount_minor=1,
            currency="BRL", reason=TEXT,
        ),
    ]  # fmt: skip
    shop.stage(*sent)
    shop.apply()
    assert shop.one("SELECT count(*) FROM ops.dead_letter") == 5
    assert shop.one("SELECT headers ->> 'trace' FROM intake.inbox WHERE id = 1") == "t1"
    assert sorted(bytes(row.body) for row in shop.rows("SELECT body FROM intake.inbox")) == sorted(
        one.body for one in sent
    )
    bare = _found(shop.settings.database_url, set())
    assert {f"intake.inbox.body: {name}" for name in CANARIES} <= set(bare), "the search finds"
    _nowhere(shop, told.getvalue())


def test_an_error_of_an_event_says_nothing_of_it(
    shop: Shop, told: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    from order_ops.jobs.orders import lane_events

    def broken(*_: Any) -> None:
        raise ValueError(TEXT + " \ud800 \x00")

    monkeypatch.setattr(lane_events, "apply", broken)
    shop.stage(created("o1"), created("o2"))
    shop.apply()  # to be tried again, with a note
    assert shop.one("SELECT count(*) FROM intake.inbox WHERE note LIKE 'ValueError%%'") == 2
    shop.rows("UPDATE intake.inbox SET attempts = 99, next_at = now() RETURNING id")
    monkeypatch.setattr(Terms, "__init__", _tried_often(Terms.__init__))
    shop.apply()
    assert shop.one("SELECT count(*) FROM ops.dead_letter WHERE stack LIKE '%%ValueError%%'") == 2
    tell_death(shop.pool, "relay", TEXT + " \ud800 \x00")
    assert "event.not_applied" in told.getvalue()
    _nowhere(shop, told.getvalue())


def _tried_often(honest: Any) -> Any:
    """As often as the events were tried: the next time is the last."""

    def init(self: Any, attempts: int, *more: Any, **named: Any) -> None:
        honest(self, 100, *more, **named)

    return init


@pytest.fixture
def instance(
    shop: Shop, dagster_postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", dagster_postgres_url)
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_dagster_home(tmp_path)))
    with dg.DagsterInstance.get() as found:
        yield found


def test_an_error_of_a_run_says_nothing_anywhere(
    shop: Shop,
    instance: dg.DagsterInstance,
    dagster_postgres_url: str,
    told: StringIO,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from order_ops.definitions import defs
    from order_ops.orchestration.ops import intake

    def broken(*_: object, **__: object) -> None:
        raise ValueError(TEXT) from KeyError(TEXT)

    monkeypatch.setattr(intake, "apply_while_due", broken)
    job = defs.resolve_job_def("apply_order_events_job")
    failed = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not failed.success
    handler = defs.resolve_job_def("handle_run_failure_job")
    assert handler.execute_in_process(instance=instance).success
    assert shop.one("SELECT count(*) FROM ops.dead_letter WHERE origin = 'run'") == 1
    captured = capsys.readouterr()
    _nowhere(shop, told.getvalue() + captured.out + captured.err)
    assert _found(dagster_postgres_url, set()) == []


def test_the_config_of_a_failed_run_is_kept_without_them_and_not_launched(shop: Shop) -> None:
    from order_ops.domain.failures import FailureKind
    from order_ops.jobs.letters import run_replays
    from order_ops.jobs.letters.letter_sets import LetterError
    from order_ops.jobs.running.run_failures import FailedRun, record
    from order_ops.store.audit import Actor

    config = {"ops": {"x": {"config": {"name": "order.created", "body": TEXT}}}}
    known = {"ops": {"x": {"config": {"name": "order.created"}}}}
    for n, one in enumerate((config, known)):
        run = FailedRun(f"r{n}", "j", "E", TEXT, TEXT, FailureKind.UNKNOWN, one, {"who": TEXT[:9]})
        record(shop.pool, [run])
    _nowhere(shop, "")
    ana = Actor("ana", "mended")
    with pytest.raises(LetterError, match="something sensitive in its config"):
        run_replays.request(shop.pool, 1, ana, dry_run=False)
    run_replays.request(shop.pool, 2, ana, dry_run=False)
    (launch,) = run_replays.launches(shop.pool)
    assert launch.config == known


def test_a_column_of_a_file_that_nobody_needs_is_not_kept(
    shop: Shop, tmp_path: Path, told: StringIO
) -> None:
    path = tmp_path / "a.csv"
    moment = "2026-03-10 15:00:00"
    line = f"txn_1,{moment},{moment},brl,10.00,0.00,10.00,charge,pi_1,ch_1,ch_1,o1"
    header = f"{HEADER},customer_email,card_last,note,payment_metadata[buyer]"
    cells = f'{CANARIES["e-mail"]},{CANARIES["card"]},"{TEXT}","{TEXT}"'
    path.write_text(f"{header}\n{line},{cells}\n", encoding="utf-8")
    assert ingest(shop.pool, shop.mapping.account("shop-cards"), path).lines == 1
    path.write_text(f"{header}\n{line.replace('10.00', TEXT, 1)},{cells}\n", encoding="utf-8")
    with pytest.raises(ReportError):
        ingest(shop.pool, shop.mapping.account("shop-cards"), path)
    _nowhere(shop, told.getvalue())
