"""CAMT.053 statements of a few elements, as text."""

from pathlib import Path

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def balance(code: str, amount: str, currency: str = "EUR", sign: str = "CRDT") -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'
        "<Dt><Dt>2026-01-05</Dt></Dt></Bal>\n"
    )


def entry(amount: str = "10.00", sign: str = "CRDT", more: str = "", **options: str) -> str:
    currency, status = options.get("currency", "EUR"), options.get("status", "<Cd>BOOK</Cd>")
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'
        f"{options.get('reversal', '')}<Sts>{status}</Sts>"
        f"<BookgDt><Dt>{options.get('day', '2026-01-05')}</Dt></BookgDt>{more}</Ntry>\n"
    )


def reference(text: str) -> str:
    return f"<AcctSvcrRef>{text}</AcctSvcrRef>"


def details(*parts: str) -> str:
    return "<NtryDtls>" + "".join(f"<TxDtls>{part}</TxDtls>" for part in parts) + "</NtryDtls>"


def amount(text: str, currency: str = "EUR", sign: str = "") -> str:
    said = f"<CdtDbtInd>{sign}</CdtDbtInd>" if sign else ""
    return f'<Amt Ccy="{currency}">{text}</Amt>{said}'


def statement(*entries: str, opening: str = "0.00", closing: str = "10.00", **options: str) -> str:
    balances = options.get("balances", balance("OPBD", opening) + balance("CLBD", closing))
    return (
        f"<Stmt><Id>{options.get('id', 'S-1')}</Id>{options.get('number', '')}\n"
        "<Acct><Id><IBAN>DE75512108001245126199</IBAN></Id></Acct>\n"
        f"{balances}{options.get('summary', '')}{''.join(entries)}</Stmt>\n"
    )


def document(*statements: str, namespace: str = NAMESPACE) -> str:
    return (
        f'<?xml version="1.0"?>\n<Document xmlns="{namespace}">\n<BkToCstmrStmt>\n'
        f"{''.join(statements)}</BkToCstmrStmt>\n</Document>\n"
    )


def write(folder: Path, *statements: str, namespace: str = NAMESPACE) -> Path:
    path = folder / "statement.xml"
    path.write_text(document(*statements, namespace=namespace), encoding="utf-8")
    return path
