from configparser import RawConfigParser
from pathlib import Path

import pytest

from order_ops.devstack.programs import Ports, Program, configuration, programs

HOME = Path("/home/a b/100%/.order_ops")
PORTS = Ports(code_server=4001, webserver=3007, metrics=9469)


def names(*, postgres: bool = True, node: bool = True, amqp: bool = True) -> list[str]:
    wanted = programs(HOME, PORTS, postgres=postgres, node=node, amqp=amqp)
    return [program.name for program in wanted]


def parsed(wanted: list[Program]) -> RawConfigParser:
    parser = RawConfigParser()
    parser.read_string(configuration(HOME, Path("/src"), Path("/tmp/s.sock"), wanted))
    return parser


def test_start_order() -> None:
    servers, dagster = ["postgres", "epmd", "rabbitmq"], ["code-server", "webserver", "daemon"]
    assert names() == [*servers, *dagster, "consumer", "relay", "watch"]


def test_without_a_broker_nothing_consumes_or_relays() -> None:
    assert names(node=False, amqp=False) == [
        "postgres",
        "code-server",
        "webserver",
        "daemon",
        "watch",
    ]


def test_servers_that_run_elsewhere_are_not_run() -> None:
    assert names(postgres=False, node=False)[0] == "code-server"
    assert "consumer" in names(postgres=False, node=False)


def test_supervisord_listens_on_no_tcp_port_and_stays_in_the_foreground() -> None:
    config = parsed([])
    assert not config.has_section("inet_http_server")
    assert config["unix_http_server"]["file"] == "/tmp/s.sock"
    assert config["supervisord"]["nodaemon"] == "true"


def test_supervisord_unescapes_to_the_path_that_was_meant() -> None:
    logfile = parsed([])["supervisord"]["logfile"]
    assert logfile % {} == str(HOME / "logs" / "supervisord.log")


def test_every_program_comes_back_and_ends_with_its_children() -> None:
    config = parsed(programs(HOME, PORTS, postgres=True, node=True, amqp=True))
    sections = [name for name in config.sections() if name.startswith("program:")]
    assert len(sections) == len(names())
    for section in sections:
        assert config[section]["autorestart"] == "true"
        assert config[section]["killasgroup"] == "true"
        assert int(config[section]["startretries"]) > 1000
    priorities = [int(config[section]["priority"]) for section in sections]
    assert priorities == sorted(priorities)


def test_what_needs_others_starts_once_they_are_ready() -> None:
    config = parsed(programs(HOME, PORTS, postgres=True, node=True, amqp=True))
    held = [name for name in names() if config[f"program:{name}"]["autostart"] == "false"]
    assert held == ["webserver", "daemon", "consumer", "relay", "watch"]


@pytest.mark.parametrize("name", ["epmd", "rabbitmq"])
def test_erlang_is_not_signalled_as_a_group(name: str) -> None:
    config = parsed(programs(HOME, PORTS, postgres=True, node=True, amqp=True))
    assert config[f"program:{name}"]["stopasgroup"] == "false"


def test_the_ports_reach_their_programs() -> None:
    config = parsed(programs(HOME, PORTS, postgres=True, node=True, amqp=True))
    assert config["program:code-server"]["command"].endswith("-h 127.0.0.1 -p 4001")
    assert config["program:webserver"]["command"].endswith("-h 127.0.0.1 -p 3007")
