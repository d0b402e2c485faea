"""The rules of a run: a versioned YAML file, validated, with a hash that is stored with the run.

What can be set is here; what a pass or a class does belongs in `matching` and `breaks`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from order_ops.domain.failures import MendableError

PassName = Literal["exact_reference", "own_reference"]


def _as_run(passes: list[PassName]) -> list[PassName]:
    """Refuse what would not be run as it is written."""
    order = get_args(PassName)
    if [name for name in order if name in passes] != passes:
        raise ValueError(f"write each pass once, in this order: {', '.join(order)}")
    return passes


def _with_default(passes: dict[str, list[PassName]]) -> dict[str, list[PassName]]:
    """Refuse rules under which a provider would have no pass at all."""
    if "default" not in passes:
        raise ValueError("name the passes of 'default', for providers that are not listed")
    return passes


Passes = Annotated[list[PassName], Field(min_length=1), AfterValidator(_as_run)]
Days = Annotated[int, Field(ge=0, le=366)]
_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class RulesError(MendableError, ValueError):
    """A rules file that cannot be used; names the file, the line and the key."""


class GraceDays(BaseModel):
    """Days that an entry of each side may wait for its counterpart."""

    model_config = _STRICT
    internal: Days
    provider: Days


class Rules(BaseModel):
    """Everything that a run of reconciliation can be told. See `default_rules.yaml`."""

    model_config = _STRICT
    version: Literal[1]
    grace_days: GraceDays
    unpaid_days: Days
    amount_tolerance_minor: Annotated[int, Field(ge=0)]
    passes: Annotated[dict[str, Passes], AfterValidator(_with_default)]

    def passes_of(self, provider: str) -> Sequence[PassName]:
        """Return the passes for a provider, those of `default` when it is not named."""
        return self.passes.get(provider, self.passes["default"])

    @property
    def rules_hash(self) -> str:
        """SHA-256 over the values, so that comments and order of keys do not change it."""
        return hashlib.sha256(_canonical(self).encode()).hexdigest()


def load_rules(path: Path | None = None) -> Rules:
    """Read and validate a rules file, the bundled one without a path.

    Raises:
        RulesError: naming file, line and key.
    """
    if path is None:
        bundled = resources.files("order_ops.reconciliation") / "default_rules.yaml"
        return parse_rules(bundled.read_text(encoding="utf-8"), "default_rules.yaml")
    try:
        return parse_rules(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise RulesError(f"{path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise RulesError(f"{path}: not UTF-8 text; save it as UTF-8") from error


def parse_rules(text: str, name: str) -> Rules:
    """Validate the text of a rules file; `name` is what errors call it."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RulesError(f"{name}: not YAML: {' '.join(str(error).split())}") from error
    for key, line in _again(node):
        raise RulesError(f"{name}, line {line}, key {key}: has a value already; remove one of them")
    try:
        return Rules.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "file"
        line = _line_of(node, first["loc"])
        raise RulesError(f"{name}, line {line}, key {key}: {first['msg']}") from error


def _again(node: yaml.Node | None, above: str = "") -> Iterator[tuple[str, int]]:
    """Find keys that have two values, of which YAML would silently take the last."""
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            yield f"{above}{key.value}", key.start_mark.line + 1
        seen.add(key.value)
        yield from _again(value, f"{above}{key.value}.")


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


def _canonical(rules: Rules) -> str:
    return yaml.safe_dump(rules.model_dump(mode="json"), sort_keys=True)
