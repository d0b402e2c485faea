"""The roles file: who may do what, and the one reason why it cannot be used."""

from pathlib import Path

import pytest

from order_ops.domain.break_acts import ACTS, ROLES, STATES, refusal, role_for
from order_ops.mapping.roles import RoleError, Roles, load_roles

FILE = """version: 1
roles:
  alice: [finance]
  bob: [finance, approver]
write_off_minor:
  BRL: 10000
"""


@pytest.fixture
def roles(tmp_path: Path) -> Roles:
    return _read(tmp_path, FILE)


def _read(folder: Path, text: str) -> Roles:
    file = folder / "roles.yaml"
    file.write_text(text, encoding="utf-8")
    load_roles.cache_clear()
    return load_roles(file)


def test_somebody_may_what_one_of_their_roles_may(roles: Roles) -> None:
    assert roles.role("alice", "accept") == "finance"
    assert roles.role("bob", "approve_write_off") == "approver"
    with pytest.raises(RoleError, match=r"alice may not approve write off: that takes .* approver"):
        roles.role("alice", "approve_write_off")
    with pytest.raises(RoleError, match="'carol' has no role"):
        roles.role("carol", "note")


def test_a_currency_without_a_limit_takes_a_second_person_always(roles: Roles) -> None:
    assert (roles.alone("BRL"), roles.alone("USD")) == (10_000, 0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (FILE.replace("finance]", "financ]"), "line 3, key roles.alice.0"),
        (FILE.replace("10000", "-1"), "line 6, key write_off_minor.BRL"),
        (FILE + "other: 1\n", "key other"),
        (FILE.replace("bob", "alice"), "has a value already"),
        ("[", "not YAML"),
    ],
)
def test_a_wrong_file_is_refused_by_line_and_key(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(RoleError, match=why):
        _read(tmp_path, text)


def test_without_a_file_nobody_may() -> None:
    with pytest.raises(RoleError, match="ORDER_OPS_ROLES names no file"):
        load_roles(None)


def test_every_act_is_for_somebody_and_no_one_role_writes_off_by_itself() -> None:
    assert set(ACTS) == set().union(*ROLES.values())
    for acts in ROLES.values():
        assert not {"propose_write_off", "approve_write_off"} <= acts
    assert role_for((), "note") is None


def test_what_is_decided_takes_no_second_decision() -> None:
    for act in ("accept", "write_off", "propose_write_off"):
        taken = {state for state in STATES if refusal(act, state) is None}
        assert taken == {"open", "acknowledged", "reopened"}
