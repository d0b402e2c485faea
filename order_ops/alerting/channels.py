"""What a channel is, and what can go wrong at one.

Channels are told what to send and say what became of it; they remember nothing. An error says
whether the message may have arrived, whether it is the channel or the message that was refused,
and what to do; it never holds a token or an address with one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from order_ops.alerting.notices import Notice
from order_ops.domain.alert_kinds import Severity


class DeliveryError(Exception):
    """A channel was not told, or may not have been.

    Attributes:
        may_be_there: the message may have arrived, though nobody said so.
        whole_channel: others would fail too: it is the channel, not this message.
        lasting: it will not pass by itself.
        retry_after_s: the channel is asked for nothing before that many seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        may_be_there: bool = False,
        whole_channel: bool = True,
        lasting: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.may_be_there = may_be_there
        self.whole_channel = whole_channel
        self.lasting = lasting
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a channel was told: where the message is, and what a person may have to know."""

    ref: str | None = None
    note: str | None = None


class Channel(Protocol):
    """Somewhere that alerts are told."""

    @property
    def name(self) -> str:
        """What it is called in the database, always the same; no secret."""

    @property
    def severities(self) -> tuple[Severity, ...]:
        """Of which severities it is told."""

    @property
    def updates(self) -> bool:
        """Whether what was told can be brought up to date."""

    @property
    def rings(self) -> bool:
        """Whether it rings again when nobody acknowledges."""

    def tell(self, notice: Notice, ref: str | None) -> Receipt:
        """Tell; `ref` is the first message about the subject, if there is one.

        Raises:
            DeliveryError: it was not told, or may not have been.
        """

    def find(self, notice: Notice, ref: str | None) -> Receipt | None:
        """A notice whose outcome is unknown, if it has arrived; None: it has not, or none knows.

        Raises:
            DeliveryError: the channel cannot be asked now.
        """


def redacted(text: str, secrets: Iterable[str]) -> str:
    """A text without any secret, as it may be logged and kept."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
