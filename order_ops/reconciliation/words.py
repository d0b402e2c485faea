"""What is said about matches and breaks: one sentence each, with amounts, for an accountant.

Wording only, as expressions over whole columns; single amounts are formatted in `domain.money`.
"""

from collections.abc import Iterable
from typing import Any

import narwhals as nw

from order_ops.domain.money import minor_exponent
from order_ops.reconciliation.classes import CLASSES
from order_ops.reconciliation.frames import Frame
from order_ops.reconciliation.result import BANK_LEG

HUMAN = {
    "incomplete_input": ("part", "of the input missing"),
    "unclassified": ("provider line", "of an unknown type"),
    "duplicate_provider": ("order", "listed more than once by the provider"),
    "duplicate_internal": ("order", "recorded more than once by us"),
    "ambiguous": ("case", "with several possible counterparts"),
    "currency_mismatch": ("order", "paid in another currency"),
    "captured_after_cancel": ("order", "paid after they expired or were cancelled"),
    "paid_not_recorded": ("order", "paid but not recorded as paid"),
    "missing_provider": ("order", "recorded as paid but unknown to the provider"),
    "missing_internal": ("payment", "at the provider but unknown to us"),
    "amount_short": ("order", "paid short"),
    "amount_over": ("order", "paid over"),
    "refund_missing_internal": ("refund", "at the provider but unknown to us"),
    "refund_missing_provider": ("refund", "recorded by us but unknown to the provider"),
    "dispute_unrecorded": ("dispute", "not booked"),
    "recorded_not_paid": ("order", "recorded as paid that the provider did not collect"),
    "partial_capture": ("payment", "of which a part is held and not captured"),
    "fee_variance": ("payment", "with another fee than contracted"),
    "fx_variance": ("payment", "exchanged at a rate outside its bounds"),
    "refund_over": ("refund", "above what was captured"),
    "status_stuck": ("payment", "that does not come to an end"),
    "settlement_overdue": ("line", "that no payout has in time"),
    "payout_sum_mismatch": ("payout", "that its lines do not add up to"),
    "payout_not_in_bank": ("payout", "not in the bank as it was paid out"),
    "bank_unexplained": ("bank line", "of the provider without a payout"),
}
"""What the breaks of a class are, and what is the matter with them."""

RULE_WORDS = {
    "exact_reference": "Same provider reference and kind, alone on both sides.",
    "own_reference": "Same order reference, currency and amount, alone on both sides; only one of "
    "them has the provider's reference.",
    "grouped": "Same reference on both sides, in several entries that belong together.",
    "tolerance": "No common reference; same currency and kind, amount and day as close as the "
    "rules allow, each the other's only candidate.",
    "accepted_proposal": "A person accepted that these belong together.",
}

_SENTENCES: dict[str, tuple[str, ...]] = {
    "unclassified": ("The provider lists ", "theirs", " under a type that is not mapped yet."),
    "duplicate_provider": (
        "The provider lists ",
        "theirs",
        " once more than we recorded: the same reference and amount under another id.",
    ),
    "duplicate_internal": (
        "We recorded ",
        "ours",
        " once more than the provider lists: the same reference and amount under another id.",
    ),
    "ambiguous": (
        "Several entries could belong together, so none is taken: ours sum to ",
        "ours",
        ", the provider's to ",
        "theirs",
        ".",
    ),
    "currency_mismatch": ("We recorded ", "ours", ", the provider lists ", "theirs", "."),
    "captured_after_cancel": (
        "The provider captured ",
        "theirs",
        " for an order that is ",
        "order_state",
        ".",
    ),
    "paid_not_recorded": ("The provider lists ", "theirs", " as paid; we have it as unpaid."),
    "missing_provider": ("We recorded ", "ours", "; the provider lists nothing for it."),
    "missing_internal": ("The provider lists ", "theirs", "; we recorded nothing for it."),
    "amount_short": (
        "The provider lists ",
        "theirs",
        " where we recorded ",
        "ours",
        ": ",
        "stake",
        " short.",
    ),
    "amount_over": (
        "The provider lists ",
        "theirs",
        " where we recorded ",
        "ours",
        ": ",
        "stake",
        " over.",
    ),
    "refund_missing_internal": (
        "The provider refunded ",
        "stake",
        "; we recorded no such refund.",
    ),
    "refund_missing_provider": (
        "We recorded a refund of ",
        "stake",
        "; the provider lists none.",
    ),
    "dispute_unrecorded": ("A dispute moved ", "theirs", "; we have not booked it."),
    "recorded_not_paid": (
        "We recorded ",
        "ours",
        " as paid; the provider did not collect it.",
    ),
    "partial_capture": (
        "The provider captured ",
        "theirs",
        "; ",
        "stake",
        " more was authorised and is neither captured nor released.",
    ),
    "fee_variance": ("The provider took a fee of ", "stake", ", not the contracted one."),
    "fx_variance": ("The provider exchanged into ", "stake", ", at a rate outside its bounds."),
    "refund_over": ("A refund of ", "theirs", " is ", "stake", " above what was left to refund."),
    "status_stuck": ("A payment of ", "stake", " is still not final on either side."),
    "settlement_overdue": ("Of what the provider listed, ", "stake", " is in no payout yet."),
    "payout_not_in_bank": (
        "The provider paid out ",
        "theirs",
        "; what the bank booked for it is ",
        "stake",
        " apart.",
    ),
    "bank_unexplained": ("The bank booked ", "theirs", " of the provider; no payout is known."),
    "payout_sum_mismatch": ("The lines of a payout and the payout are ", "stake", " apart."),
}


