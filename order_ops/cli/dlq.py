"""`order-ops dlq`: dead letters, chosen, looked at, replayed, discarded, edited."""

from collections.abc import Callable, Sequence
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
    check_writable,
    console,
    explained,
    plain,
    pool,
    write_json,
)
from order_ops.cli.dlq_filters import Filters, filtered
from order_ops.cli.dlq_view import as_json, groups_table, letters_table, tell_story
from order_ops.settings import SettingsError, get_settings

if TYPE_CHECKING:
    from order_ops.jobs.letters.dead_letters import Acted

app = typer.Typer(
    no_args_is_help=True,
    help="Dead letters: events and runs that could not be done, until somebody deals with them.",
)


class LetterState(StrEnum):
    """Where a letter stands."""

    OPEN = "open"
    REPLAYING = "replaying"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    ALL = "all"


Letter = Annotated[int, typer.Argument(help="The letter's id.")]
Ids = Annotated[list[int] | None, typer.Argument(help="Letters by id; none: by group or filter.")]
Expect = Annotated[
    str | None, typer.Option(help="The set that was looked at, as --dry-run names it.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, change nothing.")]
_LIMIT, _MOST = 50, 10_000


@app.command("list")
@filtered
def list_letters(
    *,
    state: Annotated[LetterState, typer.Option(help="Where they stand.")] = LetterState.OPEN,
    filters: Filters,
    limit: Annotated[int, typer.Option(min=1, max=_MOST)] = _LIMIT,
    json_file: JsonFile = None,
) -> None:
    """Show dead letters, oldest first."""
    from order_ops.jobs.letters import letter_sets  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        states: Any = None if state is LetterState.ALL else (state.value,)
        wanted = letter_sets.Selection(states=states, **filters)
        found = letter_sets.find(pool(), wanted, limit + 1)
        group = letter_sets.Selection(fingerprint=wanted.fingerprint)
        is_open = bool(found or letter_sets.find(pool(), group, 1))
    if json_file is not None:
        write_json(json_file, [letter._asdict() for letter in found[:limit]])
        return
    console.print(letters_table(found[:limit]))
    if wanted.fingerprint is not None and not is_open:
        told = f"No group {wanted.fingerprint} is open: order-ops dlq groups shows those that are."
        console.print(plain(told), soft_wrap=True)
    if len(found) > limit:
        more = f"--limit {min(limit * 10, _MOST)}, or narrow it" if limit < _MOST else "narrow it"
        console.print(f"There are more: {more} down.")


@app.command()
def groups(json_file: JsonFile = None) -> None:
    """Show open dead letters by cause, with the money at stake."""
    from order_ops.jobs.letters import letter_sets  # noqa: PLC0415

    with explained():
        check_writable(json_file)
        found = letter_sets.groups(pool())
    if json_file is not None:
        write_json(json_file, [group._asdict() for group in found])
        return
    console.print(groups_table(found))


@app.command()
def show(
    letter: Letter,
    *,
    body: Annotated[
        bool, typer.Option("--body", help="Only the body, byte for byte, to be edited.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Show all there is to know about a dead letter, readable whatever its body is."""
    from order_ops.jobs.letters import letter_sets  # noqa: PLC0415

    with explained():
        if body and json_file is not None:
            raise SettingsError("--body, --json: say one of them")
        check_writable(json_file)
        story = letter_sets.story(pool(), letter)
    if body:
        edited = story.letter.edited
        typer.echo(story.letter.payload or b"" if edited is None else edited, nl=False)
    elif json_file is not None:
        write_json(json_file, as_json(story))
    else:
        tell_story(console, story)


@app.command()
@filtered
def replay(
    letters: Ids = None,
    *,
    filters: Filters,
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
    from order_ops.jobs.letters import replays  # noqa: PLC0415
    from order_ops.jobs.orders.apply_lanes import worker  # noqa: PLC0415
    from order_ops.jobs.orders.provider_clients import ProviderClients  # noqa: PLC0415

    with explained():
        who = actor(by, reason, dry_run=dry_run)
        ids = _chosen(letters, filters, expect, dry_run=dry_run)
        made = worker(get_settings(), f"replay:{who.name}")
        clients = None if without_provider else ProviderClients(made.settings, made.mapping)
        replayer = replays.Replayer(made, who, clients)
        ids = replays.in_order(made.pool, ids)
        _act(ids, "replaying", lambda one: replays.replay(replayer, [one], dry_run=dry_run))


@app.command()
@filtered
def discard(
    letters: Ids = None,
    *,
    filters: Filters,
    expect: Expect = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    by: By = "",
) -> None:
    """Give dead letters up, with a reason; they are kept, and never applied."""
    from order_ops.jobs.letters import dead_letters  # noqa: PLC0415

    with explained():
        who = actor(by, reason, dry_run=dry_run)
        ids = _chosen(letters, filters, expect, dry_run=dry_run)
        _act(
            ids,
            "discarding",
            lambda one: dead_letters.discard(pool(), [one], who, dry_run=dry_run),
        )


@app.command()
def edit(
    letter: Letter,
    body: Annotated[
        typer.FileBinaryRead, typer.Option(help="File with the body to replay; - for stdin.")
    ],
    *,
    dry_run: DryRun = False,
    reason: Reason = "",
    by: By = "",
) -> None:
    """Put another body in the place of the one that is replayed; the first is kept."""
    from order_ops.jobs.letters import dead_letters, letter_sets  # noqa: PLC0415
    from order_ops.jobs.orders.apply_lanes import worker  # noqa: PLC0415

    with explained():
        who = actor(by, reason, dry_run=dry_run)
        made = worker(get_settings(), f"edit:{who.name}")
        letter_sets.chosen(made.pool, letter_sets.Selection(ids=(letter,)), None)
        given = body.read()
        _act([letter], "", lambda one: [dead_letters.edit(made, one, given, who, dry_run=dry_run)])


def _chosen(
    ids: list[int] | None, filters: Filters, expect: str | None, *, dry_run: bool
) -> list[int]:
    """The ids of the letters that are chosen; a dry run names their set."""
    from order_ops.jobs.letters.letter_sets import Selection, chosen, counted, set_name  # noqa: PLC0415

    wanted = Selection(ids=tuple(ids) if ids else None, **filters)
    letters = chosen(pool(), wanted, expect, looking=dry_run)
    if dry_run:
        told = f"{counted(letters)} selected: do it with --expect {set_name(letters)}"
        each = "" if len(letters) == 1 else " Each is tried by itself, as if no other were done."
        console.print(f"{told} and a --reason.{each}", soft_wrap=True)
    return [letter.id for letter in letters]


def _act(ids: Sequence[int], what: str, act: "Callable[[int], Sequence[Acted]]") -> None:
    """Act letter by letter, telling each as it is done; exit 1 unless all were done as asked."""
    done: list[Acted] = []
    hidden = len(ids) == 1 or not console.is_terminal
    for one in track(ids, what, console=console, transient=True, disable=hidden):
        for acted in act(one):
            style = "green" if acted.ok else "bold red"
            parts = (plain(f"{acted.id} "), (acted.verdict, style), plain(f": {acted.why}"))
            console.print(Text.assemble(*parts), soft_wrap=True)
            done.append(acted)
    raise typer.Exit(int(not all(acted.ok for acted in done)))
