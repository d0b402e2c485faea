"""`order-ops dlq`: dead letters, chosen, looked at, replayed, discarded, edited."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import track
from rich.text import Text

from order_ops.cli.base import (
    By,
    JsonFile,
    Reason,
    actor,
    console,
    explained,
    make_folder,
    pool,
    write_json,
)
from order_ops.cli.dlq_view import groups_table, letters_table, tell_story
from order_ops.settings import get_settings

if TYPE_CHECKING:
    from order_ops.jobs.dead_letters import Acted

app = typer.Typer(
    no_args_is_help=True,
    help="Dead letters: events and runs that could not be done, until somebody deals with them.",
)


class Origin(StrEnum):
    """What a letter is of."""

    EVENT = "event"
    RUN = "run"


class LetterState(StrEnum):
    """Where a letter stands."""

    OPEN = "open"
    REPLAYING = "replaying"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    ALL = "all"


_DAY = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]
Ids = Annotated[list[int] | None, typer.Argument(help="Letters by id; none: by group or filter.")]
Group = Annotated[str | None, typer.Option(help="Those of this cause, see `dlq groups`.")]
OfOrigin = Annotated[Origin | None, typer.Option(help="Of events, or of runs.")]
Name = Annotated[str | None, typer.Option(help="Of this event type, routing key or job.")]
Category = Annotated[str | None, typer.Option(help="transient, permanent, conflict ...")]
OfOrder = Annotated[str | None, typer.Option("--order", help="About this order.")]
Since = Annotated[datetime | None, typer.Option(formats=_DAY, help="From this moment on, UTC.")]
Until = Annotated[datetime | None, typer.Option(formats=_DAY, help="Before this moment, UTC.")]
Expect = Annotated[
    str | None, typer.Option(help="The set that was looked at, as --dry-run names it.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, change nothing.")]
_LIMIT = 50


def _given(
    group: str | None,
    origin: Origin | None,
    name: str | None,
    category: str | None,
    order: str | None,
    since: datetime | None,
    until: datetime | None,
) -> dict[str, Any]:
    """The filters, as a selection names them."""
    return {
        "fingerprint": group,
        "origin": origin.value if origin else None,
        "name": name,
        "category": category,
        "order_id": order,
        "since": since.replace(tzinfo=UTC) if since else None,
        "until": until.replace(tzinfo=UTC) if until else None,
    }


@app.command("list")
def list_letters(
    state: Annotated[LetterState, typer.Option(help="Where they stand.")] = LetterState.OPEN,
    group: Group = None,
    origin: OfOrigin = None,
    name: Name = None,
    category: Category = None,
    order: OfOrder = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = _LIMIT,
    json_file: JsonFile = None,
) -> None:
    """Show dead letters, oldest first."""
    from order_ops.jobs import dead_letters  # noqa: PLC0415

    with explained():
        make_folder(json_file)
        states: Any = None if state is LetterState.ALL else (state.value,)
        given = _given(group, origin, name, category, order, since, until)
        wanted = dead_letters.Selection(states=states, **given)
        found = dead_letters.find(pool(), wanted, limit + 1)
    if json_file is not None:
        write_json(json_file, [letter._asdict() for letter in found[:limit]])
        return
    console.print(letters_table(found[:limit]))
    if len(found) > limit:
        console.print(f"There are more: --limit {limit * 10}, or narrow it down.")


@app.command()
def groups(json_file: JsonFile = None) -> None:
    """Show open dead letters by cause, with the money at stake."""
    from order_ops.jobs import dead_letters  # noqa: PLC0415

    with explained():
        make_folder(json_file)
        found = dead_letters.groups(pool())
    if json_file is not None:
        write_json(json_file, [group._asdict() for group in found])
        return
    console.print(groups_table(found))


@app.command()
def show(
    letter: Annotated[int, typer.Argument(help="The letter's id.")],
    *,
    body: Annotated[
        bool, typer.Option("--body", help="Only the body, byte for byte, to be edited.")
    ] = False,
) -> None:
    """Show all there is to know about a dead letter, readable whatever its body is."""
    from order_ops.jobs import dead_letters  # noqa: PLC0415

    with explained():
        story = dead_letters.story(pool(), letter)
    if body:
        edited = story.letter.edited
        typer.echo(story.letter.payload or b"" if edited is None else edited, nl=False)
        return
    tell_story(console, story)


@app.command()
def replay(
    letters: Ids = None,
    *,
    group: Group = None,
    origin: OfOrigin = None,
    name: Name = None,
    category: Category = None,
    order: OfOrder = None,
    since: Since = None,
    until: Until = None,
    expect: Expect = None,
    without_provider: Annotated[
        bool,
        typer.Option("--without-provider", help="Do not ask the provider about money; audited."),
    ] = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    by: By = "",
) -> None:
    """Apply events again, launch runs again; once, however often it is asked for."""
    from order_ops.jobs import replays  # noqa: PLC0415
    from order_ops.jobs.apply_lanes import worker  # noqa: PLC0415
    from order_ops.jobs.provider_clients import ProviderClients  # noqa: PLC0415

    given = _given(group, origin, name, category, order, since, until)
    with explained():
        who = actor(by, reason, dry_run=dry_run)
        ids = _chosen(letters, given, expect, dry_run=dry_run)
        made = worker(get_settings(), f"replay:{who.name}")
        clients = None if without_provider else ProviderClients(made.settings, made.mapping)
        replayer = replays.Replayer(made, who, clients)
        done = [
            acted
            for one in _tracked(ids, "replaying")
            for acted in replays.replay(replayer, [one], dry_run=dry_run)
        ]
    _end(done, ids, dry_run=dry_run)


@app.command()
def discard(
    letters: Ids = None,
    *,
    group: Group = None,
    origin: OfOrigin = None,
    name: Name = None,
    category: Category = None,
    order: OfOrder = None,
    since: Since = None,
    until: Until = None,
    expect: Expect = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    by: By = "",
) -> None:
    """Give dead letters up, with a reason; they are kept, and never applied."""
    from order_ops.jobs import dead_letters  # noqa: PLC0415

    given = _given(group, origin, name, category, order, since, until)
    with explained():
        who = actor(by, reason, dry_run=dry_run)
        ids = _chosen(letters, given, expect, dry_run=dry_run)
        done = [
            acted
            for one in _tracked(ids, "discarding")
            for acted in dead_letters.discard(pool(), [one], who, dry_run=dry_run)
        ]
    _end(done, ids, dry_run=dry_run)


@app.command()
def edit(
    letter: Annotated[int, typer.Argument(help="The letter's id.")],
    body: Annotated[
        typer.FileBinaryRead, typer.Option(help="File with the body to replay; - for stdin.")
    ],
    *,
    dry_run: DryRun = False,
    reason: Reason = "",
    by: By = "",
) -> None:
    """Put another body in the place of the one that is replayed; the first is kept."""
    from order_ops.jobs import dead_letters  # noqa: PLC0415

    with explained():
        who = actor(by, reason, dry_run=dry_run)
        done = dead_letters.edit(pool(), letter, body.read(), who, dry_run=dry_run)
    _print(done)


def _chosen(
    ids: list[int] | None, given: dict[str, Any], expect: str | None, *, dry_run: bool
) -> list[int]:
    from order_ops.jobs.dead_letters import LetterError, Selection, chosen  # noqa: PLC0415

    filtered = any(value is not None for value in given.values())
    if ids and filtered:
        raise LetterError("say ids, or a group and filters, not both")
    if not ids and not filtered:
        raise LetterError("say which: ids, --group or a filter; order-ops dlq list shows them")
    wanted = Selection(ids=tuple(ids) if ids else None, **given)
    return chosen(pool(), wanted, expect, looking=dry_run)


def _tracked(ids: Sequence[int], what: str) -> Any:
    shown = len(ids) > 1
    return track(ids, what, console=console, transient=True, disable=not shown)


def _end(done: "Sequence[Acted]", ids: Sequence[int], *, dry_run: bool) -> None:
    from order_ops.jobs.dead_letters import set_name  # noqa: PLC0415

    for acted in done:
        _print(acted)
    if dry_run and len(ids) > 1:
        console.print(f"{len(ids)} letters: do it with --expect {set_name(ids)} and a --reason.")
    raise typer.Exit(int(not all(acted.ok for acted in done)))


def _print(acted: "Acted") -> None:
    style = "green" if acted.ok else "bold red"
    what = f"{'would be ' if acted.dry else ''}{acted.became}"
    console.print(Text.assemble(f"{acted.id} ", (what, style), f": {acted.why}"), soft_wrap=True)
