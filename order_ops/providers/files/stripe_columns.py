"""Stripe's own words: its reporting categories, and which of its columns may be kept.

Names only, as Stripe documents them for `payout_reconciliation.itemized`; reading a file with them
belongs in `stripe_report`.
"""

import re

from order_ops.providers.files.raw_columns import Columns

KINDS = {
    "advance": "other",
    "advance_funding": "other",
    "anticipation_repayment": "other",
    "charge": "charge",
    "charge_failure": "reversal",
    "connect_collection_transfer": "other",
    "connect_reserved_funds": "other",
    "dispute": "dispute",
    "dispute_reversal": "dispute",
    "fee": "fee",
    "issuing_authorization_hold": "other",
    "issuing_authorization_release": "other",
    "issuing_transaction": "other",
    "other_adjustment": "other",
    "partial_capture_reversal": "reversal",
    "payout": "payout",
    "payout_reversal": "payout",
    "platform_earning": "other",
    "platform_earning_refund": "other",
    "refund": "refund",
    "refund_failure": "refund",
    "risk_reserved_funds": "other",
    "tax": "other",
    "topup": "other",
    "topup_reversal": "other",
    "transfer": "other",
    "transfer_reversal": "other",
}
"""Kind by reporting_category; any other category is `unclassified`, and never dropped."""

COLUMNS = Columns(
    read=frozenset(
        {
            "automatic_payout_id",
            "available_on",
            "available_on_utc",
            "balance_transaction_id",
            "created",
            "created_utc",
            "currency",
            "fee",
            "gross",
            "net",
            "payment_method_type",
            "reporting_category",
        }
    ),
    kept=frozenset(
        {
            "automatic_payout_effective_at",
            "automatic_payout_effective_at_utc",
            "charge_id",
            "connected_account_id",
            "customer_facing_amount",
            "customer_facing_currency",
            "destination_payment_id",
            "dispute_reason",
            "invoice_id",
            "order_id",
            "payment_intent_id",
            "regulatory_tag",
            "source_id",
            "subscription_id",
            "trace_id",
            "trace_id_status",
        }
    ),
    dropped=frozenset(
        {
            "charge_created",
            "charge_created_utc",
            "connected_account_country",
            "connected_account_direct_charge_id",
            "description",
            "invoice_number",
            "is_link",
            "statement_descriptor",
        }
    ),
    free=re.compile(r"(payment|refund|transfer)_metadata\[.*\]"),
)
"""Of `payout_reconciliation.itemized`, where columns of people are the ones that are not listed."""
