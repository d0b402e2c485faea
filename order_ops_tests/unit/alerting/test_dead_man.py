"""The dead man's switch is called while all is well, and harms nobody when it does not answer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_httpserver import HTTPServer
from structlog.testing import capture_logs

from order_ops.alerting.dead_man import DeadMan
from order_ops.devstack.processes import free_port
from order_ops.devstack.waiting import wait_until


@contextmanager
def running(dead_man: DeadMan) -> Iterator[None]:
    thread = threading.Thread(target=dead_man.run)
    thread.start()
    try:
        yield
    finally:
        dead_man.stop()
        thread.join(30)


def test_it_is_called_while_all_is_well_and_only_then(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/ping/canary").respond_with_data("OK")
    well = [True]
    dead_man = DeadMan(httpserver.url_for("/ping/canary"), lambda: well[0], every_s=0.02)
    with running(dead_man):
        wait_until(lambda: len(httpserver.log) > 2, 10, "it is called again and again")
        well[0] = False
        with capture_logs() as lines:
            wait_until(lambda: len(lines) > 2, 10, "it is withheld")
            calls = len(httpserver.log)
            wait_until(lambda: len(lines) > 5, 10, "it is withheld still")
    assert len(httpserver.log) <= calls + 1
    assert {line["event"] for line in lines} == {"dead_man.withheld"}


def test_a_call_that_fails_is_logged_without_its_address(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/canary").respond_with_data("gone", status=404)
    for url in (httpserver.url_for("/canary"), f"http://127.0.0.1:{free_port()}/canary"):
        with capture_logs() as lines, running(DeadMan(url, lambda: True, every_s=0.02)):
            wait_until(lambda: len(lines) > 2, 10, "it is tried again")
        assert {line["event"] for line in lines} == {"dead_man.failed"}
        assert "canary" not in str(lines)
