"""How a story is told: entries of ours and lines of the provider for many orders at once.

Each call adds one row per order. What is told about which order belongs in `ordinary` and `faults`.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import polars as pl

from order_ops.simulator import contract
from order_ops.simulator.dialects import ACCOUNT, KINDS, Dialect, Role

UTC_TIME = pl.Datetime("us", "UTC")
PER_ORDER = 8
"""So many matches and labels may an order have."""

ENTRY_SCHEMA = pl.Schema(
    {
        "entry_id": pl.String(),
        "kind": pl.String(),
        "provider_ref": pl.String(),
        "order_ref": pl.String(),
        "amount_minor": pl.Int64(),
        "currency": pl.String(),
        "status": pl.String(),
        "order_state": pl.String(),
        "method": pl.String(),
        "ceiling_minor": pl.Int64(),
        "occurred_at": UTC_TIME,
        "day": pl.Date(),
    }
)
"""Our entries: the columns of `reconciliation.frames.INTERNAL`."""

NO_TEXT = pl.lit(None, dtype=pl.String)
AVAILABLE_DAYS = 2


@dataclass(slots=True)
class Scene:
    """What has been told about some orders.

    Attributes:
        orders: see `orders.orders`.
        closing: the day that is closed.
        internal, provider: frames of entries and of lines.
        matches: frames of match, side, entry_id.
        labelled: frames of label, side, entry_id.
        labels: frames of label, class, status, key, currency, story.
    """

    orders: pl.DataFrame
    dialect: Dialect
    closing: date
    story: str
    internal: list[pl.DataFrame] = field(default_factory=list)
    provider: list[pl.DataFrame] = field(default_factory=list)
    matches: list[pl.DataFrame] = field(default_factory=list)
    labelled: list[pl.DataFrame] = field(default_factory=list)
    labels: list[pl.DataFrame] = field(default_factory=list)

    def we(
        self, tag: int, *, match: int | None = None, label: int | None = None, **told: Any
    ) -> None:
        """We recorded a charge, paid and of a confirmed order unless told otherwise.

        Args:
            tag: distinguishes the entries of an order.
            match: which of the order's true matches it belongs to.
            label: which of its labels.
            told: columns of `ENTRY_SCHEMA` as expressions over the orders, or as texts.
        """
        columns = {
            "entry_id": pl.lit("pay_") + pl.col("token") + pl.lit(f"-{tag}"),
            "kind": "charge",
            "provider_ref": pl.col("ref"),
            "order_ref": pl.col("order_ref"),
            "amount_minor": pl.col("amount"),
            "currency": pl.col("currency"),
            "status": "succeeded",
            "order_state": "CONFIRMED",
            "method": pl.col("method"),
            "ceiling_minor": pl.lit(None, dtype=pl.Int64),
            "occurred_at": pl.col("at"),
        } | told
        made = self.orders.select(**_expressions(columns)).with_columns(
            day=pl.col("occurred_at").dt.date()
        )
        self.internal.append(made.select(ENTRY_SCHEMA.names()).cast(ENTRY_SCHEMA))
        self._belongs("internal", made, match, label)

    def they(
        self,
        tag: int,
        role: Role = "charge",
        *,
        match: int | None = None,
        label: int | None = None,
        again: bool = False,
        **told: Any,
    ) -> None:
        """The provider lists a line, of a paid charge unless told otherwise.

        Args:
            tag: distinguishes the lines of an order.
            role: what it is about.
            match, label: as of `we`.
            again: it has the reference of another line of its role, see `_category`.
            told: columns of `report.LINE_SCHEMA` as expressions over the orders, or as texts.
        """
        columns = {
            "kind": KINDS[role],
            "category": self._category(role, again=again),
            "status": "succeeded",
            "provider_ref": pl.col("ref") if role == "charge" else self.reference(role, tag),
            "order_ref": pl.col("order_ref"),
            "amount_minor": pl.col("amount"),
            "currency": pl.col("currency"),
            "occurred_at": pl.col("at") + pl.duration(seconds="lag_s"),
        } | told
        columns.setdefault("settled_minor", columns["amount_minor"])
        columns.setdefault("settlement_currency", columns["currency"])
        lines = self.orders.with_columns(method=self.dialect.method()).with_columns(
            **_expressions(columns), payment=pl.col("ref")
        )
        lines = lines.with_columns(day=pl.col("occurred_at").dt.date())
        if "fee_minor" not in columns:
            lines = lines.with_columns(fee_minor=self._fee(role))
        lines = lines.with_columns(
            entry_id=self._entry_id(role, tag),
            net_minor=pl.col("settled_minor") - pl.col("fee_minor"),
            available_on=self._available_on(),
        )
        if "payout_id" not in columns:
            lines = lines.with_columns(payout_id=payout_id(self.dialect, self.closing))
        self.provider.append(lines.select(LINE_COLUMNS))
        self._belongs("provider", lines, match, label)

    def broken(
        self, name: str, key: pl.Expr, *, label: int = 0, status: str = "break", **told: Any
    ) -> None:
        """Label what is wrong with each order: the class and the key of its break."""
        columns = {"currency": pl.col("currency")} | told
        self.labels.append(
            self.orders.select(
                label=_number(label),
                **{"class": pl.lit(name)},
                status=pl.lit(status),
                key=key,
                currency=_expressions(columns)["currency"],
                story=pl.lit(self.story),
            )
        )

    def reference(self, role: Role, tag: int = 0) -> pl.Expr:
        """The provider's reference of something that is no charge."""
        what = "dispute" if role == "dispute_won" else role
        return pl.lit(self.dialect.prefix(what)) + pl.col("there") + pl.lit(f"{tag}")

    def _fee(self, role: Role) -> pl.Expr:
        if role != "charge":
            return pl.lit(0, dtype=pl.Int64)
        settled, balance = pl.col("settled_minor"), pl.col("settlement_currency")
        return contract.fee(settled, balance, pl.col("method"), self.dialect.boleto)

    def _category(self, role: Role, *, again: bool) -> str:
        """PayPal lists nothing twice under one code, so that a line again is under another one."""
        if again and self.dialect.ids == "transaction":
            return "T0000"
        return self.dialect.categories[role]

    def _entry_id(self, role: Role, tag: int) -> pl.Expr:
        if self.dialect.ids == "transaction":
            return _transaction_id(role, tag)
        if self.dialect.ids == "own":
            return pl.lit(self.dialect.prefix("line")) + pl.col("there") + pl.lit(f"{tag}")
        charge = role == "charge"
        payment = pl.col("provider_ref") if charge else pl.col("payment")
        own = pl.col("provider_ref") + pl.lit(f"C{tag}") if charge else pl.col("provider_ref")
        return pl.concat_str(batch(), "category", payment, own, separator="/")

    def _available_on(self) -> pl.Expr:
        if not self.dialect.available:
            return pl.lit(None, dtype=pl.Date)
        return pl.col("day") + timedelta(days=AVAILABLE_DAYS)

    def _belongs(self, side: str, made: pl.DataFrame, match: int | None, label: int | None) -> None:
        for name, which, kept in (
            ("match", match, self.matches),
            ("label", label, self.labelled),
        ):
            if which is not None:
                numbers = self.orders.select(_number(which).alias(name), side=pl.lit(side))
                kept.append(numbers.with_columns(made["entry_id"]))


