"""Every environment variable of order_ops, named once.

A process calls `get_settings()` when it starts: a missing or wrong variable
stops it there with a `SettingsError` that names the variable and says what to
do. What a shop *is* (exchange, accounts, time zones) is not a setting but part
of the mapping file, see `order_ops.mapping`.
"""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as NotJsonError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from order_ops.domain.failures import MendableError

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


class Settings(BaseSettings):
    """Settings of every order_ops process (prefix ORDER_OPS_)."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    database_url: Annotated[str, AfterValidator(_database_url)]
    amqp_url: Annotated[str, AfterValidator(_amqp_url)] | None = None
    broker_api_url: Annotated[str, AfterValidator(_http_url)] | None = None
    mapping: Path | None = Field(default=None, description="mapping YAML; none: the bundled one")
    rules: Path | None = Field(default=None, description="matching rules YAML; none: bundled")
    home: Path = Field(default=Path(".order_ops"), description="reports, exports, embedded data")

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
    database_pool: int = Field(default=5, ge=1, le=50)
    statement_timeout_s: int = Field(default=120, ge=1)

    provider_keys: dict[str, SecretStr] = Field(
        default_factory=dict, description='API key by account: {"shop-cards": "sk_..."}'
    )
    provider_api_base: str | None = Field(default=None, description="for a stand-in server")
    provider_timeout_s: float = Field(default=10.0, gt=0, le=120)


@cache
def get_settings() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: naming each missing or wrong variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    except NotJsonError:  # its text and its cause hold the value: keys
        raise SettingsError(f'{PREFIX}PROVIDER_KEYS: is not JSON: {{"account": "key"}}') from None


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        name = PREFIX + str(problem["loc"][0]).upper()
        what = "is not set" if problem["type"] == "missing" else problem["msg"]
        lines.append(f"{name}: {what.removeprefix('Value error, ')}")
    hint = "`order-ops up` sets them for embedded services; see README, Settings."
    return "\n".join([*lines, hint])
