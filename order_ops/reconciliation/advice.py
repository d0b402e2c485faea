"""Why a break is of its class, and what to do about it: for the person who has it on the desk.

Words alone, by class; the sentence with the amounts is in `words`.
"""

from collections.abc import Mapping

ADVICE: Mapping[str, tuple[str, str]] = {
    "incomplete_input": (
        "what came in does not close in itself",
        "get the missing file, and let the day run again",
    ),
    "unclassified": (
        "the provider's type of the line is not mapped",
        "look the type up in the provider's documentation and have it mapped",
    ),
    "duplicate_provider": (
        "the same reference and amount stands there under two ids of the provider",
        "ask the provider whether the customer was charged twice; if so, refund one",
    ),
    "duplicate_internal": (
        "the same reference and amount stands in our books twice",
        "find what booked it again, and reverse one entry",
    ),
    "ambiguous": (
        "several entries share a reference and no sum tells which belong together",
        "settle by hand which belong together, or have the references corrected",
    ),
    "currency_mismatch": (
        "both sides are linked by their reference and are in two currencies",
        "find out in which currency the customer agreed to pay, and correct the other side",
    ),
    "captured_after_cancel": (
        "the money was collected for an order that had ended",
        "refund the customer, or reinstate the order if there is stock",
    ),
    "paid_not_recorded": (
        "the provider has collected, and our books have it as unpaid",
        "see whether the event of the payment is a dead letter, and replay it",
    ),
    "recorded_not_paid": (
        "our books have it as paid, and the provider did not collect it or gave it back",
        "hold the goods, and ask the provider what became of the payment",
    ),
    "missing_provider": (
        "nothing of the provider's has its reference, and its grace has passed",
        "see whether a file is missing; else ask the provider for the payment by its reference",
    ),
    "missing_internal": (
        "nothing of ours has its reference, and its grace has passed",
        "find the order: a lost event, or a payment that was taken outside of the shop",
    ),
    "amount_short": (
        "both sides are linked and the provider's amount is below ours",
        "look for a discount, a partial capture or a chargeback; collect the rest or write it off",
    ),
    "amount_over": (
        "both sides are linked and the provider's amount is above ours",
        "give the customer back what is too much, or correct the order",
    ),
    "partial_capture": (
        "less was captured than authorised, and the rest was not released",
        "capture the rest, or have it released",
    ),
    "fee_variance": (
        "the fee is not the contracted one, by more than the rules tolerate",
        "compare the contract with the rules; claim the difference from the provider",
    ),
    "fx_variance": (
        "the rate of the exchange is outside the rules' bounds",
        "compare the rate of that day; claim the difference from the provider",
    ),
    "refund_missing_internal": (
        "the provider refunded, and nothing of ours has the refund's reference",
        "find who refunded at the provider, and record the refund",
    ),
    "refund_missing_provider": (
        "our books have a refund that the provider does not list",
        "see whether the refund failed; the customer may still be waiting for the money",
    ),
    "refund_over": (
        "more was refunded than was captured and not refunded otherwise",
        "ask the customer for the difference, or write it off",
    ),
    "dispute_unrecorded": (
        "the provider moved money for a dispute that our books do not have",
        "record the dispute, and answer it before its deadline",
    ),
    "settlement_overdue": (
        "it was captured longer ago than the provider takes to pay out",
        "ask the provider in which payout it is, and whether the account is held",
    ),
    "payout_sum_mismatch": (
        "the lines of the payout and the payout do not sum to nothing",
        "see whether a file is missing; else ask the provider for the payout's details",
    ),
    "payout_not_in_bank": (
        "no credit of the bank has the payout",
        "see whether the statement is there; else ask provider and bank for the transfer",
    ),
    "bank_unexplained": (
        "the bank has a credit that is no payout",
        "ask the bank for the sender, and see whether a provider's file is missing",
    ),
    "status_stuck": (
        "neither side is final for longer than the rules allow",
        "ask the provider for the payment; cancel it if it cannot end by itself",
    ),
}
"""By class: why it is of that class, and what to do next."""
