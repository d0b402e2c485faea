"""A SWIFT customer statement (MT940) as statements.

Belongs here: what the fields of a message mean. Framing is in `mt940_fields`, the text of a line
in `mt940_details`.

Own code: the mt-940 package (5.1) is well kept and exact in its decimals, but drops a line that
has no type before another one, moves 30 February to the 28th, gives no line of an error, passes
over fields it does not know, and logs the text of a line, with the names in it, when it cannot
read it. It is what the tests compare with.
"""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from order_ops.domain.money import MoneyError, parse_major
from order_ops.providers.banks import controls
from order_ops.providers.banks.mt940_details import details_of
from order_ops.providers.banks.mt940_fields import Field, read_messages
from order_ops.providers.banks.remittance import Keeper
from order_ops.providers.banks.statement import (
    Balances,
    BankFile,
    Draft,
    Entry,
    Refusal,
    StatementOptions,
)
from order_ops.providers.files.report import ReportError

_LINE = re.compile(
    r"(?P<value>\d{6})(?P<entry>\d{4})?\s*(?P<mark>RC|RD|C|D)(?P<funds>[A-Z])?(?P<amount>\d+,\d*)"
    r"(?P<type>[A-Z][A-Z0-9]{3})(?P<reference>(?:(?!//).)*)(?://(?P<bank>.*))?"
)
_BALANCE = re.compile(r"([CD])(\d{6})([A-Z]{3})(\d+,\d*)")
_NUMBER = re.compile(r"(\d{1,5})(?:/(\d{1,5}))?")
_TOTAL = re.compile(r"(\d{1,5})([A-Z]{3})(\d+,\d*)")
_KINDS = {"C": "credit", "D": "debit", "RC": "reversed_credit", "RD": "reversed_debit"}
_GAINS = {"C", "RD"}
_NO_REFERENCE = {"", "NONREF", "NOTPROVIDED", "NOREF", "EREF", "KREF", "PREF", "MREF"}
_PASSED_OVER = {"13", "13D", "21", "34F", "64", "65", "NS"}
"""Fields that are known and say nothing about booked lines."""
_ASK = "get the statement from the bank again"


def read(path: Path, options: StatementOptions) -> BankFile:
    """Read one file completely, or refuse it completely.

    Raises:
        ReportError: naming file, line, field and what to do; nothing of the file is returned.
        OSError: the file cannot be opened.
    """
    refuse = Refusal(path.name)
    messages, sha256 = read_messages(path, refuse, options.encoding)
    drafts = [_Message(refuse, fields).draft() for fields in messages]
    last = messages[-1]
    for field in last:
        if field.tag == "62M":
            problem = "the last message is not the last page of its statement (:62M:)"
            raise refuse(problem, "ask the bank for all pages", line=field.line, column=":62M:")
    return controls.finished("mt940", refuse, sha256, drafts, Keeper(options.known_parties))


