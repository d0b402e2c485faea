"""`order-ops dlq` as a person types it, right and wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from order_ops.cli import app
from order_ops.domain.messages import Message
from order_ops.jobs.letters import dead_letters, letter_sets, replays
from order_ops.jobs.letters.dead_letters import Acted
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created, message

BROKEN = created("o1").body[:-1]


def dlq(*arguments: str, stdin: bytes | None = None) -> Result:
    wide = {"COLUMNS": "300", "TERM": "dumb", "ORDER_OPS_ACTOR": "ana"}
    return CliRunner().invoke(app, ["dlq", *arguments], env=wide, input=stdin)


def refused(*arguments: str) -> str:
    result = dlq(*arguments)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.fixture
def letters(shop: Shop) -> list[str]:
    shop.stage(*(Message(BROKEN + b" " * n, "order.created", {}) for n in range(3)))
    return [str(row.id) for row in shop.rows("SELECT id FROM ops.dead_letter ORDER BY id")]


def test_from_the_list_to_the_end(shop: Shop, letters: list[str], tmp_path: Path) -> None:
    listed = json.loads(dlq("list", "--json", "-").stdout)
    assert [str(letter["id"]) for letter in listed] == letters
    (group,) = json.loads(dlq("groups", "--json", "-").stdout)
    assert group["letters"] == 3
    assert "order.created" in dlq("groups").stdout

    body = dlq("show", letters[0], "--body").stdout_bytes
    assert body == BROKEN
    mended = tmp_path / "mended.json"
    mended.write_bytes(body + b"}")
    edited = dlq("edit", letters[0], "--body", str(mended), "--reason", "brace")
    assert (edited.exit_code, "edited" in edited.stdout) == (0, True)
    assert "(edited)" in dlq("show", letters[0]).stdout
    dry = dlq("replay", letters[0], "--dry-run")
    assert (dry.exit_code, "would be replayed: created" in dry.stdout) == (0, True)
    done = dlq("replay", letters[0], "--reason", "mended")
    assert (done.exit_code, "replayed: created" in done.stdout) == (0, True)
    again = dlq("replay", letters[0], "--reason", "mended")
    assert (again.exit_code, "is replayed already: by ana" in again.stdout) == (1, True)

    rest = ("discard", "--group", group["fingerprint"])
    looked = dlq(*rest, "--dry-run").stdout
    name = looked.split("--expect ")[1].split()[0]
    assert "look again" in refused(*rest, "--reason", "x", "--expect", "9-abcdef")
    assert dlq(*rest, "--reason", "not ours", "--expect", name).exit_code == 0
    assert dlq("list").stdout.strip() == "No dead letter."
    assert "discarded" in dlq("list", "--state", "all").stdout
    assert shop.one("SELECT count(DISTINCT actor) FROM ops.audit WHERE actor = 'ana'") == 1


def test_a_body_may_come_from_stdin(shop: Shop, letters: list[str]) -> None:
    done = dlq("edit", letters[0], "--body", "-", "--reason", "x", stdin=b"\xff\x00")
    assert done.exit_code == 0, done.output
    assert bytes(shop.one("SELECT edited FROM ops.dead_letter ORDER BY id LIMIT 1")) == b"\xff\x00"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("show", "999"), "there is no dead letter 999"),
        (("replay", "999", "--reason", "x"), "there is no dead letter 999"),
        (("replay", "--reason", "x"), "say which: ids, a group or a filter"),
        (("replay", "--dry-run"), "say which: ids, a group or a filter"),
        (("replay", "9" * 23, "--dry-run"), f"there is no dead letter {'9' * 23}"),
        (("show", "9" * 23), f"there is no dead letter {'9' * 23}"),
        (("edit", "9" * 23, "--body", "/dev/null", "--dry-run"), "there is no dead letter 999"),
        (("list", "--order", "a\0b"), "cannot hold a NUL character"),
        (("discard", "--tenant", "\0", "--dry-run"), "cannot hold a NUL character"),
        (("list", "--name", "caf\udce9"), "bytes that are not UTF-8"),
        (("show", "1", "--body", "--json", "-"), "--body, --json: say one"),
        (("discard", "1", "--order", "o1", "--reason", "x"), "say ids, or a group and filters"),
        (("replay", "--group", "nobody", "--reason", "x"), "no open dead letter is selected"),
        (("discard", "1"), "--reason: say why"),
        (
            ("replay", "--name", "order.created", "--reason", "x"),
            "3 letters are selected: look first",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_done_is_refused_with_what_to_do(
    letters: list[str], arguments: tuple[str, ...], why: str
) -> None:
    assert why in refused(*arguments)


def test_a_group_of_nothing_in_a_dry_run_is_said_to_be_nothing(letters: list[str]) -> None:
    assert "no open dead letter is selected" in refused("replay", "--group", "nobody", "--dry-run")


@pytest.mark.parametrize("command", ["replay", "discard"])
def test_each_letter_is_told_when_it_is_done(
    letters: list[str], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at the second: what was done is known, and it was done oldest first."""

    def act(_: object, ids: list[int], *__: object, dry_run: bool) -> list[Acted]:
        if str(ids[0]) == letters[1]:
            raise KeyboardInterrupt
        return [Acted(ids[0], dead_letters.Became.DISCARDED, "done")]

    monkeypatch.setattr(dead_letters, "discard", act)
    monkeypatch.setattr(replays, "replay", act)
    result = dlq(command, *reversed(letters), "--reason", "x")
    assert result.exit_code not in {0, 2}
    assert result.stdout.splitlines() == [f"{letters[0]} discarded: done"]


