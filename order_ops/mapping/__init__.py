"""The mapping file: what a shop already has, in one YAML file.

Its exchange and routing, where in a message the envelope's fields are, its
provider accounts with their accounting day, the relation that holds the
internal side of reconciliation, and which acts are enabled. The bundled
`default_mapping.yaml` is just the default such file: the codec and the
internal source read through a mapping always. Beside this are its parts:
`messages`, `accounts`, and what both are made of.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, field_validator

from order_ops.domain.failures import MendableError
from order_ops.mapping.accounts import MODES, Account, Mode
from order_ops.mapping.messages import Events, Exchange, Items
from order_ops.mapping.parts import Column, Relation, Strict, complete

__all__ = [
    "BUNDLED",
    "INTERNAL_COLUMNS",
    "MODES",
    "Account",
    "Events",
    "Exchange",
    "InternalSource",
    "Items",
    "Mapping",
    "MappingError",
    "Mode",
    "Repairs",
    "load_mapping",
]

INTERNAL_COLUMNS = (
    "entry_id", "tenant", "account", "kind", "provider_ref", "order_ref", "amount", "currency",
    "status", "order_state", "occurred_at", "method", "ceiling",
)  # fmt: skip
"""What a mapping can name of the internal side; a column it does not name is empty."""


class MappingError(MendableError):
    """The mapping file cannot be used; the message names file and key."""


def _distinct(accounts: list[Account]) -> list[Account]:
    names = [account.name for account in accounts]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} stands there twice")
    return accounts


class InternalSource(Strict):
    """The relation with the internal side of reconciliation, and its columns."""

    relation: Relation
    columns: dict[str, Column]

    _complete = field_validator("columns")(
        complete(
            INTERNAL_COLUMNS,
            optional={
                "tenant",
                "account",
                "provider_ref",
                "order_ref",
                "order_state",
                "method",
                "ceiling",
            },
        )
    )
    amount_unit: Literal["minor", "major"] = "minor"


class Repairs(Strict):
    """What the shop wants done about orders that are not as they should be.

    Attributes:
        after_close: money that came after an order had ended goes back, or the order comes back,
            if a person agrees.
        completed_within_minutes: the shop says when it has completed an order, and does within
            so long; none: it does not say.
        remind_before_minutes: customers hear of the end of their reservation so long before; none:
            they do not.
        archive_after_days: orders that ended so long ago are put away; none: they stay.
    """

    after_close: Literal["refund", "reinstate"] = "refund"
    completed_within_minutes: float | None = Field(default=None, gt=0)
    remind_before_minutes: float | None = Field(default=None, gt=0)
    archive_after_days: float | None = Field(default=None, ge=1)


class Mapping(Strict):
    """One shop."""

    version: Literal[1]
    events: Events
    internal: InternalSource
    accounts: Annotated[list[Account], Field(min_length=1), AfterValidator(_distinct)]
    repairs: Repairs = Repairs()

    def account(self, name: str) -> Account:
        """The account of that name.

        Raises:
            MappingError: naming the accounts there are.
        """
        for account in self.accounts:
            if account.name == name:
                return account
        known = ", ".join(account.name for account in self.accounts)
        raise MappingError(f"no account {name!r} in the mapping; there are: {known}")

    def of_tenant(self, tenant: str) -> list[Account]:
        """The accounts that a tenant is paid through."""
        return [account for account in self.accounts if account.tenant == tenant]

    def shares_bank(self, account: Account) -> bool:
        """Whether other accounts are paid out to the same bank account."""
        banks = [one.bank.account for one in self.accounts if one.bank is not None]
        return account.bank is not None and banks.count(account.bank.account) > 1


BUNDLED = Path(str(files("order_ops") / "default_mapping.yaml"))


@cache
def load_mapping(path: Path | None = None) -> Mapping:
    """Read a mapping file; none: the bundled one.

    Raises:
        MappingError: the file is not there, not YAML, or a key is wrong.
    """
    path = path or BUNDLED
    try:
        return Mapping.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise MappingError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MappingError(f"{path}: is not UTF-8: byte {error.start} is wrong") from error
    except ValidationError as error:
        lines = [
            f"{path}: {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise MappingError("\n".join(lines)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise MappingError(f"{path}: is not YAML: {error}") from error
