"""The report's plots, as SVG text that stands inside the page.

Drawing only: amounts come in minor units of one currency and are shown in major units. The same
figures give the same bytes.
"""

import io
import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from order_ops.domain.money import format_minor, minor_exponent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID = "#1d2a3a", "#64748b", "#e2e8f0"
TOTAL, DOWN, UP = "#334e68", "#c2410c", "#0f766e"

AGED = ("#fdba74", "#f97316", DOWN, "#7c2d12")
"""From the youngest to the oldest; named in `report.AGES`."""

_UNUSED = re.compile(r'<metadata>.*?</metadata>\s*| xmlns(?::\w+)?="[^"]*"', re.DOTALL)
"""What an SVG needs as a file, and not inside a page, which then holds no address at all."""

Bar = tuple[str, int]
"""A label and an amount in minor units."""


def waterfall(start: Bar, steps: Sequence[Bar], end: Bar, currency: str) -> str:
    """Draw how one total becomes the other; the axis is cut so that small steps can be seen."""
    figure, axes = _canvas(height=1.0 + 0.42 * (len(steps) + 2))
    unit = 10 ** minor_exponent(currency)
    levels = [start[1]]
    for _, amount in steps:
        levels.append(levels[-1] + amount)
    low, high = _window([*levels, end[1]])
    # totals are drawn from zero, or from the edge on its side
    base = min(max(low, 0), high)
    for row, (_, amount) in enumerate([start, *steps, end]):
        total = row in {0, len(steps) + 1}
        left = base if total else min(levels[row - 1], levels[row])
        width = amount - base if total else abs(amount)
        colour = TOTAL if total else (DOWN if amount < 0 else UP)
        axes.barh(row, width / unit, left=left / unit, color=colour, height=0.62)
        text = format_minor(amount, currency) if total else _signed(amount, currency)
        edge = (max(amount, base) if total else max(levels[row - 1], levels[row])) / unit
        _written(axes, text, edge, row)
        if row <= len(steps):
            axes.plot([levels[row] / unit] * 2, [row - 0.31, row + 1.31], color=MUTED, lw=0.7)
    axes.set_xlim(low / unit, (high + (high - low) * 0.28) / unit)
    _labelled(axes, [start[0], *(label for label, _ in steps), end[0]])
    return _svg(figure, f"Bridge in {currency}")


def bars(amounts: Sequence[tuple[str, Sequence[int]]], currency: str) -> str:
    """Draw one bar per label, the first on top, each of its parts by age, the youngest first."""
    figure, axes = _canvas(height=0.7 + 0.42 * len(amounts))
    unit = 10 ** minor_exponent(currency)
    most = max((sum(parts) for _, parts in amounts), default=0) or 1
    for row, (_, parts) in enumerate(amounts):
        left = 0
        for amount, colour in zip(parts, AGED, strict=True):
            if amount:
                axes.barh(row, amount / unit, left=left / unit, color=colour, height=0.62)
            left += amount
        _written(axes, format_minor(left, currency), left / unit, row)
    axes.set_xlim(0, most * 1.28 / unit)
    _labelled(axes, [label for label, _ in amounts])
    return _svg(figure, f"Money at stake in {currency}")


def drift(days: Sequence[date], gross: Sequence[int], net: Sequence[int], currency: str) -> str:
    """Draw what is unexplained on each day: gross as columns, net as a line."""
    figure, axes = _canvas(height=2.6)
    unit = 10 ** minor_exponent(currency)
    places = [(day - days[0]).days for day in days]
    axes.bar(places, [amount / unit for amount in gross], color=DOWN, width=0.7, label="Gross")
    axes.plot(places, [amount / unit for amount in net], color=INK, lw=1.4, marker=".", label="Net")
    steps = max(1, (places[-1] or 1) // 6)
    ticks = range(places[-1], -1, -steps)
    axes.set_xticks(list(ticks), [f"{days[0] + timedelta(days=at):%d %b}" for at in ticks])
    axes.set_xlim(-0.6, places[-1] + 0.6)
    if not any((*gross, *net)):
        axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.locator_params(axis="y", nbins=5)
    axes.tick_params(length=0, colors=MUTED, labelsize=8)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.axhline(0, color=MUTED, lw=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper left", bbox_to_anchor=(0, 1.18))
    for spine in axes.spines.values():
        spine.set_visible(False)
    return _svg(figure, f"Drift in {currency}")


def _window(levels: Sequence[int]) -> tuple[int, int]:
    """Return the part of the axis that shows all levels and, of the totals, only their ends."""
    low, high = min(levels), max(levels)
    spread = (high - low) or max(abs(high) // 10, 1)
    if low >= 0:
        low = 0 if low < spread * 2 else low - spread
    elif high <= 0:
        high = 0 if -high < spread * 2 else high + spread
    return low, max(high, low + 1)


def _signed(amount: int, currency: str) -> str:
    return f"{'+' if amount > 0 else ''}{format_minor(amount, currency)}"


def _canvas(height: float) -> tuple["Figure", "Axes"]:
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second that a run without a report saves

    figure = Figure(figsize=(9.2, height), layout="constrained")
    return figure, figure.add_subplot()


def _written(axes: "Axes", text: str, edge: float, row: int) -> None:
    """Write an amount to the right of its bar."""
    axes.annotate(
        text, (edge, row), xytext=(6, 0), textcoords="offset points", va="center", color=INK
    )


def _labelled(axes: "Axes", labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.tick_params(length=0, colors=INK)
    axes.tick_params(axis="x", colors=MUTED, labelsize=8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _svg(figure: "Figure", title: str) -> str:
    import matplotlib as mpl  # noqa: PLC0415 - as above

    # Text as text is searchable and small; a fixed salt keeps element ids the same.
    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "order_ops"}):
        figure.savefig(
            text, format="svg", metadata={"Date": None, "Title": title}, transparent=True
        )
    svg = text.getvalue()
    return _UNUSED.sub("", svg[svg.index("<svg") :])
