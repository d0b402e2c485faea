"""Watched folders: a file that stands there unchanged for two looks is taken in, as if uploaded.

Files are never moved or deleted: what was seen is known by address, size and time of change. What
is refused is told once, and not tried again until it changes. Who looks, and when, is Dagster's.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from sqlalchemy import Engine

from order_ops.domain.failures import RETRIED, MendableError, classify
from order_ops.domain.redaction import kept
from order_ops.jobs.files.source_files import Source, alert_key
from order_ops.mapping import Account, Mapping
from order_ops.providers.addresses import AddressError, TooLargeError
from order_ops.providers.memory import MemoryLackError
from order_ops.providers.watched_folders import ChangedError, Found, copied, found_in
from order_ops.store import alerts
from order_ops.store.alerts import Alert, raise_alerts
from order_ops.store.engine import Connection, transaction
from order_ops.store.executions import LeaseLost
from order_ops.store.queries import columns, watched

log = structlog.get_logger(__name__)

LOOK_S = 20.0
"""A folder that does not answer for so long cannot be reached."""
TRIES = 5
"""So often is taking in begun; a file that ends the process each time is refused then."""

State = Literal["taken", "refused", "unreadable", "seen"]


@dataclass(frozen=True, slots=True)
class Watch:
    """A folder of an account: of its provider's files, or of its bank's."""

    account: Account
    source: Source
    pattern: str

    @property
    def alert(self) -> str:
        """The key of the alert that it cannot be reached."""
        return f"file:{self.account.name}:{self.source}:unreachable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: unreadable, or seen to be another by now, it is looked at again."""

    account: str
    source: Source
    address: str
    state: State
    told: str
    file_id: int | None = None


def watches(mapping: Mapping) -> list[Watch]:
    """Every folder that the mapping says to watch."""
    return [
        Watch(account, source, told.watch)
        for account in mapping.accounts
        for source, told in _sources(account)
        if told is not None and told.watch is not None
    ]


def _sources(account: Account) -> Iterable[tuple[Source, Any]]:
    return ("files", account.files), ("bank", account.bank)


def look(pool: Engine, mapping: Mapping, look_s: float = LOOK_S) -> int:
    """Look into every folder; how many files are ready to be taken in.

    One that cannot be reached is an alert until it can, and does not keep the others waiting.
    """
    for watch, found in _looked(watches(mapping), look_s):
        with transaction(pool) as conn:
            if isinstance(found, AddressError):
                raise_alerts(conn, [_unreachable(watch, found)])
                continue
            alerts.resolve(conn, watch.alert)
            told = columns(found, "address", "size", "modified")
            watched.see(conn, account=watch.account.name, source=watch.source, **told)
    return len(_ready(pool, mapping))


def _looked(
    asked: Sequence[Watch], look_s: float
) -> Iterator[tuple[Watch, list[Found] | AddressError]]:
    if not asked:
        return
    threads = ThreadPoolExecutor(len(asked), thread_name_prefix="watched")
    looks = {watch.alert: threads.submit(found_in, watch.pattern) for watch in asked}
    done, _ = wait(looks.values(), timeout=look_s)
    threads.shutdown(wait=False)  # who hangs is not waited for
    for watch in asked:
        one = looks[watch.alert]
        if one not in done:
            yield watch, AddressError(f"there was no answer for {look_s:.0f} s")
            continue
        try:
            yield watch, one.result()
        except AddressError as error:
            yield watch, error


def _ready(pool: Engine, mapping: Mapping) -> list[Any]:
    asked = watches(mapping)
    names = [watch.account.name for watch in asked]
    sources = [watch.source for watch in asked]
    with transaction(pool) as conn:
        return list(watched.ready(conn, accounts=names, sources=sources))


def take_in(pool: Engine, mapping: Mapping, limit_bytes: int) -> Iterator[Outcome]:
    """Take in each file that is ready, by the same code as one that is uploaded.

    Raises:
        Exception: of a kind that passes, such as a database that is away: what is left is ready.
    """
    by_key = {(watch.account.name, watch.source): watch for watch in watches(mapping)}
    listed = dict[tuple[str, str], list[Found] | AddressError]()
    for row in _ready(pool, mapping):
        key = (row.account, row.source)
        if key not in listed:
            ((_, listed[key]),) = _looked([by_key[key]], LOOK_S)
        outcome = _taken(pool, by_key[key], row, listed[key], limit_bytes)
        with transaction(pool) as conn:
            _tell(conn, row, outcome)
        log.info("watched_file", account=row.account, file=row.address, state=outcome.state)
        yield outcome


