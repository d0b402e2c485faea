"""The words of a mapping: how a YAML file says what a CSV file of anybody's looks like.

Common to files of payment providers (`mapped`) and of banks (`banks.mapped`), which add their own
columns. What cannot be meant is refused here, with the key; what a file then says against its
mapping is refused where the column is read.
"""

import re
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from order_ops.domain.money import MoneyError, minor_exponent
from order_ops.domain.sensitive_keys import is_sensitive

Name = Annotated[str, Field(min_length=1, max_length=200)]
Side = Literal["credit", "debit"]
Encoding = Literal["utf-8", "iso-8859-1", "iso-8859-15", "windows-1252", "cp850"]
"""Those of which ASCII is a part, so that delimiters are found in the bytes."""


class Part(BaseModel):
    """A part of a mapping: a key that nothing reads is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Shape(Part):
    """The file as a table.

    Attributes:
        skip_lines: lines before the header, such as a title.
        footer_lines: lines after the last row, such as a total; blank lines do not count.
        columns: names of the columns, of a file without a header.
    """

    encoding: Encoding = "utf-8"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    skip_lines: Annotated[int, Field(ge=0, le=1000)] = 0
    footer_lines: Annotated[int, Field(ge=0, le=100)] = 0
    columns: Annotated[list[Name], Field(min_length=1)] | None = None


class Numbers(Part):
    """How amounts are written: in major units with separators, or as whole minor units."""

    unit: Literal["major", "minor"]
    decimal_separator: Literal[".", ","] | None = None
    thousands_separator: Literal[".", ",", " ", "'"] | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.unit == "minor" and (self.decimal_separator or self.thousands_separator):
            raise ValueError("minor units are whole numbers: leave the separators out")
        if self.unit == "major" and self.decimal_separator is None:
            raise ValueError("say which decimal_separator major units have, '.' or ','")
        if self.decimal_separator is not None and (
            self.decimal_separator == self.thousands_separator
        ):
            raise ValueError("decimal_separator and thousands_separator are the same")
        return self


class Amount(Part):
    """Where an amount is: in one column, or in one for credits and one for debits.

    Attributes:
        sign: of the one column: as it is written, the other way round, or by the type of the
            line (`types`), the column then being unsigned.
        debits: how the debit column writes its amounts.
    """

    column: Name | None = None
    sign: Literal["as_written", "negated", "by_type"] | None = None
    credit: Name | None = None
    debit: Name | None = None
    debits: Literal["unsigned", "negative"] | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.column is not None and (self.credit or self.debit or self.debits):
            raise ValueError("name one signed column, or a credit and a debit column, not both")
        if self.column is None and (self.credit is None or self.debit is None):
            raise ValueError("name the column, or both the credit and the debit column")
        if self.column is None and self.sign is not None:
            raise ValueError("credit and debit columns say the sign: leave sign out")
        if self.credit is not None and self.credit == self.debit:
            raise ValueError("credit and debit are the same column")
        return self

    @property
    def names(self) -> list[str]:
        """The columns that it reads."""
        return [name for name in (self.column, self.credit, self.debit) if name is not None]


class Said(Part):
    """What is in a column, or the same for every line."""

    column: Name | None = None
    constant: Name | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise ValueError("name either the column or the constant")
        return self

    @property
    def names(self) -> list[str]:
        """The columns that it reads."""
        return [] if self.column is None else [self.column]


def _currency(said: Said) -> Said:
    if said.constant is not None:
        try:
            minor_exponent(said.constant)
        except MoneyError as error:
            raise ValueError(str(error)) from error
    return said


Currency = Annotated[Said, AfterValidator(_currency)]

_DIRECTIVES = {"Y", "y", "m", "d", "H", "I", "p", "M", "S", "f", "z"}


def _format(text: str) -> str:
    found = re.findall(r"%(.)", text)
    unknown = sorted(set(found) - _DIRECTIVES)
    if unknown or text.count("%") != len(found):
        raise ValueError(f"a format is made of %{', %'.join(sorted(_DIRECTIVES))} and punctuation")
    if (
        len(found) != len(set(found))
        or not {"m", "d"} <= set(found)
        or ("Y" in found) == ("y" in found)
    ):
        raise ValueError("a format has the day (%d), the month (%m) and the year (%Y or %y), once")
    if ("I" in found) != ("p" in found) or ("H" in found and "I" in found):
        raise ValueError("a format has the hour as %H, or as %I with %p")
    if "f" in found and "%S.%f" not in text:
        raise ValueError("fractions of a second are written %S.%f")
    return text


def _days_alone(formats: list[str]) -> list[str]:
    if any(set(re.findall(r"%(.)", text)) - {"Y", "y", "m", "d"} for text in formats):
        raise ValueError("a date has no time: write the format of the day alone")
    return formats


Formats = Annotated[list[Annotated[str, AfterValidator(_format)]], Field(min_length=1)]


class Day(Part):
    """A date in a column."""

    column: Name
    formats: Annotated[Formats, AfterValidator(_days_alone)]


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not an IANA time zone such as 'America/Sao_Paulo'")
    return name


class Moment(Part):
    """A time in a column, or a date and a time in two, and the zone that it is meant in."""

    columns: Annotated[list[Name], Field(min_length=1, max_length=2)]
    formats: Formats
    time_zone: Annotated[str, AfterValidator(_zone)] | None = None
    time_zone_column: Name | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        zones = [self.time_zone is not None, self.time_zone_column is not None]
        offsets = ["%z" in text for text in self.formats]
        if any(offsets) != all(offsets):
            raise ValueError("formats have the offset (%z) all or none")
        if sum(zones) + any(offsets) != 1:
            raise ValueError("say the zone once: time_zone, time_zone_column, or %z in formats")
        return self


class Control(Part):
    """A cell outside of the rows that says something, or must say something.

    Attributes:
        line: of the skipped ones from 1, or of the footer from -1 backwards.
        field: from 1.
        text: what must stand there; for instance the word by which a footer is known.
        figure: what the cell says of the file, see `mapped_controls`.
    """

    line: int
    field: Annotated[int, Field(ge=1)]
    text: str | None = None
    figure: Name | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.line == 0:
            raise ValueError("lines count from 1, or from -1 backwards")
        if (self.text is None) == (self.figure is None):
            raise ValueError("say either the text that stands there or the figure that it is")
        return self


class TableMapping(Part):
    """What every mapping says."""

    version: Literal[1]
    file: Shape = Shape()
    numbers: Numbers
    currency: Currency
    amount: Amount
    keep: list[Name] = Field(default_factory=list)
    ignore: list[Name] = Field(default_factory=list)
    controls: list[Control] = Field(default_factory=list)

    @model_validator(mode="after")
    def _has_lines_of_controls(self) -> Self:
        for number, control in enumerate(self.controls):
            if not -self.file.footer_lines <= control.line <= self.file.skip_lines:
                raise ValueError(
                    f"controls.{number}: line {control.line} is neither one of "
                    f"{self.file.skip_lines} skipped lines nor of {self.file.footer_lines} of the "
                    "footer"
                )
        return self

    @model_validator(mode="after")
    def _keeps_nothing_of_persons(self) -> Self:
        for name in self.keep:
            if is_sensitive(name):
                raise ValueError(f"keep: {name!r} speaks of a person, and may not be kept")
            if name in self.ignore:
                raise ValueError(f"{name!r} is both kept and ignored")
        return self
