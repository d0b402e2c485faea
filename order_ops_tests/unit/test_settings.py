"""A missing or wrong variable stops a process with its name, never with a secret."""

from pathlib import Path

import pytest

from order_ops.settings import SettingsError, get_settings

URL = "postgresql://app:s3cret@db/orders"


@pytest.fixture
def _database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", URL)


def refused() -> str:
    with pytest.raises(SettingsError) as error:
        get_settings()
    return str(error.value)


def test_a_missing_variable_is_named_with_what_to_do() -> None:
    assert refused() == (
        "ORDER_OPS_DATABASE_URL: is not set\n"
        "`order-ops up` sets them for embedded services; see README, Settings."
    )


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_OPS_AMQP_URL", "http://broker")
    monkeypatch.setenv("ORDER_OPS_CONSUMER_BATCH", "many")
    told = refused()
    assert "ORDER_OPS_DATABASE_URL: is not set" in told
    assert "ORDER_OPS_AMQP_URL: must be amqp://user:password@host:port/vhost" in told
    assert "ORDER_OPS_CONSUMER_BATCH: Input should be a valid integer" in told


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("orders", "is not a database URL: postgresql+psycopg://user@host/name"),
        ("", "is not a database URL"),
        ("mysql://app:s3cret@db/orders", "must be postgresql+psycopg://..., not mysql://..."),
        ("postgresql+psycopg2://app:s3cret@db/orders", "must be postgresql+psycopg://..."),
        ("postgresql://app:s3cret@db:port/orders", ""),
    ],
)
def test_a_wrong_database_url_is_explained_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", url)
    told = refused()
    assert told.startswith("ORDER_OPS_DATABASE_URL: ")
    assert words in told
    assert "s3cret" not in told


@pytest.mark.parametrize("url", [URL, "postgresql+psycopg://app:s3cret@db/orders"])
def test_a_database_url_gets_our_driver_and_keeps_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", url)
    assert get_settings().database_url == "postgresql+psycopg://app:s3cret@db/orders"


@pytest.mark.usefixtures("_database")
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CONSUMER_BATCH", "0"),
        ("CONSUMER_BATCH", "10001"),
        ("CONSUMER_PREFETCH", "65536"),
        ("MESSAGE_LIMIT_BYTES", "999"),
        ("EVENT_ATTEMPTS", "101"),
        ("EXPIRY_GRACE_S", "-1"),
        ("PROVIDER_TIMEOUT_S", "0"),
        ("DATABASE_POOL", "5.5"),
    ],
)
def test_a_number_outside_of_its_limits_is_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(f"ORDER_OPS_{variable}", value)
    assert refused().startswith(f"ORDER_OPS_{variable}: Input should be")


@pytest.mark.usefixtures("_database")
@pytest.mark.parametrize(
    "value", ["sk_live_key", '{"shop-cards": "sk_live_key"', '{"shop-cards": ["sk_live_key"]}']
)
def test_wrong_provider_keys_name_their_variable_and_no_key(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ORDER_OPS_PROVIDER_KEYS", value)
    told = refused()
    assert told.startswith("ORDER_OPS_PROVIDER_KEYS: ")
    assert "sk_live_key" not in told


@pytest.mark.usefixtures("_database")
def test_keys_are_kept_from_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_OPS_PROVIDER_KEYS", '{"shop-cards": "sk_live_key"}')
    settings = get_settings()
    assert settings.provider_keys["shop-cards"].get_secret_value() == "sk_live_key"
    assert "sk_live_key" not in repr(settings)


@pytest.mark.usefixtures("_database")
def test_the_rest_has_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = get_settings()
    assert (settings.amqp_url, settings.mapping, settings.rules) == (None, None, None)
    assert settings.message_limit_bytes == 100_000
    assert settings.home == Path(".order_ops")


def test_a_process_reads_its_settings_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", URL)
    first = get_settings()
    monkeypatch.setenv("ORDER_OPS_DATABASE_URL", "mysql://elsewhere/x")
    assert get_settings() is first


@pytest.mark.usefixtures("_database")
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"SLACK_TOKEN": "canary"}, "ORDER_OPS_SLACK_TOKEN, ORDER_OPS_SLACK_CHANNEL: set both"),
        ({"SLACK_CHANNEL": "#alerts"}, "ORDER_OPS_SLACK_CHANNEL: must be the id of a channel"),
        ({"SLACK_WEBHOOK_URL": "canary"}, "ORDER_OPS_SLACK_WEBHOOK_URL: must be http://"),
        ({"DEAD_MAN_URL": "canary"}, "ORDER_OPS_DEAD_MAN_URL: must be http://"),
        ({"UI_URL": "localhost"}, "ORDER_OPS_UI_URL: must be http://"),
        ({"APPRISE_URLS": "canary"}, 'ORDER_OPS_APPRISE_URLS: is not JSON: ["mailtos'),
        ({"APPRISE_SEVERITIES": "canary"}, "ORDER_OPS_APPRISE_SEVERITIES: is not JSON"),
        ({"APPRISE_SEVERITIES": '["loud"]'}, "ORDER_OPS_APPRISE_SEVERITIES: Input should be"),
        ({"ESCALATE_AFTER_S": "0"}, "ORDER_OPS_ESCALATE_AFTER_S: Input should be"),
    ],
)
def test_a_wrong_setting_of_alerts_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], words: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"ORDER_OPS_{name}", value)
    told = refused()
    assert told.startswith(words)
    assert "canary" not in told
