"""Run one command with embedded services of its own, in a folder that goes away after.

    python -m order_ops.devstack.run [--no-broker] COMMAND ...

For checks that need a database and must not meet anybody's data. A system that
stays up is `supervisor`.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from order_ops.devstack.services import embedded


def run(command: Sequence[str], *, broker: bool) -> int:
    """Run `command` with the services' variables and this Python's scripts on the PATH."""
    scripts = str(Path(sys.executable).parent)
    with (
        tempfile.TemporaryDirectory(prefix="order-ops-", dir="/tmp") as folder,
        embedded(Path(folder), broker=broker) as services,
    ):
        path = os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)])
        env = os.environ | services.env() | {"PATH": path, "VIRTUAL_ENV": sys.prefix}
        return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    words = sys.argv[1:]
    without = words[:1] == ["--no-broker"]
    sys.exit(run(words[without:], broker=not without))
