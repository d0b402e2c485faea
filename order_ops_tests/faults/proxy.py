"""A TCP proxy between the system's processes and a server, to break the line at will.

It can cut connections, hold every byte back, lose the server while the client
believes in it, refuse new connections, and do one of these in the very moment
in which a client sends given bytes (`COMMIT`). It listens on the loopback; the
server may be a port of the loopback or a unix socket. What a fault means for
the system belongs to the tests.
"""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Self

from order_ops.devstack.processes import LOOPBACK

_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for a close that sends RST: a cut is no goodbye."""

Target = int | str
"""A port of the loopback, or the path of a unix socket."""


class Moment(Enum):
    """What a trap does: cut before the bytes are sent on, cut once they are answered, or hold."""

    BEFORE = "before"
    AFTER = "after"
    HOLD = "hold"


class Trap:
    """Waits for bytes of a client; `sprung` once they came and the line was broken."""

    def __init__(
        self, pattern: bytes, moment: Moment, answer: bytes, armed_by: bytes = b""
    ) -> None:
        self.pattern = pattern
        self.armed_by = armed_by
        self.moment = moment
        self.answer = answer
        self.sprung = threading.Event()
        self.release = threading.Event()
        """Set it to let go of what is held."""
        self._lock = threading.Lock()
        self._taken = False

    def catches(self, data: bytes, *, armed: bool) -> bool:
        """Whether these bytes are the ones, for the first connection that sends them."""
        with self._lock:
            if self._taken or not armed or self.pattern not in data:
                return False
            self._taken = True
            return True


class _Line:
    """One client's connection and the server's end of it."""

    def __init__(self, proxy: "Proxy", client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.server_lost = False
        self._proxy = proxy
        self._trap: Trap | None = None
        self._armed = False

    def start(self) -> None:
        for pump in ((self.client, self._from_client), (self.server, self._from_server)):
            threading.Thread(target=self._pump, args=pump, daemon=True).start()

    def cut(self) -> None:
        for end in (self.client, self.server):
            _reset(end)
        self._proxy.forget(self)

    def lose_server(self) -> None:
        self.server_lost = True
        _reset(self.server)

    def _pump(self, source: socket.socket, send: Callable[[bytes], None]) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                self._proxy.flowing.wait()
                if not self.server_lost:
                    send(data)
        if not (self.server_lost and source is self.server):
            self.cut()

    def _from_client(self, data: bytes) -> None:
        trap = self._proxy.trap
        self._armed = self._armed or (trap is not None and trap.armed_by in data)
        if trap is None or not trap.catches(data, armed=self._armed):
            self.server.sendall(data)
        elif trap.moment is Moment.BEFORE:
            self.cut()
            trap.sprung.set()
        elif trap.moment is Moment.HOLD:
            trap.sprung.set()
            trap.release.wait()
            self.server.sendall(data)
        else:
            self._trap = trap
            self.server.sendall(data)

    def _from_server(self, data: bytes) -> None:
        if self._trap is None:
            self.client.sendall(data)
        elif self._trap.answer in data:
            self.cut()
            self._trap.sprung.set()


class Proxy:
    """One listening port in front of one server."""

    def __init__(self, target: Callable[[], Target]) -> None:
        self._target = target
        self._lines: set[_Line] = set()
        self._lock = threading.Lock()
        self.flowing = threading.Event()
        self.flowing.set()
        self.trap: Trap | None = None
        self._listener = self._listen(0)
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every line and stop listening."""
        self.resume()
        if self.trap is not None:
            self.trap.release.set()
        self.refuse()
        self.cut()

    def lines(self) -> int:
        """How many connections there are."""
        with self._lock:
            return len(self._lines)

    def cut(self) -> int:
        """Reset every connection on both sides; how many there were."""
        return self._each(_Line.cut)

    def stall(self) -> int:
        """Hold every byte back, in both directions, on old and new connections."""
        self.flowing.clear()
        return self.lines()

    def resume(self) -> None:
        """Let the bytes flow again."""
        self.flowing.set()

    def half_open(self) -> int:
        """The server loses its side; the clients keep theirs and hear nothing any more."""
        return self._each(_Line.lose_server)

    def refuse(self) -> None:
        """Refuse new connections; old ones stay."""
        # shutdown wakes the thread in accept: close alone leaves the port listening
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def accept(self) -> None:
        """Accept connections again, on the same port."""
        self._listener = self._listen(self.port)

    def trap_at(
        self, pattern: bytes, moment: Moment, answer: bytes = b"", armed_by: bytes = b""
    ) -> Trap:
        """Break the first connection whose client sends `pattern`, after `armed_by`.

        BEFORE: the server never sees it. AFTER: the server has answered with `answer`,
        and the client never hears of it. HOLD: the server sees it when released.
        """
        self.trap = Trap(pattern, moment, answer, armed_by)
        return self.trap

    def forget(self, line: _Line) -> None:
        """A line has ended."""
        with self._lock:
            self._lines.discard(line)

    def _each(self, act: Callable[[_Line], None]) -> int:
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            act(line)
        return len(lines)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server((LOOPBACK, port), reuse_port=False)
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
        return listener

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = _connect(self._target())
            except (OSError, IndexError):  # IndexError: a starting server names no socket yet
                _reset(client)
                continue
            line = _Line(self, client, server)
            with self._lock:
                self._lines.add(line)
            line.start()


def _connect(target: Target) -> socket.socket:
    if isinstance(target, int):
        return socket.create_connection((LOOPBACK, target))
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(target)
    except OSError:
        server.close()
        raise
    return server


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads it
    end.close()
