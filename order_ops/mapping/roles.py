"""The roles file: who may do what about a break, and up to which amount alone.

    version: 1
    roles:
      alice: [finance]
      bob: [finance, approver]
    write_off_minor:          # minor units that one person may write off; above it, a second one
      BRL: 10000              # approves; a currency that is not named: always a second one

Who somebody is is not decided here: the machine knows its users, the UI's proxy its own.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from order_ops.domain.break_acts import Act, Role, role_for, who_may
from order_ops.domain.failures import MendableError
from order_ops.mapping.checked_yaml import YamlError, read_yaml
from order_ops.mapping.parts import Strict

Name = Annotated[str, Field(min_length=1, max_length=64)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


def plain_name(name: str) -> str:
    """A name as names are compared."""
    return name.strip().casefold()


class RoleError(MendableError):
    """Somebody may not do that, or the roles file cannot be used; says what to do."""


class Roles(Strict):
    """Who may do what.

    Attributes:
        roles: by actor, as audit rows name them.
        write_off_minor: what one person may write off alone, in minor units by currency.
    """

    version: Literal[1]
    roles: Mapping[Name, frozenset[Role]]
    write_off_minor: Mapping[Currency, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)

    @field_validator("roles")
    @classmethod
    def _told_apart(cls, roles: Mapping[str, frozenset[Role]]) -> Mapping[str, frozenset[Role]]:
        """By names as they are compared: without blanks around them, in any case."""
        found: dict[str, frozenset[Role]] = {}
        for name, held in roles.items():
            if (known := plain_name(name)) in found:
                raise ValueError(f"{name!r} is there twice, in other letters: leave one of them")
            found[known] = held
        return found

    def role(self, actor: str, act: Act) -> Role:
        """The role by which an actor may do it.

        Raises:
            RoleError: the actor is not known, or may not.
        """
        if plain_name(actor) not in self.roles:
            raise RoleError(
                f"{actor!r} has no role: an administrator adds them to the file that "
                "ORDER_OPS_ROLES names"
            )
        role = role_for(self.roles[plain_name(actor)], act)
        if role is None:
            held = ", ".join(sorted(self.roles[plain_name(actor)])) or "none"
            raise RoleError(
                f"{actor} may not {act.replace('_', ' ')}: that takes the role {who_may(act)}, "
                f"and theirs is {held}"
            )
        return role

    def has(self, actor: str, role: Role) -> bool:
        """Whether an actor has a role."""
        return role in self.roles.get(plain_name(actor), ())

    def alone(self, currency: str) -> int:
        """What one person may write off without a second one, in minor units."""
        return self.write_off_minor.get(currency, 0)


@cache
def load_roles(path: Path | None) -> Roles:
    """Read the roles file; without one nobody has a role.

    Raises:
        RoleError: the file cannot be used; names line and key.
    """
    if path is None:
        raise RoleError(
            "ORDER_OPS_ROLES names no file, so nobody may decide about breaks: see docs/breaks.md"
        )
    try:
        return read_yaml(path, Roles)
    except YamlError as error:
        raise RoleError(str(error)) from None
