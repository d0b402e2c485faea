"""Dead letters from the UI, refused as on the command line; and failed runs launched again."""

import logging
from typing import Any

import dagster as dg
import pytest
from psycopg import OperationalError

from order_ops.domain.failures import FailureKind
from order_ops.domain.messages import Message
from order_ops.jobs.letters import dead_letters, letter_sets, run_replays
from order_ops.jobs.running import run_failures
from order_ops.jobs.running.run_failures import FailedRun
from order_ops.store.audit import Actor
from order_ops_tests.failing import raising
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run, tick
from order_ops_tests.shop import created, message

FAILING = "order_ops/domain: made to fail"


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


def test_a_failure_that_is_recorded_again_changes_nothing(shop: Shop) -> None:
    """It was dealt with in between: nobody is woken by it a second time."""
    failed = FailedRun("run-1", "expire_orders_job", "E", "e", None, FailureKind.UNKNOWN, {}, {})
    run_failures.record(shop.pool, [failed])
    (letter,) = letter_sets.find(shop.pool, letter_sets.Selection())
    dead_letters.discard(shop.pool, [letter.id], Actor("ana", "known"))
    run_failures.record(shop.pool, [failed])
    assert shop.rows("SELECT state FROM ops.dead_letter") == [("discarded",)]
    assert shop.rows("SELECT seen FROM ops.alert WHERE resolved_at IS NULL") == []
    assert shop.one("SELECT count(*) FROM ops.alert") == 1


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
    broken = raising(ValueError(FAILING))

    with monkeypatch.context() as patch:
        patch.setattr("order_ops.jobs.repairs.due.reservations", broken)
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
    broken = raising(ValueError(FAILING))

    monkeypatch.setattr("order_ops.jobs.repairs.due.reservations", broken)
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


@pytest.mark.parametrize(
    "config", [{"grace_s": 60}, {"limit": 2**64}], ids=["of the last release", "a huge number"]
)
def test_a_run_that_cannot_be_launched_as_it_was_keeps_no_other_waiting(
    shop: Shop, instance: dg.DagsterInstance, config: dict[str, Any]
) -> None:
    """Dagster refuses all that a tick asks for with the first."""
    told = {"ops": {"expire_due_orders": {"config": config}}}
    kind = FailureKind.UNKNOWN
    for job, given in (("expire_orders_job", told), ("purge_job", {})):
        run_failures.record(shop.pool, [FailedRun(job, job, "E", job, None, kind, given, {})])
    for letter in letter_sets.find(shop.pool, letter_sets.Selection()):
        run_replays.request(shop.pool, letter.id, Actor("ana", "mended"), dry_run=False)
    (request,) = _asked_for(instance)
    assert request.job_name == "purge_job"
    states = dict(shop.rows("SELECT name, state FROM ops.dead_letter"))
    assert states == {"expire_orders_job": "open", "purge_job": "replaying"}
    ended = "SELECT detail ->> 'ended' FROM ops.audit WHERE detail ? 'ended'"
    assert shop.one(ended).startswith("its config is refused")


def _asked_for(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    return list(tick(instance, "replay_sensor").run_requests or [])
