"""A provider account of the shop: its accounting day, and which acts are enabled."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from order_ops.domain.payloads import Currency
from order_ops.domain.repairs import ActKind
from order_ops.mapping.parts import AccountName, Strict, TimeOfDay, TimeZone

Mode = Literal["off", "propose", "automatic"]
MODES: tuple[Mode, ...] = get_args(Mode)
"""The most cautious first."""


class ApproveAbove(Strict):
    """Automatic up to an amount, by currency; what is above, or in another one, is proposed.

    Attributes:
        approve_above: minor units.
    """

    approve_above: dict[Currency, Annotated[int, Field(ge=0)]] = Field(min_length=1)


def _known(mode: object) -> object:
    """Of a union pydantic would tell what is wrong with each of its parts."""
    if isinstance(mode, str) and mode not in MODES:
        modes = ", ".join(MODES)
        told = f"Input should be one of {modes}, or approve_above with minor units by currency"
        raise PydanticCustomError("act_mode", told)
    return mode


ActMode = Annotated[Mode | ApproveAbove, BeforeValidator(_known)]


class Expected(Strict):
    """Which files there have to be.

    Attributes:
        every: day that has one, business days being those of the rules' calendar; none: only
            numbers left out and balances that do not meet are looked for.
        by: local time at which it is there, on the day after the one that it is of.
        grace_days: business days that it may come later.
        since: the first day that has one; none: the account's first day.
    """

    every: Literal["day", "business_day"] | None = None
    by: TimeOfDay = time(0)
    grace_days: int = Field(default=0, ge=0, le=31)
    since: date | None = None


class AccountFiles(Strict):
    """What the files of an account are; formats and options are in docs/provider-files.md.

    Attributes:
        format: such as `paypal_trr`, or `mapped` with the option `mapping`.
        options: what the files leave open.
        expected: which there have to be; none: any number will do.
        watch: folder or fsspec address, with wildcards or without, whose files are taken in.
        covers: how a file's name tells the day that it is of, or the first and the last: a regular
            expression with the groups `day`, or `first` and `last`, each 2026-03-31 or 20260331.
    """

    format: str
    options: dict[str, str] = Field(default_factory=dict)
    expected: Expected | None = None
    watch: str | None = Field(default=None, min_length=1)
    covers: str | None = None

    @field_validator("covers")
    @classmethod
    def _has_days(cls, pattern: str | None) -> str | None:
        if pattern is None:
            return None
        try:
            groups = set(re.compile(pattern).groupindex)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        if groups not in ({"day"}, {"first", "last"}):
            raise ValueError("name its groups day, or first and last, as in (?P<day>[0-9-]{10})")
        return pattern

    def days_of(self, name: str) -> tuple[date, ...] | None:
        """The days that a file's name tells; None: it is not like that."""
        found = re.search(self.covers or "", name)
        told = found.groupdict() if found else {}
        try:
            first, last = (
                date.fromisoformat(told.get(group) or told["day"]) for group in ("first", "last")
            )
        except (KeyError, TypeError, ValueError):
            return None
        if last < first:
            return None
        return tuple(first + timedelta(days=n) for n in range((last - first).days + 1))


class AccountBank(Strict):
    """Where the provider pays out to, and how the statements of that bank are read.

    Attributes:
        account: IBAN or number, as the statements have it.
        format: camt053, mt940, or `mapped` with the option `mapping`.
        options: what the files leave open.
        known_parties: names or ids, each the beginning of a word, that the provider's credits
            and debits are recognised by; none: the provider's own name.
        expected: which statements there have to be; none: any number will do.
        watch: as of `AccountFiles`.
    """

    account: Annotated[str, AfterValidator(lambda number: number.replace(" ", ""))]
    format: str
    options: dict[str, str] = Field(default_factory=dict)
    known_parties: list[str] | None = Field(default=None, min_length=1)
    expected: Expected | None = None
    watch: str | None = Field(default=None, min_length=1)


class Account(Strict):
    """A provider account and its accounting day.

    Attributes:
        provider: names its section in the rules; there is an API client for `stripe` alone.
        files: what its files are; none: those that are called like the provider.
        bank: where it pays out to; none: payouts are not looked for in a bank.
        api: what is fetched of each day from the provider's API, `stripe` alone; none: nothing.
        expire_unasked_after_hours: its provider has no API client here: how long after its expiry
            an order without any sign of a payment expires; none: it is held, and told.
        order_reference: the column of its files with our own order reference; none: the one that
            files of the provider have by themselves.
    """

    name: AccountName
    provider: str = Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")
    files: AccountFiles | None = None
    bank: AccountBank | None = None
    tenant: str = Field(min_length=1, max_length=64)
    time_zone: TimeZone
    cut_off: TimeOfDay = time(0)
    first_day: date
    api: Literal["balance_transactions"] | None = None
    order_reference: str | None = None
    expire_unasked_after_hours: float | None = Field(default=None, ge=0)
    acts: dict[ActKind, ActMode] = Field(default_factory=dict)

    @field_validator("api")
    @classmethod
    def _has_api(cls, api: str | None, info: ValidationInfo) -> str | None:
        if api is not None and info.data.get("provider") != "stripe":
            raise ValueError("only the API of stripe is known: leave it out")
        return api

    @property
    def file_format(self) -> str:
        """How its files are read."""
        return self.files.format if self.files else self.provider

    @property
    def file_options(self) -> dict[str, str]:
        """What its files leave open."""
        own = {"order_ref_column": self.order_reference} if self.order_reference else {}
        return own | (self.files.options if self.files else {})

    @property
    def expects(self) -> bool:
        """Whether there are files that have to be there."""
        return any(one is not None and one.expected for one in (self.files, self.bank))

    def act_mode(self, kind: ActKind, amount_minor: int, currency: str) -> Mode:
        """Whether an act about so much moves anything: a proposal, unless enabled."""
        mode = self.acts.get(kind, "propose")
        if not isinstance(mode, ApproveAbove):
            return mode
        limit = mode.approve_above.get(currency)
        return "propose" if limit is None or amount_minor > limit else "automatic"

    def accounting_day(self, moment: datetime) -> date:
        """The accounting day of a moment (aware): it starts at `cut_off`, local time."""
        day = moment.astimezone(ZoneInfo(self.time_zone)).date()
        start, end = self.day_bounds(day)
        # not by the clock on the wall: it may jump over the cut-off, or strike it twice
        return day + timedelta(days=(moment >= end) - (moment < start))

    def day_bounds(self, day: date) -> tuple[datetime, datetime]:
        """The accounting day as a half-open interval of UTC moments."""
        zone = ZoneInfo(self.time_zone)
        start, end = (
            datetime.combine(moment, self.cut_off, zone).astimezone(UTC)
            for moment in (day, day + timedelta(days=1))
        )
        return start, end

    def last_closed_day(self, now: datetime) -> date:
        """The latest accounting day that has ended by `now` (aware)."""
        return self.accounting_day(now) - timedelta(days=1)
