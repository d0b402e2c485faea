"""Taking in the files of watched folders."""

import dagster as dg

from order_ops.jobs.catalogue import TAKE_IN_FILES
from order_ops.jobs.files.watched_files import Outcome, take_in
from order_ops.jobs.running.runtime import Running
from order_ops.orchestration.performing import performed
from order_ops.orchestration.resources import OrderOps


@dg.op(pool=TAKE_IN_FILES.pool, description=TAKE_IN_FILES.what)
def take_in_watched_files(context: dg.OpExecutionContext, order_ops: OrderOps) -> None:
    """See `order_ops.jobs.files.watched_files`."""

    def work(running: Running) -> list[Outcome]:
        limit = order_ops.settings.file_limit_mb << 20
        return list(take_in(running.pool, order_ops.mapping, limit))

    done = performed(context, order_ops, TAKE_IN_FILES, work) or []
    rows = "\n".join(
        f"| {one.account} | {one.source} | {_cell(one.address)} | {one.state} | {_cell(one.told)} |"
        for one in done
    )
    table = f"| account | of | file | became | because |\n|---|---|---|---|---|\n{rows}"
    states = [one.state for one in done]
    counts = {state: states.count(state) for state in ("taken", "refused", "unreadable", "seen")}
    context.add_output_metadata({**counts, "files": dg.MetadataValue.md(table)})


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
