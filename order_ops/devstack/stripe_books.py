"""What a stand-in for Stripe knows, and answers: payment intents, their refunds and disputes.

Belongs here: the calls that order_ops makes, with Stripe's answers and errors, so that the official
SDK cannot tell the difference. How they come in is `provider`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from order_ops.devstack.shop.model import CURRENCY, Intent

INTENTS, REFUNDS, DISPUTES = "/v1/payment_intents", "/v1/refunds", "/v1/disputes"
_ORDER_QUERY = re.compile(r"""metadata\[['"]order_id['"]\]:(?P<q>['"])(?P<order>.*)(?P=q)""")
_METADATA = re.compile(r"metadata\[(?P<name>.+)\]")
_CANCELABLE = ("requires_payment_method", "requires_capture")


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came in."""

    method: str
    path: str
    params: Mapping[str, str]
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; no body: answer as usual, after the delay.

    Attributes:
        effect: what was asked for is done first, whatever is answered then.
        drop: nothing is answered, the connection is closed.
        drip_s: so long between two bytes of the body.
    """

    status: int = 200
    body: Any = None
    delay_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    effect: bool = False
    drop: bool = False
    drip_s: float = 0.0

    @property
    def is_usual(self) -> bool:
        """Whether it is left to the books what is answered."""
        return self.body is None and self.status == 200 and not self.drop


class Books:
    """All that the provider knows; not safe for threads: whoever asks holds a lock.

    Attributes:
        refunds: by reference, as objects of Stripe's.
        refunds_are: the status that a new refund gets.
    """

    def __init__(self) -> None:
        self.intents: dict[str, Intent] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.disputes: dict[str, dict[str, Any]] = {}
        self.refunds_are = "succeeded"
        self._answered: dict[str, tuple[Call, Answer]] = {}
        self._numbers = count(1)

    def put(self, intents: Iterable[Intent]) -> None:
        """Add intents, or replace those of the same reference."""
        self.intents.update((intent.ref, intent) for intent in intents)

    def dispute(self, payment: str, status: str = "needs_response") -> None:
        """Open a dispute of a payment, or bring it to an end."""
        reference = f"dp_{payment}"
        about = {"payment_intent": payment, "amount": self.intents[payment].amount_minor}
        self.disputes[reference] = {
            "id": reference, "object": "dispute", "currency": "brl", "status": status, **about,
        }  # fmt: skip

    def once(self, call: Call) -> Answer:
        """The same key is answered the same, and changes nothing the second time."""
        if call.idempotency_key is None:
            return self.answer(call)
        key = call.idempotency_key
        if key not in self._answered:
            self._answered[key] = (call, self.answer(call))
            return self._answered[key][1]
        before, answer = self._answered[key]
        if before != call:
            text = "Keys for idempotent requests can only be used with the same parameters."
            return _error(400, None, text, {"type": "idempotency_error"})
        return replace(answer, headers={"Idempotent-Replayed": "true"})

    def forget_keys(self) -> None:
        """As Stripe does after a day."""
        self._answered.clear()

    def answer(self, call: Call) -> Answer:
        """What Stripe would answer, and its effect."""
        known = {
            ("GET", f"{INTENTS}/search"): self._search,
            ("GET", INTENTS): self._since,
            ("GET", REFUNDS): lambda call: self._listed(call, self.refunds),
            ("GET", DISPUTES): lambda call: self._listed(call, self.disputes),
            ("POST", REFUNDS): self._give_back,
        }.get((call.method, call.path))
        if known is not None:
            return known(call)
        folder, _, rest = call.path.removeprefix("/v1/").partition("/")
        ref, _, verb = rest.partition("/")
        if (call.method, folder, verb) == ("POST", "payment_intents", "cancel"):
            return self._one(ref, folder, self._cancel)
        if (call.method, verb) != ("GET", "") or not ref:
            text = f"Unrecognized request URL ({call.method}: {call.path})."
            return _error(404, None, text)
        return self._one(ref, folder, lambda found: Answer(body=found))

    def _one(self, ref: str, folder: str, then: Any) -> Answer:
        kind = {"payment_intents": "payment_intent", "refunds": "refund", "disputes": "dispute"}
        if folder == "payment_intents" and ref in self.intents:
            return then(self._object(self.intents[ref]))  # type: ignore[no-any-return]
        found = {"refunds": self.refunds, "disputes": self.disputes}.get(folder, {}).get(ref)
        if found is not None:
            return then(found)  # type: ignore[no-any-return]
        text = f"No such {kind.get(folder, folder)}: '{ref}'"
        return _error(404, "resource_missing", text, {"param": "intent"})

    def _cancel(self, found: Mapping[str, Any]) -> Answer:
        intent = self.intents[found["id"]]
        if intent.status not in _CANCELABLE:
            text = (
                "You cannot cancel this PaymentIntent because it has a status of "
                f"{intent.status}. Only a PaymentIntent with one of the following statuses "
                f"may be canceled: {', '.join(_CANCELABLE)}."
            )
            now = {"payment_intent": self._object(intent)}
            return _error(400, "payment_intent_unexpected_state", text, now)
        self.intents[intent.ref] = replace(intent, status="canceled")
        return Answer(body=self._object(self.intents[intent.ref]))

    def _give_back(self, call: Call) -> Answer:
        intent = self.intents.get(call.params.get("payment_intent", ""))
        if intent is None or intent.status != "succeeded":
            return _error(400, None, "This PaymentIntent does not have a successful charge.")
        amount = int(call.params.get("amount", intent.amount_minor))
        if amount > self.kept(intent.ref):
            text = "Refund amount is greater than unrefunded amount on charge."
            return _error(400, "charge_already_refunded", text)
        reference = f"re_{next(self._numbers):04d}"
        metadata = {
            found["name"]: value
            for name, value in call.params.items()
            if (found := _METADATA.fullmatch(name))
        }
        self.refunds[reference] = {
            "id": reference, "object": "refund", "amount": amount, "currency": CURRENCY.lower(),
            "payment_intent": intent.ref, "status": self.refunds_are, "metadata": metadata,
        }  # fmt: skip
        return Answer(body=dict(self.refunds[reference]))

    def kept(self, payment: str) -> int:
        """What of a payment is still there, in minor units."""
        back = sum(
            one["amount"]
            for one in self.refunds.values()
            if one["payment_intent"] == payment and one["status"] in ("pending", "succeeded")
        )
        intent = self.intents[payment]
        return intent.amount_minor - back if intent.status == "succeeded" else 0

    def _listed(self, call: Call, found: Mapping[str, Mapping[str, Any]]) -> Answer:
        wanted = call.params.get("payment_intent")
        return _page(call, [one for one in found.values() if one["payment_intent"] == wanted])

    def _since(self, call: Call) -> Answer:
        since = int(call.params.get("created[gte]", 0))
        newest = sorted(self.intents.values(), key=lambda one: one.created or 0, reverse=True)
        found = [self._object(one) for one in newest if (one.created or 0) >= since]
        return _page(call, found)

    def _search(self, call: Call) -> Answer:
        query = _ORDER_QUERY.fullmatch(call.params.get("query", ""))
        if query is None:
            return _error(400, None, "We were unable to parse your search query.")
        order = re.sub(r"\\(.)", r"\1", query["order"])
        found = [self._object(item) for item in self.intents.values() if item.order_id == order]
        start, size = int(call.params.get("page", 0)), int(call.params.get("limit", 10))
        more = start + size < len(found)
        page = {"object": "search_result", "url": call.path, "has_more": more}
        page |= {"next_page": str(start + size) if more else None}
        return Answer(body={**page, "data": found[start : start + size]})

    def _object(self, intent: Intent) -> dict[str, Any]:
        disputed = any(one["payment_intent"] == intent.ref for one in self.disputes.values())
        more: dict[str, Any] = {} if intent.created is None else {"created": intent.created}
        if disputed:
            more["latest_charge"] = {"id": f"ch_{intent.ref}", "object": "charge", "disputed": True}
        return {
            "id": intent.ref,
            "object": "payment_intent",
            "amount": intent.amount_minor,
            "amount_received": intent.amount_minor if intent.status == "succeeded" else 0,
            "currency": CURRENCY.lower(),
            "livemode": False,
            "metadata": {"order_id": intent.order_id} if intent.order_id else {},
            "status": intent.status,
            **more,
        }


def _page(call: Call, found: list[Any]) -> Answer:
    """A page behind the object that the last page ended with."""
    ids = [one["id"] for one in found]
    after = call.params.get("starting_after")
    start = ids.index(after) + 1 if after in ids else 0
    size = int(call.params.get("limit", 10))
    more = start + size < len(found)
    page = {"object": "list", "url": call.path, "has_more": more}
    return Answer(body={**page, "data": found[start : start + size]})


def _error(
    status: int, code: str | None, message: str, more: Mapping[str, Any] | None = None
) -> Answer:
    """An error in Stripe's JSON."""
    error = {"type": "invalid_request_error", "message": message, **(more or {})}
    return Answer(status, {"error": error | ({"code": code} if code else {})})