class _Message:
    """One message: a statement, or a page of one."""

    def __init__(self, refuse: Refusal, fields: list[Field]) -> None:
        self._refuse, self._fields = refuse, fields

    def draft(self) -> Draft:
        """The statement, its own totals checked."""
        opening = self._one("60F", "60M")
        closing = self._one("62F", "62M")
        opened, opened_on, currency = self._balance(opening)
        closed, closed_on, closed_in = self._balance(closing)
        if closed_in != currency:
            problem = f"the statement opens in {currency} and closes in {closed_in}"
            raise self._bad(closing, problem, _ASK)
        entries = list(self._lines(opening, closing, currency))
        self._check_totals(entries, currency)
        account, number = self._one("25", "25P"), self._numbers()
        return Draft(
            account=account.text[0].strip(),
            statement_id=self._fields[0].text[0].strip(),
            sequence=number[0],
            page=number[1],
            balances=(Balances(currency, opened, opened_on, closed, closed_on, closing.line),),
            entries=entries,
            line_no=self._fields[0].line,
            count=len(entries),
        )

    def _one(self, *tags: str) -> Field:
        found = [field for field in self._fields if field.tag in tags]
        if len(found) == 1:
            return found[0]
        where = found[1] if found else self._fields[-1]
        what = " or ".join(f":{tag}:" for tag in tags)
        problem = f"the message has {'two' if found else 'no'} {what}"
        raise self._refuse(problem, _ASK, line=where.line, column=f":{tags[0]}:")

    def _numbers(self) -> tuple[int | None, int | None]:
        """Number of the statement and of the page in it."""
        field = self._one("28C", "28")
        found = _NUMBER.fullmatch(field.text[0].strip())
        if found is None:
            raise self._bad(field, "the number of the statement cannot be read", _ASK)
        return int(found[1]) or None, int(found[2]) if found[2] else None

    def _balance(self, field: Field) -> tuple[int, date, str]:
        found = _BALANCE.fullmatch("".join(field.text).strip())
        if found is None:
            raise self._bad(field, "the balance is not written like C260105EUR87,50", _ASK)
        mark, day, currency, amount = found.groups()
        units = self._units(field, amount, currency)
        return units if mark == "C" else -units, self._day(field, day), currency

    def _lines(self, opening: Field, closing: Field, currency: str) -> Iterator[Entry]:
        """Lines with the texts that follow them; a text after the closing balance is no line's."""
        line: Field | None = None
        texts: list[str] = []
        for field in self._fields:
            inside = opening.line < field.line < closing.line
            if field.tag == "61":
                if not inside:
                    raise self._bad(field, "a line stands outside of the balances", _ASK)
                if line is not None:
                    yield self._entry(line, tuple(texts), currency)
                line, texts = field, []
            elif field.tag == "86":
                if inside and line is None:
                    raise self._bad(field, "a text belongs to no line", _ASK)
                texts += field.text if inside else []
            elif field.tag not in {*_PASSED_OVER, *_STRUCTURE}:
                hint = "tell us which bank sends it, and what it means"
                raise self._bad(field, f"the field :{field.tag}: is not known", hint)
        if line is not None:
            yield self._entry(line, tuple(texts), currency)

    def _entry(self, field: Field, texts: tuple[str, ...], currency: str) -> Entry:
        found = _LINE.fullmatch(field.text[0].rstrip())
        if found is None:
            problem = "the line is not written like 2601050105C12,50NTRFREFERENCE//BANK"
            raise self._bad(field, problem, _ASK)
        value = self._day(field, found["value"])
        units = self._units(field, found["amount"], currency)
        details = details_of(texts)
        bank, own = _reference(found["bank"]), _reference(found["reference"])
        raw = {
            "type": found["type"],
            "code": details.code,
            "title": details.title,
            "bank_reference": bank,
            "customer_reference": own,
        }
        return Entry(
            line_no=field.line,
            kind=_KINDS[found["mark"]],
            amount_minor=units if found["mark"] in _GAINS else -units,
            currency=currency,
            booked_on=self._booked(field, found["entry"], value),
            value_on=value,
            bank_reference=bank,
            reference=_reference(details.reference) or own,
            text=" ".join([details.text, *field.text[1:]]).strip(),
            parties=details.names,
            raw=tuple((name, said) for name, said in raw.items() if said),
        )

    def _check_totals(self, entries: list[Entry], currency: str) -> None:
        """Numbers and sums of debits and credits (:90D:, :90C:), where the bank gives them."""
        for field in self._fields:
            if field.tag not in {"90D", "90C"}:
                continue
            found = _TOTAL.fullmatch(field.text[0].strip())
            if found is None or found[2] != currency:
                raise self._bad(field, "the total cannot be read", _ASK)
            credit = field.tag == "90C"
            mine = [e.amount_minor for e in entries if (e.kind in _CREDITS) == credit]
            said = int(found[1]), self._units(field, found[3], currency)
            if said != (len(mine), abs(sum(mine))):
                problem = f"there are {len(mine)} lines, or their sum is not what the bank says"
                raise self._bad(field, problem, _ASK)

    def _booked(self, field: Field, text: str | None, value: date) -> date:
        """The entry date has no year: it is the one next to the value date.

        Banks leave it out where it is the value date.
        """
        if text is None:
            return value
        days = []
        for year in (value.year - 1, value.year, value.year + 1):
            try:
                days.append(date(year, int(text[:2]), int(text[2:])))
            except ValueError:
                continue  # 29 February of another year
        if not days:
            raise self._bad(field, f"{text!r} is not a day (MMDD)", _ASK)
        return min(days, key=lambda day: abs(day - value))

    def _day(self, field: Field, text: str) -> date:
        """YYMMDD; SWIFT counts years from 1980 to 2079."""
        year = int(text[:2])
        try:
            return date((1900 if year >= 80 else 2000) + year, int(text[2:4]), int(text[4:]))
        except ValueError:
            raise self._bad(field, f"{text!r} is not a day (YYMMDD)", _ASK) from None

    def _units(self, field: Field, amount: str, currency: str) -> int:
        try:
            return parse_major(amount.removesuffix(","), currency, ",")
        except MoneyError as error:
            raise self._bad(field, str(error), _ASK) from None

    def _bad(self, field: Field, problem: str, hint: str) -> ReportError:
        return self._refuse(problem, hint, line=field.line, column=f":{field.tag}:")


_CREDITS = {"credit", "reversed_debit"}
_STRUCTURE = {"20", "25", "25P", "28", "28C", "60F", "60M", "62F", "62M", "90D", "90C"}


def _reference(text: str | None) -> str | None:
    said = (text or "").strip()
    return None if said.upper() in _NO_REFERENCE or not said.strip("0") else said
