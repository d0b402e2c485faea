"""A bank-to-customer statement (ISO 20022 CAMT.053, versions .02 to .14) as statements.

Belongs here: a statement as a whole, its account, balances and totals. The XML is read in
`camt_xml`, an entry in `camt_entries`. Versions differ in a few places (status, names of parties,
amounts of details), which are read in either form; the namespace says that it is CAMT.053.

Own code, since none of the libraries is exact enough for a control. pycamt (1.1) turns debits into
floats, takes the first `Amt` anywhere under an entry, and knows neither balances nor status;
bankstatementparser (0.0.29) and camt053 (0.0.23) bring pandas 2, or a web server, and check no
batch, and none of them gives the line of an error.
"""

from dataclasses import dataclass
from pathlib import Path

from order_ops.domain.money import format_minor
from order_ops.providers.banks import controls
from order_ops.providers.banks.camt_entries import lines_of, status_of
from order_ops.providers.banks.camt_values import Values
from order_ops.providers.banks.camt_xml import Node, read_pieces
from order_ops.providers.banks.remittance import Keeper
from order_ops.providers.banks.statement import (
    Balances,
    BankFile,
    Draft,
    Entry,
    Refusal,
    StatementOptions,
    Unbooked,
)

_OPENING = ("OPBD", "PRCD")
_ASK = "get the statement from the bank again"


def read(path: Path, options: StatementOptions) -> BankFile:
    """Read one file completely, or refuse it completely.

    Raises:
        ReportError: naming file, line, element and what to do; nothing of the file is returned.
        OSError: the file cannot be opened.
    """
    refuse = Refusal(path.name)
    drafts: list[Draft] = []
    pieces = [_Statement(refuse)]

    def on_piece(node: Node) -> None:
        pieces[-1].add(node)

    def on_end(line: int) -> None:
        drafts.append(pieces.pop().draft(line))
        pieces.append(_Statement(refuse))

    sha256 = read_pieces(path, refuse, on_piece, on_end)
    if not drafts:
        raise refuse("there is no statement (Stmt) in the file", "get it from the bank again")
    return controls.finished("camt053", refuse, sha256, drafts, Keeper(options.known_parties))


@dataclass(frozen=True, slots=True)
class _Told:
    """What the totals of a statement are made of: an entry, booked or not."""

    status: str
    currency: str
    amount_minor: int
    sign: int


