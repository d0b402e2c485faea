"""What a person sees of the demo: progress while it works, then the outcome, money first."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from order_ops.devstack.demo_figures import Figures
from order_ops.domain.money import format_minor
from order_ops.reporting.report import line_words

Item = TypeVar("Item")
_LOOK_EVERY_S = 0.2
_STAGING_S = 120.0


class View:
    """The demo on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """A step of unknown length."""
        with self._progress() as progress:
            progress.add_task(what, total=None)
            yield
        self._done(what)

    def broker(self, version: str | None) -> None:
        """Which broker there is."""
        if version is None:
            text = "no RabbitMQ here: the same messages are staged without one"
            self._console.print(f"[yellow]![/] {text} (install rabbitmq-server to see it)")
        else:
            self._console.print(f"  RabbitMQ {version}, a private node")

    def batches(self, what: str, items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
        """Batches of a known number of items."""
        with self._progress() as progress:
            task = progress.add_task(what, total=len(items))
            for start in range(0, len(items), size):
                batch = items[start : start + size]
                yield batch
                progress.advance(task, len(batch))
        self._done(f"{what}: {len(items):,}")

    def wait(self, what: str, total: int, count: Callable[[], int]) -> None:
        """Until a count has reached its total.

        Raises:
            TimeoutError: it did not move for two minutes.
        """
        moved, reached = monotonic(), 0
        with self._progress() as progress:
            task = progress.add_task(what, total=total)
            while (now := count()) < total:
                if now > reached:
                    moved, reached = monotonic(), now
                if monotonic() - moved > _STAGING_S:
                    raise TimeoutError(f"{what}: stuck at {now} of {total}")
                progress.update(task, completed=now)
                sleep(_LOOK_EVERY_S)
        self._done(f"{what}: {total:,}")

    def watch(
        self,
        what: str,
        running: "Future[str]",
        count: Callable[[], int] | None,
        total: int,
    ) -> None:
        """While a job runs."""
        with self._progress() as progress:
            task = progress.add_task(what, total=total if count else None)
            while not running.done():
                if count:
                    progress.update(task, completed=count())
                sleep(_LOOK_EVERY_S)
        self._done(what)

    def outcome(self, figures: Figures, home: Path) -> None:
        """The verdict, and where to look."""
        say = self._console.print
        say(f"\n[bold]{figures.sentence()}[/]", highlight=False, soft_wrap=True)
        messages = ", ".join(f"{count:,} {name}" for name, count in figures.messages.items())
        say(f"\nMessages  {messages}", highlight=False)
        states = ", ".join(f"{count:,} {state}" for state, count in figures.orders.items())
        say(f"Orders    {states}", highlight=False)
        say(f"Verdict   {figures.verdict}; {figures.matched:,} matched", highlight=False)
        say(self._breaks(figures))
        say(self._bridge(figures))
        self._truth(figures)
        for report in figures.reports:
            say(f"Report    {report}", highlight=False, soft_wrap=True)
        say(f"Tables    schema analytics; every file of the day is under {home}", soft_wrap=True)
        say("UI        make up   (run history, asset graph, backfills)\n")

    def _breaks(self, figures: Figures) -> Table:
        table = Table(title="Breaks, by money at stake", title_justify="left")
        table.add_column("class")
        table.add_column("orders", justify="right")
        table.add_column("at stake", justify="right")
        largest = sorted(
            figures.breaks.items(), key=lambda item: -max(item[1]["amount_minor"].values())
        )
        for name, entry in largest:
            money = [format_minor(amount, code) for code, amount in entry["amount_minor"].items()]
            table.add_row(name, str(entry["count"]), ", ".join(money))
        return table

    def _bridge(self, figures: Figures) -> Table:
        table = Table(title="Bridge, from our total to the provider's", title_justify="left")
        table.add_column("line")
        table.add_column("amount", justify="right")
        for code, line, amount in figures.bridge_lines:
            table.add_row(line_words(line), format_minor(amount, code))
        return table

    def _truth(self, figures: Figures) -> None:
        truth = figures.truth
        colour = "green" if figures.as_labelled() else "red"
        self._console.print(
            f"[{colour}]Truth     precision {truth.precision}, recall {truth.recall} "
            f"against the labels of the faults that were put in[/]",
            highlight=False,
            soft_wrap=True,
        )
        for text in [*truth.missed[:10], *truth.wrong[:10]]:
            self._console.print(f"  {text}", highlight=False)

    def _progress(self) -> Progress:
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )

    def _done(self, what: str) -> None:
        self._console.print(f"[green]✔[/] {what}", highlight=False)