def _taken(
    pool: Engine, watch: Watch, row: Any, listed: list[Found] | AddressError, limit_bytes: int
) -> Outcome:
    """What becomes of a file that is ready."""
    if isinstance(listed, AddressError):
        return _outcome(row, "seen", str(listed))
    same = [one for one in listed if one.address == row.address and _is_as(one, row)]
    if not same:
        return _outcome(row, "seen", "it has changed, or is gone")
    with transaction(pool) as conn:
        tries = watched.try_file(conn, account=row.account, source=row.source, address=row.address)
    if tries > TRIES:
        return _outcome(row, "refused", f"taking it in was begun {TRIES} times and never ended")
    try:
        done = _ingested(pool, watch, same[0], limit_bytes)
    except Exception as error:
        if isinstance(error, LeaseLost) or classify(error) in RETRIED:
            raise
        return _failed(row, error)
    new = f"{done.lines} lines, {sum(done.new_by_day.values())} of them new"
    if done.too_early:
        new += f", {done.too_early} before the account's first day"
    days = ", ".join(map(str, done.also_covers))
    what = f"it is of {days} as well now" if days else "nothing changed"
    known = f"known since {done.known_since}: {what}"
    return _outcome(row, "taken", known if done.known_since else new, done.file_id)


def _failed(row: Any, error: Exception) -> Outcome:
    """What may pass by the next look, an address or memory; else it is wrong with the file."""
    if isinstance(error, ChangedError):
        return _outcome(row, "seen", str(error))
    passes = isinstance(error, AddressError) and not isinstance(error, TooLargeError)
    if passes or isinstance(error, MemoryLackError):
        return _outcome(row, "unreadable", str(error))
    if isinstance(error, MendableError):
        return _outcome(row, "refused", str(error))
    log.error("watched_file.failed", file=row.address, exc_info=error)
    return _outcome(row, "refused", f"{type(error).__name__}: {error}")


def _outcome(row: Any, state: State, told: str, file_id: int | None = None) -> Outcome:
    return Outcome(row.account, row.source, row.address, state, told, file_id)


def _is_as(found: Found, row: Any) -> bool:
    return (found.size, found.modified) == (row.size, row.modified)


def _ingested(pool: Engine, watch: Watch, found: Found, limit_bytes: int) -> Any:
    from order_ops.jobs.files.bank_statements import upload  # noqa: PLC0415 - dataframes
    from order_ops.jobs.files.ingest import ingest  # noqa: PLC0415

    with copied(found, limit_bytes) as path:
        return (upload if watch.source == "bank" else ingest)(pool, watch.account, path)


def _tell(conn: Connection, row: Any, outcome: Outcome) -> None:
    """Record what became of a file; one that is not taken in is an alert until it is."""
    watched.end_file(
        conn,
        account=row.account,
        source=row.source,
        address=row.address,
        size=row.size,
        modified=row.modified,
        state=outcome.state,
        told=kept(outcome.told),
        file_id=outcome.file_id,
    )
    key = alert_key(row.account, row.source, row.address)
    if outcome.state in {"refused", "unreadable"}:
        raise_alerts(conn, [_not_taken(key, outcome)])
    elif outcome.state == "taken":
        alerts.resolve(conn, key)


def _not_taken(key: str, outcome: Outcome) -> Alert:
    again = "once it changes" if outcome.state == "refused" else "at each look"
    title = f"{outcome.account}: {outcome.address} is {outcome.state}; it is tried again {again}"
    return Alert(key, "warning", title[:300], {"error": outcome.told})


def _unreachable(watch: Watch, error: AddressError) -> Alert:
    title = f"{watch.account.name}: the watched folder of its {watch.source} cannot be reached"
    return Alert(watch.alert, "warning", title, {"error": str(error)})
