"""What the private RabbitMQ node of a home is: found, named, configured.

Values and files only; running it is `broker`.
"""

import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from order_ops.devstack import processes
from order_ops.devstack.processes import LOOPBACK

INSTALL_HINT = (
    "RabbitMQ is not installed: install the package rabbitmq-server (apt-get install "
    "rabbitmq-server), or name a running broker"
)
SCRIPTS = (Path("/usr/lib/rabbitmq/bin"), Path("/usr/local/lib/rabbitmq/bin"))
"""Not /usr/sbin: Debian's wrapper there switches the user and drops the environment."""


class BrokerMissingError(RuntimeError):
    """No RabbitMQ on this machine; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Node:
    """What is chosen once per home and remembered in `<home>/rabbitmq/node.json` (0600)."""

    port: int
    dist_port: int
    epmd_port: int
    password: str
    user: str = "order_ops"
    api_port: int = 0
    """Of the management API; 0 in a file of a release that had none, see `node`."""

    @property
    def amqp_url(self) -> str:
        """The URL of the default vhost."""
        return f"amqp://{self.user}:{self.password}@{LOOPBACK}:{self.port}/%2F"

    @property
    def api_url(self) -> str:
        """The URL of the management API, which is the address of its UI too."""
        return f"http://{self.user}:{self.password}@{LOOPBACK}:{self.api_port}"


def state_dir(home: Path) -> Path:
    """Where the node keeps everything it has."""
    return home.resolve() / "rabbitmq"


def find_rabbitmq() -> Path | None:
    """The server's own start script, None when RabbitMQ is not installed."""
    found = next((d / "rabbitmq-server" for d in SCRIPTS if (d / "rabbitmq-server").exists()), None)
    if found is None and (other := shutil.which("rabbitmq-server")):
        wrapper = Path("/usr/sbin")
        found = None if Path(other).parent == wrapper else Path(other)
    return found


def require_rabbitmq() -> Path:
    """As `find_rabbitmq`.

    Raises:
        BrokerMissingError: naming the package.
    """
    script = find_rabbitmq()
    if script is None:
        raise BrokerMissingError(INSTALL_HINT)
    return script


def node(home: Path) -> Node:
    """The node of this home; its ports and password are chosen at the first call."""
    path = state_dir(home) / "node.json"
    known = Node(**json.loads(path.read_text())) if path.exists() else None
    if known and known.api_port:
        return known
    if known is None:
        port, dist_port, epmd_port = (processes.free_port() for _ in range(3))
        known = Node(port, dist_port, epmd_port, password=secrets.token_urlsafe(18))
    new = replace(known, api_port=processes.free_port())
    processes.write_private(path, json.dumps(asdict(new)))
    return new


def environment(home: Path) -> dict[str, str]:
    """The variables that make the system's package this node; writes its config."""
    state, me = state_dir(home), node(home)
    config = f"""listeners.tcp.1 = {LOOPBACK}:{me.port}
default_user = {me.user}
default_pass = {me.password}
loopback_users = none
log.file = node.log
log.console = false
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.relative = 0.4
management.tcp.ip = {LOOPBACK}
management.tcp.port = {me.api_port}
"""
    processes.write_private(state / "rabbitmq.conf", config)
    (state / "enabled_plugins").write_text("[rabbitmq_management].\n")
    return os.environ | {
        "HOME": str(state),  # the cookie
        "ERL_EPMD_PORT": str(me.epmd_port),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "RABBITMQ_NODENAME": f"order_ops_{me.port}@localhost",
        "RABBITMQ_NODE_PORT": str(me.port),
        "RABBITMQ_DIST_PORT": str(me.dist_port),
        "RABBITMQ_MNESIA_BASE": str(state / "data"),
        "RABBITMQ_LOG_BASE": str(state / "log"),
        "RABBITMQ_PID_FILE": str(state / "rabbitmq.pid"),
        "RABBITMQ_CONFIG_FILE": str(state / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(state / "none"),  # not /etc/rabbitmq/rabbitmq-env.conf
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(state / "none.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(state / "enabled_plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        # Makes the script `exec` the virtual machine: one pid to signal and to wait for.
        "RUNNING_UNDER_SYSTEMD": "true",
    }
