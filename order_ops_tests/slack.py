"""A stand-in for Slack: a real HTTP server that the real slack_sdk talks to.

It keeps messages and can be told how to answer the next calls: ask to wait, fail, refuse, or
take a message and say nothing.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from order_ops.devstack.processes import free_port

CHANNEL = "C0STANDIN"
TOKEN = "xoxb-canary-4711"


@dataclass(frozen=True)
class Answer:
    """How a call is answered; `taken`: the call is done all the same."""

    status: int = 200
    error: str | None = None
    retry_after: int | None = None
    taken: bool = False
    silent: bool = False
    """The caller hears nothing until the stand-in is closed."""


RATE_LIMITED = Answer(429, "ratelimited", retry_after=1)
BROKEN = Answer(500, "internal_error")
TAKEN_AND_SILENT = Answer(taken=True, silent=True)


@dataclass
class Slack:
    """The stand-in; `planned`: how the next calls of a method are answered, in order."""

    port: int = field(default_factory=free_port)
    messages: list[dict[str, Any]] = field(default_factory=list)
    hooked: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    planned: dict[str, list[Answer]] = field(default_factory=dict)
    always: dict[str, Answer] = field(default_factory=dict)
    page: int = 200
    lock: threading.RLock = field(default_factory=threading.RLock)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def base(self) -> str:
        """The address of its Web API."""
        return f"http://127.0.0.1:{self.port}/api/"

    @property
    def webhook(self) -> str:
        """The address of its incoming webhook."""
        return f"http://127.0.0.1:{self.port}/services/T1/B1/canary-0815"

    def plan(self, method: str, *answers: Answer) -> None:
        """Answer the next calls of a method so."""
        with self.lock:
            self.planned.setdefault(method, []).extend(answers)

    def first(self) -> list[dict[str, Any]]:
        """Messages that are in no thread."""
        with self.lock:
            return [m for m in self.messages if m.get("thread_ts") in (None, m["ts"])]

    def replies(self) -> list[dict[str, Any]]:
        """Messages in threads."""
        with self.lock:
            return [m for m in self.messages if m.get("thread_ts") not in (None, m["ts"])]

    def answer(self, method: str, given: dict[str, Any]) -> tuple[Answer, dict[str, Any]]:
        """What is said to a call, and what is done."""
        with self.lock:
            self.calls.append(method)
            queue = self.planned.get(method) or [self.always.get(method, Answer())]
            how = queue.pop(0)
            refused = how.error is not None or how.silent
            done = {} if refused and not how.taken else self._do(method, given)
        return how, {"ok": False, "error": how.error} if how.error else {"ok": True, **done}

    def _do(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        if method == "chat.postMessage":
            ts = f"{1_800_000_000 + len(self.messages)}.000100"
            self.messages.append({**given, "ts": ts})
            return {"channel": CHANNEL, "ts": ts}
        if method == "chat.update":
            found = next(m for m in self.messages if m["ts"] == given["ts"])
            shown = {name: given.get(name) for name in ("text", "blocks", "attachments")}
            found.update(shown, edits=found.get("edits", 0) + 1)
            return {"channel": CHANNEL, "ts": given["ts"]}
        if method == "webhook":
            self.hooked.append(given)
            return {}
        seen = self.first() if method == "conversations.history" else list(self.messages)
        seen.sort(key=lambda m: m["ts"], reverse=True)
        start = int(given.get("cursor") or 0)
        end = start + self.page
        cursor = str(end) if end < len(seen) else ""
        return {"messages": seen[start:end], "response_metadata": {"next_cursor": cursor}}


class _Handler(BaseHTTPRequestHandler):
    slack: Slack

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        method = "webhook" if "/services/" in self.path else self.path.removeprefix("/api/")
        how, told = self.slack.answer(method, _arguments(raw))
        if how.silent:
            self.slack.closing.wait()
            return
        body = json.dumps(told).encode()
        if method == "webhook":
            body = (how.error or "ok").encode()
        self.send_response(how.status)
        if how.retry_after is not None:
            self.send_header("Retry-After", str(how.retry_after))
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _arguments(raw: str) -> dict[str, Any]:
    if raw.startswith("{"):
        return dict(json.loads(raw))
    fields = {name: values[0] for name, values in parse_qs(raw).items()}
    return {name: _parsed(text) for name, text in fields.items()}


def _parsed(text: str) -> Any:
    return json.loads(text) if text.startswith(("{", "[")) else text


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64


@contextmanager
def serving(slack: Slack) -> Iterator[Slack]:
    """The stand-in is up; it may go down and come up again with its messages."""
    slack.closing.clear()
    server = _Server(("127.0.0.1", slack.port), type("Handler", (_Handler,), {"slack": slack}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield slack
    finally:
        slack.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
