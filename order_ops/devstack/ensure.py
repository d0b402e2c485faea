"""See to it that the tests have a RabbitMQ: found, named, or installed; never skipped.

`python -m order_ops.devstack.ensure` is the first step of `make test`. It installs
the system's package where it may (root, apt) and says in one line what to do where
it may not.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from order_ops.devstack.broker_node import INSTALL_HINT, find_rabbitmq

TEST_AMQP_URL = "ORDER_OPS_TEST_AMQP_URL"
PACKAGE = "rabbitmq-server"
POLICY = Path("/usr/sbin/policy-rc.d")


def ensure_broker() -> str:
    """How the tests get their broker, after installing it if that was needed.

    Raises:
        RuntimeError: naming the package and the variable.
    """
    if script := find_rabbitmq():
        return f"private nodes of {script}"
    if os.environ.get(TEST_AMQP_URL):
        return f"the broker that {TEST_AMQP_URL} names"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise RuntimeError(f"{INSTALL_HINT} with {TEST_AMQP_URL}")
    _install()
    script = find_rabbitmq()
    if script is None:
        raise RuntimeError(f"installing {PACKAGE} left no server; {INSTALL_HINT}")
    return f"private nodes of {script}, just installed"


def _install() -> None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_service_starts():
        for arguments in (["update", "-q"], ["install", "-q", "-y", PACKAGE]):
            subprocess.run(["apt-get", *arguments], env=env, check=True)


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Keep the package from starting a node of its own, which nobody here needs.

    This is Debian's way to say so; an administrator's own policy is left alone.
    """
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


if __name__ == "__main__":
    try:
        sys.stdout.write(f"RabbitMQ for the tests: {ensure_broker()}\n")
    except (RuntimeError, subprocess.CalledProcessError) as error:
        sys.exit(f"error: {error}")
