"""Stripe's own words: its reporting categories, and which of its columns may be kept.

Names only, as Stripe documents them for `payout_reconciliation.itemized`; reading a file with them
belongs in `stripe_report`.
"""

import re

KINDS = {
    "advance": "other",
    "advance_funding": "other",
    "anticipation_repayment": "other",
    "charge": "charge",
    "connect_collection_transfer": "other",
    "connect_reserved_funds": "other",
    "dispute": "dispute",
    "dispute_reversal": "dispute",
    "fee": "other",
    "issuing_authorization_hold": "other",
    "issuing_authorization_release": "other",
    "issuing_transaction": "other",
    "other_adjustment": "other",
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

READ = {
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
    "reporting_category",
}
"""Columns that become columns of the canonical lines."""

KEPT = {
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
    "payment_method_type",
    "regulatory_tag",
    "source_id",
    "subscription_id",
    "trace_id",
    "trace_id_status",
}
"""Columns that Stripe documents and that `raw` may hold: no person, card or address in them."""

_DROPPED = {
    "charge_created",
    "charge_created_utc",
    "connected_account_country",
    "connected_account_direct_charge_id",
    "description",
    "invoice_number",
    "is_link",
    "statement_descriptor",
}
_METADATA = re.compile(r"(payment|refund|transfer)_metadata\[.*\]")
_PERSONAL = re.compile(
    r"customer|card|shipping|billing|address|mail|phone|name|\bip\b|buyer|payer|recipient|holder|"
    r"contact|street|city|postal|zip|birth|iban|passport|tax_?id|\b(cpf|cnpj|ssn)\b",
    re.IGNORECASE,
)


def is_kept(column: str) -> bool:
    """Tell whether `raw` may hold the column: listed, metadata, or unknown and not personal."""
    return column in KEPT or (column not in READ | _DROPPED and not _PERSONAL.search(column))


def is_unknown(column: str) -> bool:
    """Tell whether Stripe does not document the column, as far as its name can be judged."""
    return is_kept(column) and column not in KEPT and not _METADATA.fullmatch(column)
