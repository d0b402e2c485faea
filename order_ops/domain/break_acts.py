"""What a person may do about a break, and which role it takes.

Who has a role is in `mapping.roles`, the events that acts become are in `store.break_events`.
"""

from collections.abc import Collection, Mapping
from typing import Literal, get_args

Act = Literal[
    "acknowledge",
    "assign",
    "due",
    "note",
    "accept",
    "write_off",
    "propose_write_off",
    "approve_write_off",
    "reject",
    "reopen",
    "accept_match",
]
ACTS: tuple[Act, ...] = get_args(Act)

DECIDING: tuple[Act, ...] = ("accept", "write_off", "approve_write_off", "reopen")
"""The last of these holds: the difference is let be, or it is open again."""

Role = Literal["operator", "finance", "approver"]

_HANDLES: frozenset[Act] = frozenset({"acknowledge", "assign", "due", "note"})
_DECIDES: frozenset[Act] = frozenset(
    {"accept", "write_off", "propose_write_off", "reject", "reopen", "accept_match"}
)
ROLES: Mapping[Role, frozenset[Act]] = {
    "operator": _HANDLES,
    "finance": _HANDLES | _DECIDES,
    "approver": _HANDLES | {"approve_write_off", "reject", "reopen"},
}
"""What each role may do; an actor with several may do what any of them may."""

State = Literal[
    "open",
    "acknowledged",
    "reopened",
    "write_off_proposed",
    "accepted",
    "written_off",
    "pending",
]
STATES: tuple[State, ...] = get_args(State)

_UNDECIDED: frozenset[State] = frozenset({"open", "acknowledged", "reopened"})
_FROM: Mapping[Act, frozenset[State]] = {
    "acknowledge": frozenset({"open", "reopened"}),
    "accept": _UNDECIDED,
    "write_off": _UNDECIDED,
    "propose_write_off": _UNDECIDED,
    "approve_write_off": frozenset({"write_off_proposed"}),
    "reject": frozenset({"write_off_proposed"}),
    "reopen": frozenset({"accepted", "written_off"}),
}
_IS: Mapping[State, str] = {
    "open": "is open: nothing has been decided about it",
    "acknowledged": "is acknowledged, and nothing has been decided about it",
    "reopened": "is open again",
    "write_off_proposed": "has a proposed write-off: approve or reject that first",
    "accepted": "is accepted: reopen it first",
    "written_off": "is written off: reopen it first",
    "pending": "is pending: its grace has not passed, it may still match by itself",
}


def role_for(roles: Collection[Role], act: Act) -> Role | None:
    """The role by which somebody with these may do it; None: they may not."""
    return next((role for role in ROLES if role in roles and act in ROLES[role]), None)


def who_may(act: Act) -> str:
    """The roles that may do it, for a sentence."""
    return " or ".join(role for role in ROLES if act in ROLES[role])


def refusal(act: Act, state: State) -> str | None:
    """Why a break in this state does not take the act; None: it does."""
    allowed = _FROM.get(act)
    return None if allowed is None or state in allowed else _IS[state]