_SEVERAL_IN_BANK = (
    "The provider paid out ",
    "theirs",
    "; several payouts or credits of that amount could belong together, so none is taken.",
)

_OF_REVERSALS: dict[str, tuple[str, ...]] = {
    "recorded_not_paid": ("The provider took ", "stake", " back; we still have it as paid."),
    "amount_short": (
        "The provider took ",
        "stake",
        " of a payment back; we recorded nothing of it.",
    ),
    "refund_missing_provider": (
        "A refund of ",
        "stake",
        " came back to the provider; we still have it as refunded.",
    ),
    "refund_missing_internal": (
        "A refund of ",
        "stake",
        " came back to the provider; we recorded no such refund.",
    ),
}
"""Of what takes something back that is of an earlier day."""


def of_match() -> nw.Expr:
    """Return the sentence of a match, as an expression over its `rule`."""
    sentence: Any = nw.lit("")
    for rule, text in RULE_WORDS.items():
        sentence = nw.when(nw.col("rule") == rule).then(nw.lit(text)).otherwise(sentence)
    found: nw.Expr = sentence
    return found


def counted(name: str, count: int) -> str:
    """Return "9 orders paid short"; a class without words is said by its name."""
    noun, matter = HUMAN.get(name, ("break", f"of class {name.replace('_', ' ')}"))
    if count == 1:
        return f"1 {noun} {matter.replace('they', 'it').replace('were', 'was')}"
    return f"{count:,} {noun}s {matter}"


def explained(frame: Frame, currencies: Iterable[str]) -> Frame:
    """Add `explanation` to grouped breaks; see `breaks.group` for the columns it reads."""
    known = sorted(set(currencies))
    theirs_currency = nw.coalesce("theirs_currency", "currency")
    texts = frame.with_columns(theirs_currency=theirs_currency).with_columns(
        ours=_money("ours_minor", "currency", known),
        theirs=_money("theirs_minor", "theirs_currency", known),
        stake=_money("stake_told", "currency", known),
        order_state=nw.coalesce("order_state", nw.lit("stopped")),
    )
    sentence: Any = nw.when(nw.col("class") == "").then(nw.lit(""))
    several = (nw.col("class") == "ambiguous") & (nw.col("leg") == BANK_LEG)
    sentence = sentence.when(several).then(_sentence(_SEVERAL_IN_BANK))
    for name, parts in _OF_REVERSALS.items():
        back = (nw.col("class") == name) & (nw.col("kind") == "reversal")
        sentence = sentence.when(back).then(_sentence(parts))
    for name in CLASSES:
        if name in _SENTENCES:
            sentence = sentence.when(nw.col("class") == name).then(_sentence(_SENTENCES[name]))
    waiting = nw.when(nw.col("status") == "pending").then(nw.lit(" Still within its grace."))
    number = nw.col("others").cast(nw.Int64).cast(nw.String)
    beside = nw.concat_str(nw.lit(" Beside it stand "), number, nw.lit(" more entries."))
    others = nw.when(nw.col("others") > 0).then(beside)
    return texts.with_columns(
        explanation=nw.concat_str(
            sentence.otherwise(nw.col("class")),
            others.otherwise(nw.lit("")),
            waiting.otherwise(nw.lit("")),
        )
    )


def _sentence(parts: tuple[str, ...]) -> nw.Expr:
    """Join words and columns, which alternate and start with words."""
    return nw.concat_str(
        [nw.lit(part) if place % 2 == 0 else nw.col(part) for place, part in enumerate(parts)]
    )


def _money(column: str, currency: str, currencies: list[str]) -> nw.Expr:
    """Return amounts as `domain.money.format_minor` writes them, for a whole column."""
    text: Any = nw.when(nw.col(currency) == "").then(nw.lit(""))
    for exponent in sorted({minor_exponent(code) for code in currencies}):
        codes = [code for code in currencies if minor_exponent(code) == exponent]
        text = text.when(nw.col(currency).is_in(codes)).then(_digits(column, exponent))
    sign = nw.when(nw.col(column) < 0).then(nw.lit("-")).otherwise(nw.lit(""))
    amount = text.otherwise(nw.col(column).cast(nw.String))
    return nw.concat_str([sign, nw.col(currency), nw.lit(" "), amount])


def _digits(column: str, exponent: int) -> nw.Expr:
    unit = 10**exponent
    whole = nw.col(column).abs() // unit
    grouped: nw.Expr = whole.cast(nw.String)
    for groups in range(1, 6):
        shown = nw.concat_str(
            (whole // 1000**groups).cast(nw.String),
            *(_three(whole, place) for place in reversed(range(groups))),
            separator=",",
        )
        grouped = nw.when(whole >= 1000**groups).then(shown).otherwise(grouped)
    if not exponent:
        return grouped
    rest = (nw.col(column).abs() - whole * unit).cast(nw.String).str.zfill(exponent)
    return nw.concat_str([grouped, nw.lit("."), rest])


def _three(whole: nw.Expr, place: int) -> nw.Expr:
    """Return the three digits of a group; written without modulo, which pyarrow lacks."""
    upper = whole // 1000 ** (place + 1)
    digits: nw.Expr = (whole // 1000**place - upper * 1000).cast(nw.String)
    return digits.str.zfill(3)
