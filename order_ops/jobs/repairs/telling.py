"""Telling a provider what an act needs of it, so that it happens once, whatever dies in between.

Each call is a row with its idempotency key before it is made, and no transaction is open while it
is. Before it is made, again or at all, the provider is asked whether it has been: its answer may
have been lost, and the key forgotten since (Stripe keeps them for a day).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Engine

from order_ops.domain.failures import RETRIED, ClassifiedError, FailureKind
from order_ops.domain.repairs import GiveBack, SeenPayment, SeenRefund
from order_ops.domain.repairs.changes import GivenBack
from order_ops.jobs.repairs.acts import Act, call_key
from order_ops.providers.client import ProviderClient
from order_ops.store.engine import transaction
from order_ops.store.queries import acts as sql

Allowed = Callable[[], str | None]


class Stopped(ClassifiedError):
    """Somebody has paused acts of this kind or account: nothing was told."""

    def __init__(self, why: str) -> None:
        super().__init__(why, FailureKind.TRANSIENT)


@dataclass(frozen=True, slots=True)
class Teller:
    """Who tells.

    Attributes:
        client_of: an account's client.
        paused: why nothing of an account may be told just now; none: it may.
    """

    pool: Engine
    client_of: Callable[[str], ProviderClient]
    paused: Callable[[str], str | None]

    def tell(self, act: Act, seen: Sequence[SeenPayment]) -> list[GivenBack]:
        """Have done what the act needs done: cancelled, and paid back.

        Raises:
            ClassifiedError: it is not done. Transient and throttled: the same act may go on later;
                else it cannot be done.
        """
        there = {one.ref: one for one in seen}
        for ref in act.plan.cancel:
            self._cancel(act, there[ref])
        return [self._give_back(act, back, there[back.payment]) for back in act.plan.give_back]

    def _cancel(self, act: Act, payment: SeenPayment) -> None:
        if payment.status == "canceled":
            return
        call = self._intend(act, payment.account, "cancel", payment.ref, None)
        client = self._client(payment.account)
        after = self._sent(call, lambda: client.cancel(payment.ref, call.idempotency_key))
        if after.status != "canceled":
            raise ClassifiedError(
                f"payment {payment.ref} is {after.status} after it was cancelled",
                FailureKind.CONFLICT,
            )
        self._answer(call, "answered", {"status": after.status}, after.request_id)

    def _give_back(self, act: Act, back: GiveBack, payment: SeenPayment) -> GivenBack:
        call = self._intend(act, back.account, "give_back", back.payment, back.amount_minor)
        found = next((one for one in payment.refunds if one.key == call.idempotency_key), None)
        if found is None:
            if back.amount_minor > payment.kept_minor:
                raise ClassifiedError(
                    f"{back.amount_minor} of {back.payment} were to go back, and "
                    f"{payment.kept_minor} are there (minor units)",
                    FailureKind.CONFLICT,
                )
            client, key = self._client(back.account), call.idempotency_key
            made = self._sent(call, lambda: client.give_back(back.payment, back.amount_minor, key))
            found = SeenRefund(made.ref, made.status, made.amount_minor, key)
            self._answer(call, "answered", {"refund": found.ref}, made.request_id)
        else:
            self._answer(call, "answered", {"refund": found.ref, "found": True}, None)
        return GivenBack(back.payment, back.account, found)

    def _client(self, account: str) -> ProviderClient:
        """An account's client.

        Raises:
            Stopped: it is paused.
        """
        if why := self.paused(account):
            raise Stopped(why)
        return self.client_of(account)

    def _intend(self, act: Act, account: str, verb: str, payment: str, amount: int | None) -> Any:
        with transaction(self.pool) as conn:
            return sql.intend_call(
                conn,
                act_id=act.id,
                account=account,
                verb=verb,
                payment=payment,
                amount_minor=amount,
                idempotency_key=call_key(act, verb, payment, account),
            )

    def _sent(self, call: Any, send: Callable[[], Any]) -> Any:
        """What the provider answers; what it refuses is kept with the call."""
        with transaction(self.pool) as conn:
            sql.send_call(conn, id=call.id)
        try:
            return send()
        except ClassifiedError as error:
            request_id = getattr(error, "request_id", None)
            with transaction(self.pool) as conn:
                if error.kind in RETRIED:
                    about = {"id": call.id, "error": str(error), "request_id": request_id}
                    sql.keep_call_error(conn, **about)
                else:
                    self._write(conn, call, "refused", {}, request_id, str(error))
            raise

    def _answer(self, call: Any, state: str, answer: dict[str, Any], request_id: Any) -> None:
        with transaction(self.pool) as conn:
            self._write(conn, call, state, answer, request_id, None)

    @staticmethod
    def _write(
        conn: Any, call: Any, state: str, answer: dict[str, Any], request_id: Any, error: str | None
    ) -> None:
        sql.answer_call(
            conn,
            id=call.id,
            state=state,
            answer=orjson.dumps(answer).decode(),
            request_id=request_id,
            error=error,
        )
