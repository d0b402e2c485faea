"""Every named query is used, every query used exists, and rows go in as columns."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import order_ops
from order_ops.store import queries

PACKAGE = Path(order_ops.__file__).parent
FILES = sorted(path.stem for path in (PACKAGE / "store" / "sql").glob("*.sql"))


def named(file: str) -> set[str]:
    """The queries of a file, by the names in its text."""
    text = (PACKAGE / "store" / "sql" / f"{file}.sql").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("-- name:")]
    names = [line.removeprefix("-- name:").strip().rstrip("#!$^<*") for line in lines]
    assert len(names) == len(set(names)), f"a query of {file}.sql hides another of its name"
    return set(names)


def imported(tree: ast.AST) -> dict[str, str]:
    """Local name -> file, for what a module imports from `store.queries`."""
    return {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "order_ops.store.queries"
        for alias in node.names
        if alias.name in FILES
    }


def uses() -> Iterator[tuple[str, str, str]]:
    """(file, query, where) of every attribute of an imported query file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        local = imported(tree)
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in local
            ):
                yield local[node.value.id], node.attr, f"{path.name}:{node.lineno}"


USES = list(uses())


def test_every_file_is_loaded() -> None:
    assert FILES
    assert {name for name in FILES if hasattr(queries, name)} == set(FILES)


@pytest.mark.parametrize("file", FILES)
def test_every_query_is_used(file: str) -> None:
    used = {query for name, query, _ in USES if name == file}
    assert named(file) - used == set()


@pytest.mark.parametrize("file", FILES)
def test_every_query_used_exists(file: str) -> None:
    names = named(file)
    missing = [(query, where) for name, query, where in USES if name == file and query not in names]
    assert missing == []


@pytest.mark.parametrize("file", FILES)
def test_every_query_is_read_as_one(file: str) -> None:
    loaded = getattr(queries, file)
    assert all(callable(getattr(loaded, query)) for query in named(file))


@dataclass
class Row:
    order_id: str
    detail: dict[str, object]
    amount: int | None


def test_rows_become_one_list_per_column() -> None:
    rows = [Row("a", {"n": 1}, 5), Row("b", {}, None)]
    found = queries.columns(rows, "order_id", "amount")
    assert found == {"order_id": ["a", "b"], "amount": [5, None]}


def test_a_dict_becomes_json_text() -> None:
    found = queries.columns((row for row in [Row("a", {"é": [1, None]}, 1)]), "detail")
    assert found == {"detail": ['{"é":[1,null]}']}


def test_mappings_are_rows_too() -> None:
    assert queries.columns([{"id": 1, "h": {"x": 2}}], "id", "h") == {"id": [1], "h": ['{"x":2}']}


def test_no_rows_are_empty_columns() -> None:
    assert queries.columns([], "a", "b") == {"a": [], "b": []}
