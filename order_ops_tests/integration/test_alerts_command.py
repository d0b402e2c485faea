"""`order-ops alerts` as a person types it, right and wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from order_ops.cli import app
from order_ops.store.engine import transaction
from order_ops_tests.integration.alerting import everywhere, id_of, made, raised, settled
from order_ops_tests.integration.conftest import Shop

WHY = ("--reason", "seen")


def command(*arguments: str) -> Result:
    wide = {"COLUMNS": "300", "TERM": "dumb", "ORDER_OPS_ACTOR": "ana"}
    return CliRunner().invoke(app, ["alerts", *arguments], env=wide)


def said(*arguments: str) -> str:
    result = command(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str) -> str:
    result = command(*arguments)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    return result.stderr


@pytest.fixture
def alert(shop: Shop) -> str:
    raised(shop, "order:shop:o1:2", order_id="o1", tenant_id="shop", amount_minor=5, currency="BRL")
    return str(id_of(shop, "order:shop:o1:2"))


def test_a_person_is_soon_told_of_a_lock(shop: Shop, alert: str) -> None:
    with transaction(shop.pool) as other:
        other.execute("LOCK TABLE ops.alert IN ACCESS EXCLUSIVE MODE")
        assert "is locked by somebody else: try again in a while" in refused("ack", alert, *WHY)
    assert "is acknowledged by ana" in said("ack", alert, *WHY)


def test_from_the_list_to_the_end(shop: Shop, alert: str, tmp_path: Path) -> None:
    raised(shop, "job:x", severity="warning")
    settled(made(shop, everywhere()))
    listed = said("list")
    assert "order:shop:o1:2 is wrong" in listed
    assert "payments" in listed
    (one,) = json.loads(said("list", "--severity", "critical", "--json", "-"))
    assert str(one["id"]) == alert
    assert "is acknowledged by ana" in said("ack", alert, *WHY)
    assert "is snoozed until 20" in said("snooze", alert, "--for", "2h", *WHY)
    assert "is resolved" in said("resolve", alert, *WHY)
    assert alert not in [str(row["id"]) for row in json.loads(said("list", "--json", "-"))]
    assert "resolved" in said("list", "--all", "--keys", "order:")
    shown = said("show", alert)
    for words in ("BRL 0.05", "docs/runbooks/orders.md", "pager:test: told; told 20", "alerts.ack"):
        assert words in shown
    said("show", alert, "--json", str(tmp_path / "alert.json"))
    told = json.loads((tmp_path / "alert.json").read_text())
    acts = [(row["actor"], row["action"], row["reason"]) for row in told["audit"]]
    names = ("alerts.ack", "alerts.snooze", "alerts.resolve")
    assert acts == [("ana", name, "seen") for name in names]


def test_a_window_of_maintenance(shop: Shop) -> None:
    assert said("maintenance", "list").strip() == "No maintenance."
    begun = said("maintenance", "--for", "2h", "--keys", "expiry:", *WHY)
    assert "alerts of expiry: are held until 20" in begun
    assert "expiry:" in said("maintenance", "list")
    (window,) = json.loads(said("maintenance", "list", "--json", "-"))
    number = str(window["id"])
    assert "of expiry: is over" in said("maintenance", "end", number, *WHY)
    assert "is over since 20" in refused("maintenance", "end", number, *WHY)
    actions = shop.rows("SELECT action FROM ops.audit ORDER BY id")
    assert [row.action for row in actions] == ["maintenance.begin", "maintenance.end"]


@pytest.mark.parametrize("act", [("ack",), ("snooze", "--for", "1h"), ("resolve",)])
def test_an_act_on_what_is_not_there_or_over_is_refused(
    shop: Shop, alert: str, act: tuple[str, ...]
) -> None:
    assert "there is no alert 999: order-ops alerts list" in refused(*act, "999", *WHY)
    assert "there is no alert" in refused(*act, str(2**64), *WHY)
    assert "--reason: say why" in refused(*act, alert)
    said("resolve", alert, *WHY)
    assert f"alert {alert} is resolved already, 20" in refused(*act, alert, *WHY)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "999"), "there is no alert 999"),
        (("snooze", "1", "--for", "soon", *WHY), "'soon' is no span of time: say 90s, 30m"),
        (("snooze", "1", "--for", "0h", *WHY), "is not between 1s and 90d"),
        (("snooze", "1", "--for", "99999999d", *WHY), "is not between 1s and 90d"),
        (("maintenance", "--keys", "x:", *WHY), "--for: say how long"),
        (("maintenance", "--for", "1h", *WHY), "--keys: say which alerts"),
        (("maintenance", "--for", "1w", "--keys", "x", *WHY), "'1w' is no span of time"),
        (("maintenance", "--for", "1h", "--keys", "x"), "--reason: say why"),
        (("maintenance", "end", "7", *WHY), "there is no maintenance 7"),
    ],
)
def test_what_is_typed_wrong_is_told_in_one_message(
    shop: Shop, arguments: tuple[str, ...], words: str
) -> None:
    assert words in refused(*arguments)


def test_twice_acknowledged_names_the_first(shop: Shop, alert: str) -> None:
    said("ack", alert, *WHY)
    assert "is acknowledged already: by ana, 20" in refused("ack", alert, *WHY)


def test_every_command_explains_itself() -> None:
    for name in ("list", "show", "ack", "snooze", "resolve", "maintenance"):
        assert "Usage:" in said(name, "--help")
    assert "end" in said("maintenance", "--help")


def test_a_database_that_takes_no_writes_is_said_with_what_to_do(shop: Shop, alert: str) -> None:
    """As after a failover, when the address is a replica's."""
    name = shop.one("SELECT current_database()")
    setting = f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
    with transaction(shop.pool) as conn:
        conn.execute(setting.encode())
    shop.pool.dispose()
    assert "let ORDER_OPS_DATABASE_URL name the primary" in refused("ack", alert, *WHY)


def test_a_role_that_may_not_is_said_with_what_to_do(shop: Shop, alert: str) -> None:
    with transaction(shop.pool) as conn:
        name = shop.one("SELECT current_database()")
        conn.execute(f'ALTER DATABASE "{name}" SET role = pg_monitor'.encode())
    shop.pool.dispose()
    assert "grant it, or name another role" in refused("show", alert)
