"""Days from a scripted provider, taken in as files: the command, the job, its ticks."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml

from order_ops.devstack.provider import Answer, ProviderServer
from order_ops.jobs.files.fetched_days import FetchError, due, fetch_days
from order_ops.mapping import BUNDLED, Account, Mapping, load_mapping
from order_ops.settings import get_settings
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.integration.dagster_runs import run, scheduled
from order_ops_tests.unit.cli import invoked
from order_ops_tests.unit.providers.test_stripe_fetch import PATH, behind, transaction

DAY = date(2026, 3, 10)
FETCH = ("provider", "fetch", "--account", "shop-cards", "--day")


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer() as running:
        yield running


@pytest.fixture
def api_shop(
    shop: Shop, server: ProviderServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    """A shop of one account that is fetched, from the server."""
    text = yaml.safe_load(BUNDLED.read_text(encoding="utf-8"))
    accounts = [one for one in text["accounts"] if one["name"] == "shop-cards"]
    accounts[0] |= {"api": "balance_transactions", "time_zone": "UTC", "cut_off": "00:00"}
    path = tmp_path / "mapping.yaml"
    path.write_text(yaml.safe_dump(text | {"accounts": accounts}), encoding="utf-8")
    monkeypatch.setenv("ORDER_OPS_MAPPING", str(path))
    monkeypatch.setenv("ORDER_OPS_PROVIDER_API_BASE", server.url)
    monkeypatch.setenv("ORDER_OPS_PROVIDER_KEYS", '{"shop-cards": "sk_test_canary"}')
    get_settings.cache_clear()
    load_mapping.cache_clear()
    yield Shop(get_settings(), load_mapping(path), shop.pool)
    load_mapping.cache_clear()


def page(*numbers: int) -> Answer:
    data = [transaction(number) for number in numbers]
    return Answer(body={"object": "list", "url": PATH, "has_more": False, "data": data})


def refusal(status: int, text: str) -> Answer:
    return Answer(status, {"error": {"type": "invalid_request_error", "message": text}})


def account(shop: Shop) -> Account:
    return shop.mapping.account("shop-cards")


def lines(shop: Shop) -> list[str]:
    rows = shop.rows("SELECT entry_id FROM recon.provider_transactions ORDER BY 1")
    return [row.entry_id for row in rows]


def test_a_day_that_is_fetched_is_stored_and_due(api_shop: Shop, server: ProviderServer) -> None:
    server.script(PATH, page(1, 2))
    result = invoked.run(*FETCH, DAY.isoformat())
    assert result.exit_code == 0, result.output
    assert "2 lines, 2 of them new" in result.stdout
    assert lines(api_shop) == ["txn_1", "txn_2"]
    assert api_shop.rows("SELECT provider, days FROM recon.source_file") == [
        ("stripe_balance_transactions", [DAY])
    ]


def test_fetched_again_the_same_is_known_and_more_is_a_later_file(
    api_shop: Shop, server: ProviderServer
) -> None:
    server.script(PATH, page(1), page(1), page(1, 2))
    told = [invoked.run(*FETCH, DAY.isoformat()).stdout for _ in range(3)]
    assert "is known since" in told[1]
    assert "2 lines, 1 of them new" in told[2]
    assert lines(api_shop) == ["txn_1", "txn_2"]


def test_days_up_to_another_one_without_a_line_too(
    api_shop: Shop, server: ProviderServer, tmp_path: Path
) -> None:
    server.script(PATH, page(1), page(), page())
    out = tmp_path / "told.json"
    assert invoked.run(*FETCH, "2026-03-10", "--to", "2026-03-12", "--json", out).exit_code == 0
    told = json.loads(out.read_text(encoding="utf-8"))
    assert [(one["day"], one["lines"]) for one in told] == [
        ("2026-03-10", 1), ("2026-03-11", 0), ("2026-03-12", 0),
    ]  # fmt: skip


def test_too_many_calls_are_waited_for(api_shop: Shop, server: ProviderServer) -> None:
    first = page(1)
    first.body["has_more"] = True
    server.script(PATH, first, refusal(429, "Too many requests."), page(2))
    assert invoked.run(*FETCH, DAY.isoformat()).exit_code == 0
    assert behind(server) == [None, "txn_1", "txn_1"]
    assert lines(api_shop) == ["txn_1", "txn_2"]


def test_a_key_that_is_refused_says_what_to_do(api_shop: Shop, server: ProviderServer) -> None:
    server.script(PATH, refusal(401, "Invalid API Key provided: sk_test_****nary"))
    told = invoked.refused(*FETCH, DAY.isoformat())
    assert "account shop-cards, 2026-03-10: stripe: Invalid API Key" in told
    assert "look at the key of shop-cards in ORDER_OPS_PROVIDER_KEYS" in told
    assert "sk_test_canary" not in told
    assert len(server.calls) == 1


def test_a_day_that_is_not_over_is_refused(api_shop: Shop) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    told = invoked.refused(*FETCH, tomorrow.isoformat())
    assert "cannot be fetched: the last day that is over there is" in told


def test_without_a_key_it_is_said(api_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_OPS_PROVIDER_KEYS", "{}")
    get_settings.cache_clear()
    told = invoked.refused(*FETCH, DAY.isoformat())
    assert "no API key for account shop-cards: add it to ORDER_OPS_PROVIDER_KEYS" in told


def test_an_account_that_cannot_be_fetched_keeps_no_other_waiting(
    api_shop: Shop, server: ProviderServer
) -> None:
    other = account(api_shop).model_copy(update={"name": "other"})
    server.script(PATH, page(1))
    fetched = fetch_days(api_shop.pool, get_settings(), [(other, DAY), (account(api_shop), DAY)])
    assert next(fetched).account == "shop-cards"
    with pytest.raises(FetchError, match="no API key for account other"):
        next(fetched)


def test_days_are_due_until_they_are_fetched(api_shop: Shop, server: ProviderServer) -> None:
    now = datetime(2026, 3, 12, 0, 5, tzinfo=UTC)
    mapping: Mapping = api_shop.mapping
    days = [day for _, day in due(api_shop.pool, mapping, now)]
    assert days == [date(2026, 3, 5) + timedelta(days=n) for n in range(7)]
    server.script(PATH, page(1))
    list(fetch_days(api_shop.pool, get_settings(), [(account(api_shop), DAY)]))
    assert [day for _, day in due(api_shop.pool, mapping, now)] == [
        day for day in days if day != DAY
    ]


def test_a_day_of_long_ago_is_due_still(api_shop: Shop, server: ProviderServer) -> None:
    server.script(PATH, page(1))
    list(fetch_days(api_shop.pool, get_settings(), [(account(api_shop), DAY)]))
    month_later = datetime(2026, 4, 12, 0, 5, tzinfo=UTC)
    days = [day for _, day in due(api_shop.pool, api_shop.mapping, month_later)]
    assert days == [DAY + timedelta(days=n) for n in range(1, 33)]


def test_a_day_that_was_taken_back_is_fetched_by_name_alone(
    api_shop: Shop, server: ProviderServer
) -> None:
    server.script(PATH, page(1), page(1))
    (done,) = fetch_days(api_shop.pool, get_settings(), [(account(api_shop), DAY)])
    file_id = str(done.ingested.file_id)
    told = invoked.run("provider", "withdraw", file_id, "--reason", "a test", "--by", "ana")
    assert told.exit_code == 0, told.output
    now = datetime(2026, 3, 12, 0, 5, tzinfo=UTC)
    assert DAY not in [day for _, day in due(api_shop.pool, api_shop.mapping, now)]
    assert invoked.run(*FETCH, DAY.isoformat()).exit_code == 0
    assert lines(api_shop) == ["txn_1"]


def test_a_day_that_is_refused_keeps_no_other_waiting(
    api_shop: Shop, server: ProviderServer
) -> None:
    other = page(1)
    other.body["data"][0] |= {"amount": 77_700, "net": 77_700 - other.body["data"][0]["fee"]}
    server.script(PATH, page(1), other, page(2))
    wanted = [(account(api_shop), DAY + timedelta(days=n)) for n in range(3)]
    fetched = fetch_days(api_shop.pool, get_settings(), wanted)
    assert [next(fetched).day for _ in range(2)] == [DAY, DAY + timedelta(days=2)]
    with pytest.raises(FetchError, match=r"account shop-cards, 2026-03-11: .*other amounts"):
        next(fetched)
    assert lines(api_shop) == ["txn_1", "txn_2"]


def test_the_job_fetches_what_is_due_and_shows_it(
    api_shop: Shop, server: ProviderServer, instance: dg.DagsterInstance, defs: dg.Definitions
) -> None:
    assert len(scheduled(instance, "fetch_transactions_schedule").run_requests) == 1
    server.script(PATH, *(page() for _ in range(7)))
    result = run(defs, instance, "fetch_transactions_job")
    assert result.success
    assert shown(result)["days"] == 7
    assert scheduled(instance, "fetch_transactions_schedule").run_requests == []
    server.script(PATH, page(1))
    config = {"account": "shop-cards", "day": DAY.isoformat()}
    told = {"ops": {"fetch_transactions": {"config": config}}}
    again = run(defs, instance, "fetch_transactions_job", run_config=told)
    assert f"| shop-cards | {DAY} | 2026-03-10-" in shown(again)["files"]
    assert lines(api_shop) == ["txn_1"]


def shown(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (output,) = [one for one in result.all_events if one.event_type_value == "STEP_OUTPUT"]
    return {name: one.value for name, one in output.step_output_data.metadata.items()}
