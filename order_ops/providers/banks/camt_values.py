"""Values of CAMT elements: amounts in the currency they name, directions, dates, numbers.

Each function takes an element and gives an exact value, or raises a `ReportError` with the line.
Which elements a statement has belongs in `camt053` and `camt_entries`.
"""

import re
from datetime import date

from order_ops.domain.money import INT64_DIGITS, MoneyError, minor_exponent, parse_major
from order_ops.providers.banks.camt_xml import Node
from order_ops.providers.banks.statement import Refusal
from order_ops.providers.files.report import ReportError

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d|T\S+)?")
_PLAIN = re.compile(rf"(-?)(\d{{1,{INT64_DIGITS}}})(?:\.(\d{{1,{INT64_DIGITS}}}))?")
_TOLD = "ask the bank for a statement that follows the standard"
_SIGNS = {"CRDT": 1, "DBIT": -1}


class Values:
    """Reads values for one file."""

    def __init__(self, refuse: Refusal) -> None:
        self._refuse = refuse

    def bad(self, node: Node, problem: str, hint: str = _TOLD) -> ReportError:
        """An error at an element."""
        return self._refuse(problem, hint, line=node.line, column=node.name)

    def child(self, node: Node, path: str) -> Node:
        """The element at a path, which must be there."""
        found = node.first(path)
        if found is None:
            raise self.bad(node, f"{path} is missing")
        return found

    def money(self, node: Node) -> tuple[int, str]:
        """Minor units and currency of an amount, unsigned as the standard has it."""
        currency = node.attributes.get("Ccy")
        if currency is None:
            raise self.bad(node, "the amount names no currency (Ccy)")
        text = node.text.strip()
        if text.startswith("-"):
            raise self.bad(node, f"{text!r} has a sign, which CdtDbtInd says in this format")
        try:
            return parse_major(text, currency), currency
        except MoneyError as error:
            raise self.bad(node, str(error)) from None

    def sign(self, node: Node, default: int | None = None) -> int:
        """1 for a credit and -1 for a debit, as the element's CdtDbtInd says."""
        said = node.said("CdtDbtInd")
        if said is None and default is not None:
            return default
        if said not in _SIGNS:
            raise self.bad(node, f"CdtDbtInd is {said!r}, and neither CRDT nor DBIT")
        return _SIGNS[said]

    def signed(self, node: Node) -> tuple[int, str]:
        """Signed minor units and currency of an element with Amt and CdtDbtInd."""
        amount, currency = self.money(self.child(node, "Amt"))
        return self.sign(node) * amount, currency

    def day(self, node: Node | None) -> date | None:
        """The day in a Dt or DtTm, as the bank writes it; None where there is no element."""
        if node is None:
            return None
        text = node.said("Dt") or node.said("DtTm") or node.text.strip()
        found = _DATE.fullmatch(text)
        try:
            return date.fromisoformat(found[1] if found else text)
        except ValueError:
            raise self.bad(node, f"{text!r} is not a date") from None

    def count(self, node: Node | None) -> int | None:
        """A whole number; None where there is no element."""
        if node is None:
            return None
        text = node.text.strip()
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise self.bad(node, f"{text!r} is not a number")
        return int(text)

    def units(self, node: Node, currency: str) -> int:
        """Minor units of a sum that names no currency, exactly."""
        text, exponent = node.text.strip(), minor_exponent(currency)
        found = _PLAIN.fullmatch(text)
        decimals = (found[3] or "").rstrip("0") if found else ""
        if found is None or len(decimals) > exponent:
            raise self.bad(node, f"{text!r} is not an amount in {currency}")
        return int(found[1] + found[2] + decimals.ljust(exponent, "0"))
