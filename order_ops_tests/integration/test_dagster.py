"""Jobs, sensors and schedules on a real Dagster instance in Postgres."""

import logging
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from psycopg import OperationalError

from order_ops.domain.messages import Message
from order_ops.jobs import dead_letters, letter_sets
from order_ops.jobs.catalogue import APPLY_ORDER_EVENTS
from order_ops.jobs.reconciliation_days import AccountDay, mark
from order_ops.settings import get_settings
from order_ops.store.engine import transaction
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run, tick
from order_ops_tests.integration.executions import in_hand
from order_ops_tests.shop import created, message, paid, reserved

FAILING = "order_ops/domain: made to fail"


def test_a_job_applies_staged_events(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    result = run(defs, instance, "apply_order_events_job")
    assert result.success
    assert shop.one("SELECT state FROM orders.orders") == "CONFIRMED"
    assert shop.one("SELECT DISTINCT last_run_id FROM intake.inbox") == result.run_id


def test_a_partition_is_materialised_with_its_checks(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    shop.apply()
    result = run(defs, instance, "reconcile_payments_job", "shop-cards|2026-03-10")
    assert result.success
    checks = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
    assert checks == {"bridge_closes_to_zero": True, "entries_matched_once": True}
    bridge = result.asset_materializations_for_node("reconcile_payments")
    assert {m.asset_key.to_user_string() for m in bridge} == {
        "payment_matches",
        "reconciliation_breaks",
        "reconciliation_bridge",
    }
    assert shop.one("SELECT verdict FROM recon.run") == "RECONCILED_WITH_PENDING"
    report = Path(shop.one("SELECT report FROM recon.run"))
    assert "BRL 10.00" in report.read_text(encoding="utf-8")


def test_the_check_fails_when_the_bridge_does_not_close(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bug in a total is injected: the lines no longer explain it."""
    from order_ops.reconciliation import bridge

    shop.stage(created("o1"), reserved("o1"), paid("o1"))
    shop.apply()
    honest = bridge.sums
    monkeypatch.setattr(
        bridge,
        "sums",
        lambda frame: {
            code: replace(total, amount_minor=total.amount_minor + 1)
            for code, total in honest(frame).items()
        },
    )
    result = run(defs, instance, "reconcile_payments_job", "shop-cards|2026-03-10")
    checks = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
    assert checks["bridge_closes_to_zero"] is False
    assert shop.one("SELECT verdict FROM recon.run") == "INCOMPLETE"


def test_a_failed_run_becomes_one_dead_letter_and_one_alert(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from order_ops.orchestration.ops import intake

    def broken(*_: object, **__: object) -> None:
        raise ValueError(FAILING)

    monkeypatch.setattr(intake, "apply_while_due", broken)
    failed = [run(defs, instance, "apply_order_events_job") for _ in range(2)]
    assert not any(run.success for run in failed)
    for _ in range(2):
        assert run(defs, instance, "handle_run_failure_job").success
    letters = shop.rows(
        "SELECT origin, origin_id, name, category, error, stack FROM ops.dead_letter ORDER BY id"
    )
    assert {row.origin_id for row in letters} == {run.run_id for run in failed}
    assert letters[0].name == "apply_order_events_job"
    assert letters[0].error == f"ValueError: {FAILING}"
    assert letters[0].category == "unknown"
    assert "broken" in letters[0].stack
    assert shop.one("SELECT count(*) FROM ops.alert") == 1, "one cause wakes a person once"


def test_the_staging_sensor_asks_only_when_there_is_work(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    assert tick(instance, "staging_sensor").run_requests == []
    shop.stage(created("o1"))
    assert len(tick(instance, "staging_sensor").run_requests or []) == 1
    with in_hand(shop, APPLY_ORDER_EVENTS):
        skipped = tick(instance, "staging_sensor")
    assert skipped.run_requests == []
    assert "already" in (skipped.skip_message or "")
    job = defs.resolve_job_def("apply_order_events_job")
    dead = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert len(tick(instance, "staging_sensor").run_requests or []) == 1, (
        f"{dead.run_id} is listed as started, but no worker holds the lease"
    )
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED)
    assert "starting" in (tick(instance, "staging_sensor").skip_message or "")


def test_a_changed_closed_day_is_asked_for_once(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    with transaction(shop.pool) as conn:
        mark(conn, {AccountDay(date(2026, 3, 10), "shop-cards")})
    first = tick(instance, "changed_days_sensor")
    assert [r.partition_key for r in first.run_requests or []] == ["shop-cards|2026-03-10"]
    assert tick(instance, "changed_days_sensor").run_requests == []


def test_the_schedule_asks_for_each_account_once_its_day_is_over(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    """03:07 UTC is after midnight in Sao Paulo; 02:07 UTC is not."""
    from order_ops.orchestration.resources import OrderOps
    from order_ops.orchestration.schedules import reconcile_payments_schedule

    def asked(hour: int) -> set[str]:
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 1, 3, hour, 7, tzinfo=UTC),
            resources={"order_ops": OrderOps()},
            repository_def=defs.get_repository_def(),
        )
        data = reconcile_payments_schedule.evaluate_tick(context)
        return {str(request.partition_key) for request in data.run_requests or []}

    assert asked(2) == {"shop-cards|2026-01-01", "shop-boleto|2026-01-01"}
    assert asked(3) == {"shop-cards|2026-01-02", "shop-boleto|2026-01-02"}
    assert asked(4) == set()


def test_settings_are_validated_when_the_definitions_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import os
    import subprocess
    import sys

    env = {k: v for k, v in os.environ.items() if not k.startswith("ORDER_OPS_")}
    loaded = subprocess.run(
        [sys.executable, "-c", "import order_ops.definitions"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode != 0
    assert "ORDER_OPS_DATABASE_URL: is not set" in loaded.stderr
    get_settings.cache_clear()


def _handle(
    defs: dg.Definitions, instance: dg.DagsterInstance, **config: Any
) -> dg.ExecuteInProcessResult:
    run_config = {"ops": {"handle_dead_letters": {"config": config}}}
    return run(defs, instance, "dead_letters_job", run_config=run_config)


def _dlq(
    defs: dg.Definitions, instance: dg.DagsterInstance, **config: Any
) -> dict[str, dg.MetadataValue[Any]]:
    result = _handle(defs, instance, **config)
    assert result.success
    (event,) = [e for e in result.all_events if e.is_successful_output]
    return dict(event.step_output_data.metadata)


def test_dead_letters_are_replayed_from_the_ui_after_a_look(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    shop.stage(Message(b"{", "order.created", {}), Message(b"{ ", "order.created", {}))
    looked = _dlq(defs, instance, action="discard", name="order.created")
    assert "would be discarded" in str(looked["became"].value)
    assert shop.one("SELECT count(*) FROM ops.dead_letter WHERE state = 'open'") == 2
    wanted = {"action": "discard", "name": "order.created", "dry_run": False}
    refused = _dlq(defs, instance, **wanted)
    assert "say who you are and why" in str(refused["refused"].value)
    named = {"by": "ana", "reason": "not ours", "expect": looked["expect"].value}
    done = _dlq(defs, instance, **wanted, **named)
    assert (done["letters"].value, done["refused_or_failed"].value) == (2, 0)
    assert shop.one("SELECT count(*) FROM ops.audit WHERE actor = 'ana'") == 2
    assert instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])) == 0


DO = {"dry_run": False, "by": "ana", "reason": "not ours"}


def _warnings(instance: dg.DagsterInstance) -> list[str]:
    """What the last run warned of."""
    (run,) = instance.get_runs(limit=1)
    return [e.user_message for e in instance.all_logs(run.run_id) if e.level == logging.WARNING]


@pytest.fixture
def three(shop: Shop) -> list[int]:
    shop.stage(*(Message(b"{" + b" " * n, "order.created", {}) for n in range(3)))
    return [letter.id for letter in letter_sets.find(shop.pool, letter_sets.Selection())]


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({}, "say which"),
        ({"order": "", "group": ""}, "say which"),
        ({"ids": [1], "tenant": "shop"}, "not both"),
        ({"ids": [1], "expect": "1-abcdef"}, "look again"),
        ({"ids": [10**30]}, "there is no dead letter 1000"),
        ({"name": "order.created", **DO}, "3 letters are selected: look first"),
        ({"origin": "order"}, "origin: 'order' is none of event, run"),
        ({"category": "odd"}, "category: 'odd' is none of transient,"),
        ({"until": "yesterday"}, "until: 'yesterday' is no ISO 8601 time"),
        ({"order": "a\0"}, "NUL"),
        ({"action": "drop", "ids": [1]}, "action: 'drop' is none of replay, discard, edit"),
        ({"action": "edit", "ids": [1, 2], "body": "{}"}, "edit: say one letter"),
        ({"action": "edit", "ids": [1]}, "edit: say one letter in ids, and its body"),
        ({"ids": [1], "dry_run": False, "by": "ana"}, "say who you are and why"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)
def test_what_is_asked_wrongly_in_the_ui_is_refused_as_on_the_command_line(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    three: list[int],
    config: dict[str, Any],
    why: str,
) -> None:
    refused = _dlq(defs, instance, **config)
    assert why in str(refused["refused"].value)
    assert any(why in warning for warning in _warnings(instance))


def test_the_ui_chooses_by_whatever_the_command_line_does(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance, three: list[int]
) -> None:
    cancel = {"kind": "order.cancelled", "order": "o1", "sequence": 3}
    shop.stage(message(**cancel, reason="a"), message(**cancel, reason="b"))

    def count(**config: Any) -> int:
        return _dlq(defs, instance, action="discard", **config)["letters"].value

    assert count(tenant="shop") == 1
    assert count(category="permanent") == 3
    assert count(origin="event") == 4
    assert count(since="2026-01-01", until="2999-01-01T00:00:00Z") == 4
    wanted = {"action": "discard", "since": "2999-01-01"}
    assert "no open dead letter" in str(_dlq(defs, instance, **wanted)["refused"].value)


def test_a_letter_is_edited_from_the_ui(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance, three: list[int]
) -> None:
    wanted = {"action": "edit", "ids": three[:1], "body": created("o1").body.decode()}
    looked = _dlq(defs, instance, **wanted)
    assert "would be edited" in str(looked["became"].value)
    _dlq(defs, instance, **wanted, **DO, expect=looked["expect"].value)
    assert bytes(shop.one("SELECT edited FROM ops.dead_letter WHERE id = 1")) == created("o1").body
    refused = _dlq(defs, instance, **{**wanted, "body": ""}, **DO)
    assert "the body has 0 bytes" in str(refused["became"].value)


def test_what_was_refused_in_part_is_plain_to_see(
    shop: Shop, defs: dg.Definitions, instance: dg.DagsterInstance, three: list[int]
) -> None:
    why = {**DO, "reason": "a | b\nc"}
    assert "refused" not in _dlq(defs, instance, action="discard", ids=three[1:2], **why)
    done = _dlq(defs, instance, action="discard", ids=three, **DO)
    assert done["refused"].value == "1 of 3 letters"
    first = str(done["became"].value).splitlines()[2]
    assert first.startswith(f"| {three[1]} | refused | dead letter {three[1]} is discarded already")
    assert first.endswith(r"a \| b c |")
    (warning,) = _warnings(instance)
    assert f"letter {three[1]} refused: " in warning


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
def test_a_database_that_fails_midway_leaves_no_letter_behind_unsaid(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    three: list[int],
    monkeypatch: pytest.MonkeyPatch,
    *,
    lasting: bool,
) -> None:
    """The step used to be tried again, found its set changed, and was a success."""
    wanted = {"action": "discard", "name": "order.created"}
    name = _dlq(defs, instance, **wanted)["expect"].value
    real, failed = dead_letters.discard, list[int]()

    def discard(pool: Any, ids: list[int], *more: Any, **named: Any) -> Any:
        if three[1] in ids and (lasting or not failed):
            failed.extend(ids)
            real(pool, ids[: ids.index(three[1])], *more, **named)
            raise OperationalError("the connection is lost")
        return real(pool, ids, *more, **named)

    monkeypatch.setattr(dead_letters, "discard", discard)
    result = _handle(defs, instance, **wanted, **DO, expect=name)
    assert result.success is not lasting
    assert shop.one("SELECT count(*) FROM ops.dead_letter WHERE state = 'open'") == 2 * lasting


def test_a_failed_run_is_launched_again_once_and_its_letter_ends_with_it(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError(FAILING)

    with monkeypatch.context() as patch:
        patch.setattr("order_ops.orchestration.ops.expiry.due_reservations", broken)
        config = {"ops": {"expire_due_orders": {"config": {"limit": 7}}}}
        failed = run(defs, instance, "expire_orders_job", run_config=config)
    run(defs, instance, "handle_run_failure_job")
    letter = shop.rows("SELECT id, origin_id, state FROM ops.dead_letter")[0]
    assert (letter.origin_id, letter.state) == (failed.run_id, "open")

    done = _dlq(defs, instance, ids=[letter.id], dry_run=False, by="ana", reason="mended")
    assert "requested" in str(done["became"].value)
    (request,) = _asked_for(instance)
    assert (request.job_name, request.run_config) == ("expire_orders_job", config)
    (same,) = _asked_for(instance)
    assert same.run_key == request.run_key, "until the run is there: one key, one run"

    again = run(defs, instance, "expire_orders_job", run_config=config, tags=request.tags)
    assert again.success
    assert _asked_for(instance) == []
    assert shop.one("SELECT state FROM ops.dead_letter") == "replayed"


def test_a_launched_run_that_fails_again_has_a_letter_linked_to_the_first(
    shop: Shop,
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError(FAILING)

    monkeypatch.setattr("order_ops.orchestration.ops.expiry.due_reservations", broken)
    run(defs, instance, "expire_orders_job")
    run(defs, instance, "handle_run_failure_job")
    first = shop.one("SELECT id FROM ops.dead_letter")
    _dlq(defs, instance, ids=[first], dry_run=False, by="ana", reason="again")
    (request,) = _asked_for(instance)
    run(defs, instance, "expire_orders_job", tags=request.tags)
    run(defs, instance, "handle_run_failure_job")
    assert _asked_for(instance) == []
    letters = shop.rows("SELECT state, replay_of FROM ops.dead_letter ORDER BY id")
    assert letters == [("replayed", None), ("open", first)]


def _asked_for(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    return list(tick(instance, "replay_sensor").run_requests or [])
