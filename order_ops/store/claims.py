"""Claims: which lanes a worker has in hand, until when, and what may be written under them.

A lane is one order's events. A claim is one row for many lanes, committed before
anything is applied; its id is the fence: `hold` locks it in the transaction that
writes, and finds nothing when somebody else has taken it over. A claim whose
lease passes was lost with its worker: attempts are counted, and its lanes are
suspects, each claimed alone and tried event by event, so that an event that
kills its worker harms no other.
"""

from dataclasses import dataclass
from typing import Any

from order_ops.store.engine import Connection
from order_ops.store.executions import LeaseLost
from order_ops.store.ledger import Key
from order_ops.store.queries import intake

_EVENTS_PER_LANE = 4


@dataclass(frozen=True, slots=True)
class Claim:
    """Lanes in one worker's hands; `alone`: a suspect, to be tried event by event."""

    fence: int
    lanes: tuple[Key, ...]
    alone: bool = False


class ClaimLost(LeaseLost):
    """Somebody else has taken the claim over: nothing may be written under it."""


def claim_due(conn: Connection, owner: str, lanes: int, lease_s: float) -> Claim | None:
    """Claim up to `lanes` lanes with due events; None: there are none."""
    intake.take_turn(conn)
    events = lanes * _EVENTS_PER_LANE
    row = intake.claim_due(conn, owner=owner, lanes=lanes, events=events, lease_s=lease_s)
    return _claim(row, alone=False)


def claim_suspect(conn: Connection, owner: str, lease_s: float) -> Claim | None:
    """Take over lost claims, then claim one suspect lane; None: there is none."""
    intake.take_turn(conn)
    intake.take_over_lost_claims(conn)
    return _claim(intake.claim_suspect(conn, owner=owner, lease_s=lease_s), alone=True)


def _claim(row: Any, *, alone: bool) -> Claim | None:
    if row is None:
        return None
    return Claim(row.id, tuple(zip(row.tenant_ids, row.order_ids, strict=True)), alone)


def hold(conn: Connection, claim: Claim) -> None:
    """Keep the claim ours until this transaction ends.

    Raises:
        ClaimLost: it was taken over.
    """
    if intake.hold_claim(conn, claim=claim.fence) is None:
        raise ClaimLost(f"claim {claim.fence} was taken over: its lease had passed")


def trying(conn: Connection, claim: Claim, event_id: int, lease_s: float) -> None:
    """Record, before it is tried, which event of a suspect lane is; renews the lease."""
    intake.mark_trying(conn, claim=claim.fence, event_id=event_id, lease_s=lease_s)


def end(conn: Connection, claim: Claim) -> None:
    """Give the lanes back; a suspect that came through is none any more."""
    intake.end_claim(conn, claim=claim.fence)
