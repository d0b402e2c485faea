"""The demo: everything that was put in is found, nothing else, and the same when played again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from order_ops.devstack import postgres

SCRIPT = str(Path(sys.executable).parent / "order-ops")


def _play(home: Path, name: str) -> tuple[dict[str, Any], str]:
    target = home / name
    done = subprocess.run(
        [SCRIPT, "demo", "--home", str(home), "--json", str(target)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(target.read_text()), done.stdout


@pytest.fixture(scope="module")
def played(home: Path) -> tuple[dict[str, Any], str]:
    """The demo's figures, and what it said; its tables are at home."""
    return _play(home, "first.json")


@pytest.mark.slow
def test_the_demo_finds_what_was_put_in_and_again_the_same(
    home: Path, played: tuple[dict[str, Any], str]
) -> None:
    figures, said = played
    assert figures["truth"] == {"precision": 1.0, "recall": 1.0, "missed": [], "wrong": []}
    assert figures["broker"], "a broker took part"
    assert figures["messages"] == {
        "published": 15_222,
        "staged": 15_185,
        "applied": 15_185,
        "parked": 7,
    }
    assert {ends["residual"] for ends in figures["bridge"].values()} == {0}
    assert figures["verdict"] == "BREAKS"
    assert "BRL 6,711.93 at stake" in said
    assert "9 orders paid after they expired" in said

    again, _ = _play(home, "second.json")
    assert again == figures
    assert not postgres.is_running(home), "what the demo started, it stopped"


def test_a_notebook_reads_the_outputs_as_pandas_frames(
    home: Path, played: tuple[dict[str, Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cells of docs/analysts.ipynb, run one after another on the demo's tables."""
    notebook = json.loads(Path("docs/analysts.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    assert len(cells) >= 3
    postgres.start(home)
    try:
        monkeypatch.setenv("ORDER_OPS_DATABASE_URL", postgres.database_url(home))
        names: dict[str, Any] = {}
        for cell in cells:
            exec(compile(cell, "docs/analysts.ipynb", "exec"), names)
    finally:
        postgres.stop(home)
    breaks = names["breaks"]
    assert breaks["at_stake_minor"].sum() > 0
    assert names["by_class"].loc["captured_after_cancel", "count"] == 6
    assert (names["bridge"].query("line == 'residual'")["amount_minor"] == 0).all()