def test_a_set_is_named_by_its_dry_run_alone_and_holds_for_ids_too(letters: list[str]) -> None:
    told = refused("discard", "--name", "order.created", "--reason", "x")
    assert "--expect" not in told
    assert "3-" not in told
    by_ids = dlq("discard", *letters, "--dry-run").stdout
    assert "3 letters are selected: do it with --expect 3-" in by_ids
    name = by_ids.split("--expect ")[1].split()[0]
    assert name in dlq("discard", "--name", "order.created", "--dry-run").stdout
    one = dlq("discard", letters[0], "--dry-run").stdout
    assert "1 letter is selected: do it with --expect 1-" in one
    dlq("edit", letters[0], "--body", "-", "--reason", "x", stdin=b"{")
    told = refused("discard", *letters, "--expect", name, "--reason", "x")
    assert f"is not {name} any more: look again" in told


def test_what_a_dry_run_refuses_would_be_refused(letters: list[str]) -> None:
    dry = dlq("replay", letters[0], "--dry-run")
    assert (dry.exit_code, f"{letters[0]} would be refused: " in dry.stdout) == (1, True)
    assert dlq("discard", letters[0], "--reason", "x").exit_code == 0
    for command in (("discard", letters[0]), ("edit", letters[0], "--body", "/dev/null")):
        told = dlq(*command, "--dry-run").stdout
        assert f"{letters[0]} would be refused: dead letter {letters[0]} is discarded" in told
    acted = Acted(1, dead_letters.Became.FAILED_AGAIN, "x", dry=True)
    assert str(acted) == "1 would fail again: x"


def test_a_listing_says_how_to_see_more_and_that_a_group_is_not_open(letters: list[str]) -> None:
    assert "There are more: --limit 20, or narrow it down." in dlq("list", "--limit", "2").stdout
    told = dlq("list", "--group", "[/none]").stdout
    assert "No group [/none] is open: order-ops dlq groups shows" in told
    assert json.loads(dlq("list", "--group", "none", "--json", "-").stdout) == []
    assert "is open:" not in dlq("list", "--order", "none").stdout


def test_advice_never_goes_beyond_what_is_allowed(
    shop: Shop, letters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = letter_sets.find(shop.pool, letter_sets.Selection(ids=(int(letters[0]),)))
    monkeypatch.setattr(letter_sets, "find", lambda pool, wanted, limit: [one] * limit)
    assert "There are more: --limit 10000, or narrow" in dlq("list", "--limit", "5000").stdout
    assert "There are more: narrow it down." in dlq("list", "--limit", "10000").stdout


def test_letters_of_a_tenant_are_chosen(shop: Shop, letters: list[str]) -> None:
    same = message("order.cancelled", "o1", 3, reason="a")
    shop.stage(same, message("order.cancelled", "o1", 3, reason="b"))
    (other,) = shop.rows("SELECT id FROM ops.dead_letter WHERE tenant_id = 'shop'")
    listed = json.loads(dlq("list", "--tenant", "shop", "--json", "-").stdout)
    assert [letter["id"] for letter in listed] == [other.id]
    for command in ("replay", "discard"):
        told = dlq(command, "--tenant", "shop", "--dry-run").stdout
        assert "1 letter is selected" in told
        assert f"{other.id} would be" in told
        assert "no open dead letter" in refused(command, "--tenant", "none", "--dry-run")


def test_a_letter_of_brackets_is_told_as_it_is(shop: Shop) -> None:
    cancel = {"kind": "order.cancelled", "order": "[/x]", "sequence": 3}
    shop.stage(message(**cancel, reason="a"), message(**cancel, reason="b"))
    (letter,) = shop.rows("SELECT id FROM ops.dead_letter")
    assert "[/x]" in dlq("list").stdout
    assert "[/x] of shop" in dlq("show", str(letter.id)).stdout
    assert (
        json.loads(dlq("show", str(letter.id), "--json", "-").stdout)["letter"]["id"] == letter.id
    )
    done = dlq("discard", str(letter.id), "--reason", "[/x] [bold]:x:")
    assert (done.exit_code, "discarded: [/x] [bold]:x:" in done.stdout) == (0, True)
    assert "[/x] [bold]:x:" in dlq("show", str(letter.id)).stdout


def test_a_body_that_no_text_can_hold_is_shown(shop: Shop) -> None:
    shop.stage(message("order.cancelled", "o1", 3, reason="\ud800"))
    (letter,) = shop.rows("SELECT id FROM ops.dead_letter")
    shown = dlq("show", str(letter.id))
    assert (shown.exit_code, r'"reason": "\ud800"' in shown.stdout) == (0, True)
    body = json.loads(dlq("show", str(letter.id), "--json", "-").stdout)["letter"]["payload"]
    assert json.loads(body["text"])["data"] == {"reason": "\ud800"}
