"""Every environment variable of order_ops, named once.

A process calls `get_settings()` when it starts: a missing or wrong variable
stops it there with a `SettingsError` that names the variable and says what to
do. What a shop *is* (exchange, accounts, time zones) is not a setting but part
of the mapping file, see `order_ops.mapping`.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as NotJsonError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from order_ops.domain.alert_kinds import Severity
from order_ops.domain.failures import MendableError

S = TypeVar("S")
PREFIX = "ORDER_OPS_"
DAGSTER_POSTGRES_URL = "DAGSTER_POSTGRES_URL"
"""Read by dagster.yaml alone; must name the driver: postgresql+psycopg2://..."""
METRICS_PORT = f"{PREFIX}METRICS_PORT"
CODE_SERVER_PORT = "ORDER_OPS_CODE_SERVER_PORT"
"""Read by workspace.yaml alone."""


class SettingsError(MendableError):
    """A setting is missing or wrong; the message names the variable."""


def _database_url(value: str) -> str:
    try:
        url = make_url(value)
    except ArgumentError as error:
        raise ValueError("is not a database URL: postgresql+psycopg://user@host/name") from error
    if url.drivername not in ("postgresql", "postgresql+psycopg"):
        raise ValueError(f"must be postgresql+psycopg://..., not {url.drivername}://...")
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _amqp_url(value: str) -> str:
    if not value.startswith(("amqp://", "amqps://")):
        raise ValueError("must be amqp://user:password@host:port/vhost")
    return value


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must be http://user:password@host:port of RabbitMQ's management API")
    return value


def _web_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must be http://... or https://...")
    return value


def _secret_web_url(value: SecretStr) -> SecretStr:
    _web_url(value.get_secret_value())
    return value


def _channel_id(value: str) -> str:
    if not re.fullmatch(r"[CGD][A-Z0-9]{2,}", value):
        raise ValueError(
            "must be the id of a channel, such as C0123456789: it is at the end of the channel's "
            "details; a name cannot be asked for its history"
        )
    return value


WebUrl = Annotated[str, AfterValidator(_web_url)]
SecretUrl = Annotated[SecretStr, AfterValidator(_secret_web_url)]


