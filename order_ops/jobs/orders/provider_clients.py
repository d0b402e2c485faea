"""The API client of each provider account, made once, when it is first asked for."""

from functools import cache

from order_ops.domain.failures import ClassifiedError, FailureKind
from order_ops.mapping import Account, Mapping
from order_ops.providers.client import ProviderClient, StripePayments
from order_ops.settings import Settings


class ProviderClients:
    """`clients("shop-cards")` is that account's client.

    Raises:
        ClassifiedError: (permanent) the account has no API key, or its provider no client here.
    """

    def __init__(self, settings: Settings, mapping: Mapping) -> None:
        self._settings = settings
        self._mapping = mapping
        self._made = cache(self._make)

    def __call__(self, account: str) -> ProviderClient:
        """The client of an account of the mapping."""
        return self._made(account)

    def _make(self, account: str) -> ProviderClient:
        return StripePayments(
            api_key(self._settings, self._mapping.account(account)),
            api_base=self._settings.provider_api_base,
            read_timeout_s=self._settings.provider_timeout_s,
        )


def api_key(settings: Settings, account: Account) -> str:
    """The key of an account's API.

    Raises:
        ClassifiedError: (permanent) it has none, or its provider no client here.
    """
    if account.provider != "stripe":
        raise ClassifiedError(
            f"no API client for {account.provider}: account {account.name} is reconciled by its "
            "files alone",
            FailureKind.PERMANENT,
        )
    key = settings.provider_keys.get(account.name)
    if key is None:
        raise ClassifiedError(
            f"no API key for account {account.name}: add it to ORDER_OPS_PROVIDER_KEYS",
            FailureKind.PERMANENT,
        )
    return key.get_secret_value()
