"""Assets that are written together, whatever is chosen of them.

Dagster lets a step end without its outputs only if the step may be chosen in part, and a
step whose work is somebody else's must be able to. What is written is always the whole;
Dagster is told of what was chosen.
"""

from collections.abc import Iterable, Iterator

import dagster as dg


def chosen(
    context: dg.AssetExecutionContext, results: Iterable["dg.MaterializeResult[None]"]
) -> Iterator["dg.MaterializeResult[None]"]:
    """Those of the results, and of their checks, that the run has chosen."""
    for result in results:
        assert result.asset_key is not None
        key = dg.AssetKey.from_coercible(result.asset_key)
        if key in context.selected_asset_keys:
            yield dg.MaterializeResult(
                asset_key=key,
                metadata=result.metadata,
                data_version=result.data_version,
                check_results=[
                    check
                    for check in result.check_results or ()
                    if dg.AssetCheckKey(key, str(check.check_name))
                    in context.selected_asset_check_keys
                ],
            )
