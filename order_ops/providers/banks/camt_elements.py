"""Which elements of a CAMT.053 statement are kept: the allow-list, by the standard's names.

Whatever is not here never leaves the XML parser: postal addresses, account numbers of others,
e-mail addresses, birth dates, mandates. Names of parties are read, because what may be kept of a
line depends on them; see `remittance`.
"""

_STATEMENT = {"Id", "ElctrncSeqNb", "LglSeqNb", "StmtPgntn", "PgNb", "Acct", "IBAN", "Othr", "Ccy"}
_BALANCES = {"Bal", "Tp", "CdOrPrtry", "Cd", "Prtry", "Amt", "CdtDbtInd", "Dt", "DtTm"}
_SUMMARY = {
    *("TxsSummry", "TtlNtries", "TtlCdtNtries", "TtlDbtNtries", "NbOfNtries", "Sum"),
    *("TtlNetNtry", "TtlNetNtryAmt"),
}
_ENTRIES = {
    *("Ntry", "RvslInd", "Sts", "BookgDt", "ValDt", "AcctSvcrRef", "AddtlNtryInf"),
    *("BkTxCd", "Domn", "Fmly", "SubFmlyCd", "NtryDtls", "Btch", "NbOfTxs", "TtlAmt"),
}
_DETAILS = {
    *("TxDtls", "Refs", "EndToEndId", "InstrId", "TxId", "PmtInfId", "ClrSysRef", "UETR"),
    *("AmtDtls", "TxAmt", "Chrgs", "Rcrd", "RmtInf", "Ustrd", "Strd", "CdtrRefInf", "Ref"),
    *("AddtlTxInf", "RltdPties", "Dbtr", "Cdtr", "UltmtDbtr", "UltmtCdtr", "Pty", "Nm"),
}
KEPT = frozenset(_STATEMENT | _BALANCES | _SUMMARY | _ENTRIES | _DETAILS)
