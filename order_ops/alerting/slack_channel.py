"""Slack by a bot's token: one message per alert that is kept up to date.

What rings again is said in the message's thread and broadcast to the channel. Each message
carries who it is as metadata, so that one whose outcome is unknown can be looked for before it
is sent again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPException
from time import monotonic
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from order_ops.alerting import slack_message
from order_ops.alerting.channels import DeliveryError, Receipt
from order_ops.alerting.notices import Links, Notice
from order_ops.alerting.slack_errors import BAD_BLOCKS, GONE, code_of, of_api, of_transport
from order_ops.domain.alert_kinds import SEVERITIES, Severity

EVENT_TYPE = "order_ops_alert"
_SKEW_S = 300
"""How far Slack's clock may be from ours."""
_PAGES = 10


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """A channel by its id, such as C0123456789; a name cannot be asked for its history."""

    client: WebClient
    channel: str
    links: Links = field(default_factory=Links)
    name: str = "slack"
    severities: tuple[Severity, ...] = SEVERITIES
    updates: bool = True
    rings: bool = False

    def tell(self, notice: Notice, ref: str | None) -> Receipt:
        """Post, or bring the first message up to date.

        Raises:
            DeliveryError: it was not told, or may not have been.
        """
        if ref is not None and notice.step in {"refresh", "end"}:
            return self._update(notice, ref)
        return self._post(notice, ref)

    def find(self, notice: Notice, ref: str | None) -> Receipt | None:
        """The message of a notice, if it is in the channel, or in the thread it belongs to.

        Raises:
            DeliveryError: the channel cannot be asked now.
        """
        if ref is not None and notice.step in {"refresh", "end"}:
            return None  # to bring it up to date twice is to do it once
        wanted = identity(notice)
        for message in self._recent(notice.begun_at, ref):
            data = message.get("metadata") or {}
            if data.get("event_type") == EVENT_TYPE and data.get("event_payload") == wanted:
                return Receipt(ref or f"{self.channel}:{message['ts']}")
        return None

    def _post(self, notice: Notice, ref: str | None) -> Receipt:
        thread = {"thread_ts": _ts(ref), "reply_broadcast": True} if ref is not None else {}
        metadata = {"event_type": EVENT_TYPE, "event_payload": identity(notice)}
        answer = self._call(
            self.client.chat_postMessage,
            notice,
            channel=self.channel,
            metadata=metadata,
            unfurl_links=False,
            **thread,
        )
        return Receipt(ref or f"{answer['channel']}:{answer['ts']}")

    def _update(self, notice: Notice, ref: str) -> Receipt:
        try:
            self._call(self.client.chat_update, notice, channel=ref.partition(":")[0], ts=_ts(ref))
        except _Gone as gone:
            return Receipt(ref, f"the message cannot be changed any more: {gone}")
        return Receipt(ref)

    def _call(self, method: Callable[..., Any], notice: Notice, **arguments: Any) -> Any:
        """Blocks that Slack refuses are said in plain words: refused is not told."""
        message = slack_message.build(notice, self.links)
        try:
            return _asked(method, **message.as_arguments(), **arguments)
        except _BadBlocks:
            plain = slack_message.plain_only(notice)
            return _asked(method, **plain.as_arguments(), **arguments)

    def _recent(self, begun_at: datetime | None, ref: str | None) -> Iterator[dict[str, Any]]:
        oldest = None if begun_at is None else f"{begun_at.timestamp() - _SKEW_S:.6f}"
        method: Callable[..., Any] = self.client.conversations_history
        which = {"channel": self.channel}
        if ref is not None:
            method, which = self.client.conversations_replies, {**which, "ts": _ts(ref)}
        cursor: str | None = None
        # a call ends long before the lease under which it is made has passed; so do all of these
        until = monotonic() + self.client.timeout
        for _ in range(_PAGES):
            answer = _asked(
                method,
                **which,
                oldest=oldest,
                cursor=cursor,
                limit=200,
                inclusive=True,
                include_all_metadata=True,
            )
            yield from answer.get("messages", [])
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return
            if monotonic() > until:
                raise DeliveryError("Slack's messages cannot be read through in time")


class _BadBlocks(DeliveryError):
    pass


class _Gone(DeliveryError):
    pass


def identity(notice: Notice) -> dict[str, Any]:
    """Which message this is, among those of every order_ops that tells in the channel."""
    one = notice.subject
    return {
        "alert_id": one.id,
        "dedupe_key": one.dedupe_key[:500],
        "created_at": one.created_at.isoformat(),
        "notice": notice.number,
    }


def _ts(ref: str | None) -> str:
    return (ref or "").partition(":")[2]


def _asked(method: Callable[..., Any], **arguments: Any) -> Any:
    try:
        return method(**arguments)
    except SlackApiError as error:
        kinds = ((BAD_BLOCKS, _BadBlocks), (GONE, _Gone))
        for codes, kind in kinds:
            if code_of(error) in codes:
                raise kind(code_of(error), whole_channel=False) from None
        raise of_api(error) from None
    except (OSError, HTTPException) as error:
        raise of_transport(error) from None
