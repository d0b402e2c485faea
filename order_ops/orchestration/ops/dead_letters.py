"""Dead letters from the UI: the same acts as `order-ops dlq`, with the same refusals.

The set is chosen once; then each letter is acted on, and tried again, alone: what was
done stays done, and a step that is tried again as a whole would choose another set.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import stamina
from pydantic import Field

from order_ops.domain.failures import DATABASE, RETRIED, FailureKind, classify
from order_ops.jobs.catalogue import DEAD_LETTERS
from order_ops.jobs.letters import dead_letters, letter_sets, replays
from order_ops.jobs.letters.dead_letters import Acted
from order_ops.jobs.letters.letter_sets import LetterError, Selection
from order_ops.jobs.orders.provider_clients import ProviderClients
from order_ops.jobs.running.runtime import Running
from order_ops.orchestration.performing import performed
from order_ops.orchestration.resources import OrderOps
from order_ops.store.audit import Actor

Act = Callable[[int], Sequence[Acted]]

_ACTIONS = ("replay", "discard", "edit")
_SHOWN = 200
_TRIED_AGAIN = stamina.retry(
    on=lambda error: classify(error) in RETRIED,
    attempts=DATABASE.attempts,
    wait_initial=DATABASE.base_s,
    wait_max=DATABASE.cap_s,
)


class DeadLettersConfig(dg.Config):
    """Which letters, what to do with them (replay, discard, edit), who wants it and why.

    Look first: with `dry_run` nothing changes, and the run's metadata names the set
    that `expect` has to name when letters are chosen by anything but ids. Times are
    ISO 8601, UTC unless they say otherwise. `body` is what `edit` puts into one letter.
    """

    action: str = "replay"
    ids: list[int] = Field(default_factory=list)
    group: str | None = None
    origin: str | None = None
    name: str | None = None
    category: str | None = None
    tenant: str | None = None
    order: str | None = None
    since: str | None = None
    until: str | None = None
    body: str | None = None
    expect: str | None = None
    ask_provider: bool = True
    dry_run: bool = True
    by: str = ""
    reason: str = ""


@dg.op(
    pool=DEAD_LETTERS.pool,
    description="Replays, discards or edits dead letters; a dry run unless told otherwise.",
)
def handle_dead_letters(
    context: dg.OpExecutionContext, config: DeadLettersConfig, order_ops: OrderOps
) -> None:
    """See `order_ops.jobs.letters.dead_letters` and `order_ops.jobs.letters.replays`."""

    def work(running: Running) -> dict[str, Any]:
        try:
            act, letters = _TRIED_AGAIN(_asked)(config, order_ops, running)
        except LetterError as refusal:  # not a failure: nobody is to be woken for it
            context.log.warning("refused, nothing was done: %s", refusal)
            return {"refused": str(refusal)}
        ids = replays.in_order(running.pool, [letter.id for letter in letters])
        done = _each(context, _TRIED_AGAIN(act), ids)
        return _told(done, letter_sets.set_name(letters))

    told = performed(context, order_ops, DEAD_LETTERS, work, dry_run=config.dry_run)
    context.add_output_metadata(told or {})


def _asked(
    config: DeadLettersConfig, order_ops: OrderOps, running: Running
) -> tuple[Act, Sequence[Any]]:
    """What is to be done with a letter, and the letters.

    Raises:
        LetterError: it is not said well enough.
    """
    if any("\0" in text for name, text in config if isinstance(text, str) and name != "body"):
        raise LetterError("a text cannot hold a NUL character: leave it out")
    if not config.dry_run and not (config.by.strip() and config.reason.strip()):
        raise LetterError("by, reason: say who you are and why; they are kept in the audit")
    actor = Actor(config.by.strip() or "nobody", config.reason.strip() or "dry run")
    act = _act(config, order_ops, actor, running)
    looking, wanted = config.dry_run, _selection(config)
    return act, letter_sets.chosen(running.pool, wanted, config.expect or None, looking=looking)


def _selection(config: DeadLettersConfig) -> Selection:
    """The letters; a field that was left empty does not choose.

    Raises:
        LetterError: a field says something that there is not.
    """
    return Selection(
        ids=tuple(config.ids) or None,
        fingerprint=config.group or None,
        origin=_one_of("origin", config.origin, ("event", "run")),
        name=config.name or None,
        category=_one_of("category", config.category, tuple(FailureKind)),
        order_id=config.order or None,
        since=_moment("since", config.since),
        until=_moment("until", config.until),
        tenant_id=config.tenant or None,
    )


def _one_of(field: str, value: str | None, known: Sequence[str]) -> Any:
    if value and value not in known:
        raise LetterError(f"{field}: {value!r} is none of {', '.join(known)}")
    return value or None


def _moment(field: str, value: str | None) -> datetime | None:
    if not value:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise LetterError(f"{field}: {value!r} is no ISO 8601 time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _act(config: DeadLettersConfig, order_ops: OrderOps, actor: Actor, running: Running) -> Act:
    """What the config wants done with a letter.

    Raises:
        LetterError: it is none of the acts, or an edit of anything but one letter with a body.
    """
    if config.action not in _ACTIONS:
        raise LetterError(f"action: {config.action!r} is none of {', '.join(_ACTIONS)}")
    dry_run = config.dry_run
    if config.action == "discard":
        return lambda one: dead_letters.discard(running.pool, [one], actor, dry_run=dry_run)
    worker = order_ops.worker(running)
    if config.action == "edit":
        if len(config.ids) != 1 or config.body is None:
            raise LetterError("edit: say one letter in ids, and its body")
        body = config.body.encode("utf-8", errors="surrogatepass")
        return lambda one: [dead_letters.edit(worker, one, body, actor, dry_run=dry_run)]
    clients = ProviderClients(order_ops.settings, order_ops.mapping)
    replayer = replays.Replayer(worker, actor, clients if config.ask_provider else None)
    return lambda one: replays.replay(replayer, [one], dry_run=dry_run)


def _each(context: dg.OpExecutionContext, act: Act, ids: Sequence[int]) -> list[Acted]:
    """Act letter by letter, and log each as it is done."""
    done: list[Acted] = []
    for one in ids:
        for acted in act(one):
            tell = context.log.info if acted.ok else context.log.warning
            tell("letter %s", acted)
            done.append(acted)
    return done


def _told(done: Sequence[Acted], name: str) -> dict[str, Any]:
    """The op's metadata; what was refused comes first, and is never cut off by what was done."""
    refused = sum(not one.ok for one in done)
    shown = sorted(done, key=lambda one: one.ok)[:_SHOWN]
    rows = "\n".join(f"| {one.id} | {one.verdict} | {_cell(one.why)} |" for one in shown)
    told = {
        "letters": len(done),
        "refused_or_failed": refused,
        "expect": name,
        "became": dg.MetadataValue.md(f"| letter | became | because |\n|---|---|---|\n{rows}"),
    }
    return {**told, "refused": f"{refused} of {len(done)} letters"} if refused else told


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
