"""What may be kept of a line's text: enough to find a payout by, and nothing about persons.

A bank statement names people: customers who pay, staff who are paid. So a counterparty's name is
kept, and the words of a text, only where name or text has a word of the list of those who are no
natural persons (`StatementOptions.known_parties`); names beside it are taken out of the text. Of
any other text remain its references: words with a digit in them. IBANs, card numbers, e-mail
addresses, phones and tax numbers are masked in both.
"""

import re
from dataclasses import dataclass

from order_ops.domain.redaction import REDACTED
from order_ops.providers.masking import masked

_WORD = re.compile(r"\w+")
_REFERENCE = re.compile(r"(?=\S*\d)[\w][\w/.#:+-]*")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of an entry: its text and the name of its counterparty, or None."""

    text: str | None
    party: str | None


class Keeper:
    """Decides by a list of words that name counterparties who are no natural persons."""

    def __init__(self, known_parties: tuple[str, ...]) -> None:
        words = "|".join(re.escape(word) for word in known_parties if word.strip())
        self._known = re.compile(rf"(?<!\w)(?:{words})", re.IGNORECASE) if words else None

    def keep(self, text: str, parties: tuple[str, ...]) -> Kept:
        """What is kept of a text and of the names that came with it."""
        named = [name for name in parties if self.knows(name)]
        others = [name for name in parties if name not in named]
        plain = _without(masked(" ".join(text.split())), others)
        if not named and not self.knows(text):
            plain = " ".join(_REFERENCE.findall(plain.replace(REDACTED, " ")))
        return Kept(plain or None, named[0] if named else None)

    def knows(self, text: str) -> bool:
        """Whether a text names one of them."""
        return self._known is not None and self._known.search(text) is not None


def _without(text: str, parties: list[str]) -> str:
    """The text without the words of names that are not kept."""
    names = {word.casefold() for name in parties for word in _WORD.findall(name) if len(word) > 1}
    if not names:
        return text
    left = _WORD.sub(lambda word: " " if word[0].casefold() in names else word[0], text)
    return " ".join(left.split())
