"""`order-ops simulate`: both sides of an account that never was, as files, with the truth."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from order_ops.cli.base import console, errors, explained, plain
from order_ops.settings import SettingsError

if TYPE_CHECKING:
    from order_ops.simulator.plan import Config
    from order_ops.simulator.simulation import Simulation
    from order_ops.simulator.writers.folder import Written


class Provider(StrEnum):
    """Whose format the provider's file has."""

    STRIPE = "stripe"
    ADYEN = "adyen"
    PAYPAL_TRR = "paypal_trr"
    PAYPAL_STL = "paypal_stl"
    MAPPED = "mapped"


def simulate(
    out: Annotated[Path, typer.Option(help="Folder for the files.")],
    size: Annotated[
        int, typer.Option(min=100, max=10_000_000, help="Entries a side, roughly.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed, the same files.")] = 1,
    provider: Annotated[Provider, typer.Option(help="Whose file.")] = Provider.STRIPE,
    faults: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of orders with a fault.")
    ] = 0.02,
) -> None:
    """Make our file and a provider's, with faults of which the truth is told beside them."""
    from order_ops.simulator.plan import Config  # noqa: PLC0415 - dataframes
    from order_ops.simulator.writers.folder import write_folder  # noqa: PLC0415

    with explained():
        made = _made(Config(size, seed=seed, provider=provider.value, faults=faults))
        try:
            with errors.status("writing the files"):
                written = write_folder(made, out)
        except OSError as error:
            told = f"--out {out}: cannot be written: {error.strerror or error}"
            raise SettingsError(told) from None
    _tell(made, written, out)


def _made(config: "Config") -> "Simulation":
    """Simulate, and show how far it is."""
    from rich.progress import Progress  # noqa: PLC0415

    from order_ops.simulator.simulation import simulate as run  # noqa: PLC0415

    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task("orders", total=config.size)
        return run(config, lambda done: progress.advance(task, done))


def _tell(made: "Simulation", written: "Written", out: Path) -> None:
    """How much of what there is, and what to type next."""
    console.print(f"{made.internal.height:>12,}  entries of ours")
    console.print(f"{made.provider.height:>12,}  lines of the provider")
    console.print(f"{made.truth.matches['match'].n_unique():>12,}  true matches")
    counts = made.truth.labels.group_by("class", "status").len().sort("class", "status")
    for name, status, count in counts.iter_rows():
        console.print(f"{count:>12,}  {name}{', pending' if status == 'pending' else ''}")
    options = "".join(
        f" --provider-option {name}={value}" for name, value in written.options.items()
    )
    console.print("Reconcile it:")
    console.print(
        plain(
            f"order-ops reconcile --internal {written.internal} --provider {written.provider}"
            f"{options} --rules {written.rules} --as-of {made.config.closing}"
            f" --out {out / 'result'}"
        ),
        soft_wrap=True,
    )
