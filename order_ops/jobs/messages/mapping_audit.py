"""Does the mapping hear every event, and does everything it hears have a handler. Pure."""

from order_ops.domain.events import EVENT_TYPES
from order_ops.domain.findings import Finding
from order_ops.mapping import Events
from order_ops.messaging.topology import matches


def mapping_findings(events: Events) -> list[Finding]:
    """Event types without a routing key, and routing keys without a handler.

    A key's type is told by the mapping when `envelope.type` is the routing key or a
    constant. When it is read from the message, a key stands for the type of its name,
    as long as every key has the name of a type; else only the messages can tell.
    """
    led = {key: _types_of(events, key) for key in events.routing}
    if not _told(events) and not all(
        names and names <= EVENT_TYPES.keys() for names in led.values()
    ):
        return []
    heard = {name for names in led.values() for name in names}
    unheard = [_unheard(name) for name in EVENT_TYPES if name not in heard]
    unhandled = [
        _unhandled(key, name)
        for key, names in led.items()
        for name in sorted(names - EVENT_TYPES.keys())
    ]
    return unheard + unhandled


def _told(events: Events) -> bool:
    return events.envelope["type"] == "routing_key" or events.envelope["type"].startswith("=")


def _types_of(events: Events, key: str) -> set[str]:
    """The types that a routing key leads to, as far as the mapping tells."""
    source = events.envelope["type"]
    if source.startswith("="):
        names = {source.removeprefix("=")}
    elif "*" in key or "#" in key:
        names = {name for name in (*EVENT_TYPES, *events.types) if matches(key, name)}
    else:
        names = {key}
    return {events.types.get(name, name) for name in names}


def _unheard(name: str) -> Finding:
    told = f"no routing key leads to {name}: its messages are never seen"
    return Finding("mapping events.routing", told, "add its routing key under events.routing")


def _unhandled(key: str, name: str) -> Finding:
    told = f"{key!r} leads to the type {name!r}, which nothing handles: its messages are parked"
    remedy = "name its event type under events.types, or remove the key"
    return Finding("mapping events.routing", told, remedy)
