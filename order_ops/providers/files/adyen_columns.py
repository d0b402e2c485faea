"""Adyen's own words: its journal types, and which columns of its settlement report may be kept.

Names only, as Adyen documents them for the settlement detail report; reading a file with them
belongs in `adyen_settlement`.
"""

from order_ops.providers.files.raw_columns import Columns

PAYOUT = "MerchantPayout"
"""The row that balances a batch: what was paid out of it."""

TRANSFER = "Balancetransfer"
"""What is carried from one batch to the next."""

KINDS = {
    TRANSFER: "other",
    "BankInstructionReturned": "other",
    "Chargeback": "dispute",
    "ChargebackReversed": "dispute",
    "DepositCorrection": "other",
    "EpaPaid": "other",
    "Fee": "fee",
    "InvoiceDeduction": "fee",
    "ManualCorrected": "other",
    "MatchedStatement": "other",
    PAYOUT: "payout",
    "MiscCosts": "fee",
    "PaidOut": "payout",
    "PaidOutReversed": "payout",
    "PaymentCost": "fee",
    "Refunded": "refund",
    "RefundedReversed": "refund",
    "SecondChargeback": "dispute",
    "Settled": "charge",
}
"""Kind by Type; any other type is `unclassified`, and never dropped."""

FEES = ["Commission (NC)", "Markup (NC)", "Scheme Fees (NC)", "Interchange (NC)"]
"""The fee of a row is spread over these: blended prices in the first, the parts in the others."""

DCC_FEE = "DCC Markup (NC)"
ALL_FEES = "Payment Fees (NC)"
"""Adyen's own sum of `FEES`, in the files of 2025: a control, never added once more."""

REQUIRED = [
    "Company Account",
    "Merchant Account",
    "Psp Reference",
    "Merchant Reference",
    "Payment Method",
    "Creation Date",
    "TimeZone",
    "Type",
    "Modification Reference",
    "Gross Currency",
    "Gross Debit (GC)",
    "Gross Credit (GC)",
    "Net Currency",
    "Net Debit (NC)",
    "Net Credit (NC)",
    *FEES,
    "Modification Merchant Reference",
    "Batch Number",
]

COLUMNS = Columns(
    read=frozenset({"Creation Date", "Gross Currency", "Net Currency", "Payment Method", "Type"})
    | {"Gross Debit (GC)", "Gross Credit (GC)", "Net Debit (NC)", "Net Credit (NC)"},
    kept=frozenset(
        {
            *FEES,
            "ARN",
            ALL_FEES,
            "Balance Currency",
            "Balance Platform Credit",
            "Balance Platform Debit",
            "Batch Number",
            "Booking Date",
            "Booking Date TimeZone",
            "Clearing Network",
            "Company Account",
            DCC_FEE,
            "Dispute Reference",
            "Exchange Rate",
            "Funds Destination",
            "Gross Fees (NC)",
            "Merchant Account",
            "Merchant Order Reference",
            "Merchant Reference",
            "Modification Merchant Reference",
            "Modification Reference",
            "Net Credit (BC)",
            "Net Debit (BC)",
            "Payment Method Variant",
            "Psp Reference",
            "Settlement Flow",
            "TimeZone",
        }
    ),
    dropped=frozenset({"Authorisation Code", "Metadata", "Shopper Country"})
    | {f"Reserved{number}" for number in range(4, 11)},
)
"""`Metadata` is the shop's own JSON about the payment, and real files have buyers in it."""
