"""PayPal's words in an activity download: types, statuses, and which columns may be kept.

Names only, as the English download has them; reading a file with them belongs in
`paypal_activity`.
"""

import re

from order_ops.providers.files.raw_columns import Columns

CODES = {
    "Cancellation of Hold for Dispute Resolution": "T1111",
    "Chargeback": "T1201",
    "Chargeback Fee": "T0106",
    "Chargeback Reversal": "T1202",
    "Direct Credit Card Payment": "T0005",
    "Donation Payment": "T0013",
    "Express Checkout Payment": "T0006",
    "Fee Refund": "T1109",
    "Fee Reversal": "T1108",
    "General Currency Conversion": "T0200",
    "General Payment": "T0000",
    "General Withdrawal": "T0400",
    "Hold on Balance for Dispute Investigation": "T1110",
    "Mobile Payment": "T0011",
    "Payment Refund": "T1107",
    "Payment Reversal": "T1106",
    "PreApproved Payment Bill User Payment": "T0003",
    "Subscription Payment": "T0002",
    "User Initiated Currency Conversion": "T0201",
    "Virtual Terminal Payment": "T0012",
    "Void of Authorization": "T1302",
    "Website Payment": "T0007",
}
"""Event code by Type, for the downloads that have no column of codes, as most do."""

STATUSES = {
    **dict.fromkeys(
        ("completed", "cleared", "refunded", "partially refunded", "reversed"), "succeeded"
    ),
    **dict.fromkeys(
        ("pending", "processing", "unclaimed", "uncleared", "created", "active"), "pending"
    ),
    **dict.fromkeys(("denied", "failed", "expired", "removed"), "failed"),
    **dict.fromkeys(("canceled", "cancelled", "voided"), "voided"),
}
"""Status by Status in small letters. What was refunded or reversed had been paid: what took it back
is a row of its own."""

REQUIRED = [
    "Date",
    "Time",
    "TimeZone",
    "Type",
    "Status",
    "Currency",
    "Gross",
    "Fee",
    "Net",
    "Transaction ID",
]

COLUMNS = Columns(
    read=frozenset({"Date", "Time", "Type", "Currency", "Gross", "Fee", "Net", "Payment Source"}),
    kept=frozenset(
        {
            "Balance",
            "Balance Impact",
            "Bank Reference ID",
            "Credit Offer Type",
            "Credit Promotional Fee",
            "Credit Term",
            "Credit Transactional Fee",
            "Decline Code",
            "Discount",
            "Insurance Amount",
            "Payflow Transaction ID (PNREF)",
            "Payment Source Subtype",
            "Payment Tracking ID",
            "Receipt ID",
            "Reference Txn ID",
            "Sales Tax",
            "Shipping and Handling Amount",
            "Status",
            "TimeZone",
            "Tip",
            "Transaction Event Code",
            "Transaction ID",
        }
    ),
    dropped=frozenset(
        {
            "Address Line 1",
            "Address Line 2/District/Neighborhood",
            "Address Status",
            "Buyer Wallet",
            "Card Type",
            "Comment 1",
            "Comment 2",
            "Contact Phone Number",
            "Country",
            "Country Code",
            "CounterParty Status",
            "Customer Reference Number",
            "Escrow Id",
            "From Email Address",
            "Item Details",
            "Item ID",
            "Item Title",
            "Name",
            "Note",
            "Option 1 Name",
            "Option 1 Value",
            "Option 2 Name",
            "Option 2 Value",
            "Quantity",
            "Risk Filter",
            "Seller ID",
            "Shipping Address",
            "State/Province/Region/County/Territory/Prefecture/Republic",
            "Subject",
            "To Email Address",
            "Town/City",
            "Transaction Buyer Country Code",
            "Zip/Postal Code",
        }
    ),
    free=re.compile("Invoice Number(_2)?|Custom Number|PO Number|Original Invoice ID"),
)