class OfflineSettings(BaseSettings):
    """What reading a file needs, of which nothing is stored."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    mapping: Path | None = Field(default=None, description="mapping YAML; none: the bundled one")
    file_limit_mb: int = Field(
        default=1_024, ge=1, description="of a file that is copied from an address"
    )


class Settings(OfflineSettings):
    """Settings of every order_ops process (prefix ORDER_OPS_)."""

    database_url: Annotated[str, AfterValidator(_database_url)]
    amqp_url: Annotated[str, AfterValidator(_amqp_url)] | None = None
    broker_api_url: Annotated[str, AfterValidator(_http_url)] | None = None
    rules: Path | None = Field(default=None, description="matching rules YAML; none: bundled")
    roles: Path | None = Field(
        default=None, description="who may decide about breaks, YAML; none: nobody"
    )
    home: Path = Field(default=Path(".order_ops"), description="reports, exports, embedded data")

    parquet_root: str | None = Field(
        default=None, description="folder or s3://... of the Parquet tables; none: HOME/tables"
    )

    consumer_batch: int = Field(default=500, ge=1, le=10_000)
    consumer_wait_ms: int = Field(default=50, ge=1, le=10_000)
    consumer_prefetch: int = Field(default=2_000, ge=1, le=65_535)
    message_limit_bytes: int = Field(default=100_000, ge=1_000, le=10_000_000)

    apply_lanes: int = Field(default=500, ge=1, le=10_000, description="lanes per transaction")
    lease_s: float = Field(default=45.0, gt=0, le=3600, description="claims and leases, unrenewed")
    event_attempts: int = Field(default=5, ge=1, le=100)
    early_event_wait_s: int = Field(default=24 * 3600, ge=1)

    gap_grace_s: float = Field(
        default=600.0, ge=0, description="how long messages may overtake each other"
    )
    metrics_address: str = Field(default="127.0.0.1", description="0.0.0.0 in a container")
    metrics_port: int = Field(default=9469, ge=1, le=65_535, description="of order-ops watch")

    expiry_grace_s: int = Field(default=60, ge=0)
    engine: Literal["polars", "pandas", "duckdb", "pyspark"] = Field(
        default="polars",
        description="that reconciles: duckdb keeps its steps on disk, pyspark on a cluster",
    )
    run_memory_mb: int = Field(default=2_048, ge=256, description="of a run's own process")
    database_pool: int = Field(default=5, ge=1, le=50)
    statement_timeout_s: int = Field(default=120, ge=1)

    provider_keys: dict[str, SecretStr] = Field(
        default_factory=dict, description='API key by account: {"shop-cards": "sk_..."}'
    )
    provider_api_base: str | None = Field(default=None, description="for a stand-in server")
    provider_calls_at_once: int = Field(
        default=8, ge=1, le=64, description="orders asked about side by side in a run"
    )
    provider_timeout_s: float = Field(default=10.0, gt=0, le=120)

    slack_token: SecretStr | None = Field(
        default=None, description="of a bot: chat:write, channels:history"
    )
    slack_channel: Annotated[str, AfterValidator(_channel_id)] | None = None
    slack_webhook_url: SecretUrl | None = Field(default=None, description="without a token")
    slack_api_base: WebUrl | None = Field(default=None, description="for a stand-in server")
    apprise_urls: list[SecretStr] = Field(
        default_factory=list, description='pagers and mail: ["mailtos://..."]'
    )
    apprise_severities: list[Severity] = Field(
        default=["critical"], description="what pagers and mail are told"
    )
    alert_timeout_s: float = Field(default=10.0, ge=1, le=60, description="of a call to a channel")
    escalate_after_s: float = Field(
        default=900.0, gt=0, description="unacknowledged, until pagers are rung again"
    )
    ui_url: WebUrl | None = Field(default=None, description="Dagster's UI, for links to runs")
    runbook_url: WebUrl | None = Field(
        default=None, description="where the repository's files are read, for links to runbooks"
    )
    dead_man_url: SecretUrl | None = Field(
        default=None, description="called by order-ops watch every minute while all is well"
    )

    @model_validator(mode="after")
    def _token_and_channel(self) -> Self:
        if (self.slack_token is None) != (self.slack_channel is None):
            raise ValueError(
                f"{PREFIX}SLACK_TOKEN, {PREFIX}SLACK_CHANNEL: set both, or none of them"
            )
        return self


@cache
def get_settings() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: naming each missing or wrong variable.
    """
    return _made(Settings)


def get_offline_settings() -> OfflineSettings:
    """Those of a command that asks no server.

    Raises:
        SettingsError: naming each wrong variable.
    """
    return _made(OfflineSettings)


def _made(kind: Callable[[], S]) -> S:
    try:
        return kind()
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    except NotJsonError as error:  # its cause holds the value: keys
        raise SettingsError(_not_json(str(error))) from None


_JSON = {
    "provider_keys": '{"account": "key"}',
    "apprise_urls": '["mailtos://..."]',
    "apprise_severities": '["critical"]',
}


def _not_json(error: str) -> str:
    """Which variable it is, without a word of its value."""
    name = next((name for name in _JSON if f'"{name}"' in error), "provider_keys")
    return f"{PREFIX}{name.upper()}: is not JSON: {_JSON[name]}"


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        name = PREFIX + str(problem["loc"][0]).upper() if problem["loc"] else ""
        what = "is not set" if problem["type"] == "missing" else problem["msg"]
        told = what.removeprefix("Value error, ")
        lines.append(f"{name}: {told}" if name else told)
    hint = "`order-ops up` sets them for embedded services; see README, Settings."
    return "\n".join([*lines, hint])
