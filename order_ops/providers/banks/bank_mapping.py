"""What a mapping says of a bank's CSV file, beside what all mappings say.

The grammar only, checked as a whole: `mapped` reads files by it.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from order_ops.providers.files.mapped_grammar import Day, Name, Part, Said, Side, TableMapping

_FIGURES = {"count", "credits", "debits", "net", "opening", "closing"}


class LineType(Part):
    """What a bank's word for a line means."""

    sign: Side | None = None
    reversal: bool = False


class Types(Part):
    """The column with the bank's words for lines."""

    column: Name
    map: Annotated[dict[str, LineType], Field(min_length=1)]


class Columns(Part):
    """Columns that are taken as they are; texts may be in several.

    Attributes:
        bank_reference: the bank's own id of the line.
        reference: what the parties called the payment.
        counterparty: names, which are kept of known parties alone, see `remittance`.
    """

    bank_reference: Name | None = None
    reference: Name | None = None
    remittance: list[Name] = Field(default_factory=list)
    counterparty: list[Name] = Field(default_factory=list)


class BankMapping(TableMapping):
    """How one bank's files become canonical lines, see `statement.BANK_SCHEMA`.

    Attributes:
        balance: column with the balance after each line.
        order: of the rows; ids and balances follow the older ones first.
    """

    account: Said
    columns: Columns = Columns()
    types: Types | None = None
    booked_on: Day
    value_on: Day | None = None
    balance: Name | None = None
    order: Literal["oldest_first", "newest_first"] = "oldest_first"

    @model_validator(mode="after")
    def _signs_once(self) -> Self:
        signs = [line.sign for line in self.types.map.values()] if self.types else []
        if self.amount.sign == "by_type" and (not signs or None in signs):
            raise ValueError("the amount has its sign by_type: give every type a sign")
        if self.amount.sign != "by_type" and any(signs):
            raise ValueError("types have signs, and the amount does not take its sign by_type")
        return self

    @model_validator(mode="after")
    def _has_known_figures(self) -> Self:
        figures = {control.figure for control in self.controls} - {None}
        if not figures <= _FIGURES:
            raise ValueError(f"controls: a figure is one of {', '.join(sorted(_FIGURES))}")
        if len(figures & {"opening", "closing"}) == 1 and self.balance is None:
            raise ValueError("controls: name both the opening and the closing balance")
        return self

    @property
    def read_columns(self) -> set[str]:
        """Every column that becomes something, `keep` apart."""
        columns = self.columns
        optional = (
            columns.bank_reference,
            columns.reference,
            None if self.types is None else self.types.column,
            None if self.value_on is None else self.value_on.column,
            self.balance,
        )
        return {
            *(name for name in optional if name is not None),
            *columns.remittance,
            *columns.counterparty,
            *self.account.names,
            *self.currency.names,
            *self.amount.names,
            self.booked_on.column,
        }
