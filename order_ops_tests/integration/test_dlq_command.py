"""`order-ops dlq` as a person types it, right and wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from order_ops.cli import app
from order_ops.domain.messages import Message
from order_ops_tests.integration.conftest import Shop
from order_ops_tests.shop import created

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
    assert "the selection has changed" in refused(*rest, "--reason", "x", "--expect", "9-abcdef")
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
        (("replay", "--reason", "x"), "say which: ids, --group or a filter"),
        (("discard", "1", "--order", "o1", "--reason", "x"), "say ids, or a group and filters"),
        (("replay", "--group", "nobody", "--reason", "x"), "no open dead letter is selected"),
        (("discard", "1"), "--reason: say why"),
        (("replay", "--name", "order.created", "--reason", "x"), "3 letters are selected: look at"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_done_is_refused_with_what_to_do(
    letters: list[str], arguments: tuple[str, ...], why: str
) -> None:
    assert why in refused(*arguments)


def test_a_group_of_nothing_in_a_dry_run_is_said_to_be_nothing(letters: list[str]) -> None:
    assert "no open dead letter is selected" in refused("replay", "--group", "nobody", "--dry-run")
