"""A YAML file as a validated model, or the one reason why not, with line and key.

Common to every YAML file of the package; what may stand in one belongs to the models. A key that
stands twice is refused, because YAML would silently take the last.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class YamlError(ValueError):
    """A YAML file that cannot be used: its name, the line and the key where known, and why."""

    def __init__(
        self, name: str, problem: str, *, line: int | None = None, key: str | None = None
    ) -> None:
        place = "" if line is None else f", line {line}"
        place += "" if key is None else f", key {key}"
        super().__init__(f"{name}{place}: {problem}")
        self.name = name
        self.problem = problem
        self.line = line
        self.key = key


def read_yaml(path: Path, model: type[Model]) -> Model:
    """Read and validate a file.

    Raises:
        YamlError: naming file, line and key.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8"), str(path), model)
    except OSError as error:
        raise YamlError(str(path), f"{error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise YamlError(str(path), "not UTF-8 text; save it as UTF-8") from error


def parse_yaml(text: str, name: str, model: type[Model]) -> Model:
    """Validate the text of a file; `name` is what errors call it.

    Raises:
        YamlError: naming line and key.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise YamlError(name, f"not YAML: {' '.join(str(error).split())}") from error
    for key, line in _again(node, set()):
        raise YamlError(name, "has a value already; remove one of them", line=line, key=key)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "file"
        line = _line_of(node, first["loc"])
        told = first["msg"].removeprefix("Value error, ")
        raise YamlError(name, told, line=line, key=key) from error


def _again(node: yaml.Node | None, seen: set[int], above: str = "") -> Iterator[tuple[str, int]]:
    """Find keys that have two values; a part that is named again (`*a`) is looked at once."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _again(value, seen, f"{above}{number}.")
    if not isinstance(node, yaml.MappingNode):
        return
    keys: set[str] = set()
    for key, value in node.value:
        if key.value in keys:
            yield f"{above}{key.value}", key.start_mark.line + 1
        keys.add(key.value if isinstance(key.value, str) else "")
        yield from _again(value, seen, f"{above}{key.value}.")


def _line_of(node: yaml.Node | None, path: Sequence[int | str]) -> int:
    """Return the line of the value at `path`, or of the nearest thing above it that exists."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == part]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            found = [(value, value) for value in node.value[part : part + 1]]
        else:
            found = []
        if not found:
            return int(line)
        line, node = found[0][0].start_mark.line + 1, found[0][1]
    return int(line)
