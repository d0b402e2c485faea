"""The text of an MT940 line (`:86:`): what of it is remittance, reference and name.

Three ways to write it are known: German banks number their sub-fields (`166?00...?20...`) and put
SEPA keywords into them (`EREF+...SVWZ+...`), Dutch ones write `/EREF/.../REMI/...`, and anything
else is free text. What is no remittance, such as account numbers, is not handed on.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NUMBERED = re.compile(r"(\d{3})([^\w\s/])(?=\d\d)")
_FULL_LINE, _FULL_FIELD = 65, 27
"""A line or a field of this length goes on in the next one, in the middle of a word."""
_KEYWORDS = re.compile(
    r"(EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|PURP|IBAN|BIC|RREF)(?:\+|: )"
)
_SLASHED = re.compile(
    r"/(TRTP|EREF|KREF|PREF|MARF|CSID|NAME|IBAN|BIC|REMI|ORDP|BENM|ISDT|PURP|RTRN|TRCD|ADDR|ID"
    r"|CNTP|SVCL|ULTD|ULTC|ULTB|OCMT|CHGS|INST|USTD|STRD|RREF|ACCW|VTKS)/"
)
_SLASHED_START = re.compile(r"/(?:TRTP|EREF|PREF|MARF|REMI|NAME|IBAN|RTRN|CNTP|ORDP|BENM|CSID)/")


@dataclass(frozen=True, slots=True)
class Details:
    """What a `:86:` says.

    Attributes:
        code: the bank's transaction code, such as "166", or None.
        title: the bank's word for the transaction, or None.
        reference: end-to-end reference, or None.
        names: of the counterparty and of those behind it.
        text: the remittance.
    """

    code: str | None = None
    title: str | None = None
    reference: str | None = None
    names: tuple[str, ...] = ()
    text: str = ""


def details_of(lines: tuple[str, ...]) -> Details:
    """Read the lines of a `:86:`."""
    whole = "".join(lines)
    found = _NUMBERED.match(whole)
    if found is not None:
        return _numbered(found[1], re.split(rf"{re.escape(found[2])}(?=\d\d)", whole)[1:])
    if _SLASHED_START.match(whole):
        return _slashed(whole)
    return Details(text=_filled(lines, _FULL_LINE))


def _numbered(code: str, fields: list[str]) -> Details:
    text: list[str] = []
    names: list[str] = []
    title = ""
    for field in fields:
        number, said = int(field[:2]), field[2:]
        if number == 0:
            title = said
        elif 20 <= number <= 29 or 60 <= number <= 63:
            text.append(said)
        elif number in {32, 33}:
            names.append(said)
    known = _keywords(_filled(text, _FULL_FIELD))
    behind = tuple(known[key] for key in ("ABWA", "ABWE") if known.get(key))
    return Details(
        code=code,
        title=title or None,
        reference=known.get("EREF") or known.get("KREF") or None,
        names=tuple(name for name in (_filled(names, _FULL_FIELD), *behind) if name),
        text=_joined(known, ("", "SVWZ", "RREF")),
    )


def _keywords(text: str) -> dict[str, str]:
    """The text by SEPA keyword; under "" what stands before the first."""
    parts = _KEYWORDS.split(text)
    found = {"": parts[0].strip()}
    for key, said in zip(parts[1::2], parts[2::2], strict=True):
        found[key] = f"{found.get(key, '')} {said}".strip()
    return found


def _slashed(text: str) -> Details:
    parts = _SLASHED.split(text)
    found = {"": parts[0].strip()}
    for key, said in zip(parts[1::2], parts[2::2], strict=True):
        found[key] = f"{found.get(key, '')} {said}".strip().strip("/").removeprefix("USTD//")
    names = (found[key] for key in ("NAME", "ORDP", "BENM", "ULTD", "ULTC", "ULTB") if key in found)
    return Details(
        title=found.get("TRTP") or None,
        reference=found.get("EREF") or found.get("PREF") or None,
        names=tuple(name for name in names if name),
        text=_joined(found, ("", "REMI", "USTD", "STRD", "RREF")),
    )


def _filled(parts: Iterable[str], full: int) -> str:
    """Parts as one text, with a space behind those that were not full."""
    return "".join(part if len(part) == full else f"{part} " for part in parts).strip()


def _joined(found: dict[str, str], keys: tuple[str, ...]) -> str:
    return " ".join(said for key in keys if (said := found.get(key)))