class _Statement:
    """Collects the pieces of one statement; of an entry, only its lines remain."""

    def __init__(self, refuse: Refusal) -> None:
        self._refuse, self._values = refuse, Values(refuse)
        self._parts: dict[str, Node] = {}
        self._balances: list[Node] = []
        self._lines: list[Entry] = []
        self._booked: list[_Told] = []
        self._unbooked: list[_Told] = []

    def add(self, node: Node) -> None:
        if node.name == "Ntry":
            self._add_entry(node)
        elif node.name == "Bal":
            self._balances.append(node)
        else:
            self._parts[node.name] = node

    def _add_entry(self, node: Node) -> None:
        amount, currency = self._values.signed(node)
        status = status_of(self._values, node)
        told = _Told(status, currency, amount, self._values.sign(node))
        if status != "BOOK":
            self._unbooked.append(told)
            return
        self._booked.append(told)
        self._lines += lines_of(self._values, node)

    def draft(self, line: int) -> Draft:
        """The statement, its own totals checked."""
        if "TxsSummry" in self._parts:
            self._check_summary(self._parts["TxsSummry"])
        pages = self._parts.get("StmtPgntn")
        return Draft(
            account=self._account(line),
            statement_id=self._text("Id") or "",
            sequence=self._number("ElctrncSeqNb", "LglSeqNb"),
            page=self._values.count(pages.first("PgNb")) if pages else None,
            balances=self._closed(line),
            entries=self._lines,
            line_no=line,
            count=len(self._booked),
            unbooked=self._announced(),
        )

    def _text(self, name: str) -> str | None:
        node = self._parts.get(name)
        return None if node is None else node.text.strip() or None

    def _number(self, *names: str) -> int | None:
        numbers = (self._values.count(self._parts.get(name)) for name in names)
        return next((number for number in numbers if number is not None), None)

    def _account(self, line: int) -> str:
        account = self._parts.get("Acct")
        said = None
        if account is not None:
            said = account.said("Id/IBAN") or account.said("Id/Othr/Id")
        if said is None:
            raise self._refuse("the statement names no account", _ASK, line=line, column="Acct")
        return said.replace(" ", "")

    def _announced(self) -> tuple[Unbooked, ...]:
        groups: dict[tuple[str, str], list[int]] = {}
        for told in self._unbooked:
            groups.setdefault((told.status, told.currency), []).append(told.amount_minor)
        return tuple(
            Unbooked(status, currency, len(amounts), sum(amounts))
            for (status, currency), amounts in sorted(groups.items())
        )

    def _closed(self, line: int) -> tuple[Balances, ...]:
        """Opening and closing balance of each currency.

        Between the pages of a statement, interim balances (ITBD) close one and open the next.
        """
        found: dict[str, list[tuple[str, int, Node]]] = {}
        for node in self._balances:
            code = node.said("Tp/CdOrPrtry/Cd")
            if code not in {*_OPENING, "CLBD", "ITBD"}:
                continue
            amount, currency = self._values.signed(node)
            found.setdefault(currency, []).append((code, amount, node))
        if not found:
            raise self._refuse("the statement has no booked balances", _ASK, line=line)
        return tuple(self._pair(currency, found[currency], line) for currency in sorted(found))

    def _pair(self, currency: str, found: list[tuple[str, int, Node]], line: int) -> Balances:
        opens = [balance for balance in found if balance[0] in _OPENING]
        closes = [balance for balance in found if balance[0] == "CLBD"]
        interim = [balance for balance in found if balance[0] == "ITBD"]
        if not opens and interim:
            opens.append(interim.pop(0))
        if not closes and interim:
            closes.append(interim.pop())
        for what, balances in (("opening", opens), ("closing", closes)):
            if not balances:
                problem = f"the statement has no {what} balance in {currency}"
                raise self._refuse(problem, _ASK, line=line, column="Bal")
            if len({amount for _, amount, _ in balances}) > 1:
                problem = f"the statement has two {what} balances in {currency}"
                raise self._values.bad(balances[-1][2], problem, _ASK)
        opening, closing = opens[0], closes[0]
        return Balances(
            currency=currency,
            opening_minor=opening[1],
            opening_on=self._values.day(opening[2].first("Dt")),
            closing_minor=closing[1],
            closing_on=self._values.day(closing[2].first("Dt")),
            line_no=closing[2].line,
        )

    def _check_summary(self, summary: Node) -> None:
        """Numbers and sums that the bank gives, of what is booked or of all that it tells."""
        every = [*self._booked, *self._unbooked]
        for name, signs in (
            ("TtlNtries", {1, -1}),
            ("TtlCdtNtries", {1}),
            ("TtlDbtNtries", {-1}),
        ):
            total = summary.first(name)
            if total is None:
                continue
            problems = [
                self._disagrees(total, [told for told in entries if told.sign in signs])
                for entries in (self._booked, every)
            ]
            if all(problems):
                raise self._values.bad(total, str(problems[0]), _ASK)

    def _disagrees(self, total: Node, entries: list[_Told]) -> str | None:
        """What is not as the bank says; sums only where all is in one currency."""
        said = self._values.count(total.first("NbOfNtries"))
        if said is not None and said != len(entries):
            return f"there are {len(entries)} entries, and the bank says {said}"
        currencies = {told.currency for told in entries}
        if len(currencies) != 1:
            return None
        (currency,) = currencies
        net = abs(sum(told.amount_minor for told in entries))
        sums = {
            "Sum": sum(abs(told.amount_minor) for told in entries),
            "TtlNetNtryAmt": net,
            "TtlNetNtry/Amt": net,
        }
        for path, reached in sums.items():
            node = total.first(path)
            if node is not None and abs(self._values.units(node, currency)) != reached:
                figure = format_minor(self._values.units(node, currency), currency)
                return f"{path} is {format_minor(reached, currency)}, and the bank says {figure}"
        return None
