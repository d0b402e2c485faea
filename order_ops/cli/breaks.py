"""`order-ops breaks`: standing breaks, chosen, looked at, decided; alone or by a sheet."""

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
from order_ops.cli.breaks_filters import Filters, filtered
from order_ops.cli.breaks_view import (
    as_json,
    breaks_table,
    explanation,
    proposals_table,
    row_as_json,
    tell_story,
)
from order_ops.domain.break_acts import Act
from order_ops.settings import SettingsError, get_settings

if TYPE_CHECKING:
    from order_ops.jobs.breaks.desk import Acted, Deed, Desk

app = typer.Typer(
    no_args_is_help=True,
    help="Breaks of the reconciliation that stand, and what people decide about them.",
)
BreakId = Annotated[str, typer.Argument(help="The break's id, or how it starts.")]
ProposalId = Annotated[str, typer.Argument(help="The proposal's id, or how it starts.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, change nothing.")]
_LIMIT, _MOST = 50, 10_000
Limit = Annotated[int, typer.Option(min=1, max=_MOST)]


@app.command("list")
@filtered
def list_breaks(*, filters: Filters, limit: Limit = _LIMIT, json_file: JsonFile = None) -> None:
    """Show standing breaks, the most money first."""
    from order_ops.jobs.breaks import standing  # noqa: PLC0415 - dataframes

    with explained():
        check_writable(json_file)
        found = standing.find(pool(), standing.Selection(**filters), limit + 1)
    if json_file is not None:
        write_json(json_file, [row_as_json(one) for one in found[:limit]])
        return
    console.print(breaks_table(found[:limit]))
    if len(found) > limit:
        console.print("There are more: raise --limit, or narrow it down.")


@app.command()
def show(break_id: BreakId, json_file: JsonFile = None) -> None:
    """Show all there is to know about a break: entries, days, what people did."""
    from order_ops.jobs.breaks import standing  # noqa: PLC0415 - dataframes

    with explained():
        check_writable(json_file)
        story = standing.story(pool(), break_id)
    if json_file is not None:
        write_json(json_file, as_json(story))
    else:
        tell_story(console, story)


@app.command()
def explain(break_id: BreakId) -> None:
    """Say in one paragraph what it is, why, and what to do next."""
    from order_ops.jobs.breaks import standing  # noqa: PLC0415 - dataframes

    with explained():
        story = standing.story(pool(), break_id)
        told = explanation(story)
    _say(told)


@app.command()
def assign(
    break_id: BreakId, to: Annotated[str, typer.Argument(help="Who sees to it.")],
    *, due: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Until this day.")
    ] = None,
    dry_run: DryRun = False, reason: Reason = "", by: By = "",
) -> None:  # fmt: skip
    """Say who sees to a break, and until when."""
    from order_ops.jobs.breaks.desk import Deed  # noqa: PLC0415 - dataframes

    deeds = [Deed("assign", reason, assignee=to)]
    if due is not None:
        deeds.append(Deed("due", reason, due_on=due.date()))
    _do(break_id, deeds, by, dry_run=dry_run)


@app.command()
def note(
    break_id: BreakId, text: Annotated[str, typer.Argument(help="What is known of it.")],
    *, dry_run: DryRun = False, by: By = "",
) -> None:  # fmt: skip
    """Write down what is known of a break."""
    _decide(break_id, "note", text, by, dry_run=dry_run)


@app.command()
def acknowledge(
    break_id: BreakId, *, dry_run: DryRun = False, reason: Reason = "", by: By = ""
) -> None:
    """Say that a break has been seen."""
    _decide(break_id, "acknowledge", reason, by, dry_run=dry_run, needs_reason=False)


@app.command()
def accept(break_id: BreakId, *, dry_run: DryRun = False, reason: Reason = "", by: By = "") -> None:
    """Let a break be as it is, with a reason; should it change, it opens again."""
    _decide(break_id, "accept", reason, by, dry_run=dry_run)


@app.command("write-off")
def write_off(
    break_id: BreakId, *, dry_run: DryRun = False, reason: Reason = "", by: By = ""
) -> None:
    """Give the money up; above the limit a second person approves it first."""
    _decide(break_id, "write_off", reason, by, dry_run=dry_run)


@app.command()
def approve(
    break_id: BreakId, *, dry_run: DryRun = False, reason: Reason = "", by: By = ""
) -> None:
    """Approve a write-off that somebody else proposed."""
    _decide(break_id, "approve_write_off", reason, by, dry_run=dry_run)


@app.command()
def reject(break_id: BreakId, *, dry_run: DryRun = False, reason: Reason = "", by: By = "") -> None:
    """Reject a proposed write-off: the break is open again."""
    _decide(break_id, "reject", reason, by, dry_run=dry_run)


