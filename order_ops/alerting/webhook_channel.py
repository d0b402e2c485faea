"""Slack by an incoming webhook: what was posted cannot be changed, nor looked for.

A resolved alert is a second, short message.
"""

from dataclasses import dataclass, field
from http.client import HTTPException

from slack_sdk.webhook import WebhookClient

from order_ops.alerting import plain_text, slack_message
from order_ops.alerting.channels import Receipt
from order_ops.alerting.notices import Links, Notice, state
from order_ops.alerting.slack_errors import of_answer, of_transport
from order_ops.domain.alert_kinds import SEVERITIES, Severity


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """The channel that a webhook posts to."""

    client: WebhookClient = field(repr=False)
    links: Links = field(default_factory=Links)
    name: str = "slack_webhook"
    severities: tuple[Severity, ...] = SEVERITIES
    updates: bool = False
    rings: bool = False

    def tell(self, notice: Notice, ref: str | None) -> Receipt:  # noqa: ARG002 - there is none
        """Post.

        Raises:
            DeliveryError: it was not told, or may not have been.
        """
        message = slack_message.build(notice, self.links)
        if notice.subject.resolved_at is not None:
            one = notice.subject
            ended = f"{plain_text.title(notice)}. {state(one)} Alert {one.name}"
            text = slack_message.cut(slack_message.escaped(ended), slack_message.TEXT)
            message = slack_message.Message(text, [], [])
        try:
            answer = self.client.send_dict(message.as_arguments())
        except (OSError, HTTPException) as error:
            raise of_transport(error) from None
        if answer.status_code != 200:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            code = (answer.body or "").strip().partition("\n")[0]
            raise of_answer(code, answer.status_code, headers.get("retry-after"))
        return Receipt()

    def find(self, notice: Notice, ref: str | None) -> Receipt | None:  # noqa: ARG002
        """Nobody knows."""
        return None
