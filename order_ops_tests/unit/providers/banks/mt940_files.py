"""MT940 messages of a few fields, as text."""

from pathlib import Path


def line(marked: str = "C10,00", rest: str = "NTRFNONREF") -> str:
    return f":61:2601050105{marked}{rest}"


def message(
    *lines: str,
    opening: str = "C260104EUR0,00",
    closing: str = "C260105EUR0,00",
    number: str = "5/1",
    more: str = "",
) -> str:
    fields = [":20:REF", ":25:ACC-1", f":28C:{number}", f":60F:{opening}", *lines]
    return "\n".join([*fields, f":62F:{closing}{more}", ""])


def write(folder: Path, *messages: str) -> Path:
    path = folder / "statement.sta"
    path.write_text("".join(messages), encoding="utf-8", newline="\n")
    return path
