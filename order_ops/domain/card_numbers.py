"""Card numbers in a text: 13 to 19 digits with a right check digit, also in groups.

An id, an amount, a UUID or a time is none, however many digits it has; neither is a run of
digits inside of a word.
"""

from functools import partial
from re import Match, compile, sub  # noqa: A004 - of this module alone

_DIGITS = compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|(?<![A-Za-z0-9_])(?<![0-9]\.)[0-9](?:[ -]?[0-9]){12,}(?![A-Za-z0-9_])"
)
_MANY_DIGITS = compile(r"[0-9](?:[ -]?[0-9]){12}")
_CARD = range(13, 20)


def without_card_numbers(text: str, instead: str) -> str:
    """The text with every card number replaced."""
    if _MANY_DIGITS.search(text) is None:
        return text
    return _DIGITS.sub(partial(_without_cards, instead=instead), text)


def _without_cards(match: Match[str], instead: str) -> str:
    """A run of digits without the card numbers in it; a UUID has none."""
    run = match[0]
    if run.count("-") == 4 and len(run) == 36:
        return run
    pieces = sub(r"([ -])", r"\n\1\n", run).split("\n")
    at = 0
    while at < len(pieces):
        end = _card_from(pieces, at)
        if end:
            pieces[at:end] = [instead]
        at += 2
    return "".join(pieces)


def _card_from(pieces: list[str], start: int) -> int:
    """Where the card number that starts at a group of digits ends; 0: none does.

    Pieces are groups of digits with the spaces or dashes between them; those of one card
    number are the same.
    """
    digits, found = "", 0
    for at in range(start, len(pieces), 2):
        if len(pieces[at]) < 3 and at > start and len(digits) + len(pieces[at]) < _CARD.start:
            break
        if at > start + 1 and pieces[at - 1] != pieces[start + 1]:
            break
        digits += pieces[at]
        if len(digits) >= _CARD.stop:
            break
        if len(digits) in _CARD and _is_card(digits):
            found = at + 1
    return found


def _is_card(digits: str) -> bool:
    """By its check digit (Luhn), and a first digit of a payment card.

    Milliseconds since 1970 start with 1 and have 13 digits: they are none.
    """
    if digits[0] not in "23456":
        return False
    doubled = [int(d) * 2 for d in digits[-2::-2]]
    total = sum(int(d) for d in digits[-1::-2]) + sum(d - 9 if d > 9 else d for d in doubled)
    return total % 10 == 0
