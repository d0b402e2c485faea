"""A simulation: both sides of an account as frames, and what is true about them.

Here the stories are told, part by part, and put together; what they are belongs elsewhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from order_ops.providers.files.report import LINE_SCHEMA
from order_ops.reconciliation.bank import BankSide
from order_ops.reconciliation.day import Day, Entries
from order_ops.reconciliation.incomplete import Gap
from order_ops.reconciliation.rules import Rules
from order_ops.simulator import contract, payouts
from order_ops.simulator.chance import Chance
from order_ops.simulator.dialects import DIALECTS, Dialect
from order_ops.simulator.orders import Window, orders
from order_ops.simulator.paid_out import PaidOut, pay_out
from order_ops.simulator.plan import Config, cast
from order_ops.simulator.scene import ENTRY_SCHEMA, LINE_COLUMNS, Scene

MEMBER_SCHEMA = pl.Schema({"side": pl.String(), "entry_id": pl.String()})
LABEL_SCHEMA = pl.Schema(
    {
        "label": pl.Int64(),
        "class": pl.String(),
        "status": pl.String(),
        "key": pl.String(),
        "currency": pl.String(),
        "story": pl.String(),
    }
)
_AT_ONCE = 250_000
"""So many orders are told at once: what a story needs besides its result is bounded by it."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What a reconciliation of the two sides has to find.

    Attributes:
        matches: match (i64), side (internal or provider), entry_id: the entries of each true match
            that moved money and agrees; several of a side where one event is in parts.
        labels: one row per break: label (i64), class, status (break, or pending while its grace
            runs), key and currency as of its break, story (who put it in).
        labelled: label, side, entry_id: the entries that a label is about; of a missing file none.
    """

    matches: pl.DataFrame
    labels: pl.DataFrame
    labelled: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Simulation:
    """Both sides, in the order of time, and the truth.

    Attributes:
        config: what it was made from; the same config, the same frames.
        internal: our entries, columns `reconciliation.frames.INTERNAL`.
        provider: the provider's lines, columns `report.LINE_SCHEMA` and day (UTC), so that they
            hold those of `reconciliation.frames.PROVIDER`. raw is an empty object.
        truth: see `Truth`.
        bank: lines of the bank that it is paid out to, columns `paid_out.BANK_SCHEMA`.
        gaps: files that are missing.
    """

    config: Config
    internal: pl.DataFrame
    provider: pl.DataFrame
    truth: Truth
    bank: pl.DataFrame
    gaps: tuple[Gap, ...] = ()

    @property
    def dialect(self) -> Dialect:
        """What the provider's files can say."""
        return DIALECTS[self.config.provider]

    @property
    def rules(self) -> Rules:
        """What was agreed with the provider; without it neither fees nor rates are compared."""
        return contract.rules(self.dialect.boleto, pays_out=self.dialect.pays_out)

    @property
    def entries(self) -> Entries:
        """What the day is reconciled from."""
        return Entries(self.internal, self.provider, bank=BankSide(self.bank))

    @property
    def day(self) -> Day:
        """The day to reconcile it on."""
        return Day(
            self.config.closing,
            account="simulated",
            tenant="simulated",
            rules=self.rules,
            gaps=self.gaps,
        )


def simulate(config: Config, progress: Callable[[int], None] = lambda _: None) -> Simulation:
    """Make both sides and the truth.

    Args:
        config: what to make.
        progress: told how many more orders are done.
    """
    dialect = DIALECTS[config.provider]
    told = _Told()
    for scene in _scenes(config, dialect):
        told.add(scene)
        progress(scene.orders.height)
    lines = pl.concat(told.provider)
    first = Window(config.closing, config.days).first
    paid = pay_out(
        payouts.beside(lines, dialect, config.closing),
        dialect,
        config.closing,
        first,
        config.seed,
        config.faults,
    )
    told.pay(paid)
    every = pl.concat([lines, paid.lines])
    provider = every.sort("occurred_at", "entry_id").with_columns(
        line_no=pl.int_range(2, pl.len() + 2, dtype=pl.Int64), raw=pl.lit("{}")
    )
    return Simulation(
        config=config,
        internal=pl.concat(told.internal).sort("occurred_at", "entry_id"),
        provider=provider.select(*LINE_SCHEMA.names(), "day"),
        truth=Truth(
            matches=pl.concat(told.matches).sort("match", "side", "entry_id"),
            labels=pl.concat(told.labels).sort("label"),
            labelled=pl.concat(told.labelled).sort("label", "side", "entry_id"),
        ),
        bank=paid.bank,
        gaps=paid.gaps,
    )


class _Told:
    """Frames of the scenes, each list beginning with an empty one."""

    def __init__(self) -> None:
        member = dict(MEMBER_SCHEMA)
        lines = {name: LINE_SCHEMA.get(name, pl.Date()) for name in LINE_COLUMNS}
        self.internal = [pl.DataFrame(schema=ENTRY_SCHEMA)]
        self.provider = [pl.DataFrame(schema=lines)]
        self.matches = [pl.DataFrame(schema={"match": pl.Int64(), **member})]
        self.labels = [pl.DataFrame(schema=LABEL_SCHEMA)]
        self.labelled = [pl.DataFrame(schema={"label": pl.Int64(), **member})]

    def add(self, scene: Scene) -> None:
        for name in ("internal", "provider", "matches", "labels", "labelled"):
            getattr(self, name).extend(getattr(scene, name))

    def pay(self, paid: PaidOut) -> None:
        """Labels of payouts are numbered from -1 down: those of orders are theirs by index."""
        told = paid.labels.with_columns(label=-1 - pl.int_range(pl.len(), dtype=pl.Int64))
        self.labels.append(told.with_columns(story=pl.col("class")).select(LABEL_SCHEMA.names()))
        of_entries = told.filter(pl.col("entry_id").is_not_null())
        self.labelled.append(of_entries.select("label", *MEMBER_SCHEMA.names()))


def _scenes(config: Config, dialect: Dialect) -> Iterator[Scene]:
    chance, window = Chance(config.seed), Window(config.closing, config.days)
    for story, indexes in cast(config, orders(chance, dialect, window, range(1))):
        for start in range(indexes.start, indexes.stop, _AT_ONCE):
            part = range(start, min(start + _AT_ONCE, indexes.stop))
            scene = Scene(
                orders(chance, dialect, window, part), dialect, config.closing, story.name
            )
            story.tell(scene)
            yield scene
