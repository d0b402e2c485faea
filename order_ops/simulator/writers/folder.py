"""A simulation in a folder: our file, the provider's, the bank's, the rules, and the truth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from order_ops.reporting.exports import write_table
from order_ops.simulator import contract
from order_ops.simulator.simulation import Simulation
from order_ops.simulator.writers import adyen, bank, mapped, ours, paypal, stripe

WRITERS: Mapping[str, Callable[[pl.DataFrame, Path], None]] = {
    "stripe": stripe.write,
    "adyen": adyen.write,
    "paypal_trr": paypal.write_trr,
    "paypal_stl": paypal.write_stl,
    "mapped": mapped.write,
}
"""By dialect."""


@dataclass(frozen=True, slots=True)
class Written:
    """Where the files are, and what has to be said to read the provider's.

    Attributes:
        internal: our entries.
        provider: "PROVIDER:PATH", as `open_report` takes it.
        options: of that reader.
        rules: of the run.
        bank: the bank's statements, CAMT.053.
    """

    internal: Path
    provider: str
    options: Mapping[str, str]
    rules: Path
    bank: Path


def write_folder(simulation: Simulation, out: Path) -> Written:
    """Write a simulation.

    Args:
        simulation: what to write.
        out: folder, made when it is not there; files of an earlier simulation are replaced.

    Raises:
        OSError: a file cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    name = simulation.dialect.name
    internal, provider, rules = out / "internal.csv", out / "provider.csv", out / "rules.yaml"
    ours.write(simulation.internal, internal)
    WRITERS[name](simulation.provider, provider)
    bank.write(simulation.bank, statements := out / "bank.xml")
    dialect = simulation.dialect
    text = contract.rules_text(dialect.boleto, pays_out=dialect.pays_out)
    rules.write_text(text, encoding="utf-8")
    truth = simulation.truth
    write_table(truth.matches, out, "truth_matches")
    write_table(truth.labels, out, "truth_breaks")
    write_table(truth.labelled, out, "truth_break_members")
    options = {"mapping": str(mapped.mapping_of(provider))} if name == "mapped" else {}
    return Written(internal, f"{name}:{provider}", options, rules, statements)
