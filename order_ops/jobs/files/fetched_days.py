"""Days of an account, fetched from its provider's API and taken in as any file is.

A day is fetched once it is over. Fetched again, what is the same is known by its hash, and what is
more is a later file that repeats lines. How pages become a file: `providers.stripe_fetch`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Engine

from order_ops.domain.failures import ClassifiedError, FailureKind, MendableError
from order_ops.jobs.files.ingest import ingest
from order_ops.jobs.files.source_files import Ingested
from order_ops.jobs.orders.provider_clients import api_key
from order_ops.mapping import Account, Mapping
from order_ops.mapping.accounts import AccountFiles
from order_ops.providers.files.stripe_objects import NAME, order_key
from order_ops.providers.stripe_fetch import Asked, BalanceTransactions, fetch
from order_ops.providers.stripe_sdk import ProviderError
from order_ops.settings import Settings
from order_ops.store.engine import transaction
from order_ops.store.queries import files

CAUGHT_UP = 7
"""So many days back the API is asked for at first; later on, for every day since the first one."""


class FetchError(ClassifiedError, MendableError):
    """A day that could not be fetched; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A day that was fetched, and what it brought."""

    account: str
    day: date
    ingested: Ingested


def days_between(account: Account, first: date, last: date, now: datetime) -> list[date]:
    """Days of an account from `first` to `last`, each of them over.

    Raises:
        FetchError: they are not, or there is none.
    """
    closed = account.last_closed_day(now)
    if not first <= last <= closed:
        raise FetchError(
            f"account {account.name}: {first} to {last} cannot be fetched: the last day that is "
            f"over there is {closed}; say a first day, and no later one than that",
            FailureKind.PERMANENT,
        )
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def due(pool: Engine, mapping: Mapping, now: datetime) -> list[tuple[Account, date]]:
    """Days that are over, and that no file of the API speaks of, of accounts with an `api`.

    A day whose file was taken back is one that a person has looked at: it is fetched by name alone.
    """
    asked = [account for account in mapping.accounts if account.api]
    names = [account.name for account in asked]
    with transaction(pool) as conn:
        rows = files.days_told_by(conn, accounts=names, provider=NAME)
        known = {(row.account, row.day) for row in rows}
    found = []
    for account in asked:
        last = account.last_closed_day(now)
        told = [day for name, day in known if name == account.name]
        first = max(account.first_day, min([last - timedelta(days=CAUGHT_UP - 1), *told]))
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        found += [(account, day) for day in days if (account.name, day) not in known]
    return found


def fetch_days(
    pool: Engine,
    settings: Settings,
    wanted: Sequence[tuple[Account, date]],
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Fetched]:
    """Fetch days and take them in; what cannot be fetched or is refused keeps nothing waiting.

    An account that cannot be reached is not asked again; a day that is refused is one day.

    Raises:
        FetchError: of all that failed, once the others were fetched; of the kind of the first.
    """
    failed = dict[str, FetchError]()
    refused = list[FetchError]()
    for account, day in wanted:
        if account.name in failed:
            continue
        try:
            done = _fetched(pool, settings, account, day, progress)
        except ProviderError as error:
            failed[account.name] = FetchError(_explained(account, day, error), error.kind)
        except ClassifiedError as error:
            failed[account.name] = FetchError(str(error), error.kind)
        except MendableError as error:
            told = f"account {account.name}, {day}: {error}"
            refused.append(FetchError(told, FailureKind.PERMANENT))
        else:
            yield Fetched(account.name, day, done)
    if failures := [*failed.values(), *refused]:
        raise FetchError("\n".join(map(str, failures)), failures[0].kind)


def _fetched(
    pool: Engine, settings: Settings, account: Account, day: date, progress: Callable[[int], None]
) -> Ingested:
    as_fetched = _as_fetched(account)
    key = order_key(as_fetched.file_options.get("order_ref_column", "payment_metadata[order_id]"))
    asked = Asked(account.name, *account.day_bounds(day), key)
    folder = settings.home / "fetched" / account.name
    with BalanceTransactions(
        api_key(settings, account),
        api_base=settings.provider_api_base,
        read_timeout_s=settings.provider_timeout_s,
    ) as stripe:
        path = fetch(stripe, asked, folder, day.isoformat(), progress)
    return ingest(pool, as_fetched, path, covers=[day])


def _as_fetched(account: Account) -> Account:
    """The account as if its files were those of the API; which have to be there stays."""
    said = account.files or AccountFiles(format=NAME)
    own = {name: value for name, value in said.options.items() if name == "order_ref_column"}
    told = said.model_copy(update={"format": NAME, "options": own})
    return account.model_copy(update={"files": told})


def _explained(account: Account, day: date, error: ProviderError) -> str:
    hint = "try again: it goes on behind the last whole page"
    if error.kind is FailureKind.PERMANENT:
        hint = (
            f"look at the key of {account.name} in ORDER_OPS_PROVIDER_KEYS: it has to be valid, "
            "and to be allowed to read balance transactions, charges, refunds, payouts and disputes"
        )
    return f"account {account.name}, {day}: {error}; {hint}"
