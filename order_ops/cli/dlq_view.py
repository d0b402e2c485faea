"""How dead letters look on a terminal: tables, and one letter whole."""

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from order_ops.cli.base import plain

if TYPE_CHECKING:
    from order_ops.jobs.letters.letter_sets import Story

_HEX_SHOWN = 512
_ROW = 16


def _table(*names: str) -> Table:
    """Columns of which the last, the error, takes what is left of the line."""
    table = Table(box=None, pad_edge=False, expand=True)
    for name in names[:-1]:
        right = name in {"id", "letters", "at stake"}
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    table.add_column(names[-1], ratio=1, no_wrap=True, overflow="ellipsis")
    return table


def letters_table(letters: Sequence[Any]) -> Table | str:
    """One line per letter."""
    if not letters:
        return "No dead letter."
    table = _table("id", "since", "what", "order", "at stake", "state", "group", "error")
    for one in letters:
        _add(
            table,
            one.id,
            one.created_at.strftime("%Y-%m-%d %H:%M"),
            one.name,
            one.order_id or "",
            money(one.amount_minor, one.currency),
            one.state,
            one.fingerprint,
            _first_line(one.error),
        )
    return table


def groups_table(groups: Sequence[Any]) -> Table | str:
    """One line per cause."""
    if not groups:
        return "No open dead letter."
    table = _table("group", "letters", "first", "last", "at stake", "what", "error")
    for one in groups:
        _add(
            table,
            one.fingerprint,
            one.letters,
            one.first_at.strftime("%Y-%m-%d %H:%M"),
            one.last_at.strftime("%Y-%m-%d %H:%M"),
            ", ".join(money(amount, currency) for currency, amount in (one.money or {}).items()),
            f"{'/'.join(one.origins)} {one.name}",
            _first_line(one.error),
        )
    return table


def _add(table: Table, *cells: object) -> None:
    table.add_row(*map(plain, cells))


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""


def money(amount_minor: int | None, currency: str | None) -> str:
    """An amount for people; nothing when there is none."""
    from order_ops.domain.money import format_minor  # noqa: PLC0415 - babel, 0.1 s

    return "" if amount_minor is None or currency is None else format_minor(amount_minor, currency)


def tell_story(console: Console, story: "Story") -> None:
    """A letter whole: what it is, why it failed, what was done about it, its body."""
    one = story.letter
    facts = {
        "what": f"{one.origin} {one.name}",
        "state": _state(one),
        "of": f"inbox row {one.origin_id}" if one.origin == "event" else f"run {one.origin_id}",
        "order": f"{one.order_id} of {one.tenant_id}" if one.order_id else "",
        "at stake": money(one.amount_minor, one.currency),
        "correlation": one.correlation_id or "",
        "since": one.created_at.isoformat(timespec="seconds"),
        "attempts": str(one.attempts),
        "category": one.category,
        "group": one.fingerprint,
        "holds": _HOLDS if one.holds and one.state == "open" else "",
        "replay of": f"letter {one.replay_of}" if one.replay_of else "",
        "replayed as": ", ".join(f"letter {new.id} ({new.state})" for new in story.replays),
        "headers": json.dumps(one.headers) if one.headers else "",
    }
    title = plain(f"Dead letter {one.id}: {one.error}", "bold", keep="\n")
    console.print(title, soft_wrap=True)
    for name, value in facts.items():
        if value:
            console.print(Text.assemble((f"{name:>12}  ", "dim"), plain(value)), soft_wrap=True)
    for done in story.audit:
        when = done.at.isoformat(timespec="seconds")
        line = f"{when} {done.actor}: {done.action}: {done.reason} {json.dumps(done.detail)}"
        console.print(Text.assemble((f"{'done':>12}  ", "dim"), plain(line)), soft_wrap=True)
    if one.payload is not None:
        console.print(Text("\nThe message, as it came:", "bold"))
        console.print(readable(bytes(one.payload)))
    if one.edited is not None:
        console.print(Text("\nThe message, as it would be replayed (edited):", "bold"))
        console.print(readable(bytes(one.edited)))
    if one.stack:
        console.print(Text("\nThe stack:", "bold"))
        console.print(plain(one.stack, keep="\n"), soft_wrap=True)


_HOLDS = "later events of its producer about this order wait"
_WAITS = "waits for replay_sensor, which launches the run and ends the letter with it"


def _state(letter: Any) -> str:
    if letter.state == "open":
        return "open"
    when = letter.reviewed_at.isoformat(timespec="seconds")
    told = f"{letter.state} by {letter.reviewer} at {when}: {letter.reason}"
    return f"{told}; {_WAITS}" if letter.state == "replaying" else told


def as_json(story: "Story") -> dict[str, Any]:
    """A letter whole, for programs; a body is its `text`, or `base64` where it is no UTF-8."""
    letter = story.letter._asdict()
    for name in ("payload", "edited"):
        letter[name] = None if letter[name] is None else _body_as_json(bytes(letter[name]))
    rows: dict[str, Iterable[Any]] = {"replays": story.replays, "audit": story.audit}
    told = {name: [row._asdict() for row in found] for name, found in rows.items()}
    return {"letter": letter, **told}


def _body_as_json(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def readable(body: bytes) -> Syntax | Text:
    """Any bytes: JSON laid out if that loses nothing, other text as it is, else hexadecimal."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return _hexadecimal(body, f"not UTF-8: byte {wrong.start} of {len(body)} is wrong")
    try:
        laid_out = _laid_out(text)
    except (ValueError, RecursionError):
        if text.isprintable() or all(part.isprintable() for part in text.split()):
            return Text(text)
        return _hexadecimal(body, f"text with control characters, {len(body)} bytes")
    return Syntax(laid_out, "json", background_color="default", word_wrap=True)


def _laid_out(text: str) -> str:
    """JSON over lines, with every key and number as it is in the text.

    Raises:
        ValueError: it is no JSON, or would say something else when laid out.
    """

    def kept(read: Callable[[str], float]) -> Callable[[str], float]:
        def number(spelling: str) -> float:
            if json.dumps(read(spelling)) != spelling:
                raise ValueError(spelling)
            return read(spelling)

        return number

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key is there twice")
        return dict(pairs)

    parsed = json.loads(
        text, parse_int=kept(int), parse_float=kept(float), object_pairs_hook=distinct
    )
    laid_out = json.dumps(parsed, indent=2, ensure_ascii=False)
    if not all(line.isprintable() for line in laid_out.split("\n")):
        raise ValueError("escapes that a terminal would act on, or cannot show")
    return laid_out


def _hexadecimal(body: bytes, why: str) -> Text:
    lines = [why]
    for start in range(0, min(len(body), _HEX_SHOWN), _ROW):
        row = body[start : start + _ROW]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:08x}  {row.hex(' '):<{_ROW * 3}} {shown}")
    if len(body) > _HEX_SHOWN:
        lines.append(f"... {len(body) - _HEX_SHOWN} more bytes")
    return Text("\n".join(lines))
