"""Balance transactions of a scripted server, by Stripe's SDK: paged, cut, and gone on with."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from order_ops.devstack.provider import Answer, ProviderServer
from order_ops.domain.failures import FailureKind
from order_ops.providers.files.registry import open_report
from order_ops.providers.stripe_fetch import Asked, BalanceTransactions, FetchBusyError, fetch
from order_ops.providers.stripe_sdk import ProviderError

PATH = "/v1/balance_transactions"
START, END = (datetime(2026, 3, day, tzinfo=UTC) for day in (10, 11))
ASKED = Asked("shop-cards", START, END, "order_id")


def transaction(number: int) -> dict[str, Any]:
    """A charge as the API tells it, with what must not be kept."""
    return {
        "id": f"txn_{number}",
        "object": "balance_transaction",
        "amount": 1000 + number,
        "fee": 30,
        "net": 970 + number,
        "currency": "brl",
        "created": int(START.timestamp()) + 86_399 - number,
        "available_on": int(END.timestamp()),
        "reporting_category": "charge",
        "type": "charge",
        "status": "pending",
        "description": "canary description",
        "source": {
            "id": f"ch_{number}",
            "object": "charge",
            "amount": 1000 + number,
            "currency": "brl",
            "payment_intent": f"pi_{number}",
            "billing_details": {"email": "canary@example.org", "name": "canary"},
            "payment_method_details": {"type": "card", "card": {"last4": "4242"}},
            "metadata": {"order_id": f"o{number}", "note": "canary"},
        },
    }


def page(first: int, last: int, *, more: bool) -> Answer:
    data = [transaction(number) for number in range(first, last + 1)]
    return Answer(body={"object": "list", "url": PATH, "has_more": more, "data": data})


PAGES = (page(1, 100, more=True), page(101, 200, more=True), page(201, 230, more=False))


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    with ProviderServer() as running:
        yield running


@pytest.fixture
def stripe(server: ProviderServer) -> Iterator[BalanceTransactions]:
    with BalanceTransactions("sk_test_x", api_base=server.url, read_timeout_s=0.5) as made:
        yield made


def behind(server: ProviderServer) -> list[str | None]:
    """Behind which id each page was asked for."""
    return [call.params.get("starting_after") for call in server.calls]


def test_three_pages_become_one_file(
    server: ProviderServer, stripe: BalanceTransactions, tmp_path: Path
) -> None:
    server.script(PATH, *PAGES)
    path = fetch(stripe, ASKED, tmp_path, "2026-03-10")
    report = open_report(f"stripe_balance_transactions:{path}")
    assert report.lines["entry_id"].to_list() == [f"txn_{n}" for n in range(1, 231)]
    assert report.lines["order_ref"].to_list() == [f"o{n}" for n in range(1, 231)]
    assert behind(server) == [None, "txn_100", "txn_200"]
    first = server.calls[0].params
    assert (first["limit"], first["expand[0]"]) == ("100", "data.source")
    assert first["created[gte]"] == str(int(START.timestamp()))
    assert first["created[lt]"] == str(int(END.timestamp()))
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert re.fullmatch(r"2026-03-10-[0-9a-f]{12}\.jsonl", path.name)


def test_what_people_are_is_on_no_disk(
    server: ProviderServer, stripe: BalanceTransactions, tmp_path: Path
) -> None:
    server.script(PATH, page(1, 3, more=False))
    path = fetch(stripe, ASKED, tmp_path, "day")
    text = path.read_text(encoding="utf-8")
    assert "pi_3" in text
    assert not re.search("canary|4242|sk_test", text)


def test_what_was_cut_goes_on_behind_the_last_whole_page(
    server: ProviderServer, stripe: BalanceTransactions, tmp_path: Path
) -> None:
    server.script(PATH, *PAGES[:2], Answer(delay_s=1.0, status=500, body={}))
    with pytest.raises(ProviderError) as cut:
        fetch(stripe, ASKED, tmp_path, "day")
    assert cut.value.kind is FailureKind.TRANSIENT
    server.script(PATH, PAGES[2])
    path = fetch(stripe, ASKED, tmp_path, "day")
    assert behind(server) == [None, "txn_100", "txn_200", "txn_200"]
    assert open_report(f"stripe_balance_transactions:{path}").lines.height == 230


@pytest.mark.parametrize("end", [b"", b"\n", b'"}\n'], ids=["cut", "broken", "not ours"])
def test_a_line_that_is_not_whole_is_asked_for_again(
    server: ProviderServer, stripe: BalanceTransactions, tmp_path: Path, end: bytes
) -> None:
    server.script(PATH, PAGES[0], Answer(status=500, body={}))
    with pytest.raises(ProviderError):
        fetch(stripe, ASKED, tmp_path, "day")
    (part,) = tmp_path.glob("day-*.part")
    *whole, last = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join(whole) + (b'{"x": "y' if end == b'"}\n' else last[:-10]) + end)
    server.script(PATH, page(100, 230, more=False))
    path = fetch(stripe, ASKED, tmp_path, "day")
    assert behind(server)[-1] == "txn_99"
    ids = open_report(f"stripe_balance_transactions:{path}").lines["entry_id"].to_list()
    assert ids == [f"txn_{n}" for n in range(1, 231)]


_KILLED = """
import os, sys
from pathlib import Path
from order_ops.providers.stripe_fetch import BalanceTransactions, fetch
from order_ops_tests.unit.providers.test_stripe_fetch import ASKED

