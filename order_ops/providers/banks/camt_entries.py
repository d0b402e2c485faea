"""An entry of a CAMT statement (`Ntry`) as one or several lines.

An entry is one line, unless its details each say an amount and these add up to it exactly: then
each detail is a line, since a batch may hold several payouts. Details that differ by the charges
that the entry tells of leave it whole; details that differ by anything else are refused. Sums
close either way. Statements as a whole belong in `camt053`.
"""

from dataclasses import replace

from order_ops.domain.money import format_minor
from order_ops.providers.banks.camt_values import Values
from order_ops.providers.banks.camt_xml import Node
from order_ops.providers.banks.statement import Entry
from order_ops.providers.files.report import ReportError

_NO_REFERENCE = {"NOTPROVIDED", "NONREF", "NOT PROVIDED", "NOREF"}
_RAW = {
    "bank_reference": "AcctSvcrRef",
    "instruction_id": "InstrId",
    "transaction_id": "TxId",
    "payment_information_id": "PmtInfId",
    "clearing_reference": "ClrSysRef",
    "uetr": "UETR",
}
_FULL_LINE = 140
"""A remittance line of this length goes on in the next one, in the middle of a word."""


def status_of(values: Values, entry: Node) -> str:
    """BOOK, PDNG, INFO or FUTR; newer versions say it one element deeper."""
    status = values.child(entry, "Sts")
    said = status.said("Cd") or status.text.strip()
    if said not in {"BOOK", "PDNG", "INFO", "FUTR"}:
        problem = f"the status {said!r} does not say whether the entry is booked"
        raise values.bad(status, problem, "ask the bank what it means")
    return said


def lines_of(values: Values, node: Node) -> list[Entry]:
    """The lines of a booked entry."""
    amount, currency = values.signed(node)
    details = node.all("NtryDtls/TxDtls")
    _check_batches(values, node, amount, currency)
    split = _amounts(values, node, details, amount, currency)
    booked_on = values.day(values.child(node, "BookgDt"))
    if booked_on is None:  # `child` has refused
        raise values.bad(node, "BookgDt is missing")
    whole = Entry(
        line_no=node.line,
        kind=_kind(values, node, amount, values.sign(node)),
        amount_minor=amount,
        currency=currency,
        booked_on=booked_on,
        value_on=values.day(node.first("ValDt")),
        bank_reference=_reference(node.said("AcctSvcrRef")),
        text=node.said("AddtlNtryInf") or "",
    )
    if len(split) > 1:
        return [
            _part(values, node, whole, detail, part, number)
            for number, (detail, part) in enumerate(zip(details, split, strict=True), 1)
        ]
    return [_with_details(whole, node, details)]


def _kind(values: Values, node: Node, amount: int, sign: int) -> str:
    said = node.said("RvslInd")
    if said not in {None, "true", "false", "1", "0"}:
        raise values.bad(node, f"RvslInd is {said!r}, and neither true nor false")
    gained = amount > 0 or (amount == 0 and sign > 0)
    if said in {"true", "1"}:
        return "reversed_debit" if gained else "reversed_credit"
    return "credit" if gained else "debit"


def _part(
    values: Values, node: Node, whole: Entry, detail: Node, amount: int, number: int
) -> Entry:
    sign = values.sign(detail, default=values.sign(node))
    part = replace(
        whole,
        line_no=detail.line,
        kind=_kind(values, node, amount, sign),
        amount_minor=amount,
        part=number,
    )
    return _with_details(part, node, [detail])


def _with_details(entry: Entry, node: Node, details: list[Node]) -> Entry:
    """The entry with what its details say; references only where they are of one detail."""
    one = details[0] if len(details) == 1 else None
    text = [_text(detail) for detail in details]
    raw = {"code": _code(node)}
    for name, element in _RAW.items():
        raw[name] = None if one is None else _reference(one.said(f"Refs/{element}"))
    raw["bank_reference"] = _reference(node.said("AcctSvcrRef")) or raw["bank_reference"]
    end_to_end = None if one is None else _reference(one.said("Refs/EndToEndId"))
    return replace(
        entry,
        bank_reference=entry.bank_reference or raw["bank_reference"],
        reference=end_to_end,
        text=" ".join([*text, entry.text]).strip(),
        parties=tuple(name for detail in details for name in _parties(detail)),
        raw=tuple((name, value) for name, value in raw.items() if value is not None),
    )


