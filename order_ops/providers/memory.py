"""Whether a file can be read within the memory that this process may use, before it is read.

Files are read whole. One that is too large would end the process from outside, or make a reader
abort, with no word of why; a file is refused instead, with what to do. The figures are measured:
`resident` is the most that any reader needed, by byte of its file.
"""

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from order_ops.providers.files.report import ReportError

RESIDENT = 14
"""Bytes of memory for a byte of a file: 5 (CAMT.053) to 13.4 (PayPal) were measured."""
_MIB = 1 << 20
_ARENAS = (512 + 200 * (os.cpu_count() or 1)) * _MIB
"""Address space that the allocators of threads reserve and do not use: 900 MB on two cores."""
_ARENAS_BY_BYTE = 40
"""Small files make them reserve less."""
_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")


class MemoryLackError(ReportError):
    """A file needs more memory than there is just now; there may be later, or elsewhere."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How many bytes more the process may have, by one limit.

    Attributes:
        mends: what gives it more.
        of_addresses: whether what is reserved counts, used or not.
    """

    left: int
    mends: str
    of_addresses: bool = False


def refuse_too_large(path: Path) -> None:
    """Refuse a file that needs more memory to be read than there is.

    Raises:
        MemoryLackError: saying how much of both, and what to do.
        OSError: the file cannot be looked at.
    """
    size = path.stat().st_size
    for bound in bounds():
        needed = size * RESIDENT
        if bound.of_addresses:
            needed += min(size * _ARENAS_BY_BYTE, _ARENAS)
        if needed > bound.left:
            raise MemoryLackError(
                path.name,
                f"reading its {size / 1e6:,.0f} MB needs {needed / 1e6:,.0f} MB of memory, and "
                f"there are {max(bound.left, 0) / 1e6:,.0f} MB",
                f"{bound.mends}, or export it in parts, such as a file of each day",
            )


def bounds() -> Iterator[Bound]:
    """Every limit of this process; none where the system tells of none, as outside of Linux."""
    status = _figures(_PROC / "self/status")
    for kind, used, mends in (
        (resource.RLIMIT_AS, "VmSize", "raise ulimit -v"),
        (
            resource.RLIMIT_DATA,
            "VmData",
            "raise ORDER_OPS_RUN_MEMORY_MB (outside a run, ulimit -d)",
        ),
    ):
        most, _ = resource.getrlimit(kind)
        if most != resource.RLIM_INFINITY and used in status:
            yield Bound(most - status[used], mends, of_addresses=True)
    machine = _figures(_PROC / "meminfo")
    if "MemAvailable" in machine:
        yield Bound(machine["MemAvailable"], "give the machine more memory")
    if (left := _left_in_cgroup()) is not None:
        yield Bound(left, "give the container more memory")


def _figures(path: Path) -> dict[str, int]:
    """Lines such as `VmSize:   1024 kB`, in bytes."""
    found = {}
    for line in _text(path).splitlines():
        name, _, said = line.partition(":")
        parts = said.split()
        if len(parts) == 2 and parts[1] == "kB":
            found[name] = int(parts[0]) << 10
    return found


def _left_in_cgroup() -> int | None:
    """What the container may have beside what it uses and cannot give back; none: no limit."""
    own = [line[3:] for line in _text(_PROC / "self/cgroup").splitlines() if line[:3] == "0::"]
    folder = _CGROUPS / own[0].lstrip("/") if own else _CGROUPS
    most, used = _text(folder / "memory.max").strip(), _text(folder / "memory.current").strip()
    if not most.isdigit() or not used.isdigit():
        return None
    stat = dict(line.split() for line in _text(folder / "memory.stat").splitlines())
    return int(most) - int(used) + int(stat.get("inactive_file", 0))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
