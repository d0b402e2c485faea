"""Reconciliation at ten times the size: time and memory beside those of the smaller one.

The same contenders as of `reconcile`, those that are made for such sizes, once at each size in one
run; the ratio is of what the same process costs for ten times as many entries.
"""

from collections.abc import Mapping

from benchmarks import harness, results
from benchmarks.reconcile import CONTENDERS, OURS, Measure, measured

_AIM_MIB, _AIM_TIMES = 16_384.0, 12.0
WHY = (
    "what is judged is held in memory, in slices, and both sides beside it; the part that grows "
    "faster than the input is the sorting of what comes out"
)


def report(
    small: tuple[int, Measure, Mapping[str, list[float]]],
    large: tuple[int, Measure, Mapping[str, list[float]]],
) -> results.Part:
    names = list(large[2])
    seconds = {size: harness.medians(dict(raw)) for size, _, raw in (small, large)}
    times = {name: seconds[large[0]][name] / seconds[small[0]][name] for name in names}
    peak = {name: large[1].peak_mb[name] for name in names}
    rows = [
        [
            name,
            CONTENDERS[name].what,
            f"{seconds[small[0]][name]:.2f}",
            f"{seconds[large[0]][name]:.1f}",
            f"{times[name]:.1f}",
            f"{small[1].peak_mb[name]:,.0f}",
            f"{peak[name]:,.0f}",
        ]
        for name in names
    ]
    sizes = [f"{size:,}" for size, _, _ in (small, large)]
    return results.Part(
        name="reconcile_scale",
        title=f"Reconciliation: {sizes[1]} entries a side",
        text=(__doc__ or "").split("\n\n", 1)[1].strip(),
        columns=[
            "", "what", f"s at {sizes[0]}", f"s at {sizes[1]}", "times", f"MiB at {sizes[0]}",
            f"MiB at {sizes[1]}",
        ],
        rows=rows,
        aims=[
            results.Aim("of memory", _AIM_MIB, peak[OURS], WHY, at_most=True, unit=" MiB"),
            results.Aim("times the smaller", _AIM_TIMES, times[OURS], WHY, at_most=True),
        ],
        raw={f"{name} at {size}": raw[name] for size, _, raw in (small, large) for name in names},
    )  # fmt: skip


def main() -> None:
    parser = harness.options(__doc__, 1)
    parser.add_argument("--size", type=int, default=1_000_000, help="a side; default: 1,000,000")
    options = parser.parse_args()
    names = [name for name, one in CONTENDERS.items() if one.scales]
    small, large = (
        (size, *measured(size, names, options.repeat)) for size in (options.size, 10 * options.size)
    )
    part = report(small, large)
    results.show(part)
    if options.size >= 1_000_000:
        results.save(part, {}, repeat=options.repeat)


if __name__ == "__main__":
    main()
