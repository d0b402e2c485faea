"""PayPal's own words: event codes, statuses, and which columns of its reports may be kept.

Names only, as PayPal documents them for the settlement report (STL) and the transaction detail
report (TRR); reading files with them belongs in `paypal_report`.
"""

import re

from order_ops.providers.files.raw_columns import Columns

PAYMENTS = tuple(f"T00{number:02}" for number in range(14))
"""Payments of either direction: a credit is a customer's, a debit one that the shop made."""

KINDS = {
    **dict.fromkeys(PAYMENTS, "charge"),
    **{f"T01{number:02}": "fee" for number in range(14)},
    "T0200": "conversion",
    "T0201": "conversion",
    "T0400": "payout",
    "T1106": "dispute",
    "T1107": "refund",
    "T1108": "fee",
    "T1109": "fee",
    "T1110": "other",
    "T1111": "other",
    "T1201": "dispute",
    "T1202": "dispute",
    "T1302": "reversal",
    "T1900": "other",
    "T9900": "other",
}
"""Kind by Transaction Event Code; any other code is `unclassified`, and never dropped."""

STATUS = "Transactional Status"
"""The column that tells a transaction detail report from a settlement report."""

STATUSES = {
    "S": "succeeded",
    "F": "succeeded",
    "V": "succeeded",
    "P": "pending",
    "D": "failed",
}
"""Status by `STATUS`, after PayPal's definitions: D was denied, P waits for another process, S was
completed. F is "partially refunded" and V "a successful transaction was reversed and funds were
refunded": both have moved money, and what took it back is a row of its own. Were they not counted,
that row alone would be.
"""

REQUIRED = [
    "Transaction ID",
    "Invoice ID",
    "PayPal Reference ID",
    "PayPal Reference ID Type",
    "Transaction Event Code",
    "Transaction Initiation Date",
    "Transaction Completion Date",
    "Transaction Debit or Credit",
    "Gross Transaction Amount",
    "Gross Transaction Currency",
    "Fee Debit or Credit",
    "Fee Amount",
    "Fee Currency",
    "Custom Field",
]

_ADDRESS = ("Line1", "Line2", "City", "State", "Zip", "Country")

COLUMNS = Columns(
    read=frozenset(
        {
            "Fee Amount",
            "Fee Currency",
            "Fee Debit or Credit",
            "Gross Transaction Amount",
            "Gross Transaction Currency",
            "Payment Source",
            "Transaction Completion Date",
            "Transaction Debit or Credit",
            "Transaction Event Code",
        }
    ),
    kept=frozenset(
        {
            "3PL Reference ID",
            "Authorization Review Status",
            "Bank Reference ID",
            "Checkout Type",
            "Credit Promotional Fee",
            "Credit Term",
            "Credit Transactional Fee",
            "Insurance Amount",
            "PayPal Reference ID",
            "PayPal Reference ID Type",
            "Payment Tracking ID",
            "Protection Eligibility",
            "Sales Tax Amount",
            "Shipping Amount",
            "Store ID",
            "Terminal ID",
            "Transaction ID",
            "Transaction Initiation Date",
            STATUS,
        }
    ),
    dropped=frozenset(
        {
            "Auction Buyer ID",
            "Auction Closing Date",
            "Auction Site",
            "Card Type",
            "Consumer Business Name",
            "Consumer ID",
            "Coupons",
            "First Name",
            "Item ID",
            "Item Name",
            "Last Name",
            "Loyalty Card Number",
            "Option 1 Name",
            "Option 1 Value",
            "Option 2 Name",
            "Option 2 Value",
            "Payer Address Status",
            "Payer's Account ID",
            "Shipping Method",
            "Shipping Name",
            "Special Offers",
            "Transaction Note",
            "Transaction Subject",
            *(f"Billing Address {part}" for part in _ADDRESS),
            *(f"Shipping Address {part}" for part in _ADDRESS),
            *(f"Secondary Shipping Address {part}" for part in _ADDRESS),
        }
    ),
    free=re.compile("Custom Field|Invoice ID"),
)
"""Of both reports. What the shop writes itself is kept without what gives away a person."""