LINE_COLUMNS = (
    "entry_id", "kind", "category", "status", "provider_ref", "order_ref", "amount_minor",
    "currency", "settled_minor", "fee_minor", "net_minor", "settlement_currency", "occurred_at",
    "available_on", "payout_id", "method", "day",
)  # fmt: skip
"""Of the provider's lines while they are told; `report.LINE_SCHEMA` has the meaning."""


def batch() -> pl.Expr:
    """Adyen's name of the batch of a line: account and number, one batch a day."""
    return pl.format("{}/{}", pl.lit(ACCOUNT), pl.col("day").to_physical())


def payout_id(dialect: Dialect, closing: date) -> pl.Expr:
    """What paid a line out, null until something did."""
    moved = pl.col("status") == "succeeded"
    if dialect.pays == "never":
        return NO_TEXT
    if dialect.pays == "by_batch":
        return pl.when(moved & (pl.col("day") < closing)).then(batch())
    stamp = pl.col("available_on").dt.strftime("%Y%m%d") + pl.col("settlement_currency")
    paid = moved & (pl.col("available_on") <= closing)
    return pl.when(paid).then(pl.lit(dialect.prefix("payout")) + stamp)


def _transaction_id(role: Role, tag: int) -> pl.Expr:
    """PayPal's: the transaction and its code. What voids a payment refers to it."""
    own = pl.col("there") + pl.lit(f"{tag}") if role == "reversal" else pl.col("provider_ref")
    return pl.concat_str(own, "category", separator="/")


def _number(which: int) -> pl.Expr:
    return pl.col("index") * PER_ORDER + which


def _expressions(told: dict[str, Any]) -> dict[str, pl.Expr]:
    return {
        name: value if isinstance(value, pl.Expr) else pl.lit(value) for name, value in told.items()
    }
