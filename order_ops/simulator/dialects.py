"""What each provider's files can say, and in which words: ids, categories, references, payouts.

A simulation speaks one dialect from the start, because ids are part of it: Adyen's files have none,
PayPal's are a transaction and a code. How a file is written belongs in `writers`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

Role = Literal[
    "charge", "reversal", "release", "refund", "refund_failed", "dispute", "dispute_won",
    "unclassified", "fee", "payout", "carried",
]  # fmt: skip
"""What a line is about; the kind of each is in `KINDS`."""

KINDS: Mapping[Role, str] = {
    "charge": "charge",
    "reversal": "reversal",
    "release": "reversal",
    "refund": "refund",
    "refund_failed": "refund",
    "dispute": "dispute",
    "dispute_won": "dispute",
    "unclassified": "unclassified",
    "fee": "fee",
    "payout": "payout",
    "carried": "other",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one provider's files can hold.

    Attributes:
        categories: the provider's word for each role that its files know.
        methods: its words for card, boleto, pix and wallet; empty: its files tell none.
        currencies: that it holds.
        statuses: it lists what is pending, failed or voided too.
        blanks: a line may lack the provider's reference.
        shared: of charges, of disputes: several lines of one have one reference.
        exchanges: what was paid and what was settled are on one line.
        ids: how the id of a line is made.
        available: lines say when they are available.
        pays: how a line is known to be paid out: by day and currency, by batch, or never.
    """

    name: str
    categories: Mapping[Role, str]
    methods: Mapping[str, str]
    currencies: tuple[str, ...] = ("BRL", "USD", "EUR", "JPY", "KWD")
    statuses: bool = False
    blanks: bool = False
    shared: frozenset[str] = frozenset({"charge", "dispute"})
    exchanges: bool = True
    ids: Literal["own", "batch", "transaction"] = "own"
    prefixes: Mapping[str, str] = field(default_factory=dict)
    available: bool = False
    pays: Literal["by_day", "by_batch", "never"] = "by_day"

    @property
    def boleto(self) -> str | None:
        """Its word for a boleto."""
        return self.methods.get("boleto")

    @property
    def pays_out(self) -> bool:
        """Whether its files tell which lines were paid out."""
        return self.pays != "never"

    def prefix(self, what: str) -> str:
        """What a reference of a charge, refund, dispute, line or payout starts with."""
        return self.prefixes.get(what, "")

    def method(self) -> pl.Expr:
        """Its words for the column `method`."""
        if not self.methods:
            return pl.lit(None, dtype=pl.String)
        return pl.col("method").replace_strict(dict(self.methods), return_dtype=pl.String)


ACCOUNT = "SimulatedShop/SimulatedShopECOM"
"""Company and merchant account in Adyen's files."""

_STRIPE = Dialect(
    name="stripe",
    categories={
        "charge": "charge",
        "reversal": "charge_failure",
        "release": "partial_capture_reversal",
        "refund": "refund",
        "refund_failed": "refund_failure",
        "dispute": "dispute",
        "dispute_won": "dispute_reversal",
        "unclassified": "platform_levy",
        "fee": "fee",
        "payout": "payout",
    },
    methods={"card": "card", "boleto": "boleto", "pix": "pix", "wallet": "link"},
    blanks=True,
    prefixes={
        "charge": "pi_",
        "refund": "re_",
        "dispute": "du_",
        "line": "txn_",
        "payout": "po_",
        "unclassified": "ly_",
    },
    available=True,
)
_ADYEN = Dialect(
    name="adyen",
    categories={
        "charge": "Settled",
        "refund": "Refunded",
        "dispute": "Chargeback",
        "dispute_won": "ChargebackReversed",
        "unclassified": "PlatformLevy",
        "fee": "Fee",
        "payout": "MerchantPayout",
        "carried": "Balancetransfer",
    },
    methods={"card": "visa", "boleto": "boletobancario", "pix": "pix", "wallet": "paywithgoogle"},
    shared=frozenset({"charge"}),
    ids="batch",
    prefixes={"charge": "P", "refund": "R", "dispute": "D", "unclassified": "L"},
    pays="by_batch",
)
_PAYPAL: Mapping[Role, str] = {
    "charge": "T0006",
    "reversal": "T1302",
    "refund": "T1107",
    "dispute": "T1201",
    "dispute_won": "T1202",
    "unclassified": "T9800",
    "fee": "T0100",
    "payout": "T0400",
}
_IN_HUNDREDTHS = ("BRL", "USD", "EUR", "JPY")
_TRR = Dialect(
    name="paypal_trr",
    categories=_PAYPAL,
    methods={"card": "Credit card", "boleto": "Boleto", "pix": "Pix", "wallet": "PayPal"},
    currencies=_IN_HUNDREDTHS,
    statuses=True,
    shared=frozenset(),
    exchanges=False,
    ids="transaction",
    prefixes={"refund": "R", "dispute": "D", "unclassified": "L"},
    pays="never",
)
_STL = Dialect(
    name="paypal_stl",
    categories=_PAYPAL,
    methods={},
    currencies=_IN_HUNDREDTHS,
    shared=frozenset(),
    exchanges=False,
    ids="transaction",
    prefixes={"refund": "R", "dispute": "D", "unclassified": "L"},
    pays="never",
)
_MAPPED = Dialect(
    name="mapped",
    categories={
        "charge": "SALE",
        "reversal": "SALE_FAILED",
        "release": "SALE_REDUCED",
        "refund": "REFUND",
        "refund_failed": "REFUND_FAILED",
        "dispute": "DISPUTE",
        "dispute_won": "DISPUTE_WON",
        "unclassified": "LEVY",
        "fee": "MONTHLY_FEE",
        "payout": "TRANSFER",
    },
    methods={"card": "CARD", "boleto": "BOLETO", "pix": "PIX", "wallet": "WALLET"},
    statuses=True,
    blanks=True,
    prefixes={
        "charge": "S-",
        "refund": "R-",
        "dispute": "D-",
        "line": "L-",
        "payout": "T-",
        "unclassified": "V-",
    },
    available=True,
)

DIALECTS: Mapping[str, Dialect] = {one.name: one for one in (_STRIPE, _ADYEN, _TRR, _STL, _MAPPED)}
"""By the names that `providers.files.registry` opens their files under."""
