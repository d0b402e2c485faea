"""A stand-in for Stripe's API on this machine: payment intents, over real HTTP.

Belongs here: the three calls that order_ops makes (retrieve, search, cancel)
with Stripe's answers, errors and idempotency, so that the official SDK cannot
tell the difference; and scripted answers for tests. What the intents are is
told by whoever starts it, and forgotten with the process. All accounts share
one server: references are unique, so keys need not be told apart.

    python -m order_ops.devstack.provider --port 12111 --state intents.json

The state file is a JSON list of `shop.model.Intent` as objects; more of them
can be put while it runs: PUT /stand-in/intents.
"""

import json
import re
import threading
import time
from argparse import ArgumentParser
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from order_ops.devstack.shop.model import CURRENCY, Intent

INTENTS = "/v1/payment_intents"
_ORDER_QUERY = re.compile(r"""metadata\[['"]order_id['"]\]:(?P<q>['"])(?P<order>.*)(?P=q)""")
_CANCELABLE = ("requires_payment_method",)


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came in."""

    method: str
    path: str
    params: Mapping[str, str]
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; no body: answer as usual, after the delay."""

    status: int = 200
    body: Any = None
    delay_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


class ProviderServer:
    """The server on 127.0.0.1, as a context manager; `url` is the SDK's API base.

    Args:
        intents: what the provider knows at first.
        port: 0: any free one.
    """

    def __init__(self, intents: Iterable[Intent] = (), port: int = 0) -> None:
        self.calls: list[Call] = []
        self._lock = threading.Lock()
        self._intents: dict[str, Intent] = {}
        self._answered: dict[str, tuple[Call, Answer]] = {}
        self._scripts: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self.put(intents)

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def serve_forever(self) -> None:
        """Serve in this thread."""
        with self._http:
            self._http.serve_forever()

    def put(self, intents: Iterable[Intent]) -> None:
        """Add intents, or replace those of the same reference."""
        with self._lock:
            self._intents.update((intent.ref, intent) for intent in intents)

    def intent(self, ref: str) -> Intent:
        """An intent as it stands."""
        with self._lock:
            return self._intents[ref]

    def script(self, path: str, *answers: Answer) -> None:
        """Give these answers, one each, to the next calls of that path."""
        with self._lock:
            self._scripts[path].extend(answers)

    def handle(self, call: Call, body: bytes) -> Answer:
        """The answer to a call, and its effect."""
        with self._lock:
            self.calls.append(call)
            script = self._scripts[call.path]
            scripted = script.popleft() if script else Answer()
        time.sleep(scripted.delay_s)
        if scripted.body is not None or scripted.status != 200:
            return scripted
        if (call.method, call.path) == ("PUT", "/stand-in/intents"):
            self.put(Intent(**item) for item in json.loads(body))
            return Answer(body={})
        with self._lock:
            return self._once(call) if call.idempotency_key else self._answer(call)

    def _once(self, call: Call) -> Answer:
        """The same key is answered the same, and changes nothing the second time."""
        key = str(call.idempotency_key)
        if key not in self._answered:
            self._answered[key] = (call, self._answer(call))
            return self._answered[key][1]
        before, answer = self._answered[key]
        if before != call:
            text = "Keys for idempotent requests can only be used with the same parameters."
            return _error(400, None, text, {"type": "idempotency_error"})
        return replace(answer, headers={"Idempotent-Replayed": "true"})

    def _answer(self, call: Call) -> Answer:
        if (call.method, call.path) == ("GET", f"{INTENTS}/search"):
            return self._search(call)
        ref, _, verb = call.path.removeprefix(f"{INTENTS}/").partition("/")
        if (call.method, verb) not in (("GET", ""), ("POST", "cancel")) or ref == call.path:
            return _error(404, None, f"Unrecognized request URL ({call.method}: {call.path}).")
        intent = self._intents.get(ref)
        if intent is None:
            text = f"No such payment_intent: '{ref}'"
            return _error(404, "resource_missing", text, {"param": "intent"})
        return self._cancel(intent) if verb else Answer(body=_object(intent))

    def _cancel(self, intent: Intent) -> Answer:
        if intent.status not in _CANCELABLE:
            text = (
                "You cannot cancel this PaymentIntent because it has a status of "
                f"{intent.status}. Only a PaymentIntent with one of the following statuses "
                f"may be canceled: {', '.join(_CANCELABLE)}."
            )
            now = {"payment_intent": _object(intent)}
            return _error(400, "payment_intent_unexpected_state", text, now)
        self._intents[intent.ref] = replace(intent, status="canceled")
        return Answer(body=_object(self._intents[intent.ref]))

    def _search(self, call: Call) -> Answer:
        query = _ORDER_QUERY.fullmatch(call.params.get("query", ""))
        if query is None:
            return _error(400, None, "We were unable to parse your search query.")
        order = re.sub(r"\\(.)", r"\1", query["order"])
        found = [_object(item) for item in self._intents.values() if item.order_id == order]
        start, size = int(call.params.get("page", 0)), int(call.params.get("limit", 10))
        more = start + size < len(found)
        page = {"object": "search_result", "url": call.path, "has_more": more}
        page |= {"next_page": str(start + size) if more else None}
        return Answer(body={**page, "data": found[start : start + size]})


def _object(intent: Intent) -> dict[str, Any]:
    return {
        "id": intent.ref,
        "object": "payment_intent",
        "amount": intent.amount_minor,
        "amount_received": intent.amount_minor if intent.status == "succeeded" else 0,
        "currency": CURRENCY.lower(),
        "livemode": False,
        "metadata": {"order_id": intent.order_id} if intent.order_id else {},
        "status": intent.status,
    }


def _error(
    status: int, code: str | None, message: str, more: Mapping[str, Any] | None = None
) -> Answer:
    """An error in Stripe's JSON."""
    error = {"type": "invalid_request_error", "message": message, **(more or {})}
    return Answer(status, {"error": error | ({"code": code} if code else {})})


def _handler(server: ProviderServer) -> type[BaseHTTPRequestHandler]:
    request_ids = count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for the caller's ack

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = urlsplit(self.path)
            text = url.query if self.command == "GET" else body.decode()
            params = {} if self.command == "PUT" else parse_qs(text)
            call = Call(
                self.command,
                unquote(url.path),
                {name: values[-1] for name, values in params.items()},
                self.headers.get("Idempotency-Key"),
            )
            try:
                self._send(server.handle(call, body))
            except ConnectionError:  # the caller did not wait
                self.close_connection = True

        def _send(self, answer: Answer) -> None:
            raw = (
                answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            )
            self.send_response(answer.status)
            headers = {"Content-Type": "application/json", "Content-Length": str(len(raw))}
            headers |= {"Request-Id": f"req_{next(request_ids):08d}", **answer.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing; `calls` has them."""

    return Handler


def write_state(path: Path, intents: Iterable[Intent]) -> None:
    """The state file for a server process."""
    path.write_text(json.dumps([asdict(intent) for intent in intents]), encoding="utf-8")


def read_state(path: Path) -> list[Intent]:
    """The intents of a state file; no file: none."""
    return [Intent(**item) for item in json.loads(path.read_text())] if path.exists() else []


def main() -> None:
    """Serve until stopped."""
    parser = ArgumentParser(description="A stand-in for Stripe's API")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        ProviderServer(read_state(options.state), options.port).serve_forever()


if __name__ == "__main__":
    main()
