"""What Slack's answers mean: whether it was told, whether it passes, and what to do.

Codes: docs.slack.dev, reference/methods/chat.postMessage, errors.
"""

from http.client import HTTPException
from urllib.error import URLError

from slack_sdk.errors import SlackApiError

from order_ops.alerting.channels import DeliveryError

_NEW_BOT = "ORDER_OPS_SLACK_TOKEN: make a new bot token and set it"
_CHANNEL = "ORDER_OPS_SLACK_CHANNEL: set the id of a channel that the bot is in (/invite it)"
_SCOPES = "give the bot the scopes chat:write and channels:history (groups:history if private)"
REMEDIES = {
    "invalid_auth": _NEW_BOT,
    "not_authed": _NEW_BOT,
    "account_inactive": _NEW_BOT,
    "token_revoked": _NEW_BOT,
    "token_expired": _NEW_BOT,
    "not_allowed_token_type": _NEW_BOT,
    "channel_not_found": _CHANNEL,
    "not_in_channel": _CHANNEL,
    "is_archived": _CHANNEL,
    "missing_scope": _SCOPES,
    "no_permission": _SCOPES,
    "restricted_action": "let the bot post in that channel (its posting permissions)",
    "no_service": "ORDER_OPS_SLACK_WEBHOOK_URL: make a new webhook and set it",
    "no_service_id": "ORDER_OPS_SLACK_WEBHOOK_URL: make a new webhook and set it",
    "no_team": "ORDER_OPS_SLACK_WEBHOOK_URL: make a new webhook and set it",
    "invalid_token": "ORDER_OPS_SLACK_WEBHOOK_URL: make a new webhook and set it",
}
"""Errors that stay until a person does something, and what."""
BAD_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "invalid_attachments",
                        "msg_blocks_too_long", "msg_too_long"})  # fmt: skip
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""The message cannot be changed any more: somebody deleted it, or it is too old."""
_IN_DOUBT = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
_PAUSE_S = 30.0


def of_answer(code: str, status: int, retry_after: str | None) -> DeliveryError:
    """What an answer that is not ok means."""
    if status == 429 or code in {"ratelimited", "rate_limited"}:
        pause = float(retry_after) if retry_after and retry_after.isdigit() else _PAUSE_S
        return DeliveryError(f"Slack asks to wait {pause:g} s", retry_after_s=pause)
    if (remedy := REMEDIES.get(code)) is not None:
        return DeliveryError(f"Slack refuses with {code}: {remedy}", lasting=True)
    if status >= 500 or code in _IN_DOUBT:
        return DeliveryError(f"Slack answers {status} {code}"[:300], may_be_there=True)
    return DeliveryError(f"Slack refuses the message with {code}"[:300], whole_channel=False)


def of_api(error: SlackApiError) -> DeliveryError:
    """What an error of the Web API means."""
    answer = error.response
    headers = {name.lower(): value for name, value in (answer.headers or {}).items()}
    retry_after = headers.get("retry-after")
    return of_answer(code_of(error), answer.status_code, retry_after)


def code_of(error: SlackApiError) -> str:
    """Slack's word for the error."""
    found = error.response.get("error") if isinstance(error.response.data, dict) else None
    return str(found or "no answer that can be read").splitlines()[0]


def of_transport(error: OSError | HTTPException) -> DeliveryError:
    """What a connection that failed means: only one that was never made has told nothing."""
    cause = error.reason if isinstance(error, URLError) else error
    told = f"Slack cannot be reached: {type(cause).__name__}: {cause}"
    never_sent = isinstance(cause, ConnectionRefusedError) or "gaierror" in type(cause).__name__
    return DeliveryError(told, may_be_there=not never_sent)
