"""A YAML file is validated with the line and the key of what is wrong."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from order_ops.mapping.checked_yaml import YamlError, parse_yaml, read_yaml


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    size: int


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    parts: list[Inner]


def _refused(text: str) -> YamlError:
    with pytest.raises(YamlError) as caught:
        parse_yaml(text, "f.yaml", Outer)
    return caught.value


def test_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("parts:\n  - size: 1\n", "utf-8")
    assert read_yaml(path, Outer).parts[0].size == 1


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("parts:\n  - size: 1\n  - size: big\n", 3, "parts.1.size"),
        ("parts:\n  - size: 1\n    size: 2\n", 3, "parts.0.size"),
        ("parts:\n  - size: 1\n    colour: red\n", 3, "parts.0.colour"),
        ("\nparts: []\nparts: []\n", 3, "parts"),
        ("parts:\n  - {}\n", 2, "parts.0.size"),
        ("", 1, "file"),
        ("[", None, None),
        ("a: &a [*a]\n", 1, "parts"),
    ],
)
def test_what_is_wrong_and_where(text: str, line: int | None, key: str | None) -> None:
    error = _refused(text)
    assert (error.name, error.line, error.key) == ("f.yaml", line, key)
    assert str(error).startswith("f.yaml")


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(YamlError, match="check the path"):
        read_yaml(tmp_path / "none.yaml", Outer)
    (tmp_path / "f.yaml").write_bytes(b"\xff")
    with pytest.raises(YamlError, match="UTF-8"):
        read_yaml(tmp_path / "f.yaml", Outer)
