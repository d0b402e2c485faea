"""The rules of a run: a versioned YAML file, validated, with a hash that is stored with the run.

What can be set is here; what a pass or a class does belongs in `matching` and `breaks`, how the
text of a YAML file is checked in `mapping.checked_yaml`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from order_ops.domain.failures import MendableError
from order_ops.domain.money import MoneyError, minor_exponent
from order_ops.mapping.checked_yaml import YamlError, parse_yaml, read_yaml

PassName = Literal["exact_reference", "own_reference", "grouped", "tolerance", "subset_sum"]
DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DEFAULT = "default"
_MOST_PERCENT = Decimal(100)


class RulesError(MendableError, ValueError):
    """A rules file that cannot be used; names the file, the line and the key."""


def _as_run(passes: Sequence[PassName]) -> Sequence[PassName]:
    """Refuse what would not be run as it is written."""
    order = get_args(PassName)
    if tuple(name for name in order if name in passes) != tuple(passes):
        raise ValueError(f"write each pass once, in this order: {', '.join(order)}")
    return passes


def _currency(code: str) -> str:
    try:
        minor_exponent(code)
    except MoneyError as error:
        raise ValueError(str(error)) from None
    return code


def _exact(value: object) -> object:
    """YAML reads 2.9 as a float, whose decimals are not those that were written: quote it."""
    if isinstance(value, float):
        told = f"write it in quotes, '{value}', so that it is exact"
        raise ValueError(told)  # noqa: TRY004 - the kind that pydantic tells with its key
    return Decimal(value) if isinstance(value, int | str) else value


Days = Annotated[int, Field(ge=0, le=366)]
Minor = Annotated[int, Field(ge=0, le=10**15)]
Currency = Annotated[str, AfterValidator(_currency)]
Exact = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, lt=10**9, decimal_places=9)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Calendar(_Strict):
    """Days on which nothing is expected."""

    days_off: tuple[DayName, ...] = Field(strict=False)
    holidays: tuple[date, ...] = Field(strict=False)

    @model_validator(mode="after")
    def _some_day_is_left(self) -> Self:
        if len(set(self.days_off)) == len(get_args(DayName)):
            raise ValueError("days_off: every day of the week is off, so no grace ever ends")
        return self


class Fitting(_Strict):
    """An item of a list that may hold for one method, one currency, or from a day on alone."""

    method: Annotated[str, Field(min_length=1)] | None = None
    currency: Currency | None = None
    since: date | None = None

    def overrules(self, earlier: "Fitting") -> bool:
        """Whether this item, which stands later, fits wherever the earlier one does."""
        return (
            self.method in (None, earlier.method)
            and self.currency in (None, earlier.currency)
            and (self.since is None or (earlier.since is not None and self.since <= earlier.since))
        )


class Grace(Fitting):
    """Business days that an entry of each side may wait for its counterpart."""

    internal: Days
    provider: Days


class Tolerance(Fitting):
    """Difference up to which linked amounts are equal."""

    tolerance_minor: Minor


class Fee(Fitting):
    """A contracted fee: percent of the amount, plus `fixed_minor`, within `tolerance_minor`."""

    percent: Annotated[Exact, Field(le=_MOST_PERCENT, decimal_places=4)] = Decimal(0)
    fixed_minor: Minor = 0
    tolerance_minor: Minor = 0


class Rate(_Strict):
    """Bounds of an exchange: major units of `target` for one of `source`."""

    source: Currency = Field(alias="from")
    target: Currency = Field(alias="to")
    low: Exact
    high: Exact
    since: date | None = None

    def overrules(self, earlier: "Rate") -> bool:
        """Whether this item, which stands later, fits wherever the earlier one does."""
        same = (self.source, self.target) == (earlier.source, earlier.target)
        late = earlier.since is not None and self.since is not None and self.since <= earlier.since
        return same and (self.since is None or late)

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.source == self.target:
            raise ValueError(f"from and to are both {self.source}: name two currencies")
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}: no rate is within")
        return self


class Near(_Strict):
    """What entries without a common reference may differ by, and whether they are then linked."""

    amount_minor: Minor
    days: Days
    accept: bool


class SubsetSum(_Strict):
    """How far the search for lines that make up a sum may go."""

    lines: Annotated[int, Field(ge=2, le=64)]
    sums: Annotated[int, Field(ge=1, le=10_000_000)]


class BankDays(_Strict):
    """Business days around the arrival of a payout.

    Attributes:
        window: within which a credit of its amount may be it, where none names it.
        grace: after which it must be in the bank, and a credit must have its payout.
    """

    window: Days
    grace: Days

    @model_validator(mode="after")
    def _looked_for_long_enough(self) -> Self:
        if self.window < self.grace:
            raise ValueError(
                f"window {self.window} is below grace {self.grace}: a credit that comes in time "
                "would not be found by its amount"
            )
        return self


class ProviderRules(_Strict):
    """Everything that a run over a provider's account can be told. See `default_rules.yaml`."""

    passes: Annotated[
        tuple[PassName, ...], Field(min_length=1, strict=False), AfterValidator(_as_run)
    ]
    grace: tuple[Grace, ...] = Field(min_length=1, strict=False)
    amounts: tuple[Tolerance, ...] = Field(min_length=1, strict=False)
    fees: tuple[Fee, ...] = Field(strict=False)
    rates: tuple[Rate, ...] = Field(strict=False)
    tolerance: Near
    subset_sum: SubsetSum
    unpaid_days: Days
    stuck_days: Days
    settlement_days: Days | None
    bank_days: BankDays
    changes: tuple["Change", ...] = Field(default=(), strict=False)

    def on(self, day: date) -> "ProviderRules":
        """Return what holds on a day."""
        held = [change.rules for change in self.changes if change.since <= day]
        return held[-1] if held else self

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        for name in ("grace", "amounts"):
            first = getattr(self, name)[0]
            if first.method or first.currency or first.since:
                raise ValueError(f"{name}: the first item must fit all: no method, currency, since")
        days = [change.since for change in self.changes]
        if sorted(set(days)) != days:
            raise ValueError("changes: write them in the order of their days, one a day")
        for name in ("grace", "amounts", "fees", "rates"):
            _refuse_shadowed(name, getattr(self, name))
        near = self.tolerance.amount_minor if "tolerance" in self.passes else 0
        for place, one in enumerate(self.amounts, start=1):
            if near > one.tolerance_minor:
                raise ValueError(
                    f"tolerance: amounts {near} apart would be linked, and be a break at once, "
                    f"since item {place} of `amounts` lets {one.tolerance_minor} pass"
                )
        return self


