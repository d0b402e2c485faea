"""What the benchmarks share: arguments, repetitions in turn, processes, medians."""

import argparse
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).resolve().parent / "peers"
PEER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"


def options(doc: str | None, repeat: int) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=repeat, help=f"default: {repeat}")
    return parser


def arguments(
    doc: str | None, messages: int, repeat: int = 5, *, only: bool = True
) -> argparse.ArgumentParser:
    """The options of those that count messages."""
    parser = options(doc, repeat)
    parser.add_argument("--messages", type=int, default=messages, help=f"default: {messages:,}")
    if only:
        parser.add_argument("--only", help="some names, with commas between: saves nothing")
    return parser


def peer(script: str, *options: str) -> list[str]:
    """The command of a peer, in its own environment."""
    if not PEER_PYTHON.exists():
        sys.exit("the peers are not installed: run `make bench`, or `make .venv-bench/.installed`")
    return [str(PEER_PYTHON), str(PEERS / script), *options]


def in_turn(
    names: Iterable[str], repeat: int, measure: Callable[[str], float | None]
) -> dict[str, list[float]]:
    """A B C A B C ...: what else the machine does hits all alike. None: not this time."""
    chosen = list(names)
    found: dict[str, list[float]] = {name: [] for name in chosen}
    columns = (
        TextColumn("{task.description:34}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as progress:
        task = progress.add_task("", total=repeat * len(chosen))
        for _ in range(repeat):
            for name in chosen:
                progress.update(task, description=name)
                if (figure := measure(name)) is not None:
                    found[name].append(figure)
                    progress.console.print(f"  {name:44} {figure:>12,.1f}")
                progress.advance(task)
    return found


def medians(raw: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.median(figures) for name, figures in raw.items() if figures}


def spread(figures: Sequence[float]) -> str:
    """The least and the most of them."""
    return f"{min(figures):,.0f} to {max(figures):,.0f}"


def end(process: subprocess.Popen[str], sig: signal.Signals = signal.SIGTERM) -> None:
    """End a process and what it started, of which it is the group's leader."""
    if process.poll() is None:
        _signal_group(process, sig)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[str], sig: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, sig)
