"""Which columns of a provider's file may be kept in `raw`, and which are not known at all.

An allow-list: a column that the provider documents is kept when it is listed, whoever reads it. One
that nobody documents is kept too, so that nothing is lost, unless its name speaks of a person; what
its text gives away of one is masked. What a provider's columns are belongs in its own module.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from order_ops.providers.files.csv_file import TextTable

_PERSONAL = re.compile(
    r"customer|card|shipping|billing|address|mail|phone|name|\bip\b|buyer|payer|recipient|holder|"
    r"shopper|consumer|donor|contact|street|city|postal|zip|birth|iban|passport|tax_?id|"
    r"\b(cpf|cnpj|ssn)\b",
    re.IGNORECASE,
)

# Free text may carry what its column's name does not say: e-mail addresses, card numbers, keys.
EMAIL = r"[^\s\"@]+@[^\s\"@]+"
_MASKED = (
    rf"{EMAIL}|\b[0-9](?:[ -]?[0-9]){{12,18}}\b"
    r"|\b(?:[sr]k_(?:live|test)_|whsec_|xox[a-z]-)[\w-]+"
)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a provider documents for one format.

    Attributes:
        read: become columns of the canonical lines.
        kept: `raw` may hold them as they are: no person, card or address in them.
        dropped: free text, or about people.
        free: names that the merchant chooses, such as metadata; kept like unknown ones.
    """

    read: frozenset[str]
    kept: frozenset[str]
    dropped: frozenset[str]
    free: re.Pattern[str] | None = None

    def is_kept(self, column: str) -> bool:
        """Whether `raw` may hold the column: listed, or not documented and not personal."""
        if column in self.kept:
            return True
        return column not in self.read | self.dropped and not _PERSONAL.search(column)

    def unknown(self, table: TextTable) -> tuple[str, ...]:
        """The columns that are kept and not documented, in file order."""
        return tuple(
            name
            for name in table.columns
            if self.is_kept(name)
            and name not in self.kept
            and not (self.free and self.free.fullmatch(name))
        )

    def raw(self, table: TextTable, apart: Collection[str] = ()) -> pl.Expr:
        """JSON objects of the columns that may be kept, without those of `apart`."""
        names = [name for name in table.columns if self.is_kept(name) and name not in apart]
        if not names:
            return pl.lit("{}")
        cells = [
            pl.col(name) if name in self.kept else pl.col(name).str.replace_all(_MASKED, "***")
            for name in names
        ]
        return pl.struct(cells).struct.json_encode()
