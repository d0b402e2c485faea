"""Which log lines are of a trace, and which are of what merely had the same run."""

from typing import Any

import pytest

from order_ops.jobs.traces.trace_links import Links, of_links, of_text

LINKS = Links(
    correlations={"cart-1"},
    runs={"run-1"},
    executions={"7"},
    events={"12"},
    letters={"3"},
    alerts={"4"},
    near={("shop", "o1")},
)


@pytest.mark.parametrize(
    "line",
    [
        {"correlation_id": "cart-1"},
        {"correlation_id": "cart-1", "order": "o1", "run_id": "run-5"},
        {"event_id": 12, "order": "o9"},
        {"letter": 3},
        {"alert": 4},
        {"run_id": "run-1"},
        {"execution_id": 7},
        {"run_id": "run-1", "order": None},
    ],
    ids=str,
)
def test_lines_of_the_trace(line: dict[str, Any]) -> None:
    assert of_links(LINKS)(line)


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"event": "cart-1"},
        {"correlation_id": "cart-2", "run_id": "run-1", "execution_id": 7},
        {"run_id": "run-1", "event_id": 13},
        {"run_id": "run-1", "order": "o1"},
        {"correlation_id": "cart-1", "order": "o2"},
        {"order": "o1"},
        {"run_id": None},
    ],
    ids=str,
)
def test_lines_of_something_else(line: dict[str, Any]) -> None:
    assert not of_links(LINKS)(line)


def test_a_run_that_is_followed_has_all_its_lines() -> None:
    wanted = of_links(Links(whole={"run-1"}))
    assert wanted({"run_id": "run-1", "order": "o9", "correlation_id": "cart-9"})
    assert not wanted({"run_id": "run-2"})


def test_an_order_that_was_asked_for_has_the_lines_that_name_it() -> None:
    wanted = of_links(Links(orders={("shop", "o1")}))
    assert wanted({"order": "o1", "correlation_id": "run-5"})
    assert not wanted({"order": "o2", "correlation_id": "run-5"})


def test_an_id_that_the_database_does_not_know_is_looked_for_in_every_id() -> None:
    wanted = of_text("12")
    assert wanted({"event_id": 12})
    assert wanted({"correlation_id": "12"})
    assert not wanted({"attempts": 12, "event": "12"})
