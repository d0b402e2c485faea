"""A stand-in for Stripe's API on this machine, over real HTTP.

Belongs here: how calls come in and are answered, and scripted answers for
tests; what is answered is `stripe_books`. What the intents are is
told by whoever starts it, and forgotten with the process. All accounts share
one server: references are unique, so keys need not be told apart.

    python -m order_ops.devstack.provider --port 12111 --state intents.json

The state file is a JSON list of `shop.model.Intent` as objects; more of them
can be put while it runs: PUT /stand-in/intents.
"""

import json
import threading
import time
from argparse import ArgumentParser
from collections import defaultdict, deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from order_ops.devstack.shop.model import Intent
from order_ops.devstack.stripe_books import INTENTS, Answer, Books, Call

__all__ = ["INTENTS", "Answer", "Call", "ProviderServer"]


class ProviderServer:
    """The server on 127.0.0.1, as a context manager; `url` is the SDK's API base.

    Args:
        intents: what the provider knows at first.
        port: 0: any free one.
    """

    def __init__(self, intents: Iterable[Intent] = (), port: int = 0) -> None:
        self.calls: list[Call] = []
        self._lock = threading.Lock()
        self.books = Books()
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
            self.books.put(intents)

    def intent(self, ref: str) -> Intent:
        """An intent as it stands."""
        with self._lock:
            return self.books.intents[ref]

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
        if scripted.effect:
            self._effect(call, body)
        time.sleep(scripted.delay_s)
        if not scripted.is_usual:
            return scripted
        answer = self._effect(call, body)
        return replace(answer, drip_s=scripted.drip_s)

    def _effect(self, call: Call, body: bytes) -> Answer:
        if (call.method, call.path) == ("PUT", "/stand-in/intents"):
            self.put(Intent(**item) for item in json.loads(body))
            return Answer(body={})
        with self._lock:
            return self.books.once(call)


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
            if answer.drop:
                self.close_connection = True
                return
            raw = (
                answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            )
            self.send_response(answer.status)
            headers = {"Content-Type": "application/json", "Content-Length": str(len(raw))}
            headers |= {"Request-Id": f"req_{next(request_ids):08d}", **answer.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            for start in range(0, len(raw), 1 if answer.drip_s else len(raw) or 1):
                self.wfile.write(raw[start : start + (1 if answer.drip_s else len(raw))])
                self.wfile.flush()
                time.sleep(answer.drip_s)

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
