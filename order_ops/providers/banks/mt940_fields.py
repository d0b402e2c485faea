"""The fields of MT940 messages with the lines they stand on: framing only, nothing of meaning.

A file is a sequence of fields `:61:text`, of which text may go on over lines; banks put messages
into SWIFT blocks, or end each with a line that is a dash, or with nothing. A file that stops in
the middle is refused here as far as its frame shows it.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from order_ops.providers.banks.statement import Refusal

_FIELD = re.compile(r":(\d{2}[A-Z]?|NS):(.*)")
_MAX_LINE = 1 << 16
_AGAIN = "the file looks cut or edited: get it from the bank again"
_HEADER = re.compile(r"\{1:[^{}]*\}(?:\{\d:(?:[^{}]|\{[^{}]*\})*\})*\{4:|\{4:")
_TRANSMISSION = "\x01\x03"
"""Start and end of a message on the wire, which some banks leave in their files."""
_TRAILER = re.compile(r"-\}?(?:\{5:.*)?")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its tag without colons, its lines of text, and the line it starts on."""

    tag: str
    text: tuple[str, ...]
    line: int


def read_messages(path: Path, refuse: Refusal, encoding: str) -> tuple[list[list[Field]], str]:
    """The messages of a file, each a list of fields that starts with `20`, and its SHA-256.

    Raises:
        ReportError: not text in `encoding`, text outside of messages, or a file that is cut.
        OSError: the file cannot be opened.
    """
    digest = hashlib.sha256()
    frame = _Frame(refuse)
    with path.open("rb") as file:
        while raw := file.readline(_MAX_LINE):
            digest.update(raw)
            line = frame.line + 1
            if len(raw) == _MAX_LINE and not raw.endswith(b"\n"):
                raise refuse(f"the line is longer than {_MAX_LINE} bytes", _AGAIN, line=line)
            try:
                frame.add(raw.decode(encoding), first=line == 1)
            except UnicodeDecodeError:
                hint = "name the encoding of the file, such as iso-8859-1"
                raise refuse(f"the text is not {encoding}", hint, line=line) from None
            except LookupError:
                hint = "name one that Python knows, such as iso-8859-1"
                raise refuse(f"there is no encoding {encoding!r}", hint) from None
    return frame.end(), digest.hexdigest()


class _Frame:
    """Collects fields line by line."""

    def __init__(self, refuse: Refusal) -> None:
        self._refuse = refuse
        self._messages: list[list[Field]] = []
        self._tag, self._text, self._start = "", [""], 0
        self._inside = self._ended = self._dashes = False
        self._finished = True
        self.line = 0

    def add(self, raw: str, *, first: bool) -> None:
        self.line += 1
        text = raw.removeprefix("\ufeff") if first else raw
        self._ended = text.endswith("\n")
        text = text.rstrip("\r\n").strip(_TRANSMISSION)
        if "\0" in text:
            raise self._bad("a NUL byte stands in the text")
        header = _HEADER.match(text)
        if header is not None:
            self._close()
            self._dashes = True  # a block that is opened is closed
            text = text[header.end() :]
        if _TRAILER.fullmatch(text.rstrip()):
            if not self._inside:
                raise self._bad("a message ends that did not begin")
            self._close()
            self._dashes = self._finished = True
        elif found := _FIELD.fullmatch(text):
            self._begin(found[1], found[2])
        elif self._inside:
            self._text.append(text)
        elif text.strip():
            raise self._bad("there is text outside of messages")

    def end(self) -> list[list[Field]]:
        """All messages.

        The last line needs its end: ":62F:C260105EUR87,5" may be what is left of "87,50".
        """
        self._close()
        if not self._messages:
            hint = "give a customer statement (MT940)"
            raise self._refuse("there is no message in the file", hint, line=1)
        if not self._ended and not self._finished:
            raise self._bad("the last line does not end with a newline, so it may be cut")
        if self._dashes and not self._finished:
            raise self._bad("the last message has no end, as others have")
        return self._messages

    def _begin(self, tag: str, text: str) -> None:
        self._keep()
        if tag == "20":
            self._messages.append([])
        elif not self._inside:
            raise self._bad(f"a message begins with :{tag}: and not with :20:")
        self._inside, self._finished = True, False
        self._tag, self._text, self._start = tag, [text], self.line

    def _close(self) -> None:
        self._keep()
        self._inside = False

    def _keep(self) -> None:
        if self._inside:
            text = "\n".join(self._text).rstrip().split("\n")
            self._messages[-1].append(Field(self._tag, tuple(text), self._start))

    def _bad(self, problem: str) -> Exception:
        return self._refuse(problem, _AGAIN, line=self.line)
