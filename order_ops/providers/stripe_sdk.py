"""Stripe's SDK, connected as order_ops does it, and its errors as one type with their kind.

What is asked belongs in `client` (payments) and `stripe_fetch` (balance transactions).
"""

from typing import TYPE_CHECKING

from order_ops.domain.failures import ClassifiedError, FailureKind

if TYPE_CHECKING:
    from requests import Session
    from stripe import StripeError
    from stripe._v1_services import V1Services


CONNECTIONS = 64
"""So many are kept open at most."""


class ProviderError(ClassifiedError):
    """The provider could not be asked, or refused; `request_id` is for its support."""

    def __init__(self, message: str, kind: FailureKind, request_id: str | None = None) -> None:
        super().__init__(message, kind)
        self.request_id = request_id


def connected(
    api_key: str, api_base: str | None, connect_timeout_s: float, read_timeout_s: float
) -> "tuple[Session, V1Services]":
    """The SDK's connections, to be closed, and its API; any number of threads may use them.

    All share one session, whose connections are pooled: the SDK would make one for each thread,
    and nobody could close those of a thread that has ended.

    Args:
        api_base: of a stand-in server; none: Stripe itself.
    """
    import requests  # noqa: PLC0415 - half a second, paid only by those who ask
    import stripe  # noqa: PLC0415
    from requests.adapters import HTTPAdapter  # noqa: PLC0415

    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
    timeouts = (connect_timeout_s, read_timeout_s)
    http = stripe.RequestsClient(timeout=timeouts, session=session)
    client = stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base} if api_base else None,
        http_client=http,
        max_network_retries=0,  # the policy is ours: domain.failures
    )
    return session, client.v1


def error_type() -> "type[StripeError]":
    """What the SDK raises."""
    import stripe  # noqa: PLC0415

    return stripe.StripeError


def code_of(error: "StripeError") -> str | None:
    """Stripe's word for what went wrong, if it said one."""
    return error.error.code if error.error else None


def classified(error: "StripeError") -> ProviderError:
    """What the SDK raised, in Stripe's words and with its kind."""
    message = error.user_message or type(error).__name__
    return ProviderError(f"stripe: {message}", _kind(error), error.request_id)


def _kind(error: "StripeError") -> FailureKind:
    """Whether trying again can help: by what Stripe answered, if it did."""
    import stripe  # noqa: PLC0415 - loaded already, by who raised it

    status = error.http_status or 0
    if isinstance(error, stripe.APIConnectionError):
        return FailureKind.TRANSIENT if error.should_retry else FailureKind.UNKNOWN
    if isinstance(error, stripe.RateLimitError) or status == 429:
        return FailureKind.THROTTLED
    if code_of(error) == "payment_intent_unexpected_state":
        return FailureKind.CONFLICT
    if status == 409 or status >= 500:  # 409: a call with the same key is under way
        return FailureKind.TRANSIENT
    return FailureKind.PERMANENT if 400 <= status < 500 else FailureKind.UNKNOWN
