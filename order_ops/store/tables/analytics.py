"""What analysts read: the views of schema `analytics`, with a sentence for each column.

The views are made by migrations; the sentences become comments of their columns, and the data
dictionary. Columns keep their names; new ones are added at the end.
"""

from order_ops.store.tables import recon_inputs, recon_results

PARTITIONED = (
    recon_inputs.provider_transactions,
    recon_inputs.internal_transactions,
    recon_results.payment_matches,
    recon_results.match_members,
    recon_results.reconciliation_breaks,
    recon_results.break_members,
    recon_results.match_proposals,
    recon_results.proposal_members,
    recon_results.reconciliation_bridge,
)
"""Tables with an account and a day in each row; a view of the same name has the same columns."""

STANDING = "standing_breaks"
"""The view of each account's breaks as they stand, with what people decided; in no file."""

MADE_OF = {"runs": "run", STANDING: "reconciliation_breaks"}
"""Views that are not a table of their name, and the table that most of their columns are of."""

KINDS = {
    "matched": "bigint",
    "age_days": "integer",
    "age_business_days": "bigint",
    "due_on": "date",
    "decided_on": "date",
    "decided_at": "timestamp with time zone",
} | dict.fromkeys(
    (
        "state",
        "assignee",
        "last_note",
        "decided_by",
        "decision",
        "decided_because",
        "write_off_proposed_by",
    ),
    "text",
)
"""Types of the columns of views that no table has."""

_EVERYWHERE = {
    "account": "Provider account, as the mapping names it.",
    "day": "Accounting day of the account, in its own time zone.",
    "entry_id": "Entry: our own id of one of ours, the provider's line id of one of theirs.",
    "side": "internal: ours; provider: theirs; settlement: theirs, in the leg of payouts.",
    "currency": "ISO 4217 code; amounts of the row are in its minor units.",
    "provider_ref": "The provider's reference of the payment.",
    "order_ref": "Our reference of the order.",
    "kind": "charge, refund, dispute, or what else a provider's line is.",
    "method": "Payment method, where it is known.",
    "occurred_at": "When it happened, UTC.",
    "amount_minor": "Amount in minor units; negative: money that went back.",
    "explanation": "The same in words for people.",
    "match_id": "Match: the ids of its two entries.",
    "break_id": "Break: the same on every day, whatever its class.",
    "proposal_id": "Proposal: the same on every day.",
    "rule": "The pass that linked it; empty: nothing did.",
    "internal_minor": "Sum of our entries, minor units.",
    "provider_minor": "Sum of the provider's lines, minor units.",
    "difference_minor": "Provider less ours, minor units.",
    "run_id": "Dagster's run that brought it.",
}

_LEG = "order_provider: payments; provider_payout: payouts; payout_bank: the bank; input: files."