@app.command()
def reopen(
    break_id: Annotated[str, typer.Argument(help="Of a break or an accepted proposal.")],
    *, dry_run: DryRun = False, reason: Reason = "", by: By = "",
) -> None:  # fmt: skip
    """Take back that a break, or a proposed match, was accepted or written off."""
    _decide(break_id, "reopen", reason, by, dry_run=dry_run)


@app.command()
def proposals(
    *, account: Annotated[str | None, typer.Option(help="Of this account.")] = None,
    limit: Limit = _LIMIT, json_file: JsonFile = None,
) -> None:  # fmt: skip
    """Show matches that are proposed: nothing knows of them until a person accepts one."""
    from order_ops.jobs.breaks import standing  # noqa: PLC0415 - dataframes

    with explained():
        check_writable(json_file)
        found = standing.proposals(pool(), account, limit)
    if json_file is not None:
        write_json(json_file, [one._asdict() for one in found])
    else:
        console.print(proposals_table(found))


@app.command("accept-match")
def accept_match(
    proposal: ProposalId, *, dry_run: DryRun = False, reason: Reason = "", by: By = ""
) -> None:
    """Accept a proposed match: the next run of the day links its entries."""
    from order_ops.jobs.breaks import match_acts  # noqa: PLC0415 - dataframes

    with explained():
        desk = _desk(by, reason, dry_run=dry_run)
        done = match_acts.accept_match(desk, proposal, reason.strip(), dry_run=dry_run)
    _told([done], dry_run=dry_run)


@app.command("export")
@filtered
def export_sheet(
    file: Annotated[Path, typer.Argument(help="The sheet, .csv.")], *, filters: Filters
) -> None:
    """Write breaks as a sheet with empty columns for decisions."""
    from order_ops.jobs.breaks import break_sheets, standing  # noqa: PLC0415 - dataframes

    with explained():
        if file.suffix != ".csv":
            raise SettingsError(f"{file}: sheets are .csv, which every spreadsheet opens")
        count = break_sheets.export(pool(), standing.Selection(**filters), file)
    _say(f"{count} breaks in {file}: fill in decision, reason, assign_to, due_date.")


@app.command("import")
def import_sheet(
    file: Annotated[Path, typer.Argument(help="A sheet that export wrote, filled in.")],
    *, dry_run: DryRun = False, by: By = "",
) -> None:  # fmt: skip
    """Do what a sheet says: all of it, or nothing when a row is wrong."""
    from order_ops.jobs.breaks import break_sheets  # noqa: PLC0415 - dataframes

    with explained():
        done = break_sheets.take(_desk(by, "a sheet", dry_run=dry_run), file, dry_run=dry_run)
    _told(done, dry_run=dry_run)
    if not done:
        _say("No row has a decision.")


def _decide(
    break_id: str, act: Act, reason: str, by: str, *, dry_run: bool, needs_reason: bool = True
) -> None:
    from order_ops.jobs.breaks.desk import Deed  # noqa: PLC0415 - dataframes

    _do(break_id, [Deed(act, reason.strip())], by, dry_run=dry_run, needs_reason=needs_reason)


def _do(
    break_id: str, deeds: "list[Deed]", by: str, *, dry_run: bool, needs_reason: bool = False
) -> None:
    from order_ops.jobs.breaks import break_acts  # noqa: PLC0415 - dataframes
    from order_ops.jobs.breaks import desk as desks  # noqa: PLC0415 - dataframes

    with explained():
        desk = _desk(by, deeds[0].reason or ("" if needs_reason else "-"), dry_run=dry_run)
        with desks.trying(desk.pool, dry_run=dry_run) as conn:
            done = [break_acts.act_in(conn, desk, break_id, deed) for deed in deeds]
    _told(done, dry_run=dry_run)


def _desk(by: str, reason: str, *, dry_run: bool) -> "Desk":
    """Who acts, and what they may do."""
    from order_ops.jobs.breaks.desk import Desk  # noqa: PLC0415 - dataframes
    from order_ops.mapping import load_mapping  # noqa: PLC0415
    from order_ops.mapping.roles import load_roles  # noqa: PLC0415

    set_by = os.environ.get("ORDER_OPS_ACTOR", "").strip()
    if set_by and by.strip() != set_by:
        raise SettingsError(
            f"--by {by.strip()}: ORDER_OPS_ACTOR says that you are {set_by}: leave --by out"
        )
    settings, who = get_settings(), actor(by, reason, dry_run=dry_run)
    return Desk(pool(), load_mapping(settings.mapping), load_roles(settings.roles), who.name)


def _told(done: "list[Acted]", *, dry_run: bool) -> None:
    for one in done:
        _say(f"would be: {one}" if dry_run else str(one))


def _say(told: Any) -> None:
    console.print(plain(told), soft_wrap=True)
