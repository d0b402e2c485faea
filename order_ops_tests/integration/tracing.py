"""`order-ops trace`, as the tests of it type it."""

import json
from typing import Any

from typer.testing import CliRunner, Result

from order_ops.cli import app


def command(*arguments: str, stdin: str | None = None) -> Result:
    wide = {"COLUMNS": "300", "TERM": "dumb"}
    return CliRunner().invoke(app, ["trace", *arguments], env=wide, input=stdin)


def said(*arguments: str, stdin: str | None = None) -> str:
    result = command(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def found(*arguments: str, stdin: str | None = None) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(said(*arguments, "--json", "-", stdin=stdin))
    return told


def refused(*arguments: str) -> str:
    result = command(*arguments)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    return result.stderr


def ids(told: dict[str, Any], section: str) -> list[Any]:
    return [row["id"] for row in told[section]]
