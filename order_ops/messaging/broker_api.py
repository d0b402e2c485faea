"""What only RabbitMQ's management API tells: bindings, queue types, alarms. It only reads."""

import base64
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from order_ops.domain.findings import Finding
from order_ops.mapping import Events
from order_ops.messaging.audit import CONSUME_ONCE, TIMEOUT_S
from order_ops.messaging.declared import Declared

VARIABLE = "ORDER_OPS_BROKER_API_URL"
Binding = tuple[str, str, str]
"""(exchange, queue, routing key)"""


class BrokerApiError(Exception):
    """The API does not answer, or refuses; the message has no password."""


@dataclass(frozen=True, slots=True)
class BrokerApi:
    """The management API at http://user:password@host:port, seen from one vhost."""

    url: str = field(repr=False)
    vhost: str

    @property
    def where(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def get(self, path: str, *, also: int | None = None) -> Any:
        """The JSON at `path`; an answer with the status `also` is one too.

        Raises:
            BrokerApiError: no answer within 5 s, another status, or no JSON.
        """
        try:
            with build_opener(ProxyHandler({})).open(self._request(path), timeout=TIMEOUT_S) as got:
                return json.load(got)
        except HTTPError as error:
            with error:
                if error.code == also:
                    return json.load(error)
                raise BrokerApiError(f"{path} is answered with {error.code}") from None
        except (OSError, ValueError) as error:
            told = error.reason if isinstance(error, URLError) else error
            raise BrokerApiError(f"no answer: {told}") from None

    def _request(self, path: str) -> Request:
        parts = urlsplit(self.url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        address = f"{parts.scheme}://{self.where}{parts.path.rstrip('/')}/api/{path}"
        return Request(address, headers={"Authorization": f"Basic {token}"})  # noqa: S310


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """What lies in a queue, as the API tells: it counts every 5 s."""

    name: str
    ready: int
    unacked: int


def queue_depths(api: BrokerApi, names: Collection[str]) -> list[QueueDepth]:
    """The depth of queues.

    Raises:
        BrokerApiError: no answer.
    """
    columns = "name,messages_ready,messages_unacknowledged"
    queues = api.get(f"queues/{quote(api.vhost, safe='')}?columns={columns}")
    return [
        QueueDepth(one["name"], one.get("messages_ready", 0), one.get("messages_unacknowledged", 0))
        for one in queues
        if one["name"] in names
    ]


def api_findings(api: BrokerApi, events: Events) -> list[Finding]:
    """Bindings that are not the mapping's, queues of another type, alarms."""
    declared = Declared.of(events)
    try:
        return [
            *binding_findings(declared, _bindings(api, declared)),
            *type_findings(declared, _types(api)),
            *alarm_findings(api.get("health/checks/alarms", also=503)),
        ]
    except BrokerApiError as error:
        remedy = f"enable rabbitmq_management, or correct {VARIABLE} (its user needs the tag "
        remedy += "monitoring and the vhost of ORDER_OPS_AMQP_URL)"
        return [Finding(f"broker API {api.where}", str(error), remedy)]


def _bindings(api: BrokerApi, declared: Declared) -> set[Binding]:
    """What is bound to our queues from exchanges of the topology."""
    return {
        (one["source"], one["destination"], one["routing_key"])
        for one in api.get(f"bindings/{quote(api.vhost, safe='')}")
        if one["destination_type"] == "queue"
        and one["destination"] in declared.queues
        and one["source"] in declared.exchanges
    }


def _types(api: BrokerApi) -> dict[str, str]:
    queues = api.get(f"queues/{quote(api.vhost, safe='')}?columns=name,type")
    return {one["name"]: one["type"] for one in queues if "type" in one}


def binding_findings(declared: Declared, bound: set[Binding]) -> list[Finding]:
    """Bindings that are missing, and bindings that are too many."""
    missing = [
        Finding(f"queue {queue}", f"{key!r} of {exchange} is not bound to it: never seen", _BIND)
        for exchange, queue, key in sorted(declared.bindings - bound)
    ]
    return missing + [_unexpected(declared, one) for one in sorted(bound - declared.bindings)]


_BIND = f"{CONSUME_ONCE.removesuffix(' it')} the binding"


def _unexpected(declared: Declared, binding: Binding) -> Finding:
    exchange, queue, key = binding
    homes = [home for source, home, k in declared.bindings if (source, k) == (exchange, key)]
    why = f"which belongs to {homes[0]}" if homes else "which the mapping does not handle"
    remedy = "unbind it in the management UI" + ("" if homes else ", or add it to events.routing")
    return Finding(f"queue {queue}", f"{key!r} of {exchange} is bound to it, {why}", remedy)


def type_findings(declared: Declared, types: dict[str, str]) -> list[Finding]:
    """Queues of another type: the 406 of AMQP may name another argument of theirs."""
    found = []
    for name, options in declared.queues.items():
        expected = options["arguments"]["x-queue-type"]
        if types.get(name, expected) != expected:
            told = f"is a {types[name]} queue, not a {expected} queue"
            remedy = "delete the queue after draining it, or use a new name"
            found.append(Finding(f"queue {name}", told, remedy))
    return found


_FREE = {
    "memory": "free memory or raise vm_memory_high_watermark",
    "disk": "free disk space or lower disk_free_limit",
}


def alarm_findings(answer: dict[str, Any]) -> list[Finding]:
    """Alarms of the nodes: while one is on, publishers are blocked."""
    return [
        Finding(
            f"broker node {alarm['node']}",
            f"{alarm['resource']} alarm: publishers are blocked",
            _FREE.get(alarm["resource"], "see the broker's log"),
        )
        for alarm in answer.get("alarms", [])
    ]
