"""One JSON object a line, from structlog and the standard library alike."""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import structlog

from order_ops.telemetry import logs
from order_ops.telemetry.logs import bound, configure


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    pika = logging.getLogger("pika").level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("pika").setLevel(pika)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Logged:
    """What was written to stdout since the last look, read as JSON lines."""

    def __init__(self) -> None:
        self._stdout = StringIO()

    def configure(self, process: str) -> None:
        # pytest changes sys.stdout between the set-up and the call of a test
        with redirect_stdout(self._stdout):
            configure(process)

    def lines(self) -> list[dict[str, Any]]:
        written = self._stdout.getvalue()
        self._stdout.seek(0)
        self._stdout.truncate()
        return [json.loads(line) for line in written.splitlines()]

    def line(self) -> dict[str, Any]:
        (only,) = self.lines()
        return only


@pytest.fixture
def logged() -> Logged:
    logs = Logged()
    logs.configure("consumer")
    return logs


def test_an_event_is_one_json_object_with_its_process_and_utc_time(logged: Logged) -> None:
    structlog.get_logger("order_ops.jobs").info("apply.split", lanes=4, order="o-1")
    line = logged.line()
    written = datetime.fromisoformat(line.pop("timestamp"))
    assert abs(datetime.now(UTC) - written) < timedelta(minutes=1)
    assert line.pop("instance") == f"{socket.gethostname()}:{os.getpid()}"
    assert line == {
        "event": "apply.split",
        "level": "info",
        "logger": "order_ops.jobs",
        "process": "consumer",
        "lanes": 4,
        "order": "o-1",
    }


def test_the_standard_library_is_written_the_same_way(logged: Logged) -> None:
    logging.getLogger("alembic").warning("at revision %s", "0001")
    line = logged.line()
    assert (line["event"], line["level"]) == ("at revision 0001", "warning")
    assert (line["logger"], line["process"]) == ("alembic", "consumer")


@pytest.mark.parametrize(
    "log", [structlog.get_logger("x"), logging.getLogger("x")], ids=["structlog", "stdlib"]
)
def test_an_exception_is_on_the_line_with_its_stack(logged: Logged, log: Any) -> None:
    try:
        raise ConnectionError("broker gone\nreally")  # noqa: TRY301 - its stack is looked at
    except ConnectionError:
        log.exception("consumer.reconnect")
    line = logged.line()
    assert (line["event"], line["level"]) == ("consumer.reconnect", "error")
    assert "ConnectionError: broker gone\nreally" in line["exception"]
    assert __name__.rpartition(".")[2] in line["exception"]


@pytest.mark.parametrize(
    "value", ["two\nlines", "\x00\x1b[31m", "\ud800", b"\xff", object(), {1: {2}}, ValueError("x")]
)
def test_no_value_breaks_a_line_or_raises(logged: Logged, value: object) -> None:
    structlog.get_logger("x").info("odd", value=value)
    assert "value" in logged.line()


def test_what_is_bound_is_on_every_line_of_its_context(logged: Logged) -> None:
    with structlog.contextvars.bound_contextvars(run_id="r-1"):
        logging.getLogger("library").warning("inside")
    structlog.get_logger("x").info("outside")
    inside, outside = logged.lines()
    assert (inside["run_id"], inside["process"]) == ("r-1", "consumer")
    assert "run_id" not in outside


def test_a_thread_logs_under_the_name_of_its_process(logged: Logged) -> None:
    """A new thread starts with empty context variables: the consumer's store thread is one."""

    def work() -> None:
        structlog.get_logger("x").info("from structlog")
        logging.getLogger("x").info("from the library")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [line.get("process") for line in logged.lines()] == ["consumer", "consumer"]


def test_details_below_info_and_pikas_chatter_are_left_out(logged: Logged) -> None:
    logging.getLogger("x").debug("detail")
    logging.getLogger("pika.adapters").info("connecting to the broker")
    assert logged.lines() == []
    logging.getLogger("pika.adapters").warning("connection lost")
    assert logged.line()["event"] == "connection lost"


def test_configuring_again_writes_no_line_twice(logged: Logged) -> None:
    logged.configure("relay")
    structlog.get_logger("x").info("once")
    assert logged.line()["process"] == "relay"


def test_the_lines_of_a_process_are_on_its_stdout() -> None:
    code = (
        "from order_ops.telemetry.logs import configure; import structlog;"
        "configure('relay'); structlog.get_logger('x').info('here')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout)["event"] == "here"
    assert done.stderr == ""


def test_nothing_sensitive_is_on_a_line(logged: Logged) -> None:
    try:
        raise ValueError("of ana@example.com")  # noqa: TRY301 - its stack is looked at
    except ValueError:
        structlog.get_logger("x").exception("sk_live_abcdef", buyer={"email": "x"}, odd=Odd())
    logging.getLogger("library").warning("amqp://order:%s@host", "hunter2")
    first, second = logged.lines()
    assert first["event"] == "[redacted]"
    assert first["buyer"] == {"email": "[redacted]"}
    assert first["odd"] == "<4242> by [redacted]"
    assert "ValueError: of [redacted]" in first["exception"]
    assert second["event"] == "amqp://order:[redacted]@host"


class Odd:
    def __repr__(self) -> str:
        return "<4242> by ana@example.com"


class Broken:
    def __repr__(self) -> str:
        raise ValueError("no words")


def test_a_value_that_cannot_be_shown_costs_no_line() -> None:
    assert logs._in_words(Broken()) == "<Broken: ValueError>"


def test_what_is_bound_is_on_every_line_and_none_is_left_out(logged: Logged) -> None:
    with bound(job="a_job", run_id="r-1", tenant=None):
        structlog.get_logger("x").info("inside")
    line = logged.line()
    assert (line["job"], line["run_id"]) == ("a_job", "r-1")
    assert "tenant" not in line


def test_a_line_of_a_run_says_which(logged: Logged) -> None:
    meta = {
        "job_name": "a_job",
        "run_id": "r-1",
        "step_key": None,
        "orig_message": "here",
        "dagster_event": None,
    }
    logging.getLogger("dagster").warning("a_job - r-1 - here", extra={"dagster_meta": meta})
    line = logged.line()
    assert (line["event"], line["job"], line["run_id"]) == ("here", "a_job", "r-1")
    assert "step" not in line


def test_a_process_settles_in_once_and_nothing_is_written_in_colour() -> None:
    code = (
        "import logging, coloredlogs; from order_ops.telemetry.logs import settle_in;"
        "logging.getLogger('dagster').addHandler(logging.StreamHandler());"
        "settle_in('run'); settle_in('run');"
        "made = logging.getLoggerClass()('dagster', level='DEBUG');"
        "coloredlogs.install(logger=made, level='DEBUG');"
        "made.info('of a run'); made.debug('detail'); logging.getLogger('dagster').info('other')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["of a run", "other"]
