"""What real processes write: every line is a JSON object, and nothing sensitive is on any."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from order_ops.devstack.services import prepare_dagster_home
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created

CARD, MAIL, TOKEN = "4242 4242 4242 4242", "ana@example.com", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"

PROCESS = f"""
import logging, threading
import structlog
from order_ops.telemetry.logs import bound, settle_in

settle_in("run")
settle_in("run")
log = structlog.get_logger("order_ops.jobs")
log.info("before", at=object())
with bound(job="a_job", run_id="r-1", step="s", attempt=2, tenant="shop", execution_id=7, no=None):
    log.info("inside", buyer={{"email": "{MAIL}"}}, text="paid with {CARD}")
    logging.getLogger("library").warning("token %s", "{TOKEN}")
    try:
        raise ValueError("two\\nlines of {MAIL}")
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed too")
log.info("after")
"""


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_line_of_a_process_is_json_with_what_is_bound() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    lines = _lines(done.stdout)
    assert [line["event"] for line in lines] == [
        "before", "inside", "token [redacted]", "failed", "failed too", "after",
    ]  # fmt: skip
    known = {"job": "a_job", "run_id": "r-1", "step": "s", "attempt": 2, "execution_id": 7}
    for line in lines[1:5]:
        assert known.items() <= line.items()
        assert "no" not in line
    for line in lines:
        assert line["process"] == "run"
        assert line["instance"].startswith(f"{socket.gethostname()}:")
        assert line["timestamp"].endswith("Z")
    assert "run_id" not in lines[-1]
    for line in lines[3:5]:
        assert "ValueError: two\nlines of [redacted]" in line["exception"]
    assert not [secret for secret in (CARD, MAIL, TOKEN) if secret in done.stdout]


RUN = """
import sys, json
sys.argv = ["dagster", "api", "execute_run"]
import dagster as dg
from order_ops.definitions import defs
with dg.DagsterInstance.get() as instance:
    job = defs.resolve_job_def("apply_order_events_job")
    done = job.execute_in_process(instance=instance, raise_on_error=False)
print(json.dumps({"event": "done", "run_id": done.run_id}))
"""


def _run_of(home: Path, dagster_url: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "DAGSTER_HOME": str(prepare_dagster_home(home)),
        "DAGSTER_POSTGRES_URL": dagster_url,
    }
    return subprocess.run(
        [sys.executable, "-c", RUN],
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


def test_every_line_of_a_run_is_json_with_its_job_and_run(
    shop: Shop, dagster_postgres_url: str, tmp_path: Path
) -> None:
    """In a run's own process: Dagster's lines, and ours of an event that cannot be applied."""
    shop.stage(created("o1"))
    shop.rows("UPDATE intake.inbox SET body = '{' RETURNING id")  # it cannot be read any more
    done = _run_of(tmp_path, dagster_postgres_url)
    lines = _lines(done.stdout)
    run_id = lines[-1]["run_id"]
    assert done.stderr == ""
    told = {line["event"]: line for line in lines}
    of_dagster = [line for line in lines if line.get("logger") == "dagster"]
    assert of_dagster
    assert all(
        (line["run_id"], line["job"]) == (run_id, "apply_order_events_job") for line in of_dagster
    )
    dead = told["event.not_applied"]
    assert (dead["became"], dead["run_id"], dead["job"]) == (
        "dead",
        run_id,
        "apply_order_events_job",
    )
    assert (dead["order"], dead["correlation_id"]) == ("o1", "order-service-o1-1")
    assert dead["execution_id"] == shop.one("SELECT id FROM ops.job_execution")
