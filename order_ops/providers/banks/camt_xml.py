"""The XML of a CAMT file in small pieces, read by a parser that expands nothing.

Belongs here: what makes XML safe to read and small in memory. A document type declaration, and so
every entity of one's own, is refused where it starts; only elements on the allow-list of
`camt_elements` are kept, so that addresses and account numbers of persons never leave the parser;
one piece (a balance, an entry) is in memory at a time. What the pieces mean is in `camt053`.

Straight on expat, which defusedxml wraps with the same refusals: there, neither the line of an
element nor how much the parser has buffered can be asked for, and a name or a comment of 100 MB
would be held whole.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from order_ops.providers.banks.camt_elements import KEPT
from order_ops.providers.banks.statement import Refusal

_CHUNK = 1 << 16
_MAX_PENDING = 1 << 20
"""Bytes that one tag, comment or name may take."""
_MAX_TEXT = 1 << 16
"""Characters in one element: the longest that the standard allows has 500."""
_MAX_NODES = 500_000
"""Elements kept of one entry: a batch of some thirty thousand payments."""
_NAMESPACE = re.compile(r"camt\.(\d{3})\.001\.(\d{2})(?!\d)")
_ENCODING = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([^"']*)""")
_ENCODINGS = {"utf-8", "utf-16", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"}
_VERSIONS = range(2, 15)
_AGAIN = "the file looks cut or edited: get it from the bank again"


@dataclass(slots=True)
class Node:
    """An element that is kept: its own text, what is kept of what is in it, and its line."""

    name: str
    line: int
    attributes: dict[str, str]
    text: str = ""
    children: list["Node"] = field(default_factory=list)

    def all(self, path: str) -> list["Node"]:
        """Every element at a path such as "NtryDtls/TxDtls"."""
        found = [self]
        for name in path.split("/"):
            found = [child for node in found for child in node.children if child.name == name]
        return found

    def first(self, path: str) -> "Node | None":
        """The first element at a path, or None."""
        if "/" in path:
            return next(iter(self.all(path)), None)
        return next((child for child in self.children if child.name == path), None)

    def said(self, path: str) -> str | None:
        """The text of the first element at a path, or None where there is none."""
        found = self.first(path)
        return None if found is None else found.text.strip() or None


def read_pieces(
    path: Path, refuse: Refusal, on_piece: Callable[[Node], None], on_end: Callable[[int], None]
) -> str:
    """Read a CAMT.053 file, hand on each child of each statement, and return its SHA-256.

    Args:
        path: the XML file.
        refuse: makes the errors.
        on_piece: called with each kept child of a `Stmt`.
        on_end: called with the line where a `Stmt` started, when it ends.

    Raises:
        ReportError: not XML, not CAMT.053, cut, with a document type, or too large a piece.
        OSError: the file cannot be opened.
    """
    digest = hashlib.sha256()
    reader = _Reader(refuse, on_piece, on_end)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            reader.feed(chunk)
    reader.close()
    return digest.hexdigest()


class _Reader:
    """Keeps the place in the document; a `Node` is open only inside of a child of `Stmt`."""

    def __init__(
        self, refuse: Refusal, on_piece: Callable[[Node], None], on_end: Callable[[int], None]
    ) -> None:
        self._refuse, self._on_piece, self._on_end = refuse, on_piece, on_end
        self._path: list[str] = []
        self._open: list[Node] = []
        self._nodes = self._fed = self._statement_line = self._skipped = 0
        self._text: list[str] = []
        self._space: str | None = None
        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, chunk: bytes) -> None:
        """Read on; what the parser holds back may not grow without bound."""
        if not self._fed:
            self._check_encoding(chunk)
        self._parse(chunk, final=False)
        self._fed += len(chunk)
        if self._fed - max(self._parser.CurrentByteIndex, 0) > _MAX_PENDING:
            raise self._at("one tag or comment is longer than a megabyte", _AGAIN)

    def _check_encoding(self, start: bytes) -> None:
        found = _ENCODING.match(start)
        if found is not None and found[1].decode("latin-1").lower() not in _ENCODINGS:
            hint = f"known are: {', '.join(sorted(_ENCODINGS))}"
            raise self._refuse("the encoding of the XML is not known", hint, line=1)

    def close(self) -> None:
        """End of file."""
        if not self._fed:
            raise self._refuse("the file is empty", "get it from the bank again", line=1)
        self._parse(b"", final=True)
        if self._space is None:
            hint = "give a bank-to-customer statement (camt.053)"
            raise self._refuse("there is no CAMT.053 document in the file", hint, line=1)

    def _parse(self, chunk: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(chunk, final)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            problem = f"the XML is not well-formed: {reason}"
            raise self._refuse(problem, _AGAIN, line=error.lineno) from None

    def _at(self, problem: str, hint: str) -> Exception:
        return self._refuse(problem, hint, line=self._parser.CurrentLineNumber)

    def _doctype(self, *_: object) -> None:
        hint = "no bank sends one: find out where the file comes from"
        raise self._at("the file declares a document type, which could expand or load others", hint)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        space, _, name = tag.rpartition(" ")
        if self._space is None:
            self._find_document(space, name)
            return
        kept = space == self._space and self._is_kept(name)
        if self._skipped or not kept:
            self._skipped += 1
            return
        self._path.append(name)
        if len(self._path) == 3 and name == "Stmt":
            self._statement_line = self._parser.CurrentLineNumber
        if len(self._path) > 3:
            self._open_node(name, attributes)

    def _is_kept(self, name: str) -> bool:
        depth = len(self._path)
        if depth < 3:
            return name == ("Document", "BkToCstmrStmt", "Stmt")[depth]
        return name in KEPT

    def _find_document(self, space: str, name: str) -> None:
        """A document may be inside of an envelope, which is passed over."""
        found = _NAMESPACE.search(space)
        if name != "Document":
            return
        if found is None or found[1] != "053":
            what = found[0] if found else space or "no namespace"
            hint = "give a bank-to-customer statement (camt.053); 052 and 054 are no statements"
            raise self._at(f"the document is not CAMT.053 but {what}", hint)
        if int(found[2]) not in _VERSIONS:
            hint = f"versions .{_VERSIONS[0]:02} to .{_VERSIONS[-1]} are read"
            raise self._at(f"version {found[2]} of CAMT.053 is not known", hint)
        self._space = space
        self._path.append(name)

    def _open_node(self, name: str, attributes: dict[str, str]) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            hint = "ask the bank to split its batches"
            raise self._at(f"one entry has more than {_MAX_NODES} elements", hint)
        self._flush()
        node = Node(name, self._parser.CurrentLineNumber, attributes)
        if self._open:
            self._open[-1].children.append(node)
        self._open.append(node)

    def _characters(self, text: str) -> None:
        if not self._open or self._skipped:
            return
        self._text.append(text)
        if sum(map(len, self._text)) + len(self._open[-1].text) > _MAX_TEXT:
            raise self._at(f"{self._open[-1].name} is longer than {_MAX_TEXT} characters", _AGAIN)

    def _flush(self) -> None:
        if self._open:
            self._open[-1].text += "".join(self._text)
        self._text.clear()

    def _end(self, _: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        if not self._path:
            return
        self._path.pop()
        if self._open:
            self._flush()
            node = self._open.pop()
            if not self._open:
                self._nodes = 0
                self._on_piece(node)
        elif len(self._path) == 2:
            self._on_end(self._statement_line)
