"""The channels of the settings, and their secrets."""

from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from order_ops.alerting.apprise_channel import AppriseChannel
from order_ops.alerting.channels import Channel
from order_ops.alerting.notices import Links
from order_ops.alerting.slack_channel import SlackChannel
from order_ops.alerting.webhook_channel import WebhookChannel
from order_ops.settings import Settings

_SLACK = "https://slack.com/api/"


def channels(settings: Settings) -> list[Channel]:
    """Every channel that is configured; a bot's token goes before a webhook."""
    links = Links(settings.ui_url, settings.runbook_url)
    # a call has ended before the lease under which it was made has passed
    timeout = max(1, int(min(settings.alert_timeout_s, settings.lease_s / 3)))
    found: list[Channel] = []
    # the SDK's own retries send again what may have arrived: ours look first
    if settings.slack_token is not None and settings.slack_channel is not None:
        token = settings.slack_token.get_secret_value()
        base = settings.slack_api_base or _SLACK
        client = WebClient(token, base_url=base, timeout=timeout, retry_handlers=[])
        found.append(SlackChannel(client, settings.slack_channel, links))
    elif settings.slack_webhook_url is not None:
        url = settings.slack_webhook_url.get_secret_value()
        found.append(WebhookChannel(WebhookClient(url, timeout, retry_handlers=[]), links))
    for address in settings.apprise_urls:
        severities = tuple(settings.apprise_severities)
        found.append(AppriseChannel(address.get_secret_value(), severities, links))
    return found


def secrets(settings: Settings) -> list[str]:
    """What no log line and no error may hold."""
    kept = [settings.slack_token, settings.slack_webhook_url, settings.dead_man_url]
    kept += settings.apprise_urls
    return [secret.get_secret_value() for secret in kept if secret is not None]
