"""Ids of bank lines that stay the same when the bank tells of a line again.

The bank's own reference is the id where it gives one, with booking day and kind, since banks use
one reference for a payment, its charge and its return. Lines without one get a hash of what they
say. Lines of one day that would get the same id are numbered in the order of the file.

Neither the statement nor the place in it is part of an id, so that a statement issued again, or a
monthly one after daily ones, brings no line twice. A line corrected under its reference keeps its
id, and contradicts the earlier one instead of standing beside it. What cannot be told apart: two
lines of one day that say the very same without any reference, in two files. The chain of balances
shows it (`reconciliation.incomplete`).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable

from order_ops.providers.banks.statement import Entry
from order_ops.providers.masking import masked


class EntryIds:
    """Gives out ids for the lines of one account, as long as its statements follow each other."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def of(self, entries: Iterable[Entry]) -> list[str]:
        """An id per entry, in order."""
        return [self._next(_key(entry)) for entry in entries]

    def _next(self, key: str) -> str:
        self._given[key] += 1
        count = self._given[key]
        return key if count == 1 else f"{key}#{count}"


def _key(entry: Entry) -> str:
    reference = entry.bank_reference
    if reference is not None and masked(reference) == reference:
        part = f"/{entry.part}" if entry.part else ""
        return f"{reference}{part}|{entry.booked_on}|{entry.kind}"
    if reference is not None:  # an account number, for instance, which an id must not tell
        return f"derived-{_digest([reference, entry.part, str(entry.booked_on), entry.kind])}"
    says: list[object] = [
        entry.kind,
        entry.amount_minor,
        entry.currency,
        str(entry.booked_on),
        str(entry.value_on),
        entry.reference,
        " ".join(entry.text.split()).casefold(),
    ]
    return f"derived-{_digest(says)}"


def _digest(says: list[object]) -> str:
    return hashlib.sha256(json.dumps(says).encode()).hexdigest()[:32]
