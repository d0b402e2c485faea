"""The command line as somebody types it, and what it answers."""

from pathlib import Path

from typer.testing import CliRunner, Result

from order_ops.cli import app

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def run(*arguments: str | Path) -> Result:
    # wide, so that no word of a message is broken over two lines
    wide = {"COLUMNS": "400", "TERM": "dumb"}
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=wide)


def refused(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    return result.stderr
