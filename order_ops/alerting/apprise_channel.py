"""Pagers and mail, by Apprise: one channel per address, so that one that fails repeats no other.

What was told there cannot be changed, nor looked for. Apprise is imported when it is used.
"""

import logging
from dataclasses import dataclass, field
from hashlib import sha256

from order_ops.alerting import plain_text
from order_ops.alerting.channels import DeliveryError, Receipt
from order_ops.alerting.notices import Links, Notice
from order_ops.domain.alert_kinds import Severity


@dataclass(frozen=True, slots=True)
class AppriseChannel:
    """An address of Apprise's kind, such as mailtos://user:password@host?to=x."""

    url: str = field(repr=False)
    severities: tuple[Severity, ...] = ("critical",)
    links: Links = field(default_factory=Links)
    updates: bool = False
    rings: bool = True

    @property
    def name(self) -> str:
        """The same for the same address, whatever its place in the list, and no secret."""
        return f"pager:{sha256(self.url.encode()).hexdigest()[:8]}"

    def tell(self, notice: Notice, ref: str | None) -> Receipt:  # noqa: ARG002 - there is none
        """Ring.

        Raises:
            DeliveryError: it was not told, or may not have been.
        """
        from apprise import Apprise, NotifyType  # noqa: PLC0415 - half a second

        # its own lines name addresses with their keys
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        service = Apprise()
        if not service.add(self.url):
            raise DeliveryError(
                "ORDER_OPS_APPRISE_URLS: an address is not one that Apprise knows: "
                "see github.com/caronc/apprise/wiki",
                lasting=True,
            )
        ended = notice.subject.resolved_at is not None
        told = service.notify(
            title=plain_text.title(notice),
            body=plain_text.body(notice, self.links),
            notify_type=NotifyType.SUCCESS if ended else NotifyType.FAILURE,
        )
        if not told:
            raise DeliveryError(
                "Apprise could not tell: try the address with the command apprise, it says why"
            )
        return Receipt()

    def find(self, notice: Notice, ref: str | None) -> Receipt | None:  # noqa: ARG002
        """Nobody knows."""
        return None
