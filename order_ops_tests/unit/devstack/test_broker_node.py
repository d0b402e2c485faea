import json
from pathlib import Path

import pytest

from order_ops.devstack import broker, broker_node, ensure


@pytest.fixture
def no_rabbitmq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_node, "find_rabbitmq", lambda: None)
    monkeypatch.setattr(ensure, "find_rabbitmq", lambda: None)


def test_ports_and_password_are_chosen_once(tmp_path: Path) -> None:
    first = broker_node.node(tmp_path)
    assert broker_node.node(tmp_path) == first
    assert broker_node.node(tmp_path / "other").password != first.password
    assert len({first.port, first.dist_port, first.epmd_port}) == 3


def test_a_home_of_before_the_management_api_gets_a_port_for_it(tmp_path: Path) -> None:
    first, path = broker_node.node(tmp_path), tmp_path / "rabbitmq" / "node.json"
    known = json.loads(path.read_text())
    del known["api_port"]
    path.write_text(json.dumps(known))
    again = broker_node.node(tmp_path)
    assert (again.port, again.password) == (first.port, first.password)
    assert again.api_port
    assert broker_node.node(tmp_path) == again


def test_the_management_api_listens_on_the_loopback_alone(tmp_path: Path) -> None:
    broker_node.environment(tmp_path)
    config = (tmp_path / "rabbitmq" / "rabbitmq.conf").read_text()
    assert "management.tcp.ip = 127.0.0.1\n" in config
    assert f"management.tcp.port = {broker_node.node(tmp_path).api_port}\n" in config


def test_only_the_owner_reads_the_password(tmp_path: Path) -> None:
    broker_node.environment(tmp_path)
    for name in ("node.json", "rabbitmq.conf"):
        assert (tmp_path / "rabbitmq" / name).stat().st_mode & 0o077 == 0
    saved = json.loads((tmp_path / "rabbitmq" / "node.json").read_text())
    assert saved["password"] in broker_node.node(tmp_path).amqp_url


def test_nothing_of_the_system_broker_is_used(tmp_path: Path) -> None:
    env = broker_node.environment(tmp_path)
    ours = ("HOME", "RABBITMQ_MNESIA_BASE", "RABBITMQ_LOG_BASE", "RABBITMQ_CONF_ENV_FILE")
    assert all(env[name].startswith(str(tmp_path)) for name in ours)
    assert env["ERL_EPMD_PORT"] != "4369"


def test_a_missing_broker_names_the_package(tmp_path: Path, no_rabbitmq: None) -> None:
    with pytest.raises(broker_node.BrokerMissingError, match="apt-get install rabbitmq-server"):
        broker.start(tmp_path)


def test_without_the_right_to_install_the_tests_say_what_to_do(
    no_rabbitmq: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ensure.TEST_AMQP_URL, raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(RuntimeError, match="ORDER_OPS_TEST_AMQP_URL"):
        ensure.ensure_broker()


def test_a_named_broker_needs_no_package(
    no_rabbitmq: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ensure.TEST_AMQP_URL, "amqp://somewhere")
    assert ensure.TEST_AMQP_URL in ensure.ensure_broker()


def test_the_package_starts_no_service_while_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    seen: list[tuple[str, bool]] = []
    monkeypatch.setattr(ensure, "POLICY", policy)
    monkeypatch.setattr(
        "subprocess.run", lambda command, **_: seen.append((command[1], policy.exists()))
    )
    ensure._install()
    assert seen == [("update", True), ("install", True)]
    assert not policy.exists()