def _text(detail: Node) -> str:
    text = ""
    for line in detail.all("RmtInf/Ustrd"):
        said = line.text.strip("\n\r\t")
        text += said if len(said) == _FULL_LINE else f"{said} "
    structured = [node.text for node in detail.all("RmtInf/Strd/CdtrRefInf/Ref")]
    return " ".join([text, *structured, detail.said("AddtlTxInf") or ""]).strip()


def _parties(detail: Node) -> list[str]:
    """Names of the parties of a payment that are not us, as far as the file tells them apart."""
    names = [
        detail.said(f"RltdPties/{role}/{name}")
        for role in ("Dbtr", "UltmtDbtr", "Cdtr", "UltmtCdtr")
        for name in ("Nm", "Pty/Nm")
    ]
    return [name for name in names if name]


def _reference(text: str | None) -> str | None:
    return None if text is None or text.upper() in _NO_REFERENCE or not text.strip("0") else text


def _code(node: Node) -> str | None:
    """The bank's transaction code: "PMNT-RCDT-ESCT", or its own."""
    code = node.first("BkTxCd")
    if code is None:
        return None
    parts = [code.said(path) for path in ("Domn/Cd", "Domn/Fmly/Cd", "Domn/Fmly/SubFmlyCd")]
    return "-".join(part for part in parts if part) or code.said("Prtry/Cd")


def _amounts(
    values: Values, node: Node, details: list[Node], amount: int, currency: str
) -> list[int]:
    """Signed amounts of details that make up the entry, or none where it stays whole."""
    found = [_amount(values, detail, currency, values.sign(node)) for detail in details]
    parts = [part for part in found if part is not None]
    if not details or len(parts) != len(details):
        return []
    if sum(parts) == amount:
        return parts
    charges = sum(
        _charge(values, charge, currency) for part in (node, *details) for charge in _charges(part)
    )
    if charges and sum(parts) + charges == amount:
        return []
    raise _unequal(values, node, "the details", sum(parts), amount, currency)


def _amount(values: Values, detail: Node, currency: str, sign: int) -> int | None:
    """What a detail says in the currency of its entry; the foreign side of it is no part."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt"):
        node = detail.first(path)
        if node is not None and node.attributes.get("Ccy") == currency:
            return values.sign(detail, default=sign) * values.money(node)[0]
    return None


def _charges(node: Node) -> list[Node]:
    """Charges with an amount: newer versions have records of them."""
    return [
        charge for charge in (*node.all("Chrgs"), *node.all("Chrgs/Rcrd")) if charge.first("Amt")
    ]


def _charge(values: Values, charge: Node, currency: str) -> int:
    """Signed; charges in another currency explain nothing."""
    amount, charged_in = values.money(values.child(charge, "Amt"))
    return values.sign(charge, default=-1) * amount if charged_in == currency else 0


def _check_batches(values: Values, node: Node, amount: int, currency: str) -> None:
    """What a batch says of itself: how many payments, and their sum."""
    for block in node.all("NtryDtls"):
        said, there = values.count(block.first("Btch/NbOfTxs")), len(block.all("TxDtls"))
        if said is not None and there and said != there:
            problem = f"the batch has {there} details, and says that it has {said}"
            raise values.bad(block, problem, "get the statement from the bank again")
        total = block.first("Btch/TtlAmt")
        blocks = len(node.all("NtryDtls"))
        if total is None or blocks > 1 or total.attributes.get("Ccy") != currency:
            continue
        if values.money(total)[0] != abs(amount) and not _charges(node):
            raise _unequal(values, block, "the batch", values.money(total)[0], amount, currency)


def _unequal(
    values: Values, node: Node, what: str, found: int, amount: int, currency: str
) -> ReportError:
    problem = (
        f"the sum of {what} is {format_minor(found, currency)}, "
        f"and the entry is {format_minor(amount, currency)}"
    )
    return values.bad(node, problem, "ask the bank which is right")
