"""RabbitMQ 4 beside the one that is installed: in a Debian trixie root, made once.

The root lives in the user's cache folder, packages come from the mirror that apt
is configured with. Its scripts are wrapped: what calls `rabbitmq-server` or
`rabbitmqctl` calls the root's, in a mount namespace of its own that sees this
machine's /proc, /dev and /tmp, so that every path of the node is the same inside
and outside, and nothing is left mounted. It needs to be root, and `debootstrap`.
"""

import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from order_ops.devstack import broker_node

RELEASE = "trixie"
_SCRIPTS = "/usr/lib/rabbitmq/bin"
_REFUSE_SERVICES = "#!/bin/sh\nexit 101\n"
_WRAPPER = """#!/bin/sh
# one pid all the way: each step replaces the one before
exec unshare --mount sh -ec '
for folder in proc dev tmp; do mount --bind "/$folder" "{root}/$folder"; done
exec chroot "{root}" {scripts}/{name} "$@"' {name} "$@"
"""


@contextmanager
def rabbitmq4(folder: Path) -> Iterator[None]:
    """The devstack's broker is RabbitMQ 4; its wrapped scripts are in `folder`."""
    root = _root()
    folder.mkdir()
    for name in ("rabbitmq-server", "rabbitmqctl"):
        wrapper = folder / name
        wrapper.write_text(_WRAPPER.format(root=root, scripts=_SCRIPTS, name=name))
        wrapper.chmod(0o755)
    installed = broker_node.SCRIPTS
    broker_node.SCRIPTS = (folder, folder)
    try:
        yield
    finally:
        broker_node.SCRIPTS = installed


def _root() -> Path:
    """The root, made at the first call by one process at a time."""
    root = user_cache_path("order_ops") / f"rabbitmq-{RELEASE}"
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed
        if not root.exists():
            _make(root)
    return root


def _make(root: Path) -> None:
    """Make the root beside its place, so that one that is half made does not count."""
    if shutil.which("debootstrap") is None:
        raise RuntimeError("BROKER=4 needs debootstrap: apt-get install debootstrap")
    part = root.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    _run("debootstrap", "--variant=minbase", RELEASE, str(part), _mirror())
    policy = part / "usr/sbin/policy-rc.d"
    policy.write_text(_REFUSE_SERVICES)
    policy.chmod(0o755)
    install = ("apt-get", "install", "-y", "--no-install-recommends", "rabbitmq-server")
    _run("chroot", str(part), *install)
    part.rename(root)


def _mirror() -> str:
    """Debian's mirror, as this machine's apt knows it."""
    found = _run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Label: Debian").split()
    if not found:
        raise RuntimeError("apt knows no Debian mirror: configure one, then apt-get update")
    return found[0]


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(done.stderr or done.stdout)[-2_000:]}")
    return done.stdout
