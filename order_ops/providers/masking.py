"""What is masked in texts that providers and banks hand over, whatever column they stand in.

Account numbers, phones and tax numbers of persons, beside what `domain.redaction` knows: cards,
e-mail addresses, keys. Which texts are kept at all is decided by who reads them.
"""

import re

from order_ops.domain.redaction import REDACTED, kept

_IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{1,4}){3,8}\b", re.IGNORECASE)
_IBAN_LENGTH = range(15, 35)
_TAX = re.compile(r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b|\b\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}\b")
_PHONE = re.compile(r"(?<![\w+])\+\d[\d ()/-]{6,18}\d")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


def masked(text: str) -> str:
    """The text without account numbers, card numbers, addresses, phones and tax numbers."""
    text = _IBAN.sub(_without_iban, text)
    return kept(_PHONE.sub(REDACTED, _TAX.sub(REDACTED, text)))


def masked_reference(text: str) -> str:
    """A reference, by which a line is found: only an account number or an address is masked.

    One in twenty ids of sixteen digits could be a card number by its check digit, and is none.
    """
    return _EMAIL.sub(REDACTED, _IBAN.sub(_without_iban, text))


def _without_iban(match: re.Match[str]) -> str:
    """Mask the longest beginning of the run that is an IBAN; a reference mostly is none."""
    run = match[0]
    for end in range(len(run), 0, -1):
        if (end == len(run) or run[end] == " ") and _is_iban(run[:end].replace(" ", "")):
            return REDACTED + run[end:]
    return run


def _is_iban(text: str) -> bool:
    """By its length and check digits (ISO 13616)."""
    if len(text) not in _IBAN_LENGTH:
        return False
    turned = (text[4:] + text[:4]).upper()
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1
