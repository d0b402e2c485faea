"""What a mapping says of a payment provider's file, beside what all mappings say.

The grammar only, checked as a whole: `mapped` reads files by it.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from order_ops.providers.files.mapped_grammar import (
    Amount,
    Currency,
    Day,
    Moment,
    Name,
    Part,
    Side,
    TableMapping,
)

Kind = Literal["charge", "reversal", "refund", "dispute", "fee", "conversion", "payout", "other"]
Status = Literal["succeeded", "pending", "failed", "voided"]
_FIGURES = {"count", "gross", "fee", "net"}


class LineType(Part):
    """What a provider's word for a line means; `sign` where amounts have none themselves."""

    kind: Kind
    sign: Side | None = None


class Types(Part):
    """The column with the provider's words for lines; any other word is unclassified."""

    column: Name
    map: Annotated[dict[str, LineType], Field(min_length=1)]


class Statuses(Part):
    """The column with the state of a line; a word that is not in the map refuses the file."""

    column: Name
    map: Annotated[dict[str, Status], Field(min_length=1)]


class Fee(Part):
    """What a line costs: the sum of the columns.

    Attributes:
        costs: whether a cost is a positive or a negative amount in them.
        empty: whether an empty cell is zero.
    """

    columns: Annotated[list[Name], Field(min_length=1)]
    costs: Literal["positive", "negative"]
    empty: Literal["refused", "zero"] = "refused"


class Columns(Part):
    """Columns that are taken as they are; an id may be made of several."""

    entry_id: Annotated[list[Name], Field(min_length=1)]
    provider_ref: Name | None = None
    order_ref: Name | None = None
    payout_id: Name | None = None
    method: Name | None = None


class ProviderMapping(TableMapping):
    """How one provider's files become canonical lines, see `report.LINE_SCHEMA`.

    Attributes:
        provider: its name.
        kind: of every line, where the file has no types.
        settlement_currency, settled: of the balance, where it is another currency than what the
            customer paid.
        fee, net: what is not named follows from the others: net = settled - fee.
    """

    provider: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    columns: Columns
    types: Types | None = None
    kind: Kind | None = None
    status: Statuses | None = None
    occurred_at: Moment
    available_on: Day | None = None
    settlement_currency: Currency | None = None
    settled: Amount | None = None
    fee: Fee | None = None
    net: Amount | None = None

    @model_validator(mode="after")
    def _says_what_lines_are(self) -> Self:
        if (self.types is None) == (self.kind is None):
            raise ValueError("say either types, or the one kind of all lines")
        return self

    @model_validator(mode="after")
    def _signs_once(self) -> Self:
        rules = [self.amount, self.settled, self.net]
        by_type = any(rule is not None and rule.sign == "by_type" for rule in rules)
        signs = [line.sign for line in self.types.map.values()] if self.types else []
        if by_type and (not signs or None in signs):
            raise ValueError("an amount has its sign by_type: give every type a sign")
        if not by_type and any(signs):
            raise ValueError("types have signs, and no amount takes its sign by_type")
        return self

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.settlement_currency is None and self.settled is not None:
            raise ValueError("settled: say in which settlement_currency")
        follows = self.net is not None and self.fee is not None
        if self.settlement_currency is not None and self.settled is None and not follows:
            raise ValueError("settlement_currency: name settled, or both net and fee")
        return self

    @model_validator(mode="after")
    def _has_known_figures(self) -> Self:
        for control in self.controls:
            if control.figure is not None and control.figure not in _FIGURES:
                raise ValueError(f"controls: a figure is one of {', '.join(sorted(_FIGURES))}")
        return self

    @model_validator(mode="after")
    def _ignores_nothing_it_reads(self) -> Self:
        both = sorted(set(self.ignore) & self.read_columns)
        if both:
            raise ValueError(f"ignore: {both[0]!r} is read")
        return self

    @property
    def read_columns(self) -> set[str]:
        """Every column that becomes something, `keep` apart."""
        optional = (
            self.columns.provider_ref,
            self.columns.order_ref,
            self.columns.payout_id,
            self.columns.method,
            None if self.types is None else self.types.column,
            None if self.status is None else self.status.column,
            None if self.available_on is None else self.available_on.column,
            self.occurred_at.time_zone_column,
        )
        parts = (self.currency, self.amount, self.settlement_currency, self.settled, self.net)
        return {
            *self.columns.entry_id,
            *self.occurred_at.columns,
            *(name for name in optional if name is not None),
            *(name for part in parts if part is not None for name in part.names),
            *(self.fee.columns if self.fee else ()),
        }