stripe = BalanceTransactions("sk_test_x", api_base=sys.argv[1])
kill = lambda lines: os.kill(os.getpid(), 9) if lines == 200 else None
fetch(stripe, ASKED, Path(sys.argv[2]), "day", kill)
"""


def test_a_killed_fetch_goes_on(
    server: ProviderServer, stripe: BalanceTransactions, tmp_path: Path
) -> None:
    server.script(PATH, *PAGES)
    killed = subprocess.run([sys.executable, "-c", _KILLED, server.url, str(tmp_path)], check=False)
    assert killed.returncode == -9
    path = fetch(stripe, ASKED, tmp_path, "day")
    assert behind(server) == [None, "txn_100", "txn_200"]
    assert open_report(f"stripe_balance_transactions:{path}").lines.height == 230


def test_what_was_begun_of_another_span_is_not_gone_on_with(
    server: ProviderServer, stripe: BalanceTransactions, tmp_path: Path
) -> None:
    server.script(PATH, PAGES[0], Answer(status=500, body={}))
    with pytest.raises(ProviderError):
        fetch(stripe, ASKED, tmp_path, "day")
    other = Asked("shop-cards", START, START.replace(hour=12), "order_id")
    server.script(PATH, page(7, 7, more=False))
    path = fetch(stripe, other, tmp_path, "day")
    assert open_report(f"stripe_balance_transactions:{path}").lines.height == 1


def test_the_same_again_is_the_same_file_and_more_is_another(
    server: ProviderServer, stripe: BalanceTransactions, tmp_path: Path
) -> None:
    server.script(PATH, *(page(1, last, more=False) for last in (2, 2, 3)))
    paths = [fetch(stripe, ASKED, tmp_path, "day") for _ in range(3)]
    assert paths[0] == paths[1] != paths[2]
    assert len(list(tmp_path.iterdir())) == 2


def test_one_at_a_time(server: ProviderServer, stripe: BalanceTransactions, tmp_path: Path) -> None:
    server.script(PATH, page(1, 2, more=False))

    def meanwhile(_: int) -> None:
        with pytest.raises(FetchBusyError, match="another process fetches it"):
            fetch(stripe, ASKED, tmp_path, "day")

    fetch(stripe, ASKED, tmp_path, "day", meanwhile)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, FailureKind.THROTTLED), (401, FailureKind.PERMANENT), (503, FailureKind.TRANSIENT)],
)
def test_what_is_refused_has_its_kind(
    server: ProviderServer,
    stripe: BalanceTransactions,
    tmp_path: Path,
    status: int,
    kind: FailureKind,
) -> None:
    error = {"type": "invalid_request_error", "message": "No."}
    server.script(PATH, Answer(status=status, body={"error": error}))
    with pytest.raises(ProviderError) as refused:
        fetch(stripe, ASKED, tmp_path, "day")
    assert refused.value.kind is kind


def test_a_page_of_nothing_with_more_behind_it_ends(
    server: ProviderServer, stripe: BalanceTransactions, tmp_path: Path
) -> None:
    empty = {"object": "list", "url": PATH, "has_more": True, "data": []}
    server.script(PATH, Answer(body=empty))
    with pytest.raises(ProviderError, match="a page of nothing"):
        fetch(stripe, ASKED, tmp_path, "day")


def test_a_day_without_a_line_is_a_file_of_that_day(
    server: ProviderServer, stripe: BalanceTransactions, tmp_path: Path
) -> None:
    empty = Answer(body={"object": "list", "url": PATH, "has_more": False, "data": []})
    server.script(PATH, empty, empty)
    path = fetch(stripe, ASKED, tmp_path, "day")
    assert open_report(f"stripe_balance_transactions:{path}").lines.height == 0
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["lines"] == 0
    assert fetch(stripe, Asked("b", START, END, None), tmp_path, "day") != path


def test_what_another_key_has_begun_is_left_alone(
    server: ProviderServer, stripe: BalanceTransactions, tmp_path: Path
) -> None:
    server.script(PATH, PAGES[0], Answer(status=500, body={}))
    with pytest.raises(ProviderError):
        fetch(stripe, ASKED, tmp_path, "day")
    (begun,) = tmp_path.glob("*.part")
    content = begun.read_bytes()
    server.script(PATH, *PAGES)
    with BalanceTransactions("sk_test_other", api_base=server.url) as other:
        path = fetch(other, ASKED, tmp_path, "day")
    assert behind(server)[2:] == [None, "txn_100", "txn_200"]
    assert open_report(f"stripe_balance_transactions:{path}").lines.height == 230
    assert begun.read_bytes() == content


def test_who_waited_for_a_fetch_that_ended_meanwhile_damages_nothing(
    server: ProviderServer,
    stripe: BalanceTransactions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other process ends between our opening its file and our lock."""
    server.script(PATH, PAGES[0], Answer(status=500, body={}))
    with pytest.raises(ProviderError):
        fetch(stripe, ASKED, tmp_path, "day")
    (part,) = tmp_path.glob("*.part")
    whole = tmp_path / "whole.jsonl"

    def ended(*_: object) -> None:
        part.replace(whole)

    monkeypatch.setattr("fcntl.flock", ended)
    content = part.read_bytes()
    with pytest.raises(FetchBusyError, match="has just ended it"):
        fetch(stripe, ASKED, tmp_path, "day")
    assert whole.read_bytes() == content
