"""Lines of the bank as CAMT.053: a statement for each day and currency, with its balances."""

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import polars as pl

from order_ops.domain.money import minor_exponent

IBAN = "DE75512108001245126199"
"""Of the account that is paid out to."""
_DOCUMENT = """\
<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">
<BkToCstmrStmt>
{statements}</BkToCstmrStmt>
</Document>
"""
_STATEMENT = """\
<Stmt><Id>{id}</Id>
<Acct><Id><IBAN>{account}</IBAN></Id></Acct>
{balances}{entries}</Stmt>
"""
_BALANCE = (
    "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{amount}<Dt><Dt>{day}</Dt></Dt></Bal>\n"
)
_ENTRY = (
    "<Ntry>{amount}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt>"
    "<AcctSvcrRef>{id}</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId>"
    "</Refs><RmtInf><Ustrd>{remittance}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
)
_AMOUNT = '<Amt Ccy="{code}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'


def write(lines: pl.DataFrame, path: Path) -> None:
    """Write lines of the bank, columns `paid_out.BANK_SCHEMA`.

    Raises:
        OSError: the file cannot be written.
    """
    path.write_text(_DOCUMENT.format(statements="".join(_statements(lines))), encoding="utf-8")


def _statements(lines: pl.DataFrame) -> Iterator[str]:
    balance: dict[str, int] = {}
    ordered = lines.sort("day", "currency", "entry_id")
    for (day, code), part in ordered.group_by("day", "currency", maintain_order=True):
        opening = balance.get(code, 0)
        balance[code] = closing = opening + int(part["amount_minor"].sum())
        balances = "".join(
            _BALANCE.format(code=name, amount=_amount(minor, code), day=day)
            for name, minor in (("OPBD", opening), ("CLBD", closing))
        )
        entries = "".join(_entry(row) for row in part.iter_rows(named=True))
        yield _STATEMENT.format(
            id=f"{day:%Y%m%d}-{code}", account=IBAN, balances=balances, entries=entries
        )


def _entry(row: dict[str, object]) -> str:
    said = {name: escape(str(row[name])) for name in ("reference", "remittance")}
    amount = _amount(int(str(row["amount_minor"])), str(row["currency"]))
    return _ENTRY.format(amount=amount, day=row["day"], id=escape(str(row["entry_id"])), **said)


def _amount(minor: int, code: str) -> str:
    exponent = minor_exponent(code)
    whole, rest = divmod(abs(minor), 10**exponent)
    text = f"{whole}.{rest:0{exponent}}" if exponent else str(whole)
    return _AMOUNT.format(code=code, amount=text, sign="DBIT" if minor < 0 else "CRDT")