class Change(_Strict):
    """From a day on: everything that holds, what the change names and what it leaves."""

    since: date
    rules: ProviderRules


class Rules(_Strict):
    """A rules file: the calendar, and what holds for each provider."""

    version: Literal[1]
    calendar: Calendar
    providers: Mapping[str, ProviderRules]

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, values: Any) -> Any:
        """Every provider's section with what it leaves to `default`."""
        sections = values.get("providers") if isinstance(values, dict) else None
        if not isinstance(sections, dict):
            return values
        default = sections.get(DEFAULT)
        if not isinstance(default, dict):
            told = "providers: name the rules of 'default', for providers not listed"
            raise ValueError(told)  # noqa: TRY004 - it is told as a mistake in the file
        whole = {
            name: _dated(default, section) if isinstance(section, dict) else section
            for name, section in sections.items()
        }
        return {**values, "providers": whole}

    def of(self, provider: str, day: date) -> ProviderRules:
        """Return what holds for a provider on a day, `default` when it is not named."""
        return self.providers.get(provider, self.providers[DEFAULT]).on(day)

    @property
    def rules_hash(self) -> str:
        """SHA-256 over the values, so that comments and order of keys do not change it."""
        values = self.model_dump(mode="json", by_alias=True)
        for section in values["providers"].values():
            if not section["changes"]:
                del section["changes"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def load_rules(path: Path | None = None) -> Rules:
    """Read and validate a rules file, the bundled one without a path.

    Raises:
        RulesError: naming file, line and key.
    """
    if path is None:
        bundled = resources.files("order_ops.reconciliation") / "default_rules.yaml"
        return parse_rules(bundled.read_text(encoding="utf-8"), "default_rules.yaml")
    try:
        return read_yaml(path, Rules)
    except YamlError as error:
        raise RulesError(str(error)) from error


def parse_rules(text: str, name: str) -> Rules:
    """Validate the text of a rules file; `name` is what errors call it.

    Raises:
        RulesError: naming file, line and key.
    """
    try:
        return parse_yaml(text, name, Rules)
    except YamlError as error:
        raise RulesError(str(error)) from error


def _dated(default: Mapping[str, Any], section: Mapping[str, Any]) -> Mapping[str, Any]:
    """A section over the default one; its changes say everything that holds from their day on.

    What a section says itself holds whatever changes in the default one.
    """
    whole = {**default, **section}
    changes = whole.get("changes")
    if not isinstance(changes, list) or not all(isinstance(one, dict) for one in changes):
        return whole
    own = set() if section is default or "changes" in section else section.keys()
    made: list[Mapping[str, Any]] = []
    now = {name: value for name, value in whole.items() if name != "changes"}
    for change in changes:
        now = now | {name: one for name, one in change.items() if name not in {"since", *own}}
        made.append({**({"since": change["since"]} if "since" in change else {}), "rules": now})
    return {**whole, "changes": made}


def _refuse_shadowed(name: str, items: Sequence[Any]) -> None:
    """An item that a later, wider one overrules is never used: its writer believes otherwise."""
    for place, one in enumerate(items, start=1):
        for later, other in enumerate(items[place:], start=place + 1):
            if other.overrules(one):
                raise ValueError(
                    f"{name}: item {place} is never used, item {later} overrules it; "
                    "put the more special one last, or remove one"
                )