COLUMNS: dict[str, dict[str, str]] = {
    "provider_transactions": {
        "file_id": "The file that the line came in first.",
        "line_no": "Its line in that file.",
        "category": "The provider's own word for what it is.",
        "fee_minor": "What the provider kept, minor units of the settlement currency.",
        "net_minor": "Settled amount less fee, minor units of the settlement currency.",
        "available_on": "When the money is paid out, or can be.",
        "payout_id": "The payout that it is in; empty: none yet.",
        "raw": "The line as the file has it, allowed columns only.",
        "status": "succeeded, pending or failed at the provider; empty: succeeded.",
        "settled_minor": "Amount in minor units of the settlement currency; empty: amount_minor.",
        "settlement_currency": "Currency of the provider's balance; empty: currency.",
    },
    "internal_transactions": {
        "tenant_id": "Whose shop it is.",
        "status": "succeeded, pending or failed in our books.",
        "order_state": "State of the order when it was read.",
        "ceiling_minor": "What was authorised, or is left to refund, minor units.",
    },
    "payment_matches": {"rule": "The pass that linked it."},
    "match_members": {},
    "reconciliation_breaks": {
        "class": "What is wrong; see docs/reconciliation.md.",
        "status": "break; pending: still inside its grace; accepted or written_off by a person.",
        "leg": _LEG,
        "key": "What the break is about: a reference, or an entry.",
        "rule": "The pass that linked its two sides; empty: it has one side.",
        "at_stake_minor": "Money at stake, minor units, 0 or more.",
        "entries": "How many entries it is about.",
        "first_seen": "Accounting day of its earliest entry.",
        "break_on": "Day from which it is a break and not pending.",
        "business_days": "Business days since it was first seen, by the rules' calendar.",
    },
    "break_members": {},
    "match_proposals": {"rule": "The pass that proposes it."},
    "proposal_members": {},
    "reconciliation_bridge": {
        "position": "Order of the lines.",
        "line": "Total, break class or pending; residual: unexplained, 0 unless a run is wrong.",
        "amount_minor": "What the line adds, minor units.",
        "count": "How many entries the line is of.",
    },
    "bank_lines": {
        "file_id": "The file that tells it.",
        "line_no": "Its line in that file.",
        "day": "Day on which the bank booked it.",
        "bank_account": "The bank's account that it was booked on.",
        "counted_on": "Day whose closing balance has it first.",
        "value_on": "Value date, where the bank tells one.",
        "reference": "The bank's or the payer's reference.",
        "remittance": "The text that came with it.",
        "party": "Who paid, or was paid.",
        "raw": "Further fields of the line, allowed ones only.",
        "kind": "credit, debit, reversed_credit or reversed_debit.",
    },
    STANDING: {
        "account": _EVERYWHERE["account"],
        "day": "Accounting day of the account's latest run.",
        "break_id": _EVERYWHERE["break_id"],
        "class": "What is wrong; see docs/reconciliation.md.",
        "status": "As of that run: break, pending, accepted or written_off.",
        "state": "What people made of it: open, acknowledged, accepted, written_off, reopened, ...",
        "leg": _LEG,
        "key": "What the break is about: a reference, or an entry.",
        "kind": _EVERYWHERE["kind"],
        "rule": "The pass that linked its two sides; empty: it has one side.",
        "currency": _EVERYWHERE["currency"],
        "difference_minor": _EVERYWHERE["difference_minor"],
        "at_stake_minor": "Money at stake, minor units, 0 or more.",
        "entries": "How many entries it is about.",
        "order_ref": _EVERYWHERE["order_ref"],
        "provider_ref": _EVERYWHERE["provider_ref"],
        "first_seen": "Accounting day of its earliest entry.",
        "break_on": "Day from which it is a break and not pending.",
        "explanation": _EVERYWHERE["explanation"],
        "age_days": "Days since it was first seen.",
        "age_business_days": "Business days since then, by the rules' calendar.",
        "assignee": "Who has it.",
        "due_on": "By when.",
        "last_note": "The latest note about it.",
        "decided_by": "Who decided last.",
        "decision": "accept, write_off, approve_write_off or reopen.",
        "decided_because": "Why, in the person's words.",
        "decided_on": "Accounting day from which the decision holds.",
        "decided_at": "When it was made, UTC.",
        "write_off_proposed_by": "Who proposed a write-off that waits for a second person.",
    },
    "changes": {
        "id": "In the order in which it was recorded.",
        "at": "When the run committed, UTC.",
        "previous_run_id": "The run whose results stood before.",
        "verdict_from": "Verdict that stood before.",
        "verdict_to": "Verdict that stands since.",
        "table_name": "The table that changed; run: the verdict.",
        "change": "appeared, gone or changed.",
        "row_id": "The row's id: of a match, a break, a proposal; the line of a bridge.",
        "currency": "ISO 4217 code; amounts are in its minor units. Empty: of a verdict.",
        "what_from": "Class of a break, rule of a match or line of a bridge that was.",
        "what_to": "The same as it is since.",
        "amount_from_minor": "Amount that was, minor units; of a break the money at stake.",
        "amount_to_minor": "Amount that is since, minor units.",
        "columns": "Of a changed row: which columns are not what they were.",
    },
    "runs": {
        "account": _EVERYWHERE["account"],
        "day": _EVERYWHERE["day"],
        "run_id": "Dagster's run that brought the results which stand.",
        "verdict": "RECONCILED, RECONCILED_WITH_PENDING, BREAKS or INCOMPLETE.",
        "matched": "Links without any break.",
        "rules_hash": "Of the matching rules that were used.",
        "input_hash": "Of the entries that it read.",
        "finished_at": "When the latest run of the day committed, UTC.",
    },
}
"""By view, what its columns mean, beside what they mean everywhere."""


def meaning(view: str, column: str) -> str | None:
    """What a column of a view means; none: nobody has said so."""
    return COLUMNS.get(view, {}).get(column) or _EVERYWHERE.get(column)
