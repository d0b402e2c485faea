"""Dead letters from the UI: the same acts as `order-ops dlq`, with the same refusals."""

import dagster as dg
from pydantic import Field

from order_ops.domain.failures import DATABASE
from order_ops.jobs import dead_letters, replays
from order_ops.jobs.dead_letters import Acted, LetterError, Selection
from order_ops.jobs.provider_clients import ProviderClients
from order_ops.orchestration.resources import OrderOps
from order_ops.orchestration.retries import failures_by_kind
from order_ops.store.audit import Actor

_SHOWN = 200


class DeadLettersConfig(dg.Config):
    """Which letters, what to do with them, who wants it and why.

    Look first: with `dry_run` nothing changes, and the run's metadata names the set
    that `expect` has to name when letters are chosen by group, name or order.
    """

    action: str = "replay"
    ids: list[int] = Field(default_factory=list)
    group: str | None = None
    name: str | None = None
    order: str | None = None
    expect: str | None = None
    ask_provider: bool = True
    dry_run: bool = True
    by: str = ""
    reason: str = ""


@dg.op(description="Replays or discards dead letters; a dry run unless told otherwise.")
def handle_dead_letters(
    context: dg.OpExecutionContext, config: DeadLettersConfig, order_ops: OrderOps
) -> None:
    """See `order_ops.jobs.dead_letters` and `order_ops.jobs.replays`."""
    with failures_by_kind(context, DATABASE):
        try:
            actor, ids = _asked(config, order_ops)
        except LetterError as refusal:  # not a failure: nobody is to be woken for it
            context.log.warning("refused, nothing was done: %s", refusal)
            context.add_output_metadata({"refused": str(refusal)})
            return
        done = _act(context, config, order_ops, actor, ids)
    rows = "\n".join(
        f"| {one.id} | {'would be ' if one.dry else ''}{one.became} | {one.why} |"
        for one in done[:_SHOWN]
    )
    context.add_output_metadata(
        {
            "letters": len(done),
            "refused_or_failed": sum(not one.ok for one in done),
            "expect": dead_letters.set_name(ids),
            "became": dg.MetadataValue.md(f"| letter | became | because |\n|---|---|---|\n{rows}"),
        }
    )


def _asked(config: DeadLettersConfig, order_ops: OrderOps) -> tuple[Actor, list[int]]:
    if config.action not in {"replay", "discard"}:
        raise LetterError(f"action: {config.action!r} is not replay or discard")
    if not config.dry_run and not (config.by.strip() and config.reason.strip()):
        raise LetterError("by, reason: say who you are and why; they are kept in the audit")
    named = (config.group, config.name, config.order)
    if not config.ids and not any(named):
        raise LetterError("say which letters: ids, group, name or order")
    wanted = Selection(
        ids=tuple(config.ids) or None,
        fingerprint=config.group,
        name=config.name,
        order_id=config.order,
    )
    actor = Actor(config.by.strip() or "nobody", config.reason.strip() or "dry run")
    pool, looking = order_ops.pool, config.dry_run
    return actor, dead_letters.chosen(pool, wanted, config.expect, looking=looking)


def _act(
    context: dg.OpExecutionContext,
    config: DeadLettersConfig,
    order_ops: OrderOps,
    actor: Actor,
    ids: list[int],
) -> list[Acted]:
    if config.action == "discard":
        return dead_letters.discard(order_ops.pool, ids, actor, dry_run=config.dry_run)
    clients = ProviderClients(order_ops.settings, order_ops.mapping)
    replayer = replays.Replayer(
        order_ops.worker(context.run_id), actor, clients if config.ask_provider else None
    )

    def told(acted: Acted) -> None:
        context.log.info("letter %s", acted)

    return replays.replay(replayer, ids, dry_run=config.dry_run, progress=told)
