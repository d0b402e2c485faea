"""Is the broker what the topology needs: its version, and what is declared there already.

AMQP lists nothing: whether a queue has the right arguments is found by declaring it
again, which does nothing when it is equal and is refused (406) when it is not. A thing
that is not there is looked for passively first, so that an audit changes nothing.
What only the management API knows (bindings, alarms) is `broker_api`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pika
import structlog
from pika.exceptions import ChannelClosedByBroker

from order_ops.domain.findings import Finding, reason
from order_ops.mapping import Events
from order_ops.messaging import topology
from order_ops.messaging.declared import Declared

log = structlog.get_logger(__name__)

MINIMUM = (3, 10)
FIRST_VERSION = {
    "x-queue-type": (3, 8),
    "x-delivery-limit": (3, 8),
    "x-dead-letter-strategy": (3, 10),
    "x-consumer-timeout": (3, 12),
    "x-delayed-retry-type": (4, 3),
    "x-delayed-retry-min": (4, 3),
    "x-delayed-retry-max": (4, 3),
}
"""Queue arguments by the version that first heeds them: RabbitMQ accepts what it does not
know, without a word, so a queue would look declared and not behave so."""
CONSUME_ONCE = "start `order-ops consume` once: it declares it"
TIMEOUT_S = 5.0
_CONNECT = "start RabbitMQ, or correct ORDER_OPS_AMQP_URL (host, port, user, password, vhost)"
_INEQUIVALENT = re.compile(r"inequivalent arg '([^']+)'.*?: (received .*)")


class TopologyError(Exception):
    """The broker has something else under a name of the topology; the message has the findings."""


def broker_findings(amqp_url: str, events: Events) -> list[Finding]:
    """Everything that AMQP can tell: reachable, new enough, declared as expected."""
    parameters = pika.URLParameters(amqp_url)
    parameters.socket_timeout = parameters.stack_timeout = TIMEOUT_S
    parameters.blocked_connection_timeout = TIMEOUT_S
    where = f"broker {parameters.host}:{parameters.port}"
    try:
        connection = pika.BlockingConnection(parameters)
    except (pika.exceptions.AMQPError, OSError) as error:
        told = reason(error) if str(error) else repr(error)
        return [Finding(where, f"no connection: {told}", _CONNECT)]
    with connection:
        return [
            *version_findings(where, _version(connection), Declared.of(events)),
            *topology_findings(connection, events),
        ]


def _version(connection: pika.BlockingConnection) -> str:
    properties = connection._impl.server_properties or {}  # noqa: SLF001 - no public way
    version = properties.get("version", "")
    return version.decode() if isinstance(version, bytes) else str(version)


def version_findings(where: str, version: str, declared: Declared) -> list[Finding]:
    """A broker that is too old, or does not hold an argument of the topology."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < MINIMUM:
        needed = ".".join(map(str, MINIMUM))
        told = f"is RabbitMQ {version or 'of an unknown version'}, older than {needed}"
        return [Finding(where, told, f"upgrade it to {needed} or newer")]
    return [
        Finding(
            f"queue {queue}",
            f"RabbitMQ {version} ignores {argument} without a word",
            f"upgrade the broker to {'.'.join(map(str, FIRST_VERSION[argument]))} or newer",
        )
        for queue, options in declared.queues.items()
        for argument in options.get("arguments", {})
        if numbers < FIRST_VERSION.get(argument, MINIMUM)
    ]


def topology_findings(
    connection: pika.BlockingConnection, events: Events, *, missing: bool = True
) -> list[Finding]:
    """What is not there, or is there with other arguments. Changes nothing.

    With `missing=False`, what order_ops itself would declare now is no finding.
    """
    declared = Declared.of(events)
    return [
        *_audit(connection, "exchange", declared.exchanges, missing=missing),
        *_audit(connection, "queue", declared.queues, missing=missing),
    ]


def _audit(
    connection: pika.BlockingConnection,
    kind: str,
    expected: dict[str, dict[str, Any]],
    *,
    missing: bool,
) -> Iterator[Finding]:
    for name, options in expected.items():
        foreign = bool(options.get("passive"))
        refusal = _refusal(connection, kind, name, {"passive": True})
        if refusal is None and not foreign:
            refusal = _refusal(connection, kind, name, options)
        if refusal is None or (_is_absent(refusal) and not foreign and not missing):
            continue
        yield Finding(f"{kind} {name}", *_explain(kind, refusal, foreign=foreign))


def _refusal(
    connection: pika.BlockingConnection, kind: str, name: str, options: dict[str, Any]
) -> ChannelClosedByBroker | None:
    """Declare on a channel of its own: a refusal closes the channel."""
    channel = connection.channel()
    try:
        getattr(channel, f"{kind}_declare")(name, **options)
    except ChannelClosedByBroker as error:
        return error
    channel.close()
    return None


def _is_absent(refusal: ChannelClosedByBroker) -> bool:
    # a 404 is also said of a queue whose node is down
    return refusal.reply_code == 404 and " no " in refusal.reply_text


def _explain(kind: str, refusal: ChannelClosedByBroker, *, foreign: bool) -> tuple[str, str]:
    """Problem and remedy of a refusal."""
    if _is_absent(refusal):
        theirs = "its owner declares it: start the shop's publisher, or correct events.exchange"
        return "does not exist", theirs if foreign else CONSUME_ONCE
    if found := _INEQUIVALENT.search(refusal.reply_text):
        told = f"has another {found[1]}: {found[2].replace('received', 'expected', 1)}"
        if kind == "queue":
            return told, "delete the queue after draining it, or use a new name"
        return told, "delete the exchange, or use a new name; one that the shop declares is passive"
    if refusal.reply_code == 403:
        return refusal.reply_text, "give the user the right to configure it (set_permissions)"
    return refusal.reply_text, "see the broker's log"


def declare(connection: pika.BlockingConnection, events: Events) -> None:
    """`topology.declare`, which says what is wrong when the broker refuses it.

    Raises:
        TopologyError: with the findings, which are logged too; the connection is closed.
    """
    try:
        topology.declare(connection.channel(), events)
    except ChannelClosedByBroker as error:
        findings = topology_findings(connection, events, missing=False)
        _log(findings)
        connection.close()
        raise TopologyError(" | ".join(map(str, findings)) or reason(error)) from error


def _log(findings: Sequence[Finding]) -> None:
    for one in findings:
        log.error("topology.finding", subject=one.subject, problem=one.problem, remedy=one.remedy)


def ensure(amqp_url: str, events: Events) -> None:
    """`declare` over a connection of its own."""
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        declare(connection, events)
